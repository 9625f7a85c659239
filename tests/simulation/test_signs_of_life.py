"""Stations of a local network that do nothing: the dead are missed, and little is said."""

from meshdl.links import Message
from meshdl.sim.network import Drop, Network, Verdict, Wire
from meshdl.sim.station import SimStation
from meshdl.sim.world import World


class Room:
    """So many whole cores that are all linked, and idle."""

    def __init__(self, count: int) -> None:
        self.world = World(5)
        self.network = Network(self.world)
        self.stations = [
            SimStation(self.world, self.network, f"KA1A{chr(65 + n)}") for n in range(count)
        ]
        for station in self.stations:
            station.meet(*(one for one in self.stations if one is not station))
        self.world.run(5.0)

    def linked(self, station: SimStation) -> int:
        """How many of the others have a link to it."""
        return sum(
            one is not station and any(peer.station.key == station.key for peer in one.core.peers())
            for one in self.stations
        )


def test_a_dead_station_is_noticed_by_all_within_five_seconds() -> None:
    room = Room(12)
    victim = room.stations[4]
    dead: set[str] = set()

    def rule(line: Wire, _: Message) -> Verdict:
        return Drop() if {line.sender.name, line.receiver.name} & dead else None

    room.network.rules.append(rule)
    assert room.linked(victim) == 11
    dead.add(victim.nic.name)
    room.world.run(room.world.now + 5.0)
    assert room.linked(victim) == 0
    alive = [one for one in room.stations if one is not victim]
    assert [room.linked(one) for one in alive if room.linked(one) != 10] == []


def test_a_room_that_does_nothing_says_little() -> None:
    """Of 20 stations everybody asked everybody: 120 questions a second."""
    room = Room(20)
    asked = 0

    def rule(_: Wire, message: Message) -> Verdict:
        nonlocal asked
        asked += isinstance(message, str) and '"ping"' in message
        return None

    room.network.rules.append(rule)
    room.world.run(room.world.now + 60.0)
    assert asked / 60.0 <= 40.0
