"""When a seed is left alone because others bring it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.sparing import Helper, spared

helpers = st.lists(
    st.builds(Helper, chunks=st.integers(0, 2**20 - 1), rate_octets_per_s=st.floats(0, 1e9)),
    max_size=12,
)
octets = st.integers(0, 10**12)


def spare(*others: Helper, seeds: int = 1, from_helpers: int = 700, from_seeds: int = 100) -> int:
    return spared(
        others,
        seeds=seeds,
        from_helpers_octets=from_helpers,
        from_seeds_octets=from_seeds,
        seed_octets_per_s=1e6,
    )


def test_what_others_hold_a_lonely_seed_is_not_asked_for() -> None:
    assert spare(Helper(0b011, 1e6), Helper(0b110, 1e6)) == 0b111


@pytest.mark.parametrize(("seeds", "expected"), [(1, 0b11), (2, 0)])
def test_only_scarce_seeds_are_spared(seeds: int, expected: int) -> None:
    assert spare(Helper(0b01, 1e6), Helper(0b10, 1e6), seeds=seeds) == expected


def test_a_seed_is_asked_for_everything_until_others_carry_their_share() -> None:
    two = (Helper(0b1, 1e6), Helper(0b1, 1e6))
    assert spare(*two, from_helpers=199) == 0
    assert spare(*two, from_helpers=200) == 0b1


def test_what_only_very_slow_ones_hold_the_seed_is_asked_for() -> None:
    assert spare(Helper(0b01, 1e6), Helper(0b11, 1e5)) == 0b01


def test_one_that_has_not_delivered_yet_is_not_relied_on() -> None:
    assert spare(Helper(0b01, 1e6), Helper(0b10, 0.0)) == 0b01


@given(helpers, st.integers(0, 8), octets, octets, st.floats(0, 1e9))
def test_nothing_is_spared_that_nobody_else_offers(
    others: list[Helper], seeds: int, from_helpers: int, from_seeds: int, rate: float
) -> None:
    chunks = spared(
        others,
        seeds=seeds,
        from_helpers_octets=from_helpers,
        from_seeds_octets=from_seeds,
        seed_octets_per_s=rate,
    )
    for chunk in range(20):
        if chunks >> chunk & 1:
            assert any(one.chunks >> chunk & 1 for one in others)
