"""What one server remembers of many: forgotten a step at a time, and chosen from at little cost."""

import itertools
from random import Random

import pytest
from tests.unit.signalling.keys import Key

from meshdl.ids import ContentHash, StationId
from meshdl.signalling import directory as of
from meshdl.signalling.directory import FOREVER, Directory, Resident, Shelf
from meshdl.wire.signalling import Member

MOST = 50


def filled(stations: int, contents: int, *, until: float) -> tuple[Directory, list[Resident]]:
    """A room whose stations all have, and look for, the same contents until then."""
    directory = Directory(Random(1))
    residents = []
    for number in range(stations):
        key = Key(f"station {number}")
        member = Member("KA1AAA", key.octets, b"i" * 8)
        made = Resident(key.id, member, 0, shelf=Shelf(1000), socket=number)
        directory.residents[key.id] = made
        directory.join(made, "cq", member, until=FOREVER)
        every = [content(one) for one in range(contents)]
        directory.announce(made, "cq", every, until=until, limit=1000)
        for one in every:
            directory.watch(made, "cq", one, until=until, limit=1000)
        residents.append(made)
    return directory, residents


def content(number: int) -> ContentHash:
    return ContentHash(number.to_bytes(32, "big"))


def holders(directory: Directory, number: int, *, now: float) -> tuple[tuple[Member, ...], int]:
    nobody = StationId("0" * 16)
    return directory.holders("cq", content(number), but=nobody, most=MOST, now=now)


def test_what_has_run_out_is_forgotten_a_step_at_a_time_and_found_at_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of, "SWEPT_AT_ONCE", 10)
    directory, (first, second) = filled(2, 25, until=5.0)
    directory.announce(first, "cq", [content(3)], until=99.0, limit=1000)
    directory.sweep(now=6.0)
    remembered = [first.shelf.used + second.shelf.used]
    while directory.sweeping:
        directory.sweep_on(now=6.0)
        remembered.append(first.shelf.used + second.shelf.used)
        assert holders(directory, 7, now=6.0) == ((), 0)
    assert remembered[0] == 100
    assert remembered[-1] == 1
    assert all(0 <= before - after <= 20 for before, after in itertools.pairwise(remembered))
    assert [one.callsign for one in holders(directory, 3, now=6.0)[0]] == ["KA1AAA"]


def test_who_leaves_in_the_midst_of_a_sweep_is_forgotten_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of, "SWEPT_AT_ONCE", 10)
    directory, (first, second) = filled(2, 25, until=5.0)
    directory.sweep(now=6.0)
    directory.sweep_on(now=6.0)
    directory.leave(first, "cq")
    directory.sweep_on(now=6.0)
    directory.leave(second, "cq")
    while directory.sweeping:
        directory.sweep_on(now=6.0)
    assert (first.shelf.used, second.shelf.used) == (0, 0)
    assert directory.rooms == {}


def test_of_very_many_who_have_a_content_some_are_told_and_none_who_no_longer_has_it() -> None:
    many = of.LOOKED_AT * MOST + 100
    directory, residents = filled(many, 1, until=99.0)
    gone, asking = residents[:200], residents[-1]
    for one in gone:
        directory.announce(one, "cq", [content(0)], until=5.0, limit=1000)
    told = set()
    for _ in range(20):
        some, count = directory.holders("cq", content(0), but=asking.station, most=MOST, now=6.0)
        assert (len(some), len(set(some)), count) == (MOST, MOST, many - 1)
        told |= {one.station_key for one in some}
    assert len(told) > 3 * MOST, "by chance"
    assert told.isdisjoint({one.member.station_key for one in (*gone, asking)})
