"""Rarest first, in order, at random among equals: against a plain count of every chunk."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.ids import ChunkIndex
from meshdl.policy.picker import Availability, any_of, in_order, rarest_first

bitsets = st.integers(0, 2**40 - 1)


def members(bits: int) -> set[int]:
    return {i for i in range(bits.bit_length()) if bits >> i & 1}


@given(peers=st.lists(bitsets, max_size=9), gone=st.data())
def test_availability_counts_like_a_plain_counter(peers: list[int], gone: st.DataObject) -> None:
    availability = Availability()
    for bits in peers:
        availability.add(bits)
    leaving = gone.draw(st.lists(st.sampled_from(range(len(peers))), unique=True) if peers
                        else st.just([]))  # fmt: skip
    for position in leaving:
        availability.remove(peers[position])
    counts = Counter(
        chunk
        for position, bits in enumerate(peers)
        if position not in leaving
        for chunk in members(bits)
    )
    assert [availability.count(ChunkIndex(i)) for i in range(40)] == [counts[i] for i in range(40)]
    assert members(availability.partial_holders_have()) == set(counts)


@given(peers=st.lists(bitsets, max_size=9), wanted=bitsets, offered=bitsets, seed=st.integers())
def test_nothing_rarer_could_have_been_picked(
    peers: list[int], wanted: int, offered: int, seed: int
) -> None:
    availability = Availability()
    for bits in peers:
        availability.add(bits)
    picked = rarest_first(availability, wanted, offered, rng=Random(seed))
    possible = members(wanted & offered)
    if not possible:
        assert picked is None
        return
    assert picked in possible
    fewest = min(availability.count(ChunkIndex(i)) for i in possible)
    assert availability.count(picked) == fewest


def test_seeds_make_no_chunk_rarer_than_another() -> None:
    availability = Availability()
    availability.seeds = 5
    availability.add(0b01)
    assert availability.count(ChunkIndex(0)) == 6
    assert availability.rarest(0b11) == 0b10


def test_a_chunk_that_nobody_had_cannot_be_removed() -> None:
    availability = Availability()
    availability.add(0b1)
    with pytest.raises(ValueError, match="nobody had"):
        availability.remove(0b10)
    assert availability.count(ChunkIndex(0)) == 1


@given(bits=st.integers(1, 2**200), seed=st.integers())
def test_any_of_a_set_is_a_member(bits: int, seed: int) -> None:
    assert bits >> any_of(bits, Random(seed)) & 1


def test_any_of_a_set_is_each_as_often() -> None:
    rng = Random(1)
    drawn = Counter(any_of(0b1001_0001_0000_0001, rng) for _ in range(4000))
    assert set(drawn) == {0, 8, 12, 15}
    assert min(drawn.values()) > 850


def test_of_nothing_nothing_can_be_chosen() -> None:
    with pytest.raises(ValueError, match="nothing"):
        any_of(0, Random(1))


@given(wanted=bitsets, offered=bitsets)
def test_in_order_is_the_first_that_is_offered(wanted: int, offered: int) -> None:
    assert in_order(wanted, offered) == min(members(wanted & offered), default=None)
