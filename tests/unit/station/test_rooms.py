"""The files of rooms: who may be in which, and by what."""

import stat
from pathlib import Path

import pytest

from meshdl.errors import ConfigError, FileUnreadable, InvitationInvalid, TargetExists
from meshdl.ids import StationKey
from meshdl.signalling import proofs
from meshdl.station.config import ROOMS_LIMIT
from meshdl.station.rooms import Entry, Room, Rooms

KEEPER, GUEST = StationKey(b"k" * 32), StationKey(b"g" * 32)
FAR, PAST = 4_000_000_000, 1_000
SEED = b"s" * 32


@pytest.fixture
def keeper(tmp_path: Path) -> Rooms:
    rooms = Rooms(tmp_path / "keeper")
    rooms.create("county-net")
    return rooms


@pytest.fixture
def guest(tmp_path: Path) -> Rooms:
    return Rooms(tmp_path / "guest")


def admitted(room: Room, key: StationKey) -> bool:
    return proofs.is_member(room.whole_name, key, room.membership, unix_now_s=2_000_000_000)


def test_keeper_and_guests_are_in_the_same_closed_room(keeper: Rooms, guest: Rooms) -> None:
    own = keeper.room("county-net", KEEPER)
    for station in (None, GUEST):
        made = keeper.invite("county-net", station=station, seed=SEED, expires_at_s=FAR)
        guest.join(made, GUEST)
        (theirs,) = guest.to_be_in((), GUEST)
        assert (theirs.name, theirs.whole_name) == ("county-net", own.whole_name)
        assert (theirs.entry, theirs.expires_at_s) == (Entry.INVITATION, FAR)
        assert admitted(theirs, GUEST)
    assert (own.entry, own.expires_at_s) == (Entry.KEY, None)


def test_rooms_of_the_settings_come_first_and_once(keeper: Rooms) -> None:
    rooms = keeper.to_be_in(("cq", "county-net"), KEEPER)
    assert [(one.name, one.entry) for one in rooms] == [
        ("cq", Entry.OPEN),
        ("county-net", Entry.KEY),
    ]


def test_a_passphrase_makes_a_closed_room_and_can_invite(tmp_path: Path, guest: Rooms) -> None:
    (tmp_path / "state-net.passphrase").write_text("five words\n")
    rooms = Rooms(tmp_path)
    room = rooms.room("state-net", KEEPER)
    assert room.entry is Entry.PASSPHRASE
    guest.join(rooms.invite("state-net", station=None, seed=SEED, expires_at_s=FAR), GUEST)
    assert guest.room("state-net", GUEST).whole_name == room.whole_name
    (tmp_path / "state-net.passphrase").write_text(" \n")
    with pytest.raises(FileUnreadable, match="empty"):
        rooms.room("state-net", KEEPER)


def test_secrets_are_the_operators_alone(keeper: Rooms, guest: Rooms, tmp_path: Path) -> None:
    guest.join(keeper.invite("county-net", station=None, seed=SEED, expires_at_s=FAR), GUEST)
    secrets = [tmp_path / "keeper" / "county-net.key", tmp_path / "guest/county-net.invitation"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]
    assert stat.S_IMODE((tmp_path / "guest").stat().st_mode) == 0o700


def test_who_does_not_have_the_rooms_key_cannot_invite(keeper: Rooms, guest: Rooms) -> None:
    guest.join(keeper.invite("county-net", station=None, seed=SEED, expires_at_s=FAR), GUEST)
    for rooms, name in ((guest, "county-net"), (keeper, "other")):
        with pytest.raises(ConfigError, match="does not have the key"):
            rooms.invite(name, station=None, seed=SEED, expires_at_s=FAR)


