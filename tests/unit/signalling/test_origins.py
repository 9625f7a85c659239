"""Floods from one address with many sockets, and what others are told because of one."""

from itertools import pairwise

import pytest
from tests.unit.signalling.keys import Key
from tests.unit.signalling.world import End, World

from meshdl.ids import Callsign, ContentHash
from meshdl.signalling import origins
from meshdl.signalling import server_events as server
from meshdl.signalling.origins import origin_of
from meshdl.signalling.server_rooms import CHOICE_COSTS
from meshdl.wire import signalling as wire
from meshdl.wire.rotation import KeyRotation, statement

CONTENT = ContentHash(b"c" * 32)
HERE, THERE = "192.0.2.1", "198.51.100.7"


def limited(**limits: float) -> World:
    return World(server.ServerLimits(**limits))  # type: ignore[arg-type]


def crowd(world: World, count: int, *, room: str = "cq") -> list[End]:
    """Members of a room, each from an address of its own."""
    return [
        End(world, address=f"198.51.100.{number}")
        .proves(f"KA{number // 26}B{chr(65 + number % 26)}", Key(f"member {number}"))
        .joins(room)
        for number in range(count)
    ]


def test_many_sockets_of_one_address_may_not_say_more_than_one_address_may() -> None:
    world = limited(messages_per_address_burst=200)
    flood = [End(world, address=HERE).proves(f"KA1B{one}", Key(one)) for one in "ABCDEFGHIJ"]
    good = End(world, address=THERE).proves("KA1AAA", Key("a")).joins()
    for end in flood:
        for _ in range(100):
            if not end.is_closed:
                end.says(wire.Lookup("cq", CONTENT))
    assert sum(len(end.of(wire.Refused)) for end in flood) <= 200
    assert flood[-1].codes()[-1] == "rate"
    assert [end.is_closed for end in flood[2:]] == [True] * 8
    # Who comes from there meanwhile is told to wait; who comes from elsewhere is served.
    assert End(world, address=HERE).codes() == ["rate"]
    good.says(wire.Lookup("cq", CONTENT))
    assert good.of(wire.Found)
    world.wait(1.0)
    assert End(world, address=HERE).proves("KA1ZZZ", Key("z")).of(wire.Welcome)


def told(ends: list[End], kind: type) -> int:
    return sum(len(end.of(kind)) for end in ends)


def test_who_comes_and_goes_all_the_time_is_soon_no_news_any_more() -> None:
    world = limited(messages_per_address_burst=100, messages_burst=10_000)
    members = crowd(world, 20)
    restless = End(world, address=HERE).proves("KA1AAA", Key("a"))
    before = told(members, wire.MemberJoined)
    while not restless.is_closed:
        restless.says(wire.Join("cq"), wire.Leave("cq"))
    assert restless.codes()[-1] == "rate"
    assert told(members, wire.MemberJoined) - before + told(members, wire.MemberLeft) <= 120
    members[0].says(wire.Lookup("cq", CONTENT))
    assert members[0].of(wire.Found)


def test_connecting_again_and_again_is_no_way_around_it() -> None:
    world = limited(messages_per_address_burst=100)
    members = crowd(world, 20)
    before = told(members, wire.MemberJoined)
    end = End(world, address=HERE)
    while not end.is_closed:
        end.proves("KA1AAA", Key("a")).joins()
        if not end.is_closed:
            world.post(server.SocketClosed(end.socket))
        end = End(world, address=HERE)
    assert end.codes() == ["rate"]
    assert told(members, wire.MemberJoined) - before + told(members, wire.MemberLeft) <= 140


def test_who_has_a_content_and_has_it_not_and_has_it_is_soon_no_news_any_more() -> None:
    world = limited(messages_per_address_burst=100, messages_burst=10_000)
    seekers = crowd(world, 20)
    for seeker in seekers:
        seeker.says(wire.Lookup("cq", CONTENT, 600))
    flickering = End(world, address=HERE).proves("KA1AAA", Key("a")).joins()
    before = told(seekers, wire.Found)
    while not flickering.is_closed:
        flickering.says(wire.Announce("cq", (CONTENT,), 600), wire.Withdraw("cq", (CONTENT,)))
    assert flickering.codes()[-1] == "rate"
    assert told(seekers, wire.Found) - before <= 120


