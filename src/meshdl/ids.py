"""Names for things, as types, so that one cannot be passed for another."""

import functools
import hashlib
import re
from typing import NewType

ContentHash = NewType("ContentHash", bytes)
"""SHA-256 of the BEP 52 info dictionary (the v2 infohash), 32 octets."""

ChunkIndex = NewType("ChunkIndex", int)
"""Position of a chunk (BEP 52 piece) in a content, from 0."""

StationKey = NewType("StationKey", bytes)
"""Ed25519 public key of a station, 32 octets (RFC 8032)."""

StationId = NewType("StationId", str)
"""Short name of a station key: 16 hexadecimal digits, see :func:`station_id`."""

Callsign = NewType("Callsign", str)
"""An amateur callsign, upper case, with an optional SSID: ``KA1ABC`` or ``KA1ABC-7``."""

LinkId = NewType("LinkId", str)
"""One link of this station, unique while the process lives: ``webrtc:3``."""

HASH_OCTETS = 32
STATION_KEY_OCTETS = 32

_FIELD = 2**255 - 19
"""Coordinates of a point of edwards25519 are numbers below this prime (RFC 7748, 4.1)."""

_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
"""y of the points of order 8; their other y is its negative."""

_SMALL_ORDER_Y = frozenset({0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8})
"""y of the eight points whose order divides 8, the curve's cofactor: order 4 (two points), 1, 2 and
8 (four). tests/unit/test_ids.py computes them anew from the curve's equation."""

_CALLSIGN = re.compile(
    # ITU Radio Regulations 19.68: one to three characters of prefix with at least
    # one letter, a digit, up to four characters of which the last is a letter;
    # then the SSID of AX.25 2.2, 3.12.2.
    r"(?:[A-Z][A-Z0-9]{0,2}|[0-9][A-Z][A-Z0-9]?|[0-9]{2}[A-Z])"
    r"[0-9][A-Z0-9]{0,3}[A-Z](?:-(?:[0-9]|1[0-5]))?"
)


def callsign(text: str) -> Callsign:
    """Parse a callsign as an operator types it.

    Raises:
        ValueError: ``text`` is not of the form of a callsign. Whether it was ever
            issued is not checked.
    """
    candidate = text.strip().upper()
    if not _CALLSIGN.fullmatch(candidate):
        raise ValueError(f"{text!r} is no callsign: expected a form like KA1ABC or KA1ABC-7")
    return Callsign(candidate)


def content_hash(octets: bytes) -> ContentHash:
    """Check the length of a content hash that came from outside.

    Raises:
        ValueError: not 32 octets.
    """
    if len(octets) != HASH_OCTETS:
        raise ValueError(f"a content hash has {HASH_OCTETS} octets, not {len(octets)}")
    return ContentHash(octets)


def station_key(octets: bytes) -> StationKey:
    """Check a station key that came from outside. Every :data:`StationKey` is made here.

    Eight points of the curve are refused: for a public key among them whoever likes can make a
    signature that verifies, for some an all-zero one, so it would prove nothing. So is a y that is
    written as a number beyond the field: one point then would have two keys. That the rest is a
    point of the curve shows when a signature is verified.

    Raises:
        ValueError: not 32 octets, of small order, or not in the canonical form.
    """
    if len(octets) != STATION_KEY_OCTETS:
        raise ValueError(f"a station key has {STATION_KEY_OCTETS} octets, not {len(octets)}")
    y = int.from_bytes(octets, "little") & (2**255 - 1)  # the top bit is the sign of x
    if y >= _FIELD:
        raise ValueError("a station key must be in the canonical form of RFC 8032, this is not")
    if y in _SMALL_ORDER_Y:
        raise ValueError("a station key of small order proves nothing: anybody can sign for it")
    return StationKey(octets)


@functools.lru_cache(maxsize=1024)
def station_id(key: StationKey) -> StationId:
    """The first 8 octets of the key's SHA-256, in hexadecimal.

    Long enough that two stations of one network do not meet by chance; a link is
    trusted by the whole key, never by this name.
    """
    return StationId(hashlib.sha256(key).hexdigest()[:16])
