"""Processes of one signalling server: cores joined by a bus in memory, which fails on order."""

import pytest
from tests.unit.signalling.keys import Key
from tests.unit.signalling.world import Bus, End, Station, World, holders_found, two

from meshdl.ids import Callsign, ContentHash
from meshdl.signalling import client_events as client
from meshdl.signalling import remote_stations, siblings
from meshdl.signalling import server_events as server
from meshdl.wire import signalling as wire

CONTENT, OTHER = ContentHash(b"c" * 32), ContentHash(b"d" * 32)
SESSION = b"s" * 16
OFFER = client.Description("v=0", is_answer=False)
GONE_WITHIN_S = siblings.LOST_AFTER_S + 2 * siblings.BEAT_EVERY_S


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
    assert holders_found(asker) == ["KA1SSS", "KA1TTT"]
    seed.post(client.Advertise(CONTENT, held=False))
    asker.says(wire.Lookup("cq", CONTENT))
    assert holders_found(asker) == ["KA1TTT"]


def test_who_looks_for_a_content_is_told_when_it_comes_at_another_process() -> None:
    _, here, there = two()
    asker = End(here).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT, 60))
    Station(there, "KA1SSS").post(client.Advertise(CONTENT, held=True))
    assert holders_found(asker) == ["KA1SSS"]


def test_what_was_announced_at_another_process_runs_out_here_too() -> None:
    bus, here, there = two()
    End(there).proves("KA1SSS", Key("s")).joins().says(wire.Announce("cq", (CONTENT,), 60))
    bus.wait(61)
    asker = End(here).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert holders_found(asker) == []


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
        assert len(holders_found(asker)) == 11


def test_a_process_that_comes_late_hears_nothing_of_what_has_just_run_out() -> None:
    bus = Bus()
    here = World(bus=bus)
    seed = End(here).proves("KA1SSS", Key("s")).joins()
    seed.says(wire.Announce("cq", (CONTENT,), 20), wire.Announce("cq", (OTHER,), 600))
    bus.wait(25)  # it is not swept yet
    late = World(bus=bus)
    asker = End(late).proves("KA1AAA", Key("a")).joins()
    asker.says(wire.Lookup("cq", CONTENT))
    assert holders_found(asker) == []
    asker.says(wire.Lookup("cq", OTHER))
    assert holders_found(asker) == ["KA1SSS"]


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
        assert holders_found(asker) == holders


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
    assert holders_found(asker) == []


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
    assert holders_found(asker) == ["KA1BBB"]


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


# Floods by way of another process.


def test_what_is_announced_at_one_process_is_no_flood_at_another() -> None:
    """A message of 11 kB would have tens of thousands sent, and the other process stand still."""
    limits = server.ServerLimits(messages_per_address_burst=100, messages_per_address_per_s=1.0)
    bus, here, there = two(limits)
    contents = tuple(bytes([number]) * 32 for number in range(10))
    seekers = [
        End(there, address=f"198.51.100.{number}").proves(
            f"KB1{chr(65 + number)}", Key(str(number))
        )
        for number in range(11)
    ]
    for seeker in seekers:
        seeker.joins().says(*(wire.Lookup("cq", content, 600) for content in contents))

    def told(call: str) -> int:
        found = [one for seeker in seekers for one in seeker.of(wire.Found)]
        return sum(member.callsign == call for one in found for member in one.members)

    def comes(call: str, address: str) -> End:
        return End(here, address=address).proves(call, Key(call)).joins()

    def flickers(end: End, times: int) -> None:
        for _ in range(times):
            end.says(wire.Announce("cq", contents, 600), wire.Withdraw("cq", contents))
        end.says(wire.Announce("cq", contents, 600))

    flood = comes("KA1AAA", "192.0.2.1")
    flickers(flood, 10)
    assert 100 <= told("KA1AAA") <= 100 + len(seekers)
    # Another of the same address is no way around it, nor is coming again.
    here.post(server.SocketClosed(flood.socket))
    for call in ("KA1AAA", "KA1BBB"):
        bus.wait(0.5)
        before = told(call)
        flickers(comes(call, "192.0.2.1"), 1)
        assert told(call) == before
    # What was not told of is found by who asks, and others are told of as ever.
    seekers[0].says(wire.Lookup("cq", ContentHash(contents[0])))
    assert set(holders_found(seekers[0])) == {"KA1BBB", "KA1AAA"}
    comes("KC1AAA", "203.0.113.7").says(wire.Announce("cq", contents[:1], 600))
    assert told("KC1AAA") == len(seekers)
    bus.wait(20)
    before = told("KA1CCC")
    comes("KA1CCC", "192.0.2.1").says(wire.Announce("cq", contents[:1], 600))
    assert told("KA1CCC") == before + len(seekers)


def test_a_process_that_comes_late_counts_by_the_same_origins() -> None:
    limits = server.ServerLimits(messages_per_address_burst=50, messages_per_address_per_s=10.0)
    bus = Bus()
    here = World(limits, bus=bus)
    crowd = [End(here).proves(f"KA1{one}", Key(one)).joins() for one in "ABCDE"]
    there = World(limits, bus=bus)
    bus.wait(4 * siblings.BEAT_EVERY_S)
    seeker = End(there, address="198.51.100.1").proves("KB1AAA", Key("b")).joins()
    contents = tuple(bytes([number]) * 32 for number in range(20))
    seeker.says(*(wire.Lookup("cq", content, 600) for content in contents))
    before = len(seeker.of(wire.Found))
    for end in crowd:
        end.says(wire.Announce("cq", contents, 600))
    assert 50 <= len(seeker.of(wire.Found)) - before <= 51
