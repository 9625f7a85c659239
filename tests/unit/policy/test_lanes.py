"""How many links a source gets, on paths that lose packets and on paths that do not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.lanes import (
    CALM_MEASURES,
    IDLE_S,
    LANES_MAX,
    MEASURE_S,
    OPEN_WITHIN_S,
    REST_FIRST_S,
    HoldUps,
    LaneCount,
    Seen,
)

TICK_S = 0.25
ANSWER_OCTETS = 16 * 1024
TRIP_S = 0.08


@dataclass
class Source:
    """One whose lanes deliver ``rate(lanes)`` octets a second, some of them held up.

    Attributes:
        others: what other sources deliver meanwhile.
        opens: whether a lane that is wanted comes up, after a second.
        lanes: that are up.
        history: what was wanted, at every tick.
    """

    rate: Callable[[int], float]
    held_up: Callable[[int], float]
    opens: bool = True
    others: Callable[[int], float] = lambda _: 0.0
    others_octets: int = 0
    most: int = LANES_MAX
    now: float = 100.0
    lanes: int = 1
    asking: bool = True
    history: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.count = LaneCount(now=self.now)
        self._rng = Random(1)
        self._owed = 0.0
        self._opens_at: float | None = None

    def run(self, seconds: float) -> int:
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            if self.asking:
                self._deliver()
            self.others_octets += int(self.others(self.lanes) * TICK_S)
            seen = Seen(
                lanes=self.lanes,
                asked=self.lanes if self.asking else 0,
                most=self.most,
                all_octets=self.count.delivered_octets + self.others_octets,
                round_trip_s=TRIP_S,
            )
            wanted = self.count.judge(seen, now=self.now)
            self.history.append(wanted)
            self._change(wanted)
        return self.lanes

    def _deliver(self) -> None:
        self._owed += self.rate(self.lanes) * TICK_S
        while self._owed >= ANSWER_OCTETS:
            self._owed -= ANSWER_OCTETS
            late = self._rng.random() < self.held_up(self.lanes)
            self.count.delivered(ANSWER_OCTETS, held_up=late)

    def _change(self, wanted: int) -> None:
        if wanted <= self.lanes:
            self.lanes, self._opens_at = wanted, None
        elif self.opens and self._opens_at is None:
            self._opens_at = self.now + 1.0
        elif self._opens_at is not None and self.now >= self._opens_at:
            self.lanes, self._opens_at = wanted, None


def lossy(lanes: int) -> float:
    """Losses are the bound: lanes add up."""
    return lanes * 150_000


@given(rate=st.floats(5.0, 5.5).map(lambda power: 10.0**power), late=st.floats(0.5, 1.0))
def test_a_source_that_losses_bound_gets_all_lanes_and_keeps_them(rate: float, late: float) -> None:
    source = Source(lambda lanes: lanes * rate, lambda _: late)
    assert source.run(20.0) == LANES_MAX
    source.run(60.0)
    assert set(source.history[-240:]) == {LANES_MAX}


@given(rate=st.floats(4.0, 6.5).map(lambda power: 10.0**power), late=st.floats(0, 0.01))
def test_a_path_that_loses_nothing_has_one_lane_for_ever(rate: float, late: float) -> None:
    source = Source(lambda _: rate, lambda _: late)
    source.run(40.0)
    assert set(source.history) == {1}


@given(rate=st.floats(6.0, 6.7).map(lambda power: 10.0**power))
def test_who_delivers_a_lot_needs_no_lane_whatever_is_held_up(rate: float) -> None:
    source = Source(lambda _: rate, lambda _: 1.0)
    source.run(40.0)
    assert set(source.history) == {1}


def test_lanes_that_do_not_help_are_taken_back_and_tried_ever_less_often() -> None:
    source = Source(lambda _: 150_000, lambda _: 1.0)
    source.run(600.0)
    steps = [i for i, (a, b) in enumerate(pairwise(source.history)) if b > a]
    assert 2 <= len(steps) <= 6
    pauses = [(later - earlier) * TICK_S for earlier, later in pairwise(steps)]
    assert pauses[0] >= REST_FIRST_S
    assert all(later > 1.5 * earlier for earlier, later in pairwise(pauses))
    assert source.history.count(1) >= 0.9 * len(source.history)


def test_what_a_source_gains_and_the_others_lose_is_no_gain() -> None:
    source = Source(lossy, lambda _: 1.0, others=lambda lanes: 2e6 - lossy(lanes))
    source.run(60.0)
    assert max(source.history) > 1
    assert source.history.count(1) >= 0.8 * len(source.history)


def test_a_queue_that_overflows_once_opens_no_lane() -> None:
    source = Source(lossy, lambda _: 0.0)
    source.run(10.0)
    source.held_up = lambda _: 1.0
    source.run(MEASURE_S)
    source.held_up = lambda _: 0.0
    source.run(60.0)
    assert set(source.history) == {1}


def test_a_path_that_has_become_calm_goes_back_to_one_lane() -> None:
    source = Source(lossy, lambda _: 1.0)
    assert source.run(20.0) == LANES_MAX
    source.held_up = lambda _: 0.0
    assert source.run(4 * (CALM_MEASURES + 2) * 2 * MEASURE_S) == 1


def test_a_source_that_is_asked_for_nothing_keeps_one_lane() -> None:
    source = Source(lossy, lambda _: 1.0)
    source.run(20.0)
    source.asking = False
    source.run(IDLE_S - 1.0)
    assert source.lanes == LANES_MAX, "a pause between two contents is none"
    assert source.run(2.0) == 1


def test_a_station_that_allows_fewer_gets_fewer() -> None:
    source = Source(lossy, lambda _: 1.0, most=3)
    assert source.run(60.0) == 3
    assert max(source.history) == 3


def test_lanes_that_cannot_be_opened_are_not_dialled_all_the_time() -> None:
    source = Source(lossy, lambda _: 1.0, opens=False)
    source.run(300.0)
    wanting = sum(wanted > 1 for wanted in source.history) * TICK_S
    assert 0 < wanting <= 4 * (OPEN_WITHIN_S + 1)


@given(
    answers=st.lists(
        st.tuples(st.floats(0, 30), st.integers(0, 2**20), st.booleans(), st.integers(0, 9)),
        max_size=60,
    ),
    most=st.integers(1, 300),
)
def test_there_is_always_one_lane_and_never_more_than_allowed(
    answers: list[tuple[float, int, bool, int]], most: int
) -> None:
    count, now = LaneCount(now=0.0), 0.0
    for pause_s, octets, held_up, lanes in answers:
        now += pause_s
        for _ in range(8):
            count.delivered(octets, held_up=held_up)
        up = max(lanes, 1)
        seen = Seen(lanes=up, asked=lanes, most=most, all_octets=octets, round_trip_s=TRIP_S)
        wanted = count.judge(seen, now=now)
        assert 1 <= wanted <= max(LANES_MAX, up)


@pytest.mark.parametrize("queue_s", [0.0, 0.03, 2.0])
def test_a_steady_queue_holds_nothing_up(queue_s: float) -> None:
    hold_ups, rng = HoldUps(), Random(1)
    took = [TRIP_S + queue_s + rng.uniform(0, 0.03) for _ in range(200)]
    assert not any(hold_ups.held_up(one, round_trip_s=TRIP_S) for one in took)


def test_an_answer_that_waits_for_a_lost_packet_is_held_up() -> None:
    hold_ups = HoldUps()
    took = [TRIP_S, TRIP_S, 2 * TRIP_S, TRIP_S]
    found = [hold_ups.held_up(one, round_trip_s=TRIP_S) for one in took]
    assert found == [False, False, True, False]
