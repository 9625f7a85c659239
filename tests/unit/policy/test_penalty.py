"""Points: a stream of faults ends a link, one now and then does not."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.penalty import BAN_POINTS, CORRUPT_POINTS, FORGIVEN_PER_S, Penalties


def test_the_third_corrupt_range_is_the_last() -> None:
    penalties = Penalties()
    assert [penalties.add(CORRUPT_POINTS, now=0.0) for _ in range(3)] == [False, False, True]


def test_points_fade() -> None:
    penalties = Penalties()
    penalties.add(90, now=0.0)
    assert not penalties.add(90, now=90 / FORGIVEN_PER_S)
    assert penalties.add(10, now=90 / FORGIVEN_PER_S)


def test_a_fault_now_and_then_is_forgiven_for_ever() -> None:
    penalties = Penalties()
    seldom_s = 20 / FORGIVEN_PER_S
    assert not any(penalties.add(20, now=day * seldom_s) for day in range(10_000))


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 99)), max_size=50))
def test_good_behaviour_earns_no_credit(faults: list[tuple[float, float]]) -> None:
    penalties, now = Penalties(), 0.0
    for pause_s, points in faults:
        now += pause_s
        penalties.add(points, now=now)
    assert penalties.add(BAN_POINTS, now=now + 1e9)


def test_a_clock_that_jumps_back_forgives_nothing() -> None:
    penalties = Penalties()
    penalties.add(60, now=1e6)
    assert penalties.add(40, now=0.0)