def test_long_answers_count_for_more_than_one_message() -> None:
    world = limited(messages_per_address_burst=100, messages_burst=10_000)
    for member in crowd(world, 50):
        member.says(wire.Announce("cq", (CONTENT,), 600))
    asker = End(world, address=HERE).proves("KA1AAA", Key("a")).joins()
    while not asker.is_closed:
        asker.says(wire.Lookup("cq", CONTENT))
    assert len(asker.of(wire.Found)) <= 100 // (1 + 50 // 10) + 1


def test_a_choice_among_many_counts_for_more_than_the_answer() -> None:
    """It is work, and none of it is seen by who asks: a flood of such questions costs others."""
    world = limited(messages_per_address_burst=500, messages_burst=10_000)
    for member in crowd(world, wire.MEMBERS_MAX + 5):
        member.says(wire.Announce("cq", (CONTENT,), 600))
    asker = End(world, address=HERE).proves("KA1AAA", Key("a")).joins()
    while not asker.is_closed:
        asker.says(wire.Lookup("cq", CONTENT))
    assert len(asker.of(wire.Found)) <= 500 // (1 + 5 + CHOICE_COSTS) + 1


def test_stations_that_come_back_together_from_one_address_are_within_the_limits() -> None:
    world = World()
    club = [
        End(world, address=HERE)
        .proves(f"KA{number // 26}B{chr(65 + number % 26)}", Key(f"member {number}"))
        .joins()
        for number in range(world.limits.sockets_per_address)
    ]
    for end in club:
        end.says(wire.Announce("cq", (CONTENT,), 600), wire.Lookup("cq", CONTENT, 600))
    assert [end.codes() for end in club if end.codes()] == []
    assert world.server.stations == len(club)


# Callsigns that are new.


def test_one_address_cannot_use_up_the_callsigns_that_a_server_remembers() -> None:
    world = limited(pins_per_address_burst=5, pins_per_address_per_hour=60)
    ends = [End(world, address=HERE).proves(f"KA1B{one}", Key(one)) for one in "ABCDEFG"]
    assert [end.codes() for end in ends] == [[]] * 5 + [["rate"]] * 2
    assert ends[-1].of(wire.Refused)[0].retry_after_ms == 60_000
    assert len(world.server.pins) == 5
    # Who is known is welcome, and so is who comes from elsewhere, or later.
    assert End(world, address=HERE).proves("KA1BA", Key("A")).of(wire.Welcome)
    assert End(world, address=THERE).proves("KA1BF", Key("F")).of(wire.Welcome)
    world.wait(60.0)
    assert End(world, address=HERE).proves("KA1BG", Key("G")).of(wire.Welcome)


def test_one_address_cannot_have_a_server_write_down_new_keys_without_end() -> None:
    world = limited(pins_per_address_burst=3)
    keys = [Key(f"key {number}") for number in range(5)]
    End(world, address=HERE).proves("KA1AAA", keys[0])
    codes = []
    for old, new in pairwise(keys):
        signed = statement(callsign="KA1AAA", old_key=old.octets, new_key=new.octets)
        rotation = KeyRotation(old.octets, old.secret.sign(signed))
        codes += End(world, address=HERE).proves("KA1AAA", new, rotations=(rotation,)).codes()
    assert codes == ["rate", "callsign-pinned"]
    assert world.pins[Callsign("KA1AAA")] == keys[2].octets


# Contents.


