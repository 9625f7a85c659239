"""One chunk under way: its leaves, its ranges, who was asked for them.

Every range is checked leaf by leaf against the chunk's leaf hashes, which were proved
against the chunk's own hash; so a chunk may be filled by several stations over several
paths, whoever sends wrong octets is known at once, and what is verified is kept although
the chunk is unfinished. A chunk that fits in one range needs no leaf hashes: its own hash
decides.

A range is *unasked*, *asked* (of one station; of two at the end), *verified* (write under
way) or *written*.
"""

import enum
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshdl.content import merkle
from meshdl.ids import ChunkIndex, LinkId
from meshdl.wire.control import RANGE_OCTETS_MAX

LEAVES_PER_RANGE = RANGE_OCTETS_MAX // merkle.LEAF_OCTETS


class Verdict(enum.Enum):
    """What became of octets that arrived."""

    VERIFIED = enum.auto()
    VERIFIED_ALONE = enum.auto()
    """By the chunk's own hash, which proved the leaf hashes with it."""
    WAITING_FOR_HASHES = enum.auto()
    DUPLICATE = enum.auto()
    CORRUPT = enum.auto()


@dataclass(frozen=True, slots=True)
class Arrival:
    """Octets of a range and who sent them."""

    link: LinkId
    offset: int
    octets: memoryview


@dataclass(slots=True)
class ActiveChunk:
    """A chunk under way. Leaf sets are integers, bit ``i`` for leaf ``i``."""

    index: ChunkIndex
    octets: int
    leaf_count: int
    width: int
    expected: bytes
    verified: int
    written: int
    leaf_hashes: list[bytes] | None = None
    hashes_asked_of: LinkId | None = None
    hashes_asked_at: float = 0.0
    unasked: deque[tuple[int, int]] = field(default_factory=deque)
    asked: dict[int, dict[LinkId, float]] = field(default_factory=dict)
    waiting: list[Arrival] = field(default_factory=list)
    refused: set[LinkId] = field(default_factory=set)
    owner: LinkId | None = None

    @property
    def all_leaves(self) -> int:
        """The set of all leaves."""
        return (1 << self.leaf_count) - 1

    @property
    def needs_leaf_hashes(self) -> bool:
        """Whether octets cannot be verified by the chunk's own hash alone."""
        return self.leaf_count > LEAVES_PER_RANGE or bool(self.verified)

    def missing_ranges(self) -> Iterator[tuple[int, int]]:
        """Offset and length of what is not verified, cut at message borders."""
        for first in range(0, self.leaf_count, LEAVES_PER_RANGE):
            last = min(first + LEAVES_PER_RANGE, self.leaf_count)
            leaf = first
            while leaf < last:
                if self.verified >> leaf & 1:
                    leaf += 1
                    continue
                begin = leaf
                while leaf < last and not self.verified >> leaf & 1:
                    leaf += 1
                offset = begin * merkle.LEAF_OCTETS
                yield offset, min(leaf * merkle.LEAF_OCTETS, self.octets) - offset

    def misses(self, leaves: int) -> bool:
        """Whether these are all the missing leaves up to the next message border.

        What is shorter would leave a rest that is neither asked for nor waits to be.
        """
        after = leaves.bit_length()
        border = after % LEAVES_PER_RANGE == 0 or after == self.leaf_count
        return not self.verified & leaves and (border or bool(self.verified >> after & 1))

    def leaves_of(self, offset: int, octets: int) -> int:
        """The set of leaves that a range covers wholly.

        Raises:
            ValueError: the range is not of whole leaves inside the chunk.
        """
        end = offset + octets
        whole = end % merkle.LEAF_OCTETS == 0 or end == self.octets
        if offset % merkle.LEAF_OCTETS or not whole or not octets or end > self.octets:
            raise ValueError("not a range of whole leaves")
        return leaves_between(offset, octets)

    def take_back(self, offset: int) -> None:
        """A range came although nobody was asked for it: nobody need be."""
        self.unasked = deque(found for found in self.unasked if found[0] != offset)

    def receive_leaf_hashes(self, joined: bytes) -> bool:
        """Take the leaf hashes; ``False`` when they do not prove."""
        if len(joined) != self.leaf_count * merkle.HASH_OCTETS:
            return False
        hashes = merkle.split(joined)
        if merkle.root(hashes, width=self.width) != self.expected:
            return False
        self.leaf_hashes = hashes
        return True

    def verify(self, arrival: Arrival, leaves: int) -> Verdict:
        """Check octets that cover these leaves; the hashes are there or not needed."""
        found = merkle.hash_leaves(arrival.octets)
        alone = self.leaf_hashes is None
        if self.leaf_hashes is None:
            whole = leaves == self.all_leaves
            right = whole and merkle.root(found, width=self.width) == self.expected
        else:
            first = arrival.offset // merkle.LEAF_OCTETS
            right = found == self.leaf_hashes[first : first + len(found)]
        if not right:
            return Verdict.CORRUPT
        self.leaf_hashes = self.leaf_hashes or found
        self.verified |= leaves
        return Verdict.VERIFIED_ALONE if alone else Verdict.VERIFIED

    def spoken_for(self, offset: int) -> bool:
        """Whether the range that begins here is asked of somebody or waits to be."""
        return offset in self.asked or any(offset == start for start, _ in self.unasked)


def leaves_between(offset: int, octets: int) -> int:
    """The set of leaves that a range of whole leaves covers."""
    count = -(-octets // merkle.LEAF_OCTETS)
    return ((1 << count) - 1) << offset // merkle.LEAF_OCTETS
