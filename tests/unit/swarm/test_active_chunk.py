"""The leaves of a chunk: each is asked for, waits to be, or is verified, and never two of these."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.ids import ChunkIndex, LinkId
from meshdl.swarm.active_chunk import (
    LEAVES_AT_ONCE,
    LEAVES_PER_RANGE,
    ActiveChunk,
    AskedRange,
    leaves_between,
)

LEAVES = 3 * LEAVES_PER_RANGE + 2
LAST_OCTETS = 100
LINKS = [LinkId("a"), LinkId("b"), LinkId("c")]


def a_chunk(leaves: int = LEAVES, *, verified: int = 0) -> ActiveChunk:
    """One whose last leaf is short."""
    chunk = ActiveChunk(
        index=ChunkIndex(0),
        octets=(leaves - 1) * LEAF_OCTETS + LAST_OCTETS,
        leaf_count=leaves,
        width=64,
        expected=bytes(32),
        verified=verified,
        written=verified,
    )
    chunk.unasked = chunk.all_leaves & ~verified
    return chunk


@pytest.mark.parametrize("from_end", [False, True])
@pytest.mark.parametrize("leaves_each", [1, 2, 3, LEAVES_PER_RANGE, 100])
def test_all_of_a_chunk_is_taken_in_ranges_that_fit(leaves_each: int, from_end: bool) -> None:
    chunk, taken = a_chunk(), 0
    while chunk.unasked:
        offset, octets = chunk.take(leaves_each * LEAF_OCTETS, from_end=from_end)
        leaves = chunk.leaves_of(offset, octets)
        assert not taken & leaves
        assert leaves.bit_count() <= min(leaves_each, LEAVES_PER_RANGE)
        first = offset // LEAF_OCTETS
        last = first + leaves.bit_count() - 1
        assert first // LEAVES_PER_RANGE == last // LEAVES_PER_RANGE, "within one longest range"
        taken |= leaves
    assert taken == chunk.all_leaves


def test_the_far_end_comes_first_for_a_helper() -> None:
    chunk = a_chunk()
    assert chunk.take(LEAF_OCTETS, from_end=True) == ((LEAVES - 1) * LEAF_OCTETS, LAST_OCTETS)
    assert chunk.take(LEAF_OCTETS, from_end=False) == (0, LEAF_OCTETS)


def test_a_small_chunk_is_taken_whole() -> None:
    chunk = a_chunk(LEAVES_AT_ONCE)
    assert chunk.take(LEAF_OCTETS, from_end=False) == (0, chunk.octets)


@given(st.integers(0, (1 << LEAVES) - 1), st.integers(0, 8), st.booleans())
def test_only_what_is_unasked_is_taken(verified: int, leaves_each: int, from_end: bool) -> None:
    chunk = a_chunk(verified=verified)
    if not chunk.unasked:
        return
    before = chunk.unasked
    leaves = chunk.leaves_of(*chunk.take(leaves_each * LEAF_OCTETS, from_end=from_end))
    assert leaves & ~before == 0
    assert chunk.unasked == before & ~leaves


class Leaves(RuleBasedStateMachine):
    """Sources are asked, give up, deliver what they were asked for or something else."""

    def __init__(self) -> None:
        super().__init__()
        self.chunk = a_chunk(verified=1)  # one leaf is there, so that ranges may be short

    @precondition(lambda self: self.chunk.unasked)
    @rule(link=st.sampled_from(LINKS), leaves=st.integers(1, 6), from_end=st.booleans())
    def ask(self, link: LinkId, leaves: int, from_end: bool) -> None:
        offset, octets = self.chunk.take(leaves * LEAF_OCTETS, from_end=from_end)
        self.chunk.asked[offset] = AskedRange(octets, {link: 0.0})

    @precondition(lambda self: self.chunk.asked)
    @rule(data=st.data(), link=st.sampled_from(LINKS))
    def ask_another_too(self, data: st.DataObject, link: LinkId) -> None:
        offset = data.draw(st.sampled_from(sorted(self.chunk.asked)))
        self.chunk.asked[offset].askers[link] = 0.0

    @precondition(lambda self: self.chunk.asked)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.chunk.asked)))
        asked = self.chunk.asked[offset]
        link = data.draw(st.sampled_from(sorted(asked.askers)))
        alone = len(asked.askers) == 1
        freed = self.chunk.give_back(offset, link)
        assert freed <= alone, "what another is still asked for is not free"

    @rule(first=st.integers(0, LEAVES - 1), count=st.integers(1, LEAVES_PER_RANGE))
    def deliver(self, first: int, count: int) -> None:
        """Late or in time; of whatever length it was once asked for."""
        octets = min((first + count) * LEAF_OCTETS, self.chunk.octets) - first * LEAF_OCTETS
        leaves = leaves_between(first * LEAF_OCTETS, octets)
        if self.chunk.verified & leaves:
            return  # a duplicate to the download
        self.chunk.verified |= leaves
        self.chunk.unasked &= ~leaves
        for _, offset in self.chunk.settle(first * LEAF_OCTETS, octets):
            assert first * LEAF_OCTETS <= offset < first * LEAF_OCTETS + octets
            assert offset not in self.chunk.asked

    @invariant()
    def every_leaf_is_somewhere(self) -> None:
        asked = 0
        for offset, one in self.chunk.asked.items():
            leaves = leaves_between(offset, one.octets)
            assert not asked & leaves, "no two ranges share a leaf"
            asked |= leaves
        chunk = self.chunk
        assert chunk.unasked | asked | chunk.verified == chunk.all_leaves, "none is forgotten"
        assert not chunk.unasked & chunk.verified
        assert not chunk.unasked & asked, "none is asked for twice by mistake"


TestLeaves = Leaves.TestCase