def test_what_stations_of_one_address_have_and_look_for_is_limited_for_all_together() -> None:
    world = limited(contents_per_address=6)
    one, other = (End(world, address=HERE).proves(f"KA1{call}", Key(call)) for call in "AB")
    elsewhere = End(world, address=THERE).proves("KA1C", Key("C")).joins()
    contents = [bytes([number]) * 32 for number in range(20)]
    one.joins().says(wire.Announce("cq", tuple(contents[:4]), 600))
    other.joins().says(wire.Lookup("cq", contents[0], 10), wire.Announce("cq", (contents[0],), 10))
    assert one.codes() == other.codes() == []
    # It is full: what is there may be repeated, and nothing comes to it.
    one.says(wire.Announce("cq", tuple(contents[:4]), 600))
    assert one.codes() == []
    other.says(wire.Announce("cq", (contents[9],), 600), wire.Lookup("cq", contents[9], 600))
    assert other.codes() == ["too-many", "too-many"]
    elsewhere.says(wire.Announce("cq", tuple(contents[:6]), 600))
    assert elsewhere.codes() == []

    def room() -> int:
        """For how many there is some; it is left as it was."""
        before = len(other.codes())
        for number, content in enumerate(contents[10:]):
            other.says(wire.Announce("cq", (content,), 600))
            if len(other.codes()) > before:
                other.says(wire.Withdraw("cq", tuple(contents[10:])))
                return number
        raise AssertionError("there is no end to it")

    assert room() == 0
    one.says(wire.Withdraw("cq", tuple(contents[:3])))
    assert room() == 3
    world.wait(60)  # the watch and the announcement of 10 s have run out
    assert room() == 5
    world.post(server.SocketClosed(one.socket))
    assert room() == 6
    other.says(wire.Leave("cq"))
    other.joins()
    assert room() == 6


def test_those_who_really_have_a_content_are_not_hidden_by_many_who_say_so_from_one_address() -> (
    None
):
    world = limited(sockets_per_address=200)
    liars = [
        End(world, address=HERE).proves(f"KA{n // 26}B{chr(65 + n % 26)}", Key(str(n))).joins()
        for n in range(150)
    ]
    honest = [
        End(world, address=f"203.0.113.{n}").proves(f"KB1{chr(65 + n)}", Key(f"h{n}")).joins()
        for n in range(3)
    ]
    for end in (*liars, *honest):
        end.says(wire.Announce("cq", (CONTENT,), 600))
    asker = End(world, address=THERE).proves("KC1AAA", Key("asker")).joins()
    for _ in range(5):
        asker.says(wire.Lookup("cq", CONTENT))
    answers = [asker.of(wire.Joined)[0].members, *(one.members for one in asker.of(wire.Found))]
    for members in answers:
        assert len(members) == len(set(members)) == wire.MEMBERS_MAX
        assert {"KB1A", "KB1B", "KB1C"} <= {member.callsign for member in members}
    assert len(set(answers)) > 1, "the others by chance"


# What an origin is.


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2a00:1::1", "2a00:1::ffff:2", True),
        ("2a00:1:0:1::1", "2a00:1:0:2::1", False),
        ("fe80::1", "fe80::2", False),  # one network is all of an emergency centre
        ("fd74::1", "fd74::2", False),
        ("unknown", "unknown", True),
    ],
)
def test_limits_count_for_an_address_or_for_a_households_ipv6(
    one: str, other: str, same: bool
) -> None:
    assert (origin_of(one) == origin_of(other)) == same


def test_a_household_has_no_more_sockets_because_its_addresses_are_many() -> None:
    world = limited(sockets_per_address=3)
    ends = [End(world, address=f"2a00:1:2:3::{number}") for number in range(5)]
    assert [end.is_closed for end in ends] == [False] * 3 + [True] * 2
    assert ends[-1].codes() == ["too-many"]


def test_an_address_is_not_forgotten_while_it_has_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "ORIGINS_MAX", 2)
    world = limited(sockets_per_address=1)
    first = End(world, address=HERE)
    for number in range(5):
        passing = End(world, address=f"198.51.100.{number}")
        world.post(server.SocketClosed(passing.socket))
    assert End(world, address=HERE).codes() == ["too-many"]
    world.post(server.SocketClosed(first.socket))
    assert not End(world, address=HERE).is_closed


@pytest.mark.parametrize(
    ("entry", "address", "denied"),
    [
        ("192.0.2.0/24", "::ffff:192.0.2.9", True),
        ("192.0.2.0/24", "192.0.3.9", False),
        ("192.0.2.77/24", "192.0.2.9", True),
        ("192.0.2.9", "192.0.2.9", True),
        ("192.0.2.9", "192.0.2.8", False),
        ("0.0.0.0/0", "198.51.100.1", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "198.51.100.1", False),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
    ],
)
def test_who_is_denied_is_denied_however_the_address_is_written(
    entry: str, address: str, denied: bool
) -> None:
    world = World()
    world.deny(entry, "198.18.0.0/15", "KA1ZZZ")
    assert (End(world, address=address).codes() == ["denied"]) == denied
