"""Stations far apart: losses, a slow uplink, and what is urgent."""

import pytest

from meshdl.content.precedence import Precedence
from meshdl.links import Path
from meshdl.policy.lanes import IDLE_S, LANES_MAX
from meshdl.sim.network import Network
from meshdl.sim.station import SimContent, SimStation
from meshdl.sim.world import World
from meshdl.swarm import effects

KIB = 1024
MIB = 1024 * KIB
TRIP_S = 0.08


class Far:
    """Stations with a long path between any two of them."""

    def __init__(
        self, seed: int, count: int, *, loss: float = 0.0, rate: float = 12.5e6, up: float = 12.5e6
    ) -> None:
        self.world = World(seed)
        self.network = Network(self.world, delay_s=TRIP_S / 2, path=Path.DIRECT, loss=loss)
        self.stations = [
            SimStation(
                self.world,
                self.network,
                f"KA1A{chr(65 + i)}",
                up_octets_per_s=up,
                down_octets_per_s=rate,
            )
            for i in range(count)
        ]
        for i, station in enumerate(self.stations):
            station.meet(*self.stations[i + 1 :])

    def lanes(self, one: SimStation) -> int:
        """Links that this station has up."""
        return sum(session.peer is not None for session in one.core.sessions.values())

    def got(self, one: SimStation, content: SimContent, seconds: float) -> float:
        """Octets a second of a content in the next while."""
        before = self._done(one, content)
        self.world.run(self.world.now + seconds)
        return (self._done(one, content) - before) / seconds

    @staticmethod
    def _done(one: SimStation, content: SimContent) -> int:
        download = one.core.downloads.get(content.hash)
        return download.octets_done if download is not None else 0


@pytest.mark.parametrize("chunk_octets", [64 * KIB, 256 * KIB])
@pytest.mark.parametrize("loss", [0.01, 0.02])
def test_a_lossy_path_gets_lanes_that_add_up_and_loses_them_when_done(
    loss: float, chunk_octets: int
) -> None:
    far = Far(1, 2, loss=loss)
    seed, leecher = far.stations
    content = SimContent(5, 32 * MIB, chunk_octets)
    seed.seed(content)
    leecher.get(content.hash)
    alone = far.got(leecher, content, 5.0)
    far.world.run(25.0)
    assert far.lanes(leecher) == far.lanes(seed) == LANES_MAX
    assert far.got(leecher, content, 5.0) >= 4 * alone
    far.world.run(300.0, stop=lambda: leecher.has(content))
    assert leecher.has(content)
    far.world.run(far.world.now + 2 * IDLE_S)
    assert far.lanes(leecher) == far.lanes(seed) == 1
    for one in (seed, leecher):
        ups = [event for event in one.events if isinstance(event, effects.PeerUp)]
        downs = [event for event in one.events if isinstance(event, effects.PeerDown)]
        assert (len(ups), len(downs)) == (1, 0), "one station is one peer"


def test_a_path_that_loses_nothing_keeps_one_lane() -> None:
    far = Far(1, 5, rate=2e6)
    *seeds, leecher = far.stations
    content = SimContent(5, 32 * MIB, 256 * KIB)
    for seed in seeds:
        seed.seed(content)
    leecher.get(content.hash)
    most = 0
    while not leecher.has(content):
        far.world.run(far.world.now + 0.5)
        most = max(most, far.lanes(leecher))
        assert far.world.now < 60.0
    assert most == len(seeds)


def test_on_lanes_every_octet_stands_once_in_the_log() -> None:
    far = Far(2, 2, loss=0.02)
    seed, leecher = far.stations
    content = SimContent(5, 16 * MIB, 64 * KIB)
    seed.seed(content)
    leecher.get(content.hash)
    far.world.run(200.0)
    assert leecher.has(content)
    logged = [event for event in leecher.events if isinstance(event, effects.Transferred)]
    assert sum(one.octets for one in logged) == len(content.octets)
    assert len(logged) == 1


SLOW = 125e3
"""1 Mbit/s: an uplink as many homes have it."""


def test_an_emergency_transfer_is_not_stuck_behind_a_routine_one_on_the_same_link() -> None:
    far = Far(3, 2, up=SLOW)
    seed, leecher = far.stations
    routine, urgent = SimContent(1, 8 * MIB, 64 * KIB), SimContent(2, 256 * KIB, 16 * KIB)
    seed.seed(routine)
    seed.seed(urgent, precedence=Precedence.EMERGENCY)
    leecher.get(routine.hash)
    far.world.run(10.0)
    assert far.got(leecher, routine, 5.0) >= 0.8 * SLOW, "the path is full"
    began = far.world.now
    leecher.get(urgent.hash, precedence=Precedence.EMERGENCY)
    store = leecher.stores
    far.world.run(began + 60.0, stop=lambda: urgent.hash in store and bool(store[urgent.hash].have))
    # Want and have, info, the chunk: each a round trip, behind at most one window each.
    queue_s = (TRIP_S * SLOW + 3 * 64 * KIB) / SLOW
    assert far.world.now - began <= 3 * TRIP_S + queue_s
    far.world.run(began + 60.0, stop=lambda: leecher.has(urgent))
    alone_s = len(urgent.octets) / SLOW
    assert far.world.now - began <= 3 * TRIP_S + queue_s + 1.2 * alone_s


def test_on_a_slow_uplink_routine_traffic_to_others_yields_to_an_emergency_and_comes_back() -> None:
    far = Far(4, 4, up=SLOW)
    seed, other, another, urgent_one = far.stations
    routine, urgent = SimContent(1, 8 * MIB, 64 * KIB), SimContent(2, 2 * MIB, 16 * KIB)
    seed.seed(routine)
    seed.seed(urgent, precedence=Precedence.EMERGENCY)
    for one in (other, another):
        one.get(routine.hash)
    far.world.run(10.0)
    urgent_one.get(urgent.hash, precedence=Precedence.EMERGENCY)
    far.world.run(14.0)
    before = seed.octets_served[routine.hash]
    assert far.got(urgent_one, urgent, 10.0) >= 0.85 * SLOW
    meanwhile = seed.octets_served[routine.hash] - before
    assert 0 < meanwhile <= 0.12 * 10.0 * SLOW, "it yields, and does not starve"
    far.world.run(120.0, stop=lambda: urgent_one.has(urgent))
    assert urgent_one.has(urgent)
    far.world.run(far.world.now + 6.0)
    before = seed.octets_served[routine.hash]
    far.world.run(far.world.now + 5.0)
    assert seed.octets_served[routine.hash] - before >= 0.8 * 5.0 * SLOW
