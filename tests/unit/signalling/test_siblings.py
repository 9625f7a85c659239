"""Processes of one signalling server: cores joined by a bus in memory, which fails on order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.weak_keys import station_keys
from tests.unit.signalling.world import CLOSED, Bus, End, Key, Station, World

from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.signalling import client_events as client
from meshdl.signalling import remote_stations, siblings
from meshdl.signalling import server_events as server
from meshdl.signalling.server_events import ServerLimits
from meshdl.wire import siblings as bus_wire
from meshdl.wire import signalling as wire
from meshdl.wire.rotation import KeyRotation, statement
from meshdl.wire.signals import Envelope

CONTENT, OTHER = ContentHash(b"c" * 32), ContentHash(b"d" * 32)
SESSION = b"s" * 16
OFFER = client.Description("v=0", is_answer=False)
GONE_WITHIN_S = siblings.LOST_AFTER_S + 2 * siblings.BEAT_EVERY_S


def two(limits: ServerLimits | None = None) -> tuple[Bus, World, World]:
    bus = Bus()
    return bus, World(limits, bus=bus), World(limits, bus=bus)


def names(end: End) -> list[str]:
    """Whose contents it was last told of."""
    return [member.callsign for member in end.of(wire.Found)[-1].members]


# One server.


def test_stations_of_one_room_hear_each_other_wherever_they_are_connected() -> None:
    _, here, there = two()
    alice, bob = Station(here, "KA1AAA"), Station(there, "KA1BBB")
    carol = Station(there, "KA1CCC", "elsewhere")
    assert (alice.heard, bob.heard, carol.heard) == ({bob.key.id}, {alice.key.id}, set())
    there.post(server.SocketClosed(bob.socket))
    assert alice.of(client.Lost) == [client.Lost(bob.key.id)]


def test_a_station_that_leaves_a_room_is_missed_at_the_other_process() -> None:
    _, here, there = two()
    alice, bob = Station(here, "KA1AAA"), End(there).proves("KA1BBB", Key("b")).joins()
    bob.says(wire.Leave("cq"))
    assert alice.of(client.Lost) == [client.Lost(Key("b").id)]


def test_a_signal_goes_to_the_process_where_its_station_is_and_nowhere_else() -> None:
    _, here, there = two()
    alice, bob, carol = Station(here, "KA1AAA"), Station(there, "KA1BBB"), Station(there, "KA1CCC")
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    bob.post(client.SendSignal(alice.key.id, SESSION, OFFER))
    assert bob.of(client.SignalReceived) == [client.SignalReceived(alice.key.id, SESSION, OFFER)]
    assert alice.of(client.SignalReceived) == [client.SignalReceived(bob.key.id, SESSION, OFFER)]
    assert carol.of(client.SignalReceived) == []
    assert (here.server.counts["carried"], there.server.counts["relayed"]) == (1, 1)


def test_a_signal_to_a_station_that_left_another_process_is_returned() -> None:
    bus, here, there = two()
    alice, bob = Station(here, "KA1AAA"), End(there).proves("KA1BBB", Key("b")).joins()
    bus.deaf.add(here)
    there.post(server.SocketClosed(bob.socket))
    bus.deaf.clear()
    alice.post(client.SendSignal(Key("b").id, SESSION, OFFER))
    assert [lost.station for lost in alice.of(client.SignalLost)] == [Key("b").id]


def test_contents_are_found_wherever_their_station_is_connected() -> None:
    _, here, there = two()
    seed, other = Station(there, "KA1SSS"), Station(there, "KA1TTT")
    for one in (seed, other):
        one.post(client.Advertise(CONTENT, held=True))
    asker = End(here).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert names(asker) == ["KA1SSS", "KA1TTT"]
    seed.post(client.Advertise(CONTENT, held=False))
    asker.says(wire.Lookup("cq", CONTENT))
    assert names(asker) == ["KA1TTT"]


def test_who_looks_for_a_content_is_told_when_it_comes_at_another_process() -> None:
    _, here, there = two()
    asker = End(here).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT, 60))
    Station(there, "KA1SSS").post(client.Advertise(CONTENT, held=True))
    assert names(asker) == ["KA1SSS"]


def test_what_was_announced_at_another_process_runs_out_here_too() -> None:
    bus, here, there = two()
    End(there).proves("KA1SSS", Key("s")).joins().says(wire.Announce("cq", (CONTENT,), 60))
    bus.wait(61)
    asker = End(here).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert names(asker) == []


def test_a_station_has_one_connection_to_all_processes_and_the_newest_counts() -> None:
    bus, here, there = two()
    watcher = Station(here, "KA1WWW")
    old = End(here).proves("KA1AAA", Key("a")).joins()
    new = End(there).proves("KA1AAA", Key("a")).joins()
    assert (old.codes(), old.is_closed, new.is_closed) == (["replaced"], True, False)
    bus.wait(30)
    assert not new.is_closed
    watcher.post(client.SendSignal(Key("a").id, SESSION, OFFER))
    assert len(new.of(wire.Relayed)) == 1


def test_the_newest_counts_also_where_a_clock_is_behind() -> None:
    _, here, there = two()
    here.now += 100
    old = End(here).proves("KA1AAA", Key("a"))
    new = End(there).proves("KA1AAA", Key("a"))
    assert (old.codes(), new.codes()) == (["replaced"], [])


# What is missed.


def test_a_process_that_comes_late_learns_all_page_by_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_stations, "PAGE_STATIONS", 3)
    monkeypatch.setattr(siblings, "PAGE_CHARACTERS", 600)
    bus = Bus()
    here = World(bus=bus)
    contents = tuple(bytes([number]) * 32 for number in range(4))
    for number in range(11):
        end = End(here).proves(f"KA1B{chr(65 + number)}", Key(str(number)))
        end.joins("one").joins("two").says(wire.Announce("two", contents, 60))
    late = World(bus=bus)
    asker = End(late).proves("KA1AAA", Key("a")).joins("one").joins("two")
    assert [joined.count for joined in asker.of(wire.Joined)] == [11, 11]
    for content in contents:
        asker.says(wire.Lookup("two", content))
        assert len(names(asker)) == 11


def test_a_process_that_comes_late_hears_nothing_of_what_has_just_run_out() -> None:
    bus = Bus()
    here = World(bus=bus)
    seed = End(here).proves("KA1SSS", Key("s")).joins()
    seed.says(wire.Announce("cq", (CONTENT,), 20), wire.Announce("cq", (OTHER,), 600))
    bus.wait(25)  # it is not swept yet
    late = World(bus=bus)
    asker = End(late).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert names(asker) == []
    asker.says(wire.Lookup("cq", OTHER))
    assert names(asker) == ["KA1SSS"]


def test_a_page_of_an_earlier_round_does_not_end_the_present_one() -> None:
    world, watcher = introduced()
    key = Key("b")
    tell(world, came("KA1BBB", key), bus_wire.Entered(key.id, "cq"))
    tell(world, bus_wire.Gone(Key("c").id))
    gap = bus_wire.News(STRANGER, 9, bus_wire.Gone(Key("c").id))
    world.post(server.BusHeard(bus_wire.encode(gap)))  # from now on KA1BBB is doubted
    world.post(server.BusHeard(bus_wire.encode(bus_wire.Page(STRANGER, 1, ()))))
    assert watcher.of(wire.MemberLeft) == []
    world.post(server.BusHeard(bus_wire.encode(bus_wire.Page(STRANGER, 2, ()))))
    assert [left.station for left in watcher.of(wire.MemberLeft)] == [key.id]


def test_missed_news_is_noticed_at_the_next_beat_and_made_up_for() -> None:
    bus, here, there = two()
    leaves = End(there).proves("KA1LLL", Key("l")).joins()
    stays = End(there).proves("KA1SSS", Key("s")).joins().joins("other")
    stays.says(wire.Announce("cq", (CONTENT,), 600))
    alice = Station(here, "KA1AAA")
    asker = End(here).proves("KA1ZZZ", Key("z")).joins().joins("other")
    bus.deaf.add(here)
    there.post(server.SocketClosed(leaves.socket))
    stays.says(wire.Leave("other"), wire.Withdraw("cq", (CONTENT,)))
    stays.says(wire.Announce("cq", (OTHER,), 600))
    End(there).proves("KA1NNN", Key("n")).joins()
    bus.deaf.clear()
    bus.wait(siblings.BEAT_EVERY_S + 1)
    assert alice.of(client.Lost) == [client.Lost(Key("l").id)]
    assert Key("n").id in alice.heard
    assert Key("s").id in {left.station for left in asker.of(wire.MemberLeft)}
    for content, holders in ((CONTENT, []), (OTHER, ["KA1SSS"])):
        asker.says(wire.Lookup("cq", content))
        assert names(asker) == holders


def test_a_page_that_is_lost_is_asked_for_again() -> None:
    bus = Bus()
    here = World(bus=bus)
    End(here).proves("KA1BBB", Key("b")).joins()
    bus.deaf.add(here)  # it does not hear the first question
    late = World(bus=bus)
    asker = End(late).proves("KA1AAA", Key("a")).joins()
    assert late.server.remote_stations == 0
    bus.wait(siblings.BEAT_EVERY_S + 1)
    bus.deaf.clear()
    bus.wait(siblings.ASK_AGAIN_AFTER_S + 2 * siblings.BEAT_EVERY_S)
    asker.says(wire.Join("cq"))
    assert asker.of(wire.Joined)[-1].count == 1


# What dies.


def test_a_process_that_dies_loses_its_own_stations_and_no_other() -> None:
    bus, here, there = two()
    alice, carol = Station(here, "KA1AAA"), Station(here, "KA1CCC")
    bob = Station(there, "KA1BBB")
    bob.post(client.Advertise(CONTENT, held=True))
    bus.kill(there)
    bus.wait(siblings.LOST_AFTER_S - siblings.BEAT_EVERY_S)
    assert alice.of(client.Lost) == []
    bus.wait(GONE_WITHIN_S)
    assert alice.of(client.Lost) == carol.of(client.Lost) == [client.Lost(bob.key.id)]
    assert (here.server.siblings, here.server.remote_stations) == (0, 0)
    alice.post(client.SendSignal(carol.key.id, SESSION, OFFER))
    assert len(carol.of(client.SignalReceived)) == 1
    asker = End(here).proves("KA1ZZZ", Key("z")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert names(asker) == []


def test_a_signal_that_no_process_takes_tells_that_it_is_dead() -> None:
    bus, here, there = two()
    alice, bob = Station(here, "KA1AAA"), Station(there, "KA1BBB")
    bus.kill(there)
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    assert alice.of(client.Lost) == [client.Lost(bob.key.id)]


def test_without_the_bus_each_process_serves_its_own_and_with_it_all_are_back() -> None:
    bus, here, there = two()
    alice, carol = Station(here, "KA1AAA"), Station(here, "KA1CCC")
    bob = Station(there, "KA1BBB")
    bus.go_down()
    bus.wait(GONE_WITHIN_S)
    assert alice.of(client.Lost) == [client.Lost(bob.key.id)]
    alice.post(client.SendSignal(carol.key.id, SESSION, OFFER))
    assert len(carol.of(client.SignalReceived)) == 1
    bob.post(client.Advertise(CONTENT, held=True))
    dave = Station(there, "KA1DDD")
    bus.come_up()
    bus.wait(siblings.BEAT_EVERY_S + 1)
    assert client.Heard(dave.key.id, Callsign("KA1DDD")) in alice.of(client.Heard)
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    assert len(bob.of(client.SignalReceived)) == 1
    asker = End(here).proves("KA1ZZZ", Key("z")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert names(asker) == ["KA1BBB"]


def test_who_is_signalled_in_vain_without_the_bus_is_told_anew_with_it() -> None:
    bus, here, there = two()
    alice, bob = Station(here, "KA1AAA"), Station(there, "KA1BBB")
    bus.go_down()
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    assert len(alice.of(client.SignalLost)) == 1
    assert client.Lost(bob.key.id) in alice.of(client.Lost)
    bus.come_up()
    bus.wait(siblings.BEAT_EVERY_S + 1)
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    assert len(bob.of(client.SignalReceived)) == 1


# Pins.


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


def test_no_more_is_kept_of_it_than_there_may_be_rooms() -> None:
    world = World(bus=Bus())
    end = pinning(world, "KA1AAA")
    for _ in range(world.limits.rooms_per_station):
        end.joins()
    assert (end.codes(), end.is_closed) == ([], False)
    end.joins()
    assert (end.codes(), end.is_closed) == (["malformed"], True)
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


# Who writes to the bus and is no process of this server.

STRANGER = "00000000000000ff"


def tell(world: World, *facts: bus_wire.Fact) -> None:
    """What a stranger says as if it were another process."""
    for serial, fact in enumerate(facts, world.server.counts["told"] + 1):
        world.post(server.BusHeard(bus_wire.encode(bus_wire.News(STRANGER, serial, fact))))
    world.server.counts["told"] += len(facts)


def introduced(limits: ServerLimits | None = None) -> tuple[World, End]:
    bus = Bus()
    bus.strangers.add(server.Process(STRANGER))
    world = World(limits, bus=bus)
    watcher = End(world).proves("KA1AAA", Key("a")).joins().joins("two")
    world.post(server.BusHeard(bus_wire.encode(bus_wire.Beat(STRANGER, 0))))
    return world, watcher


def came(call: str, key: Key, at_ms: int = 1) -> bus_wire.Came:
    return bus_wire.Came(wire.Member(call, key.octets, b"i" * 8), at_ms)


def test_nobody_here_hears_of_a_member_of_a_closed_room_that_is_none() -> None:
    world, watcher = introduced()
    watcher.says(wire.Join(CLOSED, Key("a").member()))
    bad, good = Key("bad"), Key("good")
    tell(
        world,
        came("KA1BBB", bad),
        bus_wire.Entered(bad.id, CLOSED),
        bus_wire.Entered(bad.id, CLOSED, Key("c").member()),
        came("no callsign", Key("n")),
        came("KA1GGG", good),
        bus_wire.Entered(good.id, CLOSED, good.member()),
    )
    assert [joined.member.callsign for joined in watcher.of(wire.MemberJoined)] == ["KA1GGG"]
    assert world.server.counts["bus_unreadable"] == 3


def test_a_stranger_cannot_make_this_process_remember_more_than_its_limits() -> None:
    limits = ServerLimits(rooms=4, rooms_per_station=3, contents_per_room=5)
    world, watcher = introduced(limits)
    assert world.bus is not None
    key = Key("b")
    rooms = ("cq", "two", "three", "four", "five", "six")
    tell(world, came("KA1BBB", key), *(bus_wire.Entered(key.id, room) for room in rooms))
    assert world.server.rooms == 3
    contents = tuple(bytes([number]) * 32 for number in range(9))
    tell(world, bus_wire.Announced(key.id, "cq", contents, 3600))
    for content in contents:
        watcher.says(wire.Lookup("cq", content))
    assert sum(found.count for found in watcher.of(wire.Found)) == 5
    for number in range(100):
        stranger = server.Process(f"{number:016x}")
        world.bus.strangers.add(stranger)
        beat = bus_wire.Beat(stranger, 0)
        world.post(server.BusHeard(bus_wire.encode(beat)))
    assert world.server.siblings == siblings.SIBLINGS_MAX


def test_one_process_has_no_say_over_the_stations_of_another() -> None:
    world, watcher = introduced()
    there = World(bus=world.bus)
    Station(there, "KA1BBB").post(client.Advertise(CONTENT, held=True))
    bob = Key("KA1BBB")
    tell(
        world,
        bus_wire.Gone(bob.id),
        bus_wire.Exited(bob.id, "cq"),
        bus_wire.Withdrawn(bob.id, "cq", (CONTENT,)),
    )
    forged = bus_wire.Carried(STRANGER, "cq", bob.id, Key("a").id, Envelope("x", b"s" * 64))
    world.post(server.BusHeard(bus_wire.encode(forged)))
    assert (watcher.of(wire.MemberLeft), watcher.of(wire.Relayed)) == ([], [])
    watcher.says(wire.Lookup("cq", CONTENT))
    assert names(watcher) == ["KA1BBB"]


octets = st.binary(min_size=32, max_size=32)
stations = st.sampled_from([Key("a").id, Key("b").id, "0" * 16])
room_names = st.sampled_from(["cq", "two", CLOSED])
members = st.builds(
    wire.Member, st.text(max_size=16), station_keys, st.binary(min_size=8, max_size=8)
)
contents_told = st.lists(octets, min_size=1, max_size=3).map(tuple)
facts = st.one_of(
    st.builds(bus_wire.Came, members, st.integers(0, 2**53 - 1), st.lists(room_names).map(tuple)),
    st.builds(came, st.just("KA1BBB"), st.just(Key("b")), st.integers(0, 3)),
    st.builds(bus_wire.Gone, stations),
    st.builds(bus_wire.Entered, stations, room_names),
    st.builds(bus_wire.Exited, stations, room_names),
    st.builds(bus_wire.Announced, stations, room_names, contents_told, st.integers(0, 3600)),
    st.builds(bus_wire.Withdrawn, stations, room_names, contents_told),
    st.builds(bus_wire.Pinned, st.text(max_size=16), station_keys),
)
processes = st.sampled_from([STRANGER, "00000000000000fe"])
serials = st.integers(0, 5)
lines = st.one_of(
    st.text(max_size=200),
    st.one_of(
        st.builds(bus_wire.Beat, processes, serials),
        st.builds(bus_wire.News, processes, serials, facts),
        st.builds(bus_wire.Pull, processes, serials, st.sampled_from(["", "8" * 16])),
        st.builds(
            bus_wire.Page, processes, serials, st.lists(facts, max_size=4).map(tuple), st.booleans()
        ),
        st.builds(
            bus_wire.Carried, processes, room_names, stations, stations,
            st.just(Envelope("x", b"s" * 64)),
        ),
        st.builds(bus_wire.Returned, processes, room_names, stations, stations),
    ).map(bus_wire.encode),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(lines, max_size=25))
def test_nothing_that_is_said_on_the_bus_makes_a_process_raise_or_drop_its_stations(
    said: list[str],
) -> None:
    world, watcher = introduced()
    for line in said:
        world.post(server.BusHeard(line))
    world.wait(GONE_WITHIN_S)
    assert world.server.siblings == world.server.remote_stations == 0
    rekeyed = world.server.pins[Callsign("KA1AAA")] != Key("a").octets
    assert watcher.is_closed == rekeyed
    assert rekeyed or set(watcher.codes()) == set()


@given(facts, serials)
def test_what_is_said_is_what_is_heard(fact: bus_wire.Fact, serial: int) -> None:
    for message in (
        bus_wire.News(STRANGER, serial, fact),
        bus_wire.Page(STRANGER, serial, (fact, fact), more=True),
    ):
        assert bus_wire.decode(bus_wire.encode(message)) == message


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_a_pin_that_is_none_is_no_pin(name: bytes, value: bytes) -> None:
    pin = bus_wire.decode_pin(name, value)
    assert pin is None or len(pin[1]) == 32
    key = StationKey(b"k" * 32)
    assert bus_wire.decode_pin(b"KA1AAA", key.hex().encode()) == ("KA1AAA", key)
