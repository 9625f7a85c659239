"""The core of a signalling server, spoken to by real client cores and by bad ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.signalling.keys import CLOSED, UNIX_S, Key
from tests.unit.signalling.world import NAME, End, Station, World, two

from meshdl.ids import ContentHash
from meshdl.signalling import client_events as client
from meshdl.signalling import proofs
from meshdl.signalling import server_events as server
from meshdl.signalling.client import ClientState
from meshdl.signalling.server_rooms import LIFETIME_S
from meshdl.wire import signalling as wire
from meshdl.wire.rotation import KeyRotation
from meshdl.wire.rotation import statement as rotation_statement

CONTENT, OTHER = ContentHash(b"c" * 32), ContentHash(b"d" * 32)
SESSION = b"s" * 16
OFFER = client.Description("v=0", is_answer=False)


def test_stations_of_one_room_hear_each_other_and_of_another_room_nothing() -> None:
    world = World()
    alice, bob = Station(world, "KA1AAA"), Station(world, "KA1BBB")
    carol = Station(world, "KA1CCC", "elsewhere")
    assert (alice.heard, bob.heard, carol.heard) == ({bob.key.id}, {alice.key.id}, set())
    world.post(server.SocketClosed(bob.socket))
    assert alice.of(client.Lost) == [client.Lost(bob.key.id)]


def test_what_is_said_behind_a_proof_is_taken_once_it_is_let_in_and_else_is_not_read() -> None:
    world = World()
    early = End(world)
    early.joins()  # before the proof: refused, and the socket closed
    assert early.codes() == ["malformed"]
    alice = End(world).proves("KA1AAA", Key("a")).joins()
    kinds = [type(one).__name__ for one in alice.messages]
    assert kinds == ["Challenge", "Welcome", "Joined"]
    posing = End(world).proves("KA1AAA", Key("another")).joins()
    assert posing.codes() == ["callsign-pinned"]
    assert posing.of(wire.Joined) == []


def test_a_signal_is_carried_to_the_one_it_is_for() -> None:
    world = World()
    alice, bob, carol = (Station(world, f"KA1{one * 3}") for one in "ABC")
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    assert bob.of(client.SignalReceived) == [client.SignalReceived(alice.key.id, SESSION, OFFER)]
    assert carol.of(client.SignalReceived) == []
    assert world.server.counts["relayed"] == 1


def test_a_signal_to_a_station_that_left_is_returned() -> None:
    world = World()
    alice, bob = Station(world, "KA1AAA"), End(world).proves("KA1BBB", Key("b")).joins()
    bob_id = Key("b").id
    world.server.receive(server.SocketClosed(bob.socket), now=world.now)
    world.server.effects()  # the news is lost on its way
    alice.post(client.SendSignal(bob_id, SESSION, OFFER))
    assert [lost.station for lost in alice.of(client.SignalLost)] == [bob_id]


def test_nothing_is_carried_between_stations_without_a_common_room() -> None:
    world = World()
    alice, bob = Station(world, "KA1AAA"), Station(world, "KA1BBB")
    carol = Station(world, "KA1CCC", "elsewhere")
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    (text,) = [effect.text for effect in alice.of(client.SendText) if '"relay"' in effect.text]
    mallory = End(world).proves("KA1MMM", Key("m"))
    mallory.says_text(text)
    assert mallory.codes() == ["not-a-member"]
    mallory.joins("elsewhere").says_text(text.replace('"cq"', '"elsewhere"'))
    assert mallory.of(wire.Undeliverable)[0].to == bob.key.id
    assert len(bob.of(client.SignalReceived)) == 1
    assert carol.of(client.SignalReceived) == []


def test_who_looks_for_a_content_is_told_who_has_it_now_and_later() -> None:
    world = World()
    seed = Station(world, "KA1SSS")
    seed.post(client.Advertise(CONTENT, held=True))
    asker = End(world).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT, 60), wire.Lookup("cq", OTHER))
    assert [(found.content_hash, found.count) for found in asker.of(wire.Found)] == [
        (CONTENT, 1),
        (OTHER, 0),
    ]
    late = Station(world, "KA1LLL")
    for content in (CONTENT, OTHER):
        late.post(client.Advertise(content, held=True))
        late.post(client.Advertise(content, held=True))
    later = asker.of(wire.Found)[2:]
    assert [(found.content_hash, found.members[0].callsign) for found in later] == [
        (CONTENT, "KA1LLL")
    ]


def test_announcements_and_watches_run_out_unless_repeated() -> None:
    world = World()
    End(world).proves("KA1SSS", Key("s")).joins().says(wire.Announce("cq", (CONTENT,), 60))
    lasting = Station(world, "KA1LLL")
    lasting.post(client.Advertise(CONTENT, held=True))
    asker = End(world).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", OTHER, 60))
    world.wait(2 * LIFETIME_S)
    asker.says(wire.Lookup("cq", CONTENT))
    assert [member.callsign for member in asker.of(wire.Found)[-1].members] == ["KA1LLL"]
    lasting.post(client.Advertise(OTHER, held=True))
    assert asker.of(wire.Found)[-1].content_hash == CONTENT


def test_who_watches_no_more_is_told_no_more_and_may_watch_for_something_else() -> None:
    world = World(server.ServerLimits(watches_per_room=1))
    holder = End(world).proves("KA1AAA", Key("a")).joins()
    seeker = End(world).proves("KA1BBB", Key("b")).joins()
    seeker.says(wire.Lookup("cq", CONTENT, 600), wire.Unwatch("cq", (OTHER, CONTENT, CONTENT)))
    answers = len(seeker.of(wire.Found))
    holder.says(wire.Announce("cq", (CONTENT,), 600))
    assert len(seeker.of(wire.Found)) == answers == 1
    seeker.says(wire.Lookup("cq", OTHER, 600))
    holder.says(wire.Announce("cq", (OTHER,), 600))
    assert seeker.of(wire.Found)[-1].content_hash == OTHER
    assert (len(seeker.of(wire.Found)), seeker.codes()) == (3, [])


def test_a_station_that_has_and_wants_much_in_many_rooms_stays_within_the_limits() -> None:
    """It would be thrown out, come back, and say it all again."""
    world = World()
    rooms = [f"room-{number}" for number in range(world.limits.rooms_per_station)]
    station = Station(world, "KA1AAA", *rooms)
    for number in range(1000):
        content = ContentHash(number.to_bytes(32, "big"))
        station.post(client.Advertise(content, held=True))
        if number < 60:
            station.post(client.Seek(ContentHash(b"s" * 28 + content[28:]), wanted=True))
    world.wait(LIFETIME_S / 2 - 10)
    for again in (False, True):
        if again:
            world.restart()
            world.wait(60)
        assert station.of(client.Trouble) == []
        assert len(station.of(client.OpenSocket)) == 1 + again
        asker = End(world, address="192.0.2.99").proves("KB1AAA", Key("b"))
        for room in rooms:
            asker.joins(room).says(wire.Lookup(room, ContentHash((999).to_bytes(32, "big"))))
            assert asker.of(wire.Found)[-1].count == 1
    holder = End(world, address="192.0.2.98").proves("KC1AAA", Key("c")).joins(rooms[-1])
    holder.says(wire.Announce(rooms[-1], (b"s" * 28 + (59).to_bytes(4, "big"),), 60))
    assert station.of(client.Heard)[-1].callsign == "KC1AAA"


def test_a_signal_does_not_wait_behind_announcements() -> None:
    world = World()
    alice, bob = Station(world, "KA1AAA"), Station(world, "KB1BBB")
    for number in range(600):
        content = ContentHash(number.to_bytes(32, "big"))
        alice.post(client.Seek(content, wanted=True))
    lookups = len(bob.of(client.SignalReceived))
    alice.post(client.SendSignal(bob.key.id, SESSION, OFFER))
    assert len(bob.of(client.SignalReceived)) == lookups + 1
    assert alice.core.deadline() is not None
    assert alice.core.deadline() - world.now < 1, "the others wait"  # type: ignore[operator]


def test_what_has_run_out_is_found_no_more_also_before_it_is_swept() -> None:
    world = World()
    seed = End(world).proves("KA1SSS", Key("s")).joins()
    asker = End(world).proves("KA1AAA", Key("a")).joins()
    seed.says(wire.Announce("cq", (CONTENT,), 10))
    asker.says(wire.Lookup("cq", OTHER, 10), wire.Lookup("cq", CONTENT))
    world.wait(11)
    seed.says(wire.Announce("cq", (OTHER,), 60))
    asker.says(wire.Lookup("cq", CONTENT))
    told = [(found.content_hash, found.count) for found in asker.of(wire.Found)]
    assert told == [(OTHER, 0), (CONTENT, 1), (CONTENT, 0)]


def test_an_announcement_is_kept_no_longer_than_the_server_keeps_any() -> None:
    world = World()
    seed = End(world).proves("KA1SSS", Key("s")).joins()
    asker = End(world).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", OTHER, wire.LIFETIME_MAX_S))
    seed.says(wire.Announce("cq", (CONTENT,), wire.LIFETIME_MAX_S))
    world.wait(LIFETIME_S + 1)
    seed.says(wire.Announce("cq", (OTHER,), 60))
    asker.says(wire.Lookup("cq", CONTENT))
    told = [(found.content_hash, found.count) for found in asker.of(wire.Found)]
    assert told == [(OTHER, 0), (CONTENT, 0)]


def test_what_has_run_out_takes_no_room_from_what_comes_after_it() -> None:
    world = limited(contents_per_room=2, watches_per_room=2)
    end = End(world).proves("KA1AAA", Key("a")).joins()
    for first in range(0, 8, 2):
        contents = bytes([first]) * 32, bytes([first + 1]) * 32
        end.says(wire.Announce("cq", contents, 10))
        end.says(*(wire.Lookup("cq", content, 10) for content in contents))
        world.wait(60)
    assert end.codes() == []


def test_what_is_withdrawn_or_whose_station_left_is_found_no_more() -> None:
    world = World()
    asker = End(world).proves("KA1AAA", Key("a")).joins()
    seeds = [Station(world, f"KA1{one * 3}") for one in "RST"]
    for seed in seeds:
        seed.post(client.Advertise(CONTENT, held=True))
    seeds[0].post(client.Advertise(CONTENT, held=False))
    world.post(server.SocketClosed(seeds[1].socket))
    asker.says(wire.Lookup("cq", CONTENT))
    assert [member.callsign for member in asker.of(wire.Found)[-1].members] == ["KA1TTT"]


def test_everybody_is_back_within_five_seconds_of_a_restart() -> None:
    world = World()
    stations = [Station(world, f"KA1{one * 3}") for one in "ABCD"]
    for station in stations:
        station.post(client.Advertise(CONTENT, held=True))
    world.restart()
    assert all(one.core.state is ClientState.OFFLINE for one in stations)
    world.wait(5.0)
    assert all(one.core.state is ClientState.ONLINE for one in stations)
    asker = End(world).proves("KA1ZZZ", Key("z")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert asker.of(wire.Found)[-1].count == 4


def test_a_server_that_stops_says_goodbye() -> None:
    world = World()
    end = End(world).proves("KA1AAA", Key("a"))
    world.post(server.Shutdown("restarts", 1500))
    assert end.of(wire.Goodbye) == [wire.Goodbye("restarts", 1500)]
    assert end.is_closed
    assert (world.server.sockets, world.server.stations) == (0, 0)


def test_a_server_that_stops_tells_those_it_sends_away_nothing_of_each_other() -> None:
    """Of 10,000 in rooms of 250 it would be a million messages, and the server would not stop."""
    _, one, other = two()
    here = [End(one).proves(f"KA1{name}", Key(name)).joins() for name in "ABC"]
    silent = End(one)
    there = End(other).proves("KB1AAA", Key("there")).joins()
    one.post(server.Shutdown("restarts", 1500))
    for end in (*here, silent):
        assert end.messages[-1] == wire.Goodbye("restarts", 1500)
        assert end.of(wire.MemberLeft) == []
        assert end.is_closed
    assert (one.server.sockets, one.server.stations, one.server.rooms) == (0, 0, 1)
    assert len(there.of(wire.MemberLeft)) == 3
    assert other.server.remote_stations == 0


# Who is admitted.


def test_a_callsign_goes_with_its_first_key_also_after_a_restart() -> None:
    world = World()
    End(world).proves("KA1AAA", Key("first"))
    world.restart()
    thief = End(world).proves("KA1AAA", Key("second"))
    assert thief.codes() == ["callsign-pinned"]
    assert thief.is_closed
    assert End(world).proves("KA1AAA", Key("first")).of(wire.Welcome)


def test_a_key_hands_over_to_the_next_one_and_is_then_worth_nothing() -> None:
    world = World()
    old, new = Key("old"), Key("new")
    End(world).proves("KA1AAA", old)
    statement = rotation_statement(callsign="KA1AAA", old_key=old.octets, new_key=new.octets)
    forged = KeyRotation(old.octets, new.secret.sign(statement))
    assert End(world).proves("KA1AAA", new, rotations=(forged,)).codes() == ["callsign-pinned"]
    rotation = KeyRotation(old.octets, old.secret.sign(statement))
    assert End(world).proves("KA1AAA", new, rotations=(rotation,)).of(wire.Welcome)
    assert End(world).proves("KA1AAA", old).codes() == ["callsign-pinned"]


def test_a_proof_made_for_another_server_is_refused() -> None:
    end = End(World()).proves("KA1AAA", Key("a"), name="other.example")
    assert end.codes() == ["signature"]
    assert end.is_closed


def test_a_proof_cannot_be_used_twice() -> None:
    world = World()
    first, second = End(world), End(world)
    first.proves("KA1AAA", Key("a"))
    key = Key("a")
    (challenge,) = first.of(wire.Challenge)
    statement = proofs.authentication(
        server_name=NAME,
        nonce=challenge.nonce,
        callsign="KA1AAA",
        station_key=key.octets,
        instance=b"i" * 8,
    )
    replay = wire.Authenticate(1, "KA1AAA", key.octets, b"i" * 8, key.secret.sign(statement))
    second.says(replay)
    assert second.codes() == ["signature"]


def test_nothing_is_said_before_the_authentication() -> None:
    end = End(World())
    end.says(wire.Join("cq"))
    assert end.codes() == ["malformed"]
    assert end.is_closed


def test_a_socket_that_says_nothing_is_closed() -> None:
    world = World()
    silent, good = End(world), End(world).proves("KA1AAA", Key("a"))
    world.wait(world.limits.authenticate_within_s + 2)
    assert (silent.is_closed, good.is_closed) == (True, False)


def test_a_station_has_one_connection_and_the_newest_counts() -> None:
    world = World()
    old = End(world).proves("KA1AAA", Key("a")).joins()
    new = End(world).proves("KA1AAA", Key("a")).joins()
    assert old.codes() == ["replaced"]
    assert (old.is_closed, new.is_closed, world.server.stations) == (True, False, 1)


@pytest.mark.parametrize("entry", ["KA1AAA", "192.0.2.0/24", "192.0.2.1", Key("a").id])
def test_who_is_on_the_deny_list_is_put_out_and_stays_out(entry: str) -> None:
    world = World()
    here = End(world).proves("KA1AAA-7", Key("a"))
    other = End(world, address="198.51.100.1").proves("KA1BBB", Key("b"))
    world.deny(entry)
    assert (here.is_closed, other.is_closed) == (True, False)
    again = End(world)
    if not again.is_closed:
        again.proves("KA1AAA-7", Key("a"))
    assert again.codes() == ["denied"]


# Closed rooms.


def test_a_closed_room_is_entered_with_a_membership_only() -> None:
    world = World()
    alice = Station(world, "KA1AAA", CLOSED)
    key = Key("b")
    bob = End(world).proves("KA1BBB", key)
    bob.says(wire.Join(CLOSED), wire.Join(CLOSED, Key("c").member()))
    assert bob.codes() == ["signature", "signature"]
    bob.says(wire.Join(CLOSED, key.member()))
    assert alice.heard == {key.id}


def test_a_membership_that_ends_ends_the_stay() -> None:
    world = World()
    key = Key("b")
    bob = End(world).proves("KA1BBB", key)
    bob.says(wire.Join(CLOSED, key.member(until_s=UNIX_S + 100)))
    alice = Station(world, "KA1AAA", CLOSED)
    world.wait(200)
    assert bob.codes() == ["expired"]
    assert alice.of(client.Lost) == [client.Lost(key.id)]


# Limits.


def limited(**limits: float) -> World:
    return World(server.ServerLimits(**limits))  # type: ignore[arg-type]


def test_a_flood_costs_the_flooder_its_socket_and_nobody_else() -> None:
    world = limited(messages_burst=50)
    good, bad = End(world).proves("KA1AAA", Key("a")).joins(), End(world).proves("KA1BBB", Key("b"))
    for _ in range(100):
        bad.says(wire.Lookup("cq", CONTENT))
    assert bad.is_closed
    assert bad.codes()[-1] == "rate"
    assert len(bad.messages) < 60
    good.says(wire.Lookup("cq", CONTENT))
    assert good.of(wire.Found)


def test_a_flood_of_connections_from_one_address_does_not_shut_out_others() -> None:
    world = limited(connects_burst=10)
    flood = [End(world, address="203.0.113.9") for _ in range(100)]
    assert sum(not end.is_closed for end in flood) == 10
    assert {code for end in flood for code in end.codes()} == {"rate"}
    assert not End(world, address="192.0.2.1").is_closed


def test_connections_at_a_time_are_limited_for_each_address_and_in_all() -> None:
    world = limited(sockets_per_address=2, sockets=3)
    ends = [End(world, address="203.0.113.9") for _ in range(3)]
    assert [end.is_closed for end in ends] == [False, False, True]
    world.post(server.SocketClosed(ends[0].socket))
    assert not End(world, address="203.0.113.9").is_closed
    assert not End(world, address="192.0.2.1").is_closed
    assert End(world, address="192.0.2.2").codes() == ["too-many"]


def test_what_cannot_be_read_is_refused_each_time_and_then_costs_the_socket() -> None:
    world = World()
    end = End(world).proves("KA1AAA", Key("a"))
    end.says_text("x" * (wire.MESSAGE_MAX + 1))
    for _ in range(world.limits.faults):
        end.says_text("{}")
    assert end.codes() == ["too-long"] + ["malformed"] * (world.limits.faults - 1)
    assert end.is_closed


def test_rooms_contents_and_watches_of_one_station_are_limited() -> None:
    world = limited(rooms_per_station=2, contents_per_room=3, watches_per_room=1)
    end = End(world).proves("KA1AAA", Key("a")).joins("one").joins("two").joins("three")
    contents = tuple(bytes([number]) * 32 for number in range(4))
    end.says(wire.Announce("one", contents, 60), wire.Announce("one", contents[:3], 60))
    end.says(wire.Lookup("one", CONTENT, 60), wire.Lookup("one", OTHER, 60))
    assert [(no.code, no.about, no.room) for no in end.of(wire.Refused)] == [
        ("too-many", "join", "three"),
        ("too-many", "announce", "one"),
        ("too-many", "lookup", "one"),
    ]


def test_in_a_crowded_room_nobody_is_told_who_comes_and_goes() -> None:
    world = limited(presence_members=3, connects_burst=100)
    first = End(world).proves("KA1AAA", Key("a")).joins()
    for number in range(6):
        End(world).proves(f"KA1B{chr(65 + number)}", Key(str(number))).joins()
    assert len(first.of(wire.MemberJoined)) == 2
    last = End(world).proves("KA1ZZZ", Key("z")).joins()
    (joined,) = last.of(wire.Joined)
    assert (joined.quiet, joined.count, joined.members) == (True, 7, ())


def test_an_answer_is_bounded_however_many_have_a_content() -> None:
    world = limited(connects_burst=1000, sockets_per_address=1000)
    for number in range(wire.MEMBERS_MAX + 5):
        holder = End(world).proves(f"KA{number % 10}B{chr(65 + number // 10)}", Key(str(number)))
        holder.joins().says(wire.Announce("cq", (CONTENT,), 60))
    asker = End(world).proves("KA1ZZZ", Key("z")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    (found,) = asker.of(wire.Found)
    assert (len(found.members), found.count) == (wire.MEMBERS_MAX, wire.MEMBERS_MAX + 5)


@given(st.text(max_size=300), st.booleans())
def test_no_text_makes_it_raise_or_disturbs_another_station(text: str, proved: bool) -> None:
    world = World()
    good, bad = End(world).proves("KA1AAA", Key("a")).joins(), End(world)
    if proved:
        bad.proves("KA1BBB", Key("b"))
    before = len(good.messages)
    bad.says_text(text)
    assert len(good.messages) == before
    assert not good.is_closed
