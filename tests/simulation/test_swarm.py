"""Whole swarms on virtual time: the real core, a network that can be made to fail."""

from meshdl.sim.network import Network
from meshdl.sim.station import SimContent, SimStation
from meshdl.sim.world import World

MIB = 1024 * 1024


def lan(seed: int, *callsigns: str) -> tuple[World, list[SimStation]]:
    world = World(seed)
    network = Network(world)
    stations = [SimStation(world, network, callsign) for callsign in callsigns]
    for i, station in enumerate(stations):
        station.meet(*stations[i + 1 :])
    return world, stations


def test_one_station_fetches_from_another() -> None:
    world, (alice, bob) = lan(1, "KA1AAA", "KA1BBB")
    content = SimContent(7, 5 * MIB + 17, 64 * 1024)
    alice.seed(content)
    bob.get(content.hash)
    world.run(60.0, stop=lambda: bob.has(content))
    assert bob.has(content)
