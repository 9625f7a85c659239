"""One chunk under way: its leaves, its ranges, who was asked for them.

Every range is checked leaf by leaf against the chunk's leaf hashes, which were proved
against the chunk's own hash; so a chunk may be filled by several stations over several
paths, whoever sends wrong octets is known at once, and what is verified is kept although
the chunk is unfinished. A small chunk is asked for in one range and needs no leaf hashes: its own
hash decides.

A leaf is *unasked*, *asked* (in a range, of one station; of two at the end), *verified*
(write under way) or *written*. How long a range is depends on who is asked: a source behind
a long path is asked for less at a time.
"""

import enum
from dataclasses import dataclass, field

from meshdl.content import merkle
from meshdl.ids import ChunkIndex, LinkId
from meshdl.swarm.session import Session
from meshdl.wire.control import RANGE_OCTETS_MAX

LEAVES_PER_RANGE = RANGE_OCTETS_MAX // merkle.LEAF_OCTETS

NO_LINK = LinkId("radio")
"""In the place of a link: there is nobody to blame, and nobody to ask again."""

LEAVES_AT_ONCE = 4
"""A chunk of so many is asked for whole, however slow the path is; of a longer one the leaf hashes
are fetched, so that it can come in pieces."""

END_GAME_COPIES = 2
END_GAME_AFTER_S = 0.5
"""A range is asked of a second station only when the first has had this long."""


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
    """Octets of a range and who sent them.

    Attributes:
        sender: may have left, for octets wait until their hashes are here; ``None`` when they
            came by radio.
    """

    sender: Session | None
    offset: int
    octets: memoryview

    @property
    def link(self) -> LinkId:
        """By which they came."""
        return NO_LINK if self.sender is None else self.sender.link


@dataclass(slots=True)
class AskedRange:
    """A range on request, with the time at which each station was asked."""

    octets: int
    askers: dict[LinkId, float]


@dataclass(slots=True)
class ActiveChunk:
    """A chunk under way. Leaf sets are integers, bit ``i`` for leaf ``i``.

    Attributes:
        unasked: leaves that nobody is asked for.
        asked: ranges on request, by their offset; no two of them share a leaf.
    """

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
    unasked: int = 0
    asked: dict[int, AskedRange] = field(default_factory=dict)
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
        return self.leaf_count > LEAVES_AT_ONCE or bool(self.verified)

    def take(self, most_octets: int, *, from_end: bool) -> tuple[int, int]:
        """Take unasked leaves that stand together; offset and length.

        Cut at the borders of the longest range, so that what is left stays whole. A chunk of
        :data:`LEAVES_AT_ONCE` is taken whole: it needs no leaf hashes then.

        Args:
            most_octets: a leaf is taken even if it is longer.
            from_end: the last ones, not the first.
        """
        most = max(most_octets // merkle.LEAF_OCTETS, 1)
        if not self.needs_leaf_hashes:
            most = LEAVES_AT_ONCE
        if from_end:
            after = self.unasked.bit_length()
            border = (after - 1) // LEAVES_PER_RANGE * LEAVES_PER_RANGE
            first = after - 1
            while first > max(border, after - most) and self.unasked >> first - 1 & 1:
                first -= 1
        else:
            first = (self.unasked & -self.unasked).bit_length() - 1
            border = (first // LEAVES_PER_RANGE + 1) * LEAVES_PER_RANGE
            after = first + 1
            while after < min(border, first + most) and self.unasked >> after & 1:
                after += 1
        self.unasked &= ~((1 << after) - (1 << first))
        offset = first * merkle.LEAF_OCTETS
        return offset, min(after * merkle.LEAF_OCTETS, self.octets) - offset

    def give_back(self, offset: int, link: LinkId) -> bool:
        """A range will not come from this station; whether leaves are unasked by that."""
        found = self.asked.get(offset)
        if found is None or found.askers.pop(link, None) is None or found.askers:
            return False
        del self.asked[offset]
        freed = leaves_between(offset, found.octets) & ~self.verified
        self.unasked |= freed
        return bool(freed)

    def late(self, link: LinkId, *, now: float) -> int | None:
        """Where a range begins that another station is slow to deliver, ``None``: nowhere."""
        for offset, asked in self.asked.items():
            if (
                link not in asked.askers
                and len(asked.askers) < END_GAME_COPIES
                and now - min(asked.askers.values()) >= END_GAME_AFTER_S
                and not self.verified & leaves_between(offset, asked.octets)
            ):
                return offset
        return None

    def settle(self, offset: int, octets: int) -> list[tuple[LinkId, int]]:
        """These octets are verified: who was asked for them, and at which offsets."""
        found = self.asked.get(offset)
        if found is not None and found.octets == octets:
            del self.asked[offset]
            return [(link, offset) for link in found.askers]
        covered = [
            start
            for start, other in self.asked.items()
            if offset <= start and start + other.octets <= offset + octets
        ]
        return [(link, start) for start in covered for link in self.asked.pop(start).askers]

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
        self.unasked &= ~leaves
        return Verdict.VERIFIED_ALONE if alone else Verdict.VERIFIED


def leaves_between(offset: int, octets: int) -> int:
    """The set of leaves that a range of whole leaves covers."""
    count = -(-octets // merkle.LEAF_OCTETS)
    return ((1 << count) - 1) << offset // merkle.LEAF_OCTETS
