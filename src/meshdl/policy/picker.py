"""Which chunk to request next. Pure: no peers, no sockets, no clock.

Theory of operation
===================

Sets of chunks are Python integers, bit ``i`` for chunk ``i``: the intersection of what
is wanted with what a peer offers is one machine-speed ``&`` however many chunks there
are. How many peers have each chunk is kept in *bit planes*: plane ``k`` holds binary
digit ``k`` of every chunk's count, so that adding a peer is a carry chain over a few
integers instead of a loop over chunks::

    chunk        3 2 1 0
    plane 1      0 1 0 0        chunk 2 is held by 2 + 1 = 3 peers
    plane 0      1 1 0 0        chunk 3 by 1, chunks 1 and 0 by none

The rarest members of a set are found from the highest plane down: whenever some members
have a 0 digit there, the others are out.
"""

from random import Random

from meshdl.ids import ChunkIndex


class Availability:
    """How many connected peers have each chunk.

    Peers that have everything are counted apart: they make no chunk rarer than another.
    """

    def __init__(self) -> None:
        self._planes: list[int] = []
        self.seeds = 0

    def add(self, bits: int) -> None:
        """A peer with these chunks arrived, or a peer got these chunks in addition."""
        carry = bits
        for k, plane in enumerate(self._planes):
            if not carry:
                return
            self._planes[k], carry = plane ^ carry, plane & carry
        if carry:
            self._planes.append(carry)

    def remove(self, bits: int) -> None:
        """A peer with these chunks left.

        Raises:
            ValueError: one of the chunks was never added; a bug, not a peer's fault.
        """
        borrow = bits
        planes = list(self._planes)
        for k, plane in enumerate(planes):
            planes[k], borrow = plane ^ borrow, ~plane & borrow
        if borrow:
            raise ValueError("a chunk was removed that nobody had")
        while planes and not planes[-1]:
            planes.pop()
        self._planes = planes

    def count(self, chunk: ChunkIndex) -> int:
        """How many peers have ``chunk``, seeds included."""
        return self.seeds + sum((plane >> chunk & 1) << k for k, plane in enumerate(self._planes))

    def rarest(self, candidates: int) -> int:
        """Those members of ``candidates`` that fewest peers have."""
        for plane in reversed(self._planes):
            rarer = candidates & ~plane
            if rarer:
                candidates = rarer
        return candidates

    def partial_holders_have(self) -> int:
        """The chunks that at least one peer has that is not a seed."""
        union = 0
        for plane in self._planes:
            union |= plane
        return union


def any_of(candidates: int, rng: Random) -> ChunkIndex:
    """One member of ``candidates``, each with the same probability.

    Raises:
        ValueError: the set is empty.
    """
    if not candidates:
        raise ValueError("nothing to choose from")
    rank = rng.randrange(candidates.bit_count())
    low, width = 0, candidates.bit_length()
    while width > 1:
        half = width // 2
        lower = candidates & ((1 << half) - 1)
        below = lower.bit_count()
        if rank < below:
            candidates, width = lower, half
        else:
            rank -= below
            candidates >>= half
            low += half
            width -= half
    return ChunkIndex(low)


def rarest_first(
    availability: Availability, wanted: int, offered: int, *, rng: Random
) -> ChunkIndex | None:
    """Pick the chunk that fewest peers have, at random among equals.

    Args:
        availability: how many connected peers have each chunk.
        wanted: set of chunks neither held nor requested from anybody.
        offered: set of chunks that the peer we would ask has.
        rng: the driver's random source. Ties are broken with it and nothing else, so
            one seed gives one schedule.

    Returns:
        A member of ``wanted`` and of ``offered``, or ``None`` when they share none.

    Source:
        Cohen, "Incentives Build Robustness in BitTorrent" (2003), section 2.4.2.
    """
    candidates = wanted & offered
    if not candidates:
        return None
    return any_of(availability.rarest(candidates), rng)


def in_order(wanted: int, offered: int) -> ChunkIndex | None:
    """Pick the first chunk, for content that is watched while it arrives."""
    candidates = wanted & offered
    if not candidates:
        return None
    return ChunkIndex((candidates & -candidates).bit_length() - 1)
