"""Who is refused by a signalling server is told what is wrong, and what to do next."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from tests.unit.signalling.keys import CLOSED, UNIX_S, Key
from tests.unit.signalling.world import NAME, Bus, End, Station, World

from meshdl.ids import Callsign
from meshdl.signalling import client_events as client
from meshdl.signalling import server_events as server
from meshdl.signalling.server_events import ServerLimits
from meshdl.wire import signalling as wire

HERE, THERE = "192.0.2.1", "198.51.100.7"
ANNOUNCED = (b"c" * 32, b"d" * 32)


def in_cq(world: World, call: str = "KA1AAA", *, address: str = HERE) -> End:
    return End(world, address=address).proves(call, Key(call)).joins()


def authentication(world: World, **changes: object) -> End:
    """One that is wrong in something."""
    end = End(world)
    says = end.says_text

    def change(text: str) -> None:
        message = wire.decode_station_message(text)
        assert message is not None
        says(wire.encode(msgspec.structs.replace(message, **changes)))

    end.says_text = change  # type: ignore[method-assign]
    return end.proves("KA1AAA", Key("a"))


def malformed() -> End:
    end = in_cq(World())
    end.says_text('{"type":"join","room":5}')
    return end


def hasty() -> End:
    end = End(World())
    end.joins()
    return end


def too_long() -> End:
    end = in_cq(World())
    end.says_text(" " * (wire.MESSAGE_MAX + 1))
    return end


def held_garbage() -> End:
    world = World(bus=Bus())
    assert world.bus is not None
    world.bus.up = False
    end = End(world).proves("KA1AAA", Key("a")).proves("KA1AAA", Key("a"))
    world.post(server.BusDown())
    return end


def late() -> End:
    world = World()
    end = End(world)
    world.wait(20)
    return end


def no_member() -> End:
    return End(World()).proves("KA1AAA", Key("a")).joins(CLOSED)


def membership_ended() -> End:
    world, key = World(), Key("a")
    end = End(world).proves("KA1AAA", key)
    end.says(wire.Join(CLOSED, key.member(until_s=UNIX_S + 50)))
    world.wait(120)
    return end


def pinned() -> End:
    world = World()
    End(world).proves("KA1AAA", Key("first"))
    return End(world).proves("KA1AAA", Key("another"))


def too_many_pins() -> End:
    world = World(ServerLimits(pins=1))
    End(world).proves("KA1AAA", Key("a"))
    return End(world).proves("KA1BBB", Key("b"))


def new_pins_too_fast() -> End:
    world = World(ServerLimits(pins_per_address_burst=1, pins_per_address_per_hour=1))
    End(world).proves("KA1AAA", Key("a"))
    return End(world).proves("KA1BBB", Key("b"))


def denied(entry: str, *, before: bool) -> Callable[[], End]:
    def attempt() -> End:
        world = World()
        if before:
            world.deny(entry)
        end = End(world)
        if not end.is_closed:
            end.proves("KA1AAA", Key("a"))
        if not before:
            world.deny(entry)
        return end

    return attempt


def replaced() -> End:
    world = World()
    first = in_cq(world)
    in_cq(world)
    return first


def not_a_member() -> End:
    end = End(World()).proves("KA1AAA", Key("a"))
    end.says(wire.Lookup("cq", b"c" * 32))
    return end


def limited(first: tuple[str, ...] = (), **limits: int) -> Callable[[], End]:
    """Beyond such a limit: others came first, and one does everything that there is to do."""

    def attempt() -> End:
        world = World(ServerLimits(**limits))
        for number, address in enumerate(first):
            in_cq(world, f"KB1{number}A".replace("0", "Z"), address=address)
        end = End(world)
        if not end.is_closed:
            end.proves("KA1AAA", Key("a"))
            end.says(wire.Join("cq"), wire.Join("net"), wire.Announce("cq", ANNOUNCED, 60))
            end.says(*(wire.Lookup("cq", content, 60) for content in ANNOUNCED))
        return end

    return attempt


def too_fast() -> End:
    end = in_cq(World(ServerLimits(messages_burst=2)))
    end.says(wire.Lookup("cq", b"c" * 32), wire.Lookup("cq", b"c" * 32))
    return end


CASES: list[tuple[str, str, Callable[[], End]]] = [
    ("malformed", "update it, or report it", malformed),
    ("malformed", "update it, or report it", hasty),
    ("malformed", "update it, or report it", held_garbage),
    ("malformed", "is no callsign", lambda: authentication(World(), callsign="NOBODY")),
    ("too-long", "update it, or report it", too_long),
    (
        "protocol-version",
        "speaks protocol 1, not 2; update the older",
        lambda: authentication(World(), protocol=2),
    ),
    (
        "signature",
        f"this server's name ({NAME}); dial it by that name",
        lambda: authentication(World(), signature=bytes(64)),
    ),
    ("signature", "or has ended; ask for another one", no_member),
    ("callsign-pinned", "meshdl key rotate", pinned),
    ("denied", "your address; ask them why", denied(HERE, before=True)),
    ("denied", "KA1AAA; ask them why", denied("KA1AAA", before=True)),
    ("denied", "you; ask them why", denied("KA1AAA", before=False)),
    ("not-a-member", "join it first", not_a_member),
    ("expired", "connect again", late),
    ("expired", "ask for another invitation", membership_ended),
    ("too-many", "server is full; name another one", limited((THERE,), sockets=1)),
    (
        "too-many",
        "from your address; close some (operator: if a proxy",
        limited((HERE,), sockets_per_address=1),
    ),
    ("too-many", "remembers no more callsigns, and KA1BBB", too_many_pins),
    ("too-many", "too many rooms; join one that there is", limited(rooms=1)),
    ("too-many", "in too many rooms; leave one first", limited(rooms_per_station=1)),
    ("too-many", "at most 1 contents of one station", limited(contents_per_room=1)),
    ("too-many", "and 1 from one address; withdraw some", limited(contents_per_address=1)),
    ("too-many", "at most 1 contents may be watched for", limited(watches_per_room=1)),
    ("rate", "from your address come too fast; wait", limited((HERE,), connects_burst=1)),
    ("rate", "too fast from you, or from your address; wait, then", too_fast),
    ("rate", "KA1BBB too; wait", new_pins_too_fast),
    ("replaced", "a copy of your key", replaced),
]


@pytest.mark.parametrize(("code", "words", "attempt"), CASES)
def test_who_is_refused_is_told_what_to_do(
    code: str, words: str, attempt: Callable[[], End]
) -> None:
    refused = next(one for one in attempt().of(wire.Refused) if words in one.reason)
    assert refused.code == code
    what, _, next_step = refused.reason.partition("; ")
    assert what
    assert next_step, "what to do"
    assert len(refused.reason) < 256, "none is cut"
    if code == "rate":
        assert refused.retry_after_ms > 0
    shown = list(shown_to_the_operator(refused))
    assert shown == [f"{NAME} refuses{room_of(refused)}: {refused.reason}"]


def room_of(refused: wire.Refused) -> str:
    return f" (room {refused.room.partition('#')[0]})" if refused.room else ""


def shown_to_the_operator(refused: wire.Refused) -> Iterator[str]:
    """By a station that is told so; in its log, its status and by the doctor."""
    world = World()
    station = Station(world, "KC1AAA")
    station.hears(station.socket, wire.encode(refused))
    yield from (trouble.text for trouble in station.of(client.Trouble))


def test_every_refusal_has_been_tried() -> None:
    """But that of a trouble of the server's own, which this one has no words for."""
    assert {code for code, _, _ in CASES} == wire.REFUSAL_CODES - {"unavailable"}


def test_a_refusal_while_it_is_let_in_stays_to_be_seen() -> None:
    world = World()
    world.deny("KA1AAA")
    station = Station(world, "KA1AAA")
    assert station.core.problem == (
        f"the operator of this server does not want {Callsign('KA1AAA')}; ask them why"
    )
