"""Invitations to closed rooms: what a keeper of the room's key hands to others.

Theory of operation
===================

There are two kinds, and both end:

* *For one station*: the room's key has signed that station's key. It is a membership, and
  of no use to anybody else who reads it.
* *For whoever has it*: the room's key has signed an *invite key*, whose private half stands
  in the invitation. With it the guest signs a membership for its own key, which ends no
  later than the invitation, and shows both signatures. Whoever reads such an invitation
  can join, so it is a secret, and short-lived.

Neither can be taken back before it ends but by making the room anew, with another key.

``meshdl-room:county-net?key=…&expires=…&station=…&signature=…`` is the first kind; the second
has ``seed=…`` in place of ``station=…``. Numbers are decimal, octets lower-case hexadecimal.
"""

import re
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.errors import InvitationInvalid
from meshdl.ids import StationKey, station_id, station_key
from meshdl.signalling import proofs
from meshdl.signatures import signed_by
from meshdl.wire.membership import Membership, RoomInvitation

SCHEME = "meshdl-room"

LINK_MAX = 1024
"""Characters; the longest one has 400."""

OPEN_DAYS, OPEN_DAYS_MAX = 7, 90
"""How long an invitation holds for whoever has it, when nothing else is said; at most."""

BOUND_DAYS, BOUND_DAYS_MAX = 365, 3650
"""The same of one for a single station, which nobody can misuse."""

DAY_S = 24 * 3600

_LINK = re.compile(
    r"meshdl-room:(?P<name>[a-z0-9][a-z0-9-]{0,31})\?key=(?P<key>[0-9a-f]{64})"
    r"&expires=(?P<expires>[0-9]{1,10})"
    r"&(?P<kind>station|seed)=(?P<octets>[0-9a-f]{64})&signature=(?P<signature>[0-9a-f]{128})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What an invitation says; see the module's theory of operation.

    Attributes:
        room: its whole name.
        expires_at_s: since 1970 (UTC).
        signature: of the room's key.
        station: for whom, ``None``: for whoever has it.
        seed: of the invite key's private half; empty when it is for one station. A secret.
    """

    room: str
    expires_at_s: int
    signature: bytes
    station: StationKey | None = None
    seed: bytes = b""

    def __repr__(self) -> str:
        """Without the seed: it must not get into a log by accident."""
        return f"Invitation({self.name!r}, until {self.expires_at_s})"

    @property
    def name(self) -> str:
        """What people call the room."""
        return self.room.partition("#")[0]

    @classmethod
    def for_station(
        cls, room: str, station: StationKey, *, secret: Ed25519PrivateKey, expires_at_s: int
    ) -> Self:
        """Let one station in."""
        admitted = proofs.admit(room, station, secret=secret, expires_at_s=expires_at_s)
        return cls(
            room=room, expires_at_s=expires_at_s, signature=admitted.signature, station=station
        )

    @classmethod
    def for_anybody(
        cls, room: str, *, seed: bytes, secret: Ed25519PrivateKey, expires_at_s: int
    ) -> Self:
        """Let whoever has the invitation in.

        Args:
            room: its whole name.
            seed: 32 octets, fresh from a cryptographic source.
            secret: the room's key.
            expires_at_s: since 1970 (UTC).
        """
        guest = _public(seed)
        statement = proofs.invitation(room=room, invite_key=guest, expires_at_s=expires_at_s)
        return cls(
            room=room, expires_at_s=expires_at_s, signature=secret.sign(statement), seed=seed
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an invitation, as somebody pasted it.

        Raises:
            InvitationInvalid: it is none, or the room's key has not signed it.
        """
        stripped = text.strip()
        found = _LINK.fullmatch(stripped) if len(stripped) <= LINK_MAX else None
        if found is None:
            # Not shown: it may be a damaged secret.
            raise InvitationInvalid(
                f"this is no invitation: expected a form like {SCHEME}:county-net?key=…; ask for "
                "it again, whole"
            )
        octets = bytes.fromhex(found["octets"])
        bound = found["kind"] == "station"
        try:
            station = station_key(octets) if bound else None
        except ValueError as error:
            raise InvitationInvalid(f"this is no invitation: {error}; ask for it again") from error
        made = cls(
            room=f"{found['name']}#{found['key']}",
            expires_at_s=min(int(found["expires"]), 2**32 - 1),
            signature=bytes.fromhex(found["signature"]),
            station=station,
            seed=b"" if bound else octets,
        )
        made.check()
        return made

    def check(self) -> None:
        """Raise :exc:`InvitationInvalid` unless the room's key has signed this."""
        key = proofs.room_key(self.room)
        if self.station is not None:
            statement = proofs.membership(
                room=self.room, station_key=self.station, expires_at_s=self.expires_at_s
            )
        else:
            statement = proofs.invitation(
                room=self.room, invite_key=_public(self.seed), expires_at_s=self.expires_at_s
            )
        if key is None or not signed_by(key, self.signature, statement):
            raise InvitationInvalid(
                f"the invitation to {self.name} is not signed by the room's key; ask for it again"
            )

    def to_text(self) -> str:
        """The link; a secret unless it is for one station."""
        name, _, key = self.room.partition("#")
        whom = f"station={self.station.hex()}" if self.station else f"seed={self.seed.hex()}"
        return (
            f"{SCHEME}:{name}?key={key}&expires={self.expires_at_s}&{whom}"
            f"&signature={self.signature.hex()}"
        )

    def membership(self, station: StationKey) -> Membership:
        """What a station shows to be let in.

        Raises:
            InvitationInvalid: it is for another station.
        """
        if self.station is not None:
            if self.station != station:
                raise InvitationInvalid(
                    f"the invitation to {self.name} is for station {station_id(self.station)}, and "
                    f"this one is {station_id(station)}; ask for another one"
                )
            return Membership(self.expires_at_s, self.signature)
        invite_key = Ed25519PrivateKey.from_private_bytes(self.seed)
        statement = proofs.membership(
            room=self.room, station_key=station, expires_at_s=self.expires_at_s
        )
        leave = RoomInvitation(_public(self.seed), self.expires_at_s, self.signature)
        return Membership(self.expires_at_s, invite_key.sign(statement), leave)


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
