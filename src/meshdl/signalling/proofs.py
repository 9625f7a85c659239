"""What is signed for a signalling server: who is here, and who may be in a room.

Theory of operation
===================

Every signature covers a text of its own kind, so that none can pass for another, and the
lengths of all parts, so that no two statements have the same octets.

* *Authentication* covers the server's name as the station dialled it: a server that hands
  on another one's challenge gets a signature that the other one refuses.
* *Membership* of a closed room is a signature of the room's key over the station's key.
  Whoever has the room's key, or the passphrase that makes it, can sign for itself; who has an
  invitation got the signature from somebody who can, or signs with the invite key that the
  room's key signed. The server learns none of these, and every member can check every other:
  a server cannot let strangers in.

The handing over of a callsign from key to key has a room of its own, see
:mod:`meshdl.wire.rotation`: stations check it of each other too.
"""

import hashlib
from collections.abc import Callable
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.ids import StationKey
from meshdl.signatures import signed_by
from meshdl.wire.membership import Membership

RoomSecret: TypeAlias = Ed25519PrivateKey
"""The private half of a closed room's key."""

Sign = Callable[[bytes], bytes]
"""Makes an Ed25519 signature (RFC 8032), 64 octets."""

_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1
"""RFC 7914; 32 MiB and a tenth of a second: guessing a passphrase costs that each time."""


def authentication(
    *, server_name: str, nonce: bytes, callsign: str, station_key: bytes, instance: bytes
) -> bytes:
    """The octets that a station signs to answer a challenge.

    Args:
        server_name: host, and port unless it is the scheme's own, as in the URL that the
            station dialled and in the ``Host`` header; lower case.
        nonce: of the challenge.
        callsign: of the station.
        station_key: of the station.
        instance: of the station's run.
    """
    return _statement(
        b"meshdl signalling authentication 1",
        server_name.lower().encode(),
        nonce,
        callsign.encode(),
        station_key,
        instance,
    )


def membership(*, room: str, station_key: bytes, expires_at_s: int) -> bytes:
    """The octets that a closed room's key signs for a member."""
    return _statement(
        b"meshdl room membership 1",
        room.encode(),
        station_key,
        expires_at_s.to_bytes(8, "big"),
    )


def invitation(*, room: str, invite_key: bytes, expires_at_s: int) -> bytes:
    """The octets that a closed room's key signs for an invite key."""
    return _statement(
        b"meshdl room invitation 1", room.encode(), invite_key, expires_at_s.to_bytes(8, "big")
    )


def room_key(room: str) -> bytes | None:
    """The key that signs a closed room's memberships; ``None`` for an open room."""
    _, closed, key = room.partition("#")
    return bytes.fromhex(key) if closed else None


def room_secret(name: str, passphrase: str) -> Ed25519PrivateKey:
    """The private key of the closed room that a name and a passphrase make."""
    seed = hashlib.scrypt(
        passphrase.encode(),
        salt=b"meshdl room 1\0" + name.encode(),
        n=_SCRYPT_N,
        r=_SCRYPT_R,
        p=_SCRYPT_P,
        maxmem=2**26,
        dklen=32,
    )
    return Ed25519PrivateKey.from_private_bytes(seed)


def closed_room(name: str, secret: Ed25519PrivateKey) -> str:
    """A closed room's whole name: what people call it, and its key."""
    return f"{name}#{secret.public_key().public_bytes_raw().hex()}"


def admit(
    room: str, station_key: StationKey, *, secret: Ed25519PrivateKey, expires_at_s: int
) -> Membership:
    """Let a station into a closed room until then."""
    statement = membership(room=room, station_key=station_key, expires_at_s=expires_at_s)
    return Membership(expires_at_s, secret.sign(statement))


def is_member(
    room: str, station_key: bytes, proof: Membership | None, *, unix_now_s: float
) -> bool:
    """Whether a station may be in a room now; in an open one anybody may."""
    key = room_key(room)
    if key is None:
        return True
    if proof is None or proof.expires_at_s <= unix_now_s:
        return False
    if proof.invitation is not None:
        leave = proof.invitation
        invited = invitation(room=room, invite_key=leave.key, expires_at_s=leave.expires_at_s)
        outlives = proof.expires_at_s > leave.expires_at_s
        if outlives or not signed_by(key, leave.signature, invited):
            return False
        key = leave.key
    statement = membership(room=room, station_key=station_key, expires_at_s=proof.expires_at_s)
    return signed_by(key, proof.signature, statement)


def _statement(kind: bytes, *parts: bytes) -> bytes:
    return kind + b"\0" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)
