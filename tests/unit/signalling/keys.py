"""Keys of stations by their names, and a closed room that they may be admitted to."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.ids import StationKey, station_id
from meshdl.signalling import proofs
from meshdl.wire.membership import Membership

ROOM_SECRET = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
UNIX_S = 1_700_000_000.0
"""When these tests take place."""

CLOSED = proofs.closed_room("county-net", ROOM_SECRET)


class Key:
    """A station's key; the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self.secret = Ed25519PrivateKey.from_private_bytes(seed.encode().ljust(32, b"."))
        self.octets = StationKey(self.secret.public_key().public_bytes_raw())
        self.id = station_id(self.octets)

    def member(self, room: str = CLOSED, *, until_s: float = UNIX_S + 1e6) -> Membership:
        """What lets it into a closed room, until a Unix time."""
        return proofs.admit(room, self.octets, secret=ROOM_SECRET, expires_at_s=int(until_s))
