"""A thousand stations lose their server, and it comes back after a while."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest

from meshdl.signalling.back_off import ATTEMPT_QUICK_S, BACK_OFF_MAX_S, QUICK_MAX_S, BackOff

STATIONS = 1_000
LET_IN_PER_S = 500
"""What the slowest server of the reckoning does for stations: signatures, TLS, rooms."""

FAILED_AFTER_S = 0.001
"""Where nothing listens, the system refuses at once."""


@dataclass
class Crowd:
    """When each of them tries.

    Attributes:
        arrivals: at the server that listens again, counted from when it does, in order.
        attempts: at the one that does not, all stations together, in order.
    """

    arrivals: list[float]
    attempts: list[float]


def crowd(outage_s: float, *, unanswered_s: float = FAILED_AFTER_S) -> Crowd:
    """All lose it at 0; an attempt fails after so long while nothing listens."""
    arrivals, attempts = [], []
    for number in range(STATIONS):
        back_off, now = BackOff(Random(number)), 0.0
        while (now := now + back_off.pause_s(now=now)) < outage_s:
            attempts.append(now)
            now += min(unanswered_s, back_off.attempt_s(now=now))
        arrivals.append(now - outage_s)
    return Crowd(sorted(arrivals), sorted(attempts))


def let_in(arrivals: list[float]) -> float:
    """When the last of them is in, where each takes its time one after the other."""
    free_at = 0.0
    for at in arrivals:
        free_at = max(free_at, at) + 1 / LET_IN_PER_S
    return free_at


def most_in_a_second(times: list[float]) -> int:
    return max(bisect_left(times, begin + 1.0) - at for at, begin in enumerate(times))


@pytest.mark.parametrize("outage_s", [0.0, 1.0, 3.0, 10.0, 30.0, 60.0])
def test_after_an_outage_of_a_minute_at_most_all_are_back_within_five_seconds(
    outage_s: float,
) -> None:
    arrivals = crowd(outage_s).arrivals
    assert arrivals[-1] <= QUICK_MAX_S
    assert let_in(arrivals) <= 5.0


@pytest.mark.parametrize("outage_s", [1.0, 10.0, 60.0, 600.0])
def test_they_do_not_arrive_in_one_instant(outage_s: float) -> None:
    assert most_in_a_second(crowd(outage_s).arrivals) <= 0.6 * STATIONS


def test_after_ten_minutes_they_are_back_within_half_a_minute() -> None:
    assert crowd(600.0).arrivals[-1] <= BACK_OFF_MAX_S


def test_a_dead_server_is_not_hammered() -> None:
    attempts = crowd(600.0).attempts
    first_minute = sum(at < 60.0 for at in attempts)
    assert first_minute <= 30 * STATIONS, "one every two seconds"
    assert len(attempts) - first_minute <= 35 * STATIONS, "in the nine minutes after it"
    assert most_in_a_second(attempts) <= STATIONS
    late = [at for at in attempts if at >= 120.0]
    assert most_in_a_second(late) <= STATIONS / 10


@pytest.mark.parametrize("outage_s", [5.0, 20.0, 60.0])
def test_where_nothing_answers_a_question_goes_out_every_few_seconds(outage_s: float) -> None:
    """Lost packets of an attempt are sent again after 1 and 3 s (RFC 6298)."""
    for number in range(100):
        back_off, now = BackOff(Random(number)), 0.0
        asked = []
        while now < outage_s:
            now += back_off.pause_s(now=now)
            asked += [now, now + 1.0, now + 3.0]
            now += back_off.attempt_s(now=now)
        gaps = [later - earlier for earlier, later in pairwise(asked)]
        assert max(gaps) <= ATTEMPT_QUICK_S - 3.0 + QUICK_MAX_S


def test_two_stations_do_not_wait_equally_long() -> None:
    pauses = {BackOff(Random(number)).pause_s(now=0.0) for number in range(100)}
    assert len(pauses) == 100
