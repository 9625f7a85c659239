"""Pacing: a TNC never runs dry in a burst, and never has much that an abort cannot stop."""

import math

from hypothesis import given
from hypothesis import strategies as st

from meshdl.transports.modems.pacing import AHEAD_FRAMES_MIN, Pacing

AHEAD_S = 3.0

airtimes = st.lists(st.floats(0.01, 8.0), min_size=1, max_size=40)


def numbered(airtimes_s: list[float]) -> list[tuple[bytes, float]]:
    return [(bytes([number]), airtime_s) for number, airtime_s in enumerate(airtimes_s)]


@given(airtimes_s=airtimes, late_s=st.floats(0, 0.5))
def test_a_burst_never_runs_dry_and_ends_when_it_is_on_the_air(
    airtimes_s: list[float], late_s: float
) -> None:
    """Also when the computer is late by ``late_s`` each time."""
    pacing = Pacing(numbered(airtimes_s), ahead_s=AHEAD_S, first_at=1.0, tail_s=0.25)
    given_frames: list[bytes] = []
    now, on_air_until = 0.0, 1.0
    while True:
        handed = pacing.hand_over(now=now)
        assert not given_frames or now <= on_air_until, "the TNC had nothing to send"
        on_air_until += sum(airtimes_s[frame[0]] for frame in handed)
        given_frames += handed
        if pacing.whole:
            break
        due = pacing.due_at()
        assert due > now, "it would be asked again at once, for ever"
        # A frame that is shorter than the computer is late cannot be kept up with.
        now = due + min(late_s, min(airtimes_s) / 2)
    assert given_frames == [bytes([number]) for number in range(len(airtimes_s))]
    assert abs(pacing.due_at() - (1.0 + sum(airtimes_s) + 0.25)) < 1e-6


@given(airtimes_s=airtimes, after_s=st.floats(0, 30))
def test_an_abort_leaves_little_to_go_out(airtimes_s: list[float], after_s: float) -> None:
    pacing = Pacing(numbered(airtimes_s), ahead_s=AHEAD_S, first_at=0.0, tail_s=0.0)
    pacing.hand_over(now=0.0)
    while not pacing.whole and pacing.due_at() <= after_s:
        assert pacing.hand_over(now=pacing.due_at())
    pacing.abort()
    assert pacing.hand_over(now=after_s) == []
    left_s = max(0.0, pacing.due_at() - after_s)
    assert left_s <= max(AHEAD_S, AHEAD_FRAMES_MIN * max(airtimes_s)) + max(airtimes_s)


def test_long_frames_are_handed_over_two_at_a_time() -> None:
    pacing = Pacing(numbered([10.0] * 4), ahead_s=AHEAD_S, first_at=0.0, tail_s=0.0)
    assert len(pacing.hand_over(now=0.0)) == 2
    assert pacing.due_at() == 10.0
    assert len(pacing.hand_over(now=10.0)) == 1
    assert pacing.due_at() == 20.0


@given(airtimes_s=airtimes)
def test_usually_a_burst_is_given_whole(airtimes_s: list[float]) -> None:
    pacing = Pacing(numbered(airtimes_s), ahead_s=math.inf, first_at=1.0, tail_s=0.5)
    assert len(pacing.hand_over(now=0.0)) == len(airtimes_s)
    assert pacing.whole
    assert abs(pacing.due_at() - (1.5 + sum(airtimes_s))) < 1e-6
