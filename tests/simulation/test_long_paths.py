"""Stations far apart: losses, a slow uplink, and what is urgent."""

import pytest

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
