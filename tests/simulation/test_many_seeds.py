"""Many stations that have everything: turns where one end is full, all where they are slow."""

from statistics import mean, median

import pytest

from meshdl.content.precedence import Precedence
from meshdl.links import Message
from meshdl.policy.turns import FEW, LEAST
from meshdl.sim.network import Drop, Network, Verdict, Wire
from meshdl.sim.station import SimContent, SimStation
from meshdl.sim.world import World
from meshdl.swarm import sources

KIB = 1024
MIB = 1024 * KIB
WAY_IN = 8e6
CONTENT = SimContent(7, 16 * MIB, 256 * KIB)
LARGE = SimContent(8, 32 * MIB, 256 * KIB)
"""Four seconds: some trials of how many to ask."""


class Star:
    """One downloader in the middle, and seeds with an uplink each."""

    def __init__(self, ups: list[float], *, down: float = WAY_IN) -> None:
        self.world = World(3)
        self.network = Network(self.world)
        self.leecher = SimStation(
            self.world,
            self.network,
            "KA1L",
            down_octets_per_s=down,
        )
        self.seeds = [
            SimStation(self.world, self.network, f"KA1A{chr(65 + n)}", up_octets_per_s=up)
            for n, up in enumerate(ups)
        ]
        self.leecher.meet(*self.seeds)

    def get(self, content: SimContent, *, precedence: Precedence = Precedence.ROUTINE) -> float:
        """Seconds from the wish to the whole content."""
        for seed in self.seeds:
            seed.seed(content, precedence=precedence)
        self.world.run(self.world.now + 1.0)
        began = self.world.now
        self.leecher.get(content.hash, precedence=precedence)
        return self.finish(content) - began

    def finish(self, content: SimContent) -> float:
        self.world.run(
            self.world.now + 120.0, stop=lambda: content.hash in self.leecher.completed_at
        )
        assert self.leecher.has(content)
        return self.leecher.completed_at[content.hash]

    def shares(self, content: SimContent) -> list[float]:
        return [seed.octets_served[content.hash] / len(content.octets) for seed in self.seeds]

    def active(self, content: SimContent) -> set[str]:
        """Seeds whose turn it is to send this, by name."""
        core = self.leecher.core
        turns = core.downloads[content.hash].turns
        return {one.station.callsign for one in core.peers() if turns.admits(one.link)}


@pytest.mark.parametrize("count", [4, 10, 20])
def test_seeds_that_fill_the_way_in_take_turns_a_few_at_a_time(count: int) -> None:
    star = Star([100e6] * count)
    for seed in star.seeds:
        seed.seed(LARGE)
    star.world.run(1.0)
    star.leecher.get(LARGE.hash)
    active: list[int] = []
    asked: list[int] = []
    while LARGE.hash not in star.leecher.completed_at:
        star.world.run(star.world.now + 0.013)
        active.append(len(star.active(LARGE)))
        asked.append(sum(bool(one.asked) for one in star.leecher.core.peers()))
        assert star.world.now < 20.0
    half = active[len(active) // 2 :]
    assert LEAST <= median(half) <= FEW
    assert 1.0 <= mean(half) <= 3.5  # now and then more are tried
    later = asked[len(asked) // 2 :]
    assert mean(later) <= 0.3 * count + 2
    assert star.world.now - 1.0 <= 1.05 * len(LARGE.octets) / WAY_IN
    assert max(star.shares(LARGE)) <= 2.5 / count
    assert min(star.shares(LARGE)) >= 0.3 / count
    assert star.leecher.core.downloads[LARGE.hash].duplicate_octets == 0


@pytest.mark.parametrize("ups", [[0.3e6] * 20, [0.8e6] * 4 + [0.15e6] * 16])
def test_slow_seeds_are_all_asked_and_turns_lose_less_than_a_second(
    ups: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_turns_s = Star(ups).get(CONTENT)
    monkeypatch.setattr(sources, "FEW", len(ups))
    all_at_once_s = Star(ups).get(CONTENT)
    assert by_turns_s <= all_at_once_s + 0.8


def test_a_seed_that_falls_silent_holds_up_nobody() -> None:
    star = Star([100e6] * 10)
    silent: set[str] = set()

    def rule(wire: Wire, _: Message) -> Verdict:
        return Drop() if wire.sender.name in silent else None

    star.network.rules.append(rule)
    for seed in star.seeds:
        seed.seed(CONTENT)
    star.world.run(1.0)
    star.leecher.get(CONTENT.hash)
    star.world.run(1.2)
    silent |= star.active(CONTENT)
    assert 0 < len(silent) <= 4
    star.world.run(2.8)
    done = star.leecher.core.downloads[CONTENT.hash].octets_done
    assert done >= 0.9 * 1.8 * WAY_IN
    star.finish(CONTENT)


def test_an_emergency_waits_for_no_turn() -> None:
    star = Star([100e6] * 20)
    for seed in star.seeds:
        seed.seed(CONTENT)
    urgent = SimContent(8, MIB, 64 * KIB)
    star.world.run(1.0)
    star.leecher.get(CONTENT.hash)
    star.world.run(1.8)
    resting = next(one for one in star.seeds if one.callsign not in star.active(CONTENT))
    resting.seed(urgent, precedence=Precedence.EMERGENCY)
    star.leecher.get(urgent.hash, precedence=Precedence.EMERGENCY)
    star.world.run(2.9)
    assert resting.octets_served[urgent.hash] > 0


def test_an_emergency_that_many_have_is_asked_of_all_of_them() -> None:
    star = Star([100e6] * 10)
    for seed in star.seeds:
        seed.seed(CONTENT, precedence=Precedence.EMERGENCY)
    star.world.run(1.0)
    star.leecher.get(CONTENT.hash, precedence=Precedence.EMERGENCY)
    star.world.run(1.1)
    assert all(session.asked for session in star.leecher.core.peers())