def test_an_invitation_that_has_ended_is_not_taken_and_not_used(
    keeper: Rooms, guest: Rooms, tmp_path: Path
) -> None:
    ended = keeper.invite("county-net", station=None, seed=SEED, expires_at_s=PAST)
    with pytest.raises(InvitationInvalid, match="has ended"):
        guest.join(ended, GUEST)
    (tmp_path / "guest").mkdir()
    (tmp_path / "guest" / "county-net.invitation").write_text(ended.to_text())
    assert "has ended" in guest.room("county-net", GUEST).problem


def test_one_bad_invitation_leaves_the_other_rooms(keeper: Rooms, tmp_path: Path) -> None:
    bound = keeper.invite("county-net", station=GUEST, seed=b"", expires_at_s=FAR)
    (tmp_path / "keeper" / "other.invitation").write_text(bound.to_text())
    (tmp_path / "keeper" / "third.invitation").write_text("garbage")
    problems = {one.name: one.problem for one in keeper.to_be_in((), KEEPER)}
    assert problems["county-net"] == ""
    assert "to another room" in problems["other"]
    assert "no invitation" in problems["third"]


def test_an_invitation_for_another_station_is_not_taken(keeper: Rooms, guest: Rooms) -> None:
    bound = keeper.invite("county-net", station=KEEPER, seed=b"", expires_at_s=FAR)
    with pytest.raises(InvitationInvalid, match="for station"):
        guest.join(bound, GUEST)


def test_nothing_is_replaced_but_an_invitation_to_the_same_room(
    keeper: Rooms, guest: Rooms, tmp_path: Path
) -> None:
    made = keeper.invite("county-net", station=None, seed=SEED, expires_at_s=FAR)
    with pytest.raises(TargetExists, match="leave it first"):
        keeper.join(made, KEEPER)
    with pytest.raises(TargetExists, match="leave it first"):
        keeper.create("county-net")
    guest.join(made, GUEST)
    other = Rooms(tmp_path / "other")
    other.create("county-net")
    stranger = other.invite("county-net", station=None, seed=SEED, expires_at_s=FAR)
    with pytest.raises(TargetExists, match="leave it first"):
        guest.join(stranger, GUEST)
    guest.leave("county-net", delete_key=False)
    guest.join(stranger, GUEST)


def test_a_room_of_ones_own_is_not_left_by_accident(keeper: Rooms) -> None:
    with pytest.raises(ConfigError, match="--delete-key"):
        keeper.leave("county-net", delete_key=False)
    keeper.leave("county-net", delete_key=True)
    assert keeper.to_be_in((), KEEPER) == []
    with pytest.raises(ConfigError, match="no invitation"):
        keeper.leave("county-net", delete_key=True)


@pytest.mark.parametrize("name", ["", "County", "-net", "a" * 33, "../net", "net#00"])
def test_a_name_that_is_none_is_refused(keeper: Rooms, name: str) -> None:
    with pytest.raises(ConfigError, match="is no room"):
        keeper.create(name)
    with pytest.raises(ConfigError, match="is no room"):
        keeper.leave(name, delete_key=True)


def test_a_key_that_is_none_is_told_with_a_remedy(keeper: Rooms, tmp_path: Path) -> None:
    (tmp_path / "keeper" / "county-net.key").write_text("garbage")
    with pytest.raises(FileUnreadable, match="room leave county-net --delete-key"):
        keeper.room("county-net", KEEPER)


def test_a_change_of_the_files_is_noticed(keeper: Rooms, guest: Rooms) -> None:
    assert guest.stamp() == frozenset()
    made = keeper.invite("county-net", station=None, seed=SEED, expires_at_s=FAR)
    stamps = [keeper.stamp()]
    assert keeper.stamp() == stamps[0]
    guest.join(made, GUEST)
    stamps.append(guest.stamp())
    guest.leave("county-net", delete_key=False)
    assert stamps[1] != guest.stamp() == frozenset()


def test_there_is_an_upper_bound_on_rooms(keeper: Rooms) -> None:
    named = [f"room-{number}" for number in range(ROOMS_LIMIT)]
    with pytest.raises(ConfigError, match="meshdl room leave"):
        keeper.to_be_in(named, KEEPER)
