"""How fast the simulated air runs when it was held up."""

from tests.support.air_mixer import BEHIND_BLOCKS_MAX, Pace

BLOCK_S = 0.25
"""Exact in binary."""


def at_once(pace: Pace, now: float) -> int:
    """How many blocks go out before there is one to wait for."""
    count = 0
    while pace.wait_s(now=now) == 0.0:
        count += 1
    return count


def test_a_block_that_is_late_is_made_up_for() -> None:
    pace = Pace(BLOCK_S, now=100.0)
    assert pace.wait_s(now=100.0) == BLOCK_S
    assert pace.wait_s(now=100.75) == 0.0
    assert at_once(pace, 100.75) == 1
    assert pace.wait_s(now=100.75) == 2 * BLOCK_S


def test_who_sends_is_not_overtaken_after_a_long_hold_up() -> None:
    pace = Pace(BLOCK_S, now=100.0)
    assert at_once(pace, 160.0) == BEHIND_BLOCKS_MAX
