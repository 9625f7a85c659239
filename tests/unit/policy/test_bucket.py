"""Rate limits hold on the long run, whatever the sizes and the clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.bucket import BURST_MIN_OCTETS, UNLIMITED, TokenBucket


@given(
    rate=st.floats(1e3, 1e9),
    takes=st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 0.2)), max_size=80),
)
def test_no_more_is_spent_than_the_rate_allows(rate: float, takes: list[tuple[int, float]]) -> None:
    bucket = TokenBucket.for_limit(rate, now=0.0)
    now, spent = 0.0, 0
    for octets, pause_s in takes:
        now += pause_s
        if bucket.available(now=now):
            bucket.take(octets, now=now)
            spent += octets
    burst = max(rate * 0.5, BURST_MIN_OCTETS)
    assert spent <= rate * now + burst + 100_000


@given(
    rate=st.floats(1.0, 1e6) | st.just(UNLIMITED),
    takes=st.lists(st.tuples(st.integers(1, 1000), st.just(0.0) | st.floats(-0.1, 0.2))),
)
def test_to_ask_and_take_at_once_is_to_ask_and_then_to_take(
    rate: float, takes: list[tuple[int, float]]
) -> None:
    one, other = (TokenBucket(rate, burst_octets=500.0, now=0.0) for _ in range(2))
    now = 0.0
    for octets, later_s in takes:
        now += later_s
        available = other.available(now=now)
        assert one.take_if_available(octets, now=now) == available
        if available:
            other.take(octets, now=now)
    assert one.available_at(now=now) == other.available_at(now=now)


@given(rate=st.floats(1e3, 1e7), octets=st.integers(1, 10**6))
def test_available_at_tells_the_truth(rate: float, octets: int) -> None:
    bucket = TokenBucket(rate, burst_octets=1.0, now=0.0)
    bucket.take(octets, now=0.0)
    at = bucket.available_at(now=0.0)
    assert bucket.available(now=at)
    assert at <= (octets + 1) / rate + 1e-6


def test_a_steady_taker_gets_exactly_the_rate() -> None:
    bucket = TokenBucket.for_limit(100_000, now=0.0)
    now, spent = 0.0, 0
    while now < 60.0:
        now = bucket.available_at(now=now)
        bucket.take(65_536, now=now)
        spent += 65_536
    assert spent / 60.0 == pytest.approx(100_000, rel=0.03)


def test_unlimited_is_never_spent() -> None:
    bucket = TokenBucket.for_limit(UNLIMITED, now=0.0)
    for _ in range(10):
        bucket.take(10**12, now=0.0)
        assert bucket.available(now=0.0)


def test_a_clock_that_jumps_back_neither_fills_nor_drains() -> None:
    bucket = TokenBucket(1000.0, burst_octets=100.0, now=1000.0)
    bucket.take(100, now=1000.0)
    assert not bucket.available(now=0.0)
    assert bucket.available(now=0.1)


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_a_bucket_without_a_rate_is_a_mistake(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="UNLIMITED"):
        TokenBucket(rate, burst_octets=burst, now=0.0)
