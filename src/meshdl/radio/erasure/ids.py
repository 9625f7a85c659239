"""Symbol ids: one space of 16 bits, shared by everybody who sends symbols of a leaf.

Ids below K are the leaf itself, cut in order. Ids from :data:`FIRST_REPAIR_ID` on are
repair symbols, and an id says all of the combination that it is, so a symbol is the same
whoever makes it. Two senders duplicate nothing as long as they choose different ids. A
sender begins at a place of its own and goes on upwards, past the end to the first again;
ids that it hears from others it skips.

The place follows from the callsign, the leaf and a number that the station draws when it
starts. The callsign keeps two senders apart, the leaf keeps a pair that meets once from
meeting again at the next, and the number keeps a station that was restarted from sending
again what it has sent before. Two that send *n* symbols each overlap with probability
about 2 n / 65,024, and then in half of them on average: in a whole leaf of repair symbols
from both, less than two symbols are lost so.
"""

import hashlib
from collections.abc import Collection

SOURCE_SYMBOLS_MAX = 512
"""K of a leaf of 16 KiB cut in symbols of 32 octets, the smallest."""

FIRST_REPAIR_ID = 512
"""The same for every K, so that an id tells what it is by itself."""

LAST_ID = 65_535
"""``Repair_Key`` has 16 bits in RFC 8681."""

REPAIR_IDS = LAST_ID - FIRST_REPAIR_ID + 1


def is_symbol_id(number: int, source_symbols: int) -> bool:
    """Whether a leaf of that many source symbols has a symbol with this id."""
    return 0 <= number < source_symbols or FIRST_REPAIR_ID <= number <= LAST_ID


def first_repair_id(callsign: str, content: bytes, number: int, salt: int) -> int:
    """Where a sender begins.

    Args:
        callsign: of the sender, with its SSID if it has one.
        content: the content hash.
        number: what is sent of it: 4 times the number on the air, plus its kind.
        salt: 32 bits that the station drew when it started.
    """
    place = hashlib.sha256(
        b"meshdl repair\0"
        + content
        + number.to_bytes(4, "big")
        + salt.to_bytes(4, "big")
        + callsign.encode("ascii")
    ).digest()
    return FIRST_REPAIR_ID + int.from_bytes(place[:8], "big") % REPAIR_IDS


def next_repair_ids(start: int, count: int, heard: Collection[int] = ()) -> list[int]:
    """The next repair ids from ``start`` on, without those heard from others.

    Args:
        start: a repair id.
        count: how many; fewer are returned when no more are left.
        heard: ids that somebody has sent already.
    """
    offset = start - FIRST_REPAIR_ID
    chosen: list[int] = []
    for step in range(REPAIR_IDS):
        if len(chosen) == count:
            break
        candidate = FIRST_REPAIR_ID + (offset + step) % REPAIR_IDS
        if candidate not in heard:
            chosen.append(candidate)
    return chosen
