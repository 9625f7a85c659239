"""Routine traffic makes way for an emergency on a slow uplink, and there alone."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.content.precedence import Precedence
from meshdl.policy.yielding import (
    CREDIT_MAX_OCTETS,
    RATE_OVER_S,
    SHARE,
    SLOW_OCTETS_PER_S,
    URGENT_FOR_S,
    Yielding,
)

RANGE_OCTETS = 16 * 1024
urgent = st.sampled_from([Precedence.EMERGENCY, Precedence.PRIORITY, Precedence.WELFARE])


def upload(
    yielding: Yielding, rate: float, precedence: Precedence, *, seconds: float
) -> tuple[int, int]:
    """Keep asking for routine octets while others are sent; what was admitted, and sent."""
    now, admitted, sent = 0.0, 0, 0
    while now < seconds:
        now += RANGE_OCTETS / rate
        yielding.asked(precedence, now=now)
        yielding.sent(RANGE_OCTETS, precedence, now=now)
        sent += RANGE_OCTETS
        while admitted < 100 * sent and yielding.admits(RANGE_OCTETS, Precedence.ROUTINE, now=now):
            yielding.sent(RANGE_OCTETS, Precedence.ROUTINE, now=now)
            admitted += RANGE_OCTETS
    return admitted, sent


@given(rate=st.floats(4.0, 5.8).map(lambda power: 10.0**power), precedence=urgent)
def test_on_a_slow_uplink_routine_traffic_has_its_small_share(
    rate: float, precedence: Precedence
) -> None:
    admitted, sent = upload(Yielding(now=0.0), rate, precedence, seconds=100.0)
    assert 0.5 * SHARE * sent <= admitted <= SHARE * sent + RANGE_OCTETS


def test_a_fast_uplink_is_not_idled_for_a_slow_peer() -> None:
    yielding = Yielding(now=0.0)
    yielding.asked(Precedence.EMERGENCY, now=0.0)
    yielding.sent(int(1.1 * SLOW_OCTETS_PER_S * RATE_OVER_S), Precedence.ROUTINE, now=0.0)
    assert yielding.admits(RANGE_OCTETS, Precedence.ROUTINE, now=0.0)


@given(precedence=st.sampled_from(Precedence), now=st.floats(0, 1e6))
def test_nobody_yields_when_nothing_is_urgent(precedence: Precedence, now: float) -> None:
    yielding = Yielding(now=0.0)
    yielding.asked(Precedence.ROUTINE, now=now)
    assert yielding.admits(RANGE_OCTETS, precedence, now=now)


@given(first=urgent, second=st.sampled_from(Precedence))
def test_only_the_less_urgent_yields(first: Precedence, second: Precedence) -> None:
    yielding = Yielding(now=0.0)
    yielding.asked(first, now=0.0)
    assert yielding.admits(RANGE_OCTETS, second, now=0.1) == (second <= first)


def test_it_is_over_soon_after_the_last_urgent_request() -> None:
    yielding = Yielding(now=0.0)
    yielding.asked(Precedence.EMERGENCY, now=0.0)
    assert not yielding.admits(1, Precedence.ROUTINE, now=0.9 * URGENT_FOR_S)
    assert yielding.admits(1, Precedence.ROUTINE, now=1.1 * URGENT_FOR_S)


def test_what_was_earned_in_a_long_emergency_is_not_spent_at_once() -> None:
    yielding = Yielding(now=0.0)
    yielding.asked(Precedence.EMERGENCY, now=0.0)
    yielding.sent(10**9, Precedence.EMERGENCY, now=0.0)
    now = 2.0 * RATE_OVER_S
    yielding.asked(Precedence.EMERGENCY, now=now)
    admitted = 0
    while yielding.admits(RANGE_OCTETS, Precedence.ROUTINE, now=now):
        admitted += RANGE_OCTETS
    assert admitted <= CREDIT_MAX_OCTETS
