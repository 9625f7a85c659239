"""Who may be told of whom depends on whether a room is closed."""

import pytest

from meshdl.station.introducing import Introducing
from meshdl.station.rooms import Entry, Room


@pytest.mark.parametrize(
    ("entries", "far", "across"),
    [
        ((), True, True),
        ((Entry.OPEN,), True, True),
        ((Entry.OPEN, Entry.OPEN), True, True),
        ((Entry.PASSPHRASE,), True, False),
        ((Entry.INVITATION,), True, False),
        ((Entry.KEY,), True, False),
        ((Entry.OPEN, Entry.PASSPHRASE), False, False),
        ((Entry.KEY, Entry.INVITATION), False, False),
    ],
    ids=str,
)
def test_nobody_outside_a_closed_room_is_told_who_is_in_it(
    entries: tuple[Entry, ...], far: bool, across: bool
) -> None:
    rooms = [
        Room(name=f"room-{number}", entry=entry, whole_name=f"room-{number}")
        for number, entry in enumerate(entries)
    ]
    assert Introducing.suits(rooms) == Introducing(far=far, across=across)
