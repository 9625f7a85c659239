"""Whoever writes to the bus of a signalling server and is no process of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.weak_keys import station_keys
from tests.unit.signalling.keys import CLOSED, Key
from tests.unit.signalling.world import Bus, End, Station, World, holders_found

from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.signalling import client_events as client
from meshdl.signalling import server_events as server
from meshdl.signalling import siblings
from meshdl.signalling.server_events import ServerLimits
from meshdl.wire import siblings as bus_wire
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Envelope

CONTENT = ContentHash(b"c" * 32)
GONE_WITHIN_S = siblings.LOST_AFTER_S + 2 * siblings.BEAT_EVERY_S
STRANGER = "00000000000000ff"


def heard(*messages: bus_wire.SiblingMessage) -> server.BusHeard:
    """What comes by the bus at once."""
    return server.BusHeard(bus_wire.gathered(map(bus_wire.encode, messages)))


def tell(world: World, *facts: bus_wire.Fact) -> None:
    """What a stranger says as if it were another process."""
    for serial, fact in enumerate(facts, world.server.counts["told"] + 1):
        world.post(heard(bus_wire.News(STRANGER, serial, fact)))
    world.server.counts["told"] += len(facts)


def introduced(limits: ServerLimits | None = None) -> tuple[World, End]:
    bus = Bus()
    bus.strangers.add(server.Process(STRANGER))
    world = World(limits, bus=bus)
    watcher = End(world).proves("KA1AAA", Key("a")).joins().joins("two")
    world.post(heard(bus_wire.Beat(STRANGER, 0)))
    return world, watcher


def came(call: str, key: Key, at_ms: int = 1) -> bus_wire.Came:
    return bus_wire.Came(wire.Member(call, key.octets, b"i" * 8), at_ms)


def test_a_page_of_an_earlier_round_does_not_end_the_present_one() -> None:
    world, watcher = introduced()
    key = Key("b")
    tell(world, came("KA1BBB", key), bus_wire.Entered(key.id, "cq"))
    tell(world, bus_wire.Gone(Key("c").id))
    gap = bus_wire.News(STRANGER, 9, bus_wire.Gone(Key("c").id))
    world.post(heard(gap))  # from now on KA1BBB is doubted
    world.post(heard(bus_wire.Page(STRANGER, 1, ())))
    assert watcher.of(wire.MemberLeft) == []
    world.post(heard(bus_wire.Page(STRANGER, 2, ())))
    assert [left.station for left in watcher.of(wire.MemberLeft)] == [key.id]


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
        world.post(heard(beat))
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
    world.post(heard(forged))
    assert (watcher.of(wire.MemberLeft), watcher.of(wire.Relayed)) == ([], [])
    watcher.says(wire.Lookup("cq", CONTENT))
    assert holders_found(watcher) == ["KA1BBB"]


@pytest.mark.parametrize("nonsense", [b"7", b'{"type":"beat"}', b'{"type":"carried","to":"\xff"}'])
def test_what_is_heard_at_once_is_taken_one_by_one_whatever_is_between(nonsense: bytes) -> None:
    world, watcher = introduced()
    key = Key("b")
    facts: list[bus_wire.Fact] = [came("KA1BBB", key), bus_wire.Entered(key.id, "cq")]
    said: list[bus_wire.SiblingMessage] = [
        bus_wire.News(STRANGER, serial, fact) for serial, fact in enumerate(facts, 1)
    ]
    signal = Envelope("x", b"s" * 64)
    said += [
        bus_wire.Carried(STRANGER, room, key.id, Key("a").id, signal)
        for room in ("two", "cq", "no such")
    ]
    octets = [each for one in said for each in (bus_wire.encode(one), nonsense)]
    world.post(server.BusHeard(bus_wire.gathered(octets)))
    assert [relayed.room for relayed in watcher.of(wire.Relayed)] == ["cq"]
    assert world.server.counts["bus_unreadable"] == len(said)


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
names = room_names | stations | st.text(max_size=97)
processes = st.sampled_from([STRANGER, "00000000000000fe"])
serials = st.integers(0, 5)
said_by_some = st.one_of(
    st.one_of(st.text(max_size=200).map(str.encode), st.binary(max_size=20)),
    st.one_of(
        st.builds(bus_wire.Beat, processes, serials),
        st.builds(bus_wire.News, processes, serials, facts),
        st.builds(bus_wire.Pull, processes, serials, st.sampled_from(["", "8" * 16])),
        st.builds(
            bus_wire.Page, processes, serials, st.lists(facts, max_size=4).map(tuple), st.booleans()
        ),
        st.builds(
            bus_wire.Carried, processes | names, *(names,) * 3,
            st.just(Envelope("x", b"s" * 64)),
        ),
        st.builds(bus_wire.Returned, processes, room_names, stations, stations),
    ).map(bus_wire.encode),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.lists(said_by_some, max_size=3).map(bus_wire.gathered), max_size=25))
def test_nothing_that_is_said_on_the_bus_makes_a_process_raise_or_drop_its_stations(
    said: list[bytes],
) -> None:
    world, watcher = introduced()
    for octets in said:
        world.post(server.BusHeard(octets))
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
        assert bus_wire.decode(bus_wire.encode(message).decode()) == message
        several = [bus_wire.encode(message)] * 3
        assert bus_wire.decode_gathered(bus_wire.gathered(several)) == ([message] * 3, 0)


@given(st.lists(said_by_some, max_size=4).map(bus_wire.gathered) | st.binary(max_size=80))
def test_whatever_is_read_keeps_its_limits(octets: bytes) -> None:
    messages, unreadable = bus_wire.decode_gathered(octets)
    assert unreadable >= 0
    for message in messages:
        assert bus_wire.decode(bus_wire.encode(message).decode()) == message


@pytest.mark.parametrize(
    "octets", [b"", b"{}", b"7", b"[", b"[" * 100_000, b"[0" + b",0" * bus_wire.MESSAGES_MAX + b"]"]
)
def test_what_is_no_array_of_messages_is_counted_once(octets: bytes) -> None:
    assert bus_wire.decode_gathered(octets) == ([], 1)


def test_a_signal_is_not_returned_to_what_is_no_process() -> None:
    """The name of one becomes that of a channel."""
    world, _ = introduced()
    assert world.bus is not None
    told: list[server.Process | None] = []
    world.bus.tap = told.append
    ends = Key("b").id, Key("a").id
    for process in (STRANGER, "all", f"{STRANGER}\n", STRANGER.upper()):
        world.post(heard(bus_wire.Carried(process, "cq", *ends, Envelope("x", b"s" * 64))))
    assert told == [STRANGER]


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_a_pin_that_is_none_is_no_pin(name: bytes, value: bytes) -> None:
    pin = bus_wire.decode_pin(name, value)
    assert pin is None or len(pin[1]) == 32
    key = StationKey(b"k" * 32)
    assert bus_wire.decode_pin(b"KA1AAA", key.hex().encode()) == ("KA1AAA", key)
