"""How large a chunk is, for a given amount of content. A policy, not a rule of BEP 52.

Small content gets small chunks, which a radio can finish; large content gets few
enough chunks that bitfields, availability counts and hashes stay short.
"""

from typing import TypeGuard

from meshdl.content.merkle import LEAF_OCTETS

MIN_CHUNK_OCTETS = LEAF_OCTETS
"""BEP 52: a piece is a power of two and at least 16 KiB."""

MAX_CHUNK_OCTETS = 64 * 1024 * 1024
"""Largest chunk we accept from elsewhere: unverified leaves of one chunk are bounded."""

USUAL_MAX_CHUNK_OCTETS = 1024 * 1024
"""Largest chunk we choose while :data:`MAX_CHUNKS_WANTED` allows it: a chunk is what is
announced, and a station should soon have one to offer to others."""

CHUNKS_AIMED_AT = 256
"""Enough to fetch from many sources at once."""

MAX_CHUNKS_WANTED = 4096
"""More would make bitfields and piece layers long on slow links."""

MAX_CHUNKS = 2**20
"""Most chunks we accept: 32 MiB of piece layer and 128 KiB of bitfield."""


def chunk_octets_for(total_octets: int) -> int:
    """Choose the chunk length for content of ``total_octets``.

    16 KiB up to 4 MiB; from there doubling, so that there are about
    :data:`CHUNKS_AIMED_AT` chunks; from 256 MiB 1 MiB, until more than
    :data:`MAX_CHUNKS_WANTED` chunks would result; then doubling again.

    Raises:
        ValueError: a negative size, or more than :data:`MAX_CHUNKS` chunks of
            :data:`MAX_CHUNK_OCTETS`.
    """
    if not 0 <= total_octets <= MAX_CHUNKS * MAX_CHUNK_OCTETS:
        raise ValueError(f"no chunk length suits content of {total_octets} octets")
    chunk_octets = MIN_CHUNK_OCTETS
    while chunk_octets < USUAL_MAX_CHUNK_OCTETS and total_octets > chunk_octets * CHUNKS_AIMED_AT:
        chunk_octets *= 2
    while chunk_octets < MAX_CHUNK_OCTETS and total_octets > chunk_octets * MAX_CHUNKS_WANTED:
        chunk_octets *= 2
    return chunk_octets


def is_chunk_length(value: object) -> TypeGuard[int]:
    """Whether BEP 52 and our limits allow ``value`` as the length of a chunk."""
    return (
        isinstance(value, int)
        and MIN_CHUNK_OCTETS <= value <= MAX_CHUNK_OCTETS
        and value.bit_count() == 1
    )
