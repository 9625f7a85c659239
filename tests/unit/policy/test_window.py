"""The request window on paths of every rate and delay."""

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.window import (
    FLOOR_OCTETS,
    GAIN,
    GROWTH,
    MAX_OCTETS,
    MESSAGE_OCTETS,
    QUEUE_ALLOWANCE_S,
    START_OCTETS,
    RequestWindow,
)


@dataclass
class PathModel:
    """One source behind a queue: answers leave in order, at the path's rate.

    Attributes:
        delay_s: round trip without a queue, without the message's own length.
    """

    rate_octets_per_s: float
    delay_s: float
    window: RequestWindow = field(default_factory=lambda: RequestWindow(now=0.0))
    now: float = 0.0
    received: int = 0
    outstanding: deque[tuple[float, float]] = field(default_factory=deque)
    windows: list[int] = field(default_factory=list)
    _free_at: float = 0.0

    @property
    def outstanding_octets(self) -> int:
        return len(self.outstanding) * MESSAGE_OCTETS

    @property
    def shortest_trip_s(self) -> float:
        return self.delay_s + MESSAGE_OCTETS / self.rate_octets_per_s

    def run(self, seconds: float) -> float:
        """Keep the window full for so long; the rate that came of it."""
        begin, received = self.now, self.received
        while self.now < begin + seconds:
            self._ask()
            asked_at, self.now = self.outstanding.popleft()
            self.received += MESSAGE_OCTETS
            self.window.delivered(
                MESSAGE_OCTETS,
                round_trip_s=self.now - asked_at,
                outstanding_octets=self.outstanding_octets,
                now=self.now,
            )
            if not self.windows or self.windows[-1] != self.window.octets:
                self.windows.append(self.window.octets)
        return (self.received - received) / (self.now - begin)

    def _ask(self) -> None:
        while self.outstanding_octets + MESSAGE_OCTETS <= self.window.octets:
            begin = max(self._free_at, self.now + self.delay_s / 2)
            self._free_at = begin + MESSAGE_OCTETS / self.rate_octets_per_s
            self.outstanding.append((self.now, self._free_at + self.delay_s / 2))


paths = st.builds(
    PathModel,
    rate_octets_per_s=st.floats(5, 8).map(lambda power: 10.0**power),
    delay_s=st.floats(-4, -0.7).map(lambda power: 10.0**power),
)


def settle(path: PathModel) -> None:
    """Give the window the rounds that it needs to grow, and a few more."""
    path.run(30 * max(path.shortest_trip_s, START_OCTETS / path.rate_octets_per_s))


@given(path=paths)
def test_it_fills_every_path(path: PathModel) -> None:
    settle(path)
    reachable = min(path.rate_octets_per_s, MAX_OCTETS / path.shortest_trip_s)
    assert path.run(20 * path.shortest_trip_s) >= 0.9 * reachable


@given(path=paths)
def test_the_queue_it_makes_is_bounded(path: PathModel) -> None:
    settle(path)
    path.run(20 * path.shortest_trip_s)
    allowed_s = (
        (GAIN - 1) * path.shortest_trip_s
        + GAIN * QUEUE_ALLOWANCE_S
        + FLOOR_OCTETS / path.rate_octets_per_s
    )
    needed = path.rate_octets_per_s * path.shortest_trip_s
    queued_s = (path.window.octets - needed) / path.rate_octets_per_s
    assert queued_s <= allowed_s * 1.1


@given(path=paths)
def test_it_never_grows_by_more_than_half_a_round_and_never_beyond_the_limit(
    path: PathModel,
) -> None:
    settle(path)
    for before, after in zip([START_OCTETS, *path.windows], path.windows, strict=False):
        assert after <= before * GROWTH
    assert max(path.windows) <= MAX_OCTETS


def test_a_path_that_becomes_faster_is_used() -> None:
    path = PathModel(1e6, 0.02)
    settle(path)
    path.rate_octets_per_s = 10e6
    settle(path)
    assert path.run(2.0) >= 9e6


def test_a_path_that_becomes_slower_keeps_no_window_for_what_it_was() -> None:
    path = PathModel(10e6, 0.02)
    settle(path)
    fast = path.window.octets
    path.rate_octets_per_s = 1e6
    path.run(10.0)
    assert path.window.octets < fast / 2


def test_a_long_queue_elsewhere_does_not_feed_the_window() -> None:
    path = PathModel(1e6, 0.02)
    settle(path)
    before = path.window.octets
    path.delay_s = 2.0  # somebody else's traffic stands before ours
    path.run(60.0)
    assert path.window.octets <= before


def test_a_stall_begins_anew_carefully() -> None:
    path = PathModel(50e6, 0.05)
    settle(path)
    path.window.stalled(now=path.now)
    assert path.window.octets == FLOOR_OCTETS
    assert path.window.rate_octets_per_s == 0.0
    path.outstanding.clear()
    settle(path)
    assert path.run(1.0) >= 0.9 * 50e6, "and finds its way back"


def test_time_in_which_nothing_was_asked_for_is_not_held_against_the_path() -> None:
    path = PathModel(10e6, 0.02)
    settle(path)
    before = path.window.octets
    path.outstanding.clear()
    path.now += 3600.0
    path.window.idled(now=path.now)
    path.run(1.0)
    assert path.window.octets == pytest.approx(before, rel=0.1)


def test_an_answer_to_one_of_two_questions_tells_no_round_trip() -> None:
    window = RequestWindow(now=0.0)
    window.delivered(MESSAGE_OCTETS, round_trip_s=None, outstanding_octets=0, now=1.0)
    assert window.round_trip_s is None
    assert window.octets == START_OCTETS
    window.delivered(MESSAGE_OCTETS, round_trip_s=0.5, outstanding_octets=0, now=2.0)
    window.delivered(MESSAGE_OCTETS, round_trip_s=None, outstanding_octets=0, now=3.0)
    assert window.round_trip_s == 0.5


def test_answers_that_come_at_once_are_no_measure_of_the_rate() -> None:
    window = RequestWindow(now=0.0)
    for _ in range(4):  # an event loop that was busy hands over what had piled up
        window.delivered(MESSAGE_OCTETS, round_trip_s=0.02, outstanding_octets=0, now=0.0001)
    assert window.rate_octets_per_s == 0.0
    assert window.octets == START_OCTETS
