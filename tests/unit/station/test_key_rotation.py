"""A new key takes the old one's place with its signature, whatever happens meanwhile."""

import stat
from pathlib import Path

import pytest

from meshdl.errors import FileUnreadable, HomeInUse
from meshdl.ids import Callsign, StationKey, station_id
from meshdl.station import key_rotation, keys
from meshdl.station.home import Home
from meshdl.wire.rotation import ROTATIONS_MAX, follows

CALL = Callsign("KA1ABC")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.create()
    keys.create(made.key_file)
    return made


def present_key(home: Home) -> StationKey:
    return keys.public_key(keys.load(home.key_file))


def leads_from(home: Home, pinned: StationKey) -> bool:
    shown = present_key(home)
    chain = key_rotation.load(home.rotations_file, callsign=CALL, key=shown)
    return follows(chain, callsign=CALL, pinned=pinned, shown=shown)


def test_every_earlier_key_leads_to_the_present_one(home: Home) -> None:
    had = [present_key(home)]
    for _ in range(3):
        done = key_rotation.rotate(home, CALL)
        assert done.old == station_id(had[-1])
        had.append(present_key(home))
        assert done.new == station_id(had[-1])
    assert len(set(had)) == 4
    assert all(leads_from(home, earlier) for earlier in had[:-1])


def test_only_the_last_rotations_are_kept(home: Home) -> None:
    had = []
    for _ in range(ROTATIONS_MAX + 2):
        had.append(present_key(home))
        key_rotation.rotate(home, CALL)
    assert [leads_from(home, earlier) for earlier in had] == [False] * 2 + [True] * ROTATIONS_MAX


def test_both_files_are_the_operators_alone_and_the_old_key_is_gone(home: Home) -> None:
    old = home.key_file.read_bytes()
    key_rotation.rotate(home, CALL)
    for path in (home.key_file, home.rotations_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(path.read_bytes() != old for path in home.directory.iterdir() if path.is_file())


def test_a_crash_before_the_new_key_is_in_place_leaves_the_old_one_in_force(home: Home) -> None:
    first = present_key(home)
    old = home.key_file.read_bytes()
    key_rotation.rotate(home, CALL)
    home.key_file.write_bytes(old)  # the statement was durable, the key was not
    assert key_rotation.load(home.rotations_file, callsign=CALL, key=first) == ()
    key_rotation.rotate(home, CALL)
    assert leads_from(home, first)


def test_a_statement_for_another_callsign_does_not_count(home: Home) -> None:
    key_rotation.rotate(home, Callsign("KB2DEF"))
    key = present_key(home)
    assert key_rotation.load(home.rotations_file, callsign=CALL, key=key) == ()


def test_a_running_station_keeps_its_key(home: Home) -> None:
    before = present_key(home)
    with home.lock(), pytest.raises(HomeInUse, match="stop it"):
        key_rotation.rotate(home, CALL)
    assert present_key(home) == before


@pytest.mark.parametrize("octets", [b"", b"{}", b'[{"callsign": 5}]', b"\xff"])
def test_a_file_that_is_none_is_told_with_a_remedy(home: Home, octets: bytes) -> None:
    home.rotations_file.write_bytes(octets)
    with pytest.raises(FileUnreadable, match="move it away"):
        key_rotation.load(home.rotations_file, callsign=CALL, key=present_key(home))
