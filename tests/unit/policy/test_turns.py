"""How many seeds are asked at once, and that every one has its turn."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.ids import LinkId
from meshdl.policy.turns import FEW, LEAST, REST_MAX_S, TURN_S, ActiveCount, Turns

STEP_S = 0.05
"""How often a download looks."""

RANGE_S = 0.01
"""Something arrives so often."""

NOISE_S = 0.15
"""So long a machine is busy with something else."""


@dataclass
class End:
    """A downloader that gets ``rate(active)`` octets a second, more or less.

    Attributes:
        noise: the rate is off by such a factor at the most, for a while each time.
        history: how many were asked, at every step.
    """

    sources: int
    rate: Callable[[int], float]
    noise: float = 1.0
    now: float = 100.0
    octets: float = 0.0
    history: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.count = ActiveCount(now=self.now)
        self._rng = Random(1)
        self._off, self._other_noise_at = 1.0, self.now

    def run(self, seconds: float) -> float:
        """Octets a second in this time."""
        before = self.octets
        for _ in range(round(seconds / STEP_S)):
            active = min(self.count.judge(self.sources, now=self.now), self.sources)
            self.history.append(active)
            for _ in range(round(STEP_S / RANGE_S)):
                self.now += RANGE_S
                if self.now >= self._other_noise_at:
                    self._other_noise_at = self.now + NOISE_S
                    self._off = self._rng.uniform(1 / self.noise, self.noise)
                octets = self.rate(active) * RANGE_S * self._off
                self.octets += octets
                self.count.delivered(round(octets), now=self.now)
        return (self.octets - before) / seconds

    def share(self, seconds: float) -> float:
        """Of the time, that more than a few were asked."""
        steps = self.history[-round(seconds / STEP_S) :]
        return sum(active > FEW for active in steps) / len(steps)


@pytest.mark.parametrize(("noise", "most"), [(1.0, 0.1), (1.3, 0.2), (2.0, 0.6)])
@pytest.mark.parametrize("sources", [4, 10, 20, 60])
def test_an_end_that_is_full_is_served_by_few(sources: int, noise: float, most: float) -> None:
    end = End(sources, lambda _: 80e6, noise)
    end.run(60.0)
    assert end.share(60.0) <= most


def test_what_asks_both_ends_for_more_is_not_done() -> None:
    """As on a machine that all stations share: the more, the slower."""
    end = End(20, lambda active: 80e6 / active**0.2, 1.2)
    end.run(2.0)
    assert end.run(10.0) >= 0.95 * 80e6 / FEW**0.2


@pytest.mark.parametrize("noise", [1.0, 1.3])
@pytest.mark.parametrize("sources", [3, 8, 20, 60])
def test_slow_sources_are_all_asked(sources: int, noise: float) -> None:
    end = End(sources, lambda active: active * 1e6, noise)
    end.run(3.0)
    assert end.run(60.0) >= 0.95 * sources * 1e6


@pytest.mark.parametrize("enough", [3, 5, 8, 13])
def test_so_many_as_fill_the_end_are_enough(enough: int) -> None:
    end = End(20, lambda active: min(active, enough) * 1e6, 1.1)
    end.run(5.0)
    assert end.run(60.0) >= 0.85 * enough * 1e6


def test_more_are_asked_when_sources_become_slow() -> None:
    limit = [10.0]
    end = End(20, lambda active: min(active * limit[0], 10.0) * 1e6)
    end.run(120.0)
    assert LEAST <= end.history[-1] <= FEW
    limit[0] = 0.5
    end.run(3.0)
    assert end.run(10.0) >= 0.9 * 10e6


def test_fewer_are_asked_when_the_end_becomes_full() -> None:
    limit = [100.0]
    end = End(20, lambda active: min(active * 1.0, limit[0]) * 1e6)
    end.run(60.0)
    assert end.history[-1] == 20
    limit[0] = 2.0
    end.run(2 * REST_MAX_S)
    assert end.share(10.0) <= 0.2


def test_a_pause_says_nothing_of_the_sources() -> None:
    end = End(20, lambda _: 80e6)
    end.run(30.0)
    end.now += 3600.0
    end.run(5.0)
    assert end.share(5.0) <= 0.2


@given(
    sources=st.integers(1, 30),
    rooms=st.lists(st.integers(0, 2**30 - 1), min_size=1, max_size=60),
    octets=st.integers(0, 10_000_000),
)
def test_never_more_are_active_than_there_are_or_should_be(
    sources: int, rooms: list[int], octets: int
) -> None:
    now = 5.0
    turns = Turns(now=now)
    links = [LinkId(str(n)) for n in range(sources)]
    active: set[LinkId] = set()
    for room in rooms:
        now += STEP_S
        turns.count.delivered(octets, now=now)
        there = {one: bool(room >> n & 1) for n, one in enumerate(links) if room >> n + 1 & 3}
        begun, ended = turns.pass_on(there, now=now)
        assert active.isdisjoint(begun)
        assert active.issuperset(ended)
        active = active - set(ended) | set(begun)
        assert active == {one for one in links if turns.admits(one)}
        assert active <= set(there)
        assert len(active) <= turns.count.active
        with_room = {one for one, has in there.items() if has}
        assert len(active) == turns.count.active or not with_room - active


@given(st.integers(FEW + 1, 40))
def test_every_source_has_its_turn_and_none_has_many_more(sources: int) -> None:
    links = {LinkId(str(n)): True for n in range(sources)}
    turns = Turns(now=0.0)
    began: Counter[LinkId] = Counter()
    now = 0.0
    for _ in range(sources * 20):
        begun, _ = turns.pass_on(links, now=now)
        began.update(begun)
        now += STEP_S
    assert set(began) == set(links)
    assert max(began.values()) <= 2 * min(began.values())


def test_a_source_without_room_is_skipped_and_comes_as_soon_as_it_has_some() -> None:
    links = {LinkId(str(n)): n != 3 for n in range(6)}
    turns = Turns(now=0.0)
    for step in range(100):
        begun, _ = turns.pass_on(links, now=step * STEP_S)
        assert LinkId("3") not in begun
    links[LinkId("3")] = True
    begun, _ = turns.pass_on(links, now=100 * STEP_S + TURN_S)
    assert LinkId("3") in begun


def test_one_that_is_gone_is_replaced_at_once() -> None:
    links = {LinkId(str(n)): True for n in range(6)}
    turns = Turns(now=0.0)
    begun, _ = turns.pass_on(links, now=0.0)
    del links[begun[0]]
    again, ended = turns.pass_on(links, now=0.01)
    assert (ended, len(again)) == ([begun[0]], 1)


def test_trials_become_rare_when_nothing_comes_of_them() -> None:
    end = End(20, lambda _: 80e6)
    end.run(120.0)
    begun = [n * STEP_S for n, (a, b) in enumerate(pairwise(end.history)) if b > 2 * a]
    rests = [after - before for before, after in pairwise(begun)]
    assert all(after >= before - STEP_S for before, after in pairwise(rests))
    assert rests[-1] >= REST_MAX_S / 2
