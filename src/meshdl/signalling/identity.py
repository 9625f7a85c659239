"""Who a station is to a signalling server."""

from collections.abc import Mapping
from dataclasses import dataclass

from meshdl.ids import Callsign, StationKey
from meshdl.signalling import proofs
from meshdl.wire import signalling as wire
from meshdl.wire.membership import Membership
from meshdl.wire.rotation import KeyRotation


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdentity:
    """Who speaks to the server.

    Attributes:
        server_name: as in :func:`meshdl.signalling.proofs.authentication`.
        rooms: to be in, with the membership of those that are closed.
        sign: makes an Ed25519 signature with the station's key.
        rotations: from keys that the callsign had before.
    """

    server_name: str
    callsign: Callsign
    key: StationKey
    instance: bytes
    sign: proofs.Sign
    rooms: Mapping[str, Membership | None]
    agent: str = ""
    rotations: tuple[KeyRotation, ...] = ()

    def authentication(self, nonce: bytes) -> wire.Authenticate:
        """Answers a challenge."""
        statement = proofs.authentication(
            server_name=self.server_name,
            nonce=nonce,
            callsign=self.callsign,
            station_key=self.key,
            instance=self.instance,
        )
        return wire.Authenticate(
            protocol=wire.PROTOCOL_VERSION,
            callsign=self.callsign,
            station_key=self.key,
            instance=self.instance,
            signature=self.sign(statement),
            agent=self.agent,
            rotations=self.rotations,
        )
