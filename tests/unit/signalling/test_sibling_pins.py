"""One key to a callsign, at all processes of one signalling server."""

from tests.unit.signalling.keys import Key
from tests.unit.signalling.world import Bus, End, World, two

from meshdl.ids import Callsign
from meshdl.signalling import server_events as server
from meshdl.signalling import siblings
from meshdl.signalling.server_events import ServerLimits
from meshdl.wire import signalling as wire
from meshdl.wire.rotation import KeyRotation, statement
from meshdl.wire.signals import Envelope


def rotation(old: Key, new: Key) -> KeyRotation:
    signed = statement(callsign="KA1AAA", old_key=old.octets, new_key=new.octets)
    return KeyRotation(old.octets, old.secret.sign(signed))


def test_a_callsign_that_is_pinned_at_one_process_is_pinned_at_all() -> None:
    bus, here, there = two()
    End(here).proves("KA1AAA", Key("first"))
    assert End(there).proves("KA1AAA", Key("second")).codes() == ["callsign-pinned"]
    late = World(bus=bus)
    assert End(late).proves("KA1AAA", Key("second")).codes() == ["callsign-pinned"]
    assert End(late).proves("KA1AAA", Key("first")).of(wire.Welcome)


def test_of_two_keys_at_two_processes_at_the_same_time_one_is_pinned() -> None:
    bus, here, there = two()
    bus.deaf |= {here, there}  # neither hears in time what the other pins
    first, second = End(here), End(there)
    first.proves("KA1AAA", Key("first"))
    second.proves("KA1AAA", Key("second"))
    assert (first.codes(), second.codes()) == ([], ["callsign-pinned"])
    assert second.is_closed


def test_a_key_hands_over_at_all_processes_and_is_then_worth_nothing_at_any() -> None:
    _, here, there = two()
    old, new = Key("old"), Key("new")
    before = End(here).proves("KA1AAA", old)
    handed = End(there).proves("KA1AAA", new, rotations=(rotation(old, new),))
    assert handed.of(wire.Welcome)
    assert (before.codes(), before.is_closed) == (["callsign-pinned"], True)
    assert End(here).proves("KA1AAA", old).codes() == ["callsign-pinned"]


def pinning(world: World, call: str) -> End:
    """A station whose callsign is being pinned: the bus does not answer, and nobody knows."""
    assert world.bus is not None
    world.bus.up = False
    end = End(world).proves(call, Key(call))
    assert (end.of(wire.Welcome), end.is_closed) == ([], False)
    return end


def test_what_is_said_while_a_callsign_is_being_pinned_is_taken_once_it_is() -> None:
    world = World(bus=Bus())
    end = pinning(world, "KA1AAA").joins()
    assert (end.of(wire.Joined), end.codes()) == ([], [])
    world.post(server.BusDown())
    kinds = [type(one).__name__ for one in end.messages]
    assert kinds == ["Challenge", "Welcome", "Joined"]


def test_who_is_denied_while_its_callsign_is_being_pinned_is_not_let_in() -> None:
    world = World(bus=Bus())
    end, other = pinning(world, "KA1AAA"), pinning(world, "KA1BBB")
    world.deny("KA1AAA")
    assert (end.codes(), end.is_closed) == (["denied"], True)
    world.post(server.PinAnswered(end.socket, Callsign("KA1AAA"), Key("KA1AAA").octets))
    world.post(server.PinAnswered(other.socket, Callsign("KA1BBB"), Key("KA1BBB").octets))
    assert (end.of(wire.Welcome), len(other.of(wire.Welcome))) == ([], 1)
    assert world.server.stations == 1


def test_no_more_is_kept_of_it_than_there_may_be_rooms() -> None:
    world = World(bus=Bus())
    end = pinning(world, "KA1AAA")
    for _ in range(world.limits.rooms_per_station):
        end.joins()
    assert (end.codes(), end.is_closed) == ([], False)
    end.joins()
    assert (end.codes(), end.is_closed) == (["malformed"], True)
    long = pinning(world, "KA1CCC")
    long.says(wire.Relay("cq", Key("a").id, Envelope("x" * 40_000, bytes(64))))
    assert (long.codes(), long.is_closed) == (["malformed"], True)
    twice = pinning(world, "KA1BBB").proves("KA1BBB", Key("KA1BBB"))
    assert (twice.codes(), twice.is_closed) == (["malformed"], True)


def test_without_the_bus_a_new_station_is_served_and_what_another_pinned_first_counts_later() -> (
    None
):
    bus, here, there = two()
    bus.up = False
    waits = End(there).proves("KA1AAA", Key("second"))
    assert waits.of(wire.Welcome) == []
    bus.go_down()
    assert waits.of(wire.Welcome)
    honest = End(there).proves("KA1BBB", Key("b"))
    first = End(here).proves("KA1AAA", Key("first"))
    assert first.of(wire.Welcome)
    bus.come_up()
    bus.wait(siblings.BEAT_EVERY_S)
    assert (first.is_closed, waits.codes()) == (False, ["callsign-pinned"])
    assert not honest.is_closed


def test_no_more_callsigns_are_pinned_than_the_limit_allows() -> None:
    world = World(ServerLimits(pins=2))
    for call in ("KA1AAA", "KA1BBB"):
        assert End(world).proves(call, Key(call)).of(wire.Welcome)
    refused = End(world).proves("KA1CCC", Key("KA1CCC"))
    assert (refused.codes(), refused.is_closed) == (["too-many"], True)
    assert End(world).proves("KA1AAA", Key("KA1AAA")).of(wire.Welcome)
    world.post(server.PinsHeard(((Callsign("KA1DDD"), Key("d").octets),)))
    assert set(world.server.pins) == {"KA1AAA", "KA1BBB"}
    full = World(bus=Bus())
    end = End(full)
    assert full.bus is not None
    full.bus.up = False
    end.proves("KA1CCC", Key("c"))
    full.post(server.PinAnswered(end.socket, Callsign("KA1CCC"), None))
    assert end.codes() == ["too-many"]
