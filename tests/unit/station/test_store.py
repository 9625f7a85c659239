"""The store without faults: what goes in comes out, and nothing else is ever given out."""

from pathlib import Path

import pytest
from tests.support.folders import DOWNLOADS, HOME, Folder, make_directories
from tests.support.stores import (
    EMPTY,
    FILE,
    FIRST,
    FOLDER,
    SHARED,
    A,
    create,
    fill,
    new_disk,
    read_all,
    reopen,
    share,
)

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.disk import FileStat
from meshdl.errors import (
    ContentUnknown,
    DiskFull,
    FileUnwritable,
    LocalProtocolError,
    TargetExists,
)
from meshdl.ids import ChunkIndex
from meshdl.sim.disk import Fault, FaultyDisk
from meshdl.station import store_making
from meshdl.station.content_home import ContentHome, save_metainfo
from meshdl.station.disk import RealDisk
from meshdl.station.home import Home
from meshdl.station.store import ContentStore

# Downloads.


@pytest.mark.parametrize("content", [FOLDER, FILE, EMPTY])
def test_a_download_gets_its_name_when_it_is_complete(content: Folder) -> None:
    disk = new_disk()
    store = create(disk, content)
    location = DOWNLOADS / content.metainfo.name
    assert (store.location, store.base) == (location, location.with_name(f"{location.name}.part"))
    fill(store, content)
    assert disk.stat(location) is None
    assert store.finish() == location == store.finish()
    assert store.finished
    assert disk.stat(location.with_name(f"{location.name}.part")) is None
    for name, octets in content.octets.items():
        assert disk.read(content.path(name, location), 0, len(octets) + 1) == octets
    read_all(store, content)
    store.close()
    again = reopen(disk, store, content)
    assert (again.finished, again.have.full, again.changed) == (True, True, set())
    read_all(again, content)


def test_a_download_on_the_real_disk(tmp_path: Path) -> None:
    disk, home = RealDisk(), Home(tmp_path / "home")
    home.create()
    save_metainfo(disk, home, FOLDER.metainfo, FOLDER.layers)
    directory = tmp_path / "made" / "on demand"
    store = store_making.create_download(disk, home, FOLDER.metainfo, FOLDER.hashes, directory)
    fill(store, chunks=FOLDER.chunks[:2])
    store.close()
    store = store_making.continue_download(disk, home, FOLDER.metainfo, FOLDER.hashes, directory)
    assert list(store.have) == FOLDER.chunks[:2]
    fill(store, chunks=FOLDER.chunks[2:])
    assert store.finish() == directory / "folder"
    for name, octets in FOLDER.octets.items():
        assert (directory / "folder" / name).read_bytes() == octets
    assert [one.name for one in directory.iterdir()] == ["folder"]
    read_all(store)
    store.close()


def test_leaves_count_before_their_chunk_is_whole() -> None:
    store = create(new_disk())
    octets = FOLDER.chunk(FIRST)
    store.write(FIRST, LEAF_OCTETS, octets[LEAF_OCTETS : 3 * LEAF_OCTETS])
    assert store.partial == {FIRST: 0b0110}
    assert FIRST not in store.have
    assert store.read(FIRST, LEAF_OCTETS, 100) == octets[LEAF_OCTETS : LEAF_OCTETS + 100]
    for offset, count in [(0, 1), (LEAF_OCTETS - 1, 2), (3 * LEAF_OCTETS - 1, 2)]:
        with pytest.raises(ContentUnknown, match="another station"):
            store.read(FIRST, offset, count)


def test_leaves_survive_a_restart() -> None:
    disk = new_disk()
    store = create(disk)
    store.write_leaf_hashes(FIRST, FOLDER.leaf_hashes(FIRST))
    store.write(FIRST, 0, FOLDER.chunk(FIRST)[:LEAF_OCTETS])
    disk.kill()
    assert reopen(disk, store).partial == {FIRST: 1}


def test_only_whole_leaves_inside_a_chunk_are_written() -> None:
    store = create(new_disk())
    last = ChunkIndex(2)  # of a.bin: one leaf and 100 octets
    for chunk, offset, octets in [
        (FIRST, 1, LEAF_OCTETS),
        (FIRST, 0, LEAF_OCTETS - 1),
        (FIRST, 0, 0),
        (FIRST, 3 * LEAF_OCTETS, 2 * LEAF_OCTETS),
        (FIRST, -LEAF_OCTETS, LEAF_OCTETS),
        (last, LEAF_OCTETS, 99),
        (last, LEAF_OCTETS, LEAF_OCTETS),
    ]:
        with pytest.raises(LocalProtocolError):
            store.write(chunk, offset, bytes(octets))
    store.write(last, LEAF_OCTETS, FOLDER.chunk(last)[LEAF_OCTETS:])
    assert store.partial == {last: 0b10}


def test_a_chunk_that_lacks_leaves_is_not_called_complete() -> None:
    store = create(new_disk())
    store.write(FIRST, 0, FOLDER.chunk(FIRST)[:LEAF_OCTETS])
    with pytest.raises(LocalProtocolError, match="lacks leaves"):
        store.chunk_complete(FIRST)
    with pytest.raises(LocalProtocolError, match="lacks chunks"):
        store.finish()


def test_what_comes_twice_is_written_once() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=[FIRST])
    store.write(FIRST, 0, bytes(LEAF_OCTETS))
    store.chunk_complete(FIRST)
    assert store.read(FIRST, 0, 100) == FOLDER.chunk(FIRST)[:100]


def test_nothing_that_is_there_is_overwritten() -> None:
    for name in ("folder", "folder.part"):
        disk = new_disk()
        disk.create(DOWNLOADS / name, 3)
        with pytest.raises(TargetExists, match="move it away"):
            create(disk)
        assert disk.read(DOWNLOADS / name, 0, 9) == bytes(3)


def test_a_name_taken_meanwhile_is_told_and_nothing_is_lost() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store)
    disk.create(store.location, 1)
    with pytest.raises(TargetExists):
        store.finish()
    disk.remove(store.location)
    store.finish()
    read_all(store)


class Raced(FaultyDisk):
    """Another program makes a file just before a rename."""

    made: Path | None = None

    def rename(self, old: Path, new: Path, *, replacing: bool = True) -> None:
        if self.made == new:
            self.create(new, 3)
            self.made = None
        super().rename(old, new, replacing=replacing)


@pytest.mark.parametrize("content", [FOLDER, FILE])
def test_a_file_made_in_the_last_moment_is_not_overwritten(content: Folder) -> None:
    disk = Raced()
    make_directories(disk, HOME.contents_directory)
    make_directories(disk, DOWNLOADS)
    store = create(disk, content)
    fill(store, content)
    disk.made = location = store.location
    with pytest.raises(TargetExists):
        store.finish()
    assert disk.read(location, 0, 9) == bytes(3)
    disk.remove(location)
    assert store.finish() == location
    read_all(store, content)


def test_a_download_that_cannot_fit_says_so_and_leaves_nothing() -> None:
    disk = new_disk()
    disk.room_octets = FOLDER.metainfo.total_octets - 1
    with pytest.raises(DiskFull, match=r"'folder' needs 176.1 KiB and /downloads has 176.1 KiB"):
        create(disk)
    assert disk.stat(DOWNLOADS / "folder.part") is None
    disk.room_octets += 1
    create(disk)


def test_a_disk_that_fills_up_while_room_is_made_is_left_clean() -> None:
    disk = new_disk()
    disk.before = lambda name, path: (
        disk.fail_at(disk.operations + 1, Fault.NO_ROOM)
        if (name, path.name) == ("create", "b.txt")
        else None
    )
    with pytest.raises(DiskFull):
        create(disk)
    disk.before = lambda _name, _path: None
    assert disk.stat(DOWNLOADS / "folder.part") is None
    fill(create(disk))


def test_a_part_left_by_a_crashed_try_is_gone_on_with_and_not_believed() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=FOLDER.chunks[:2])
    store.checkpoint()
    disk.write(store.base / "a.bin", 0, b"somebody was here")
    again = create(disk)
    assert list(again.have) == [1]
    assert again.partial == {FIRST: 0b1110}


# Checkpoints.


def test_what_comes_during_a_checkpoint_waits_for_the_next() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=FOLDER.chunks[:1])
    checkpoint = store.begin_checkpoint()
    assert checkpoint is not None
    fill(store, chunks=FOLDER.chunks[1:])
    with pytest.raises(LocalProtocolError, match="under way"):
        store.begin_checkpoint()
    with pytest.raises(LocalProtocolError, match="under way"):
        store.verify_all()
    checkpoint.complete()
    store.checkpoint()
    assert store.begin_checkpoint() is None
    disk.cut_power()
    assert reopen(disk, store).have.full


def test_after_a_failed_checkpoint_nothing_more_is_taken() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=FOLDER.chunks[:1])
    disk.fail_at(disk.operations + 1, Fault.DEVICE_ERROR)
    with pytest.raises(FileUnwritable, match="sync"):
        store.checkpoint()
    with pytest.raises(FileUnwritable, match="resume it"):
        store.write(ChunkIndex(1), 0, FOLDER.chunk(ChunkIndex(1)))
    with pytest.raises(FileUnwritable, match="resume it"):
        store.begin_checkpoint()
    store.close()
    again = reopen(disk, store)
    assert list(again.have) == [0]
    fill(again)
    assert again.have.full


# Reopening.


def test_a_file_that_was_removed_is_fetched_again() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=FOLDER.chunks[:-1])
    store.close()
    disk.remove(store.base / "a.bin")
    again = reopen(disk, store)
    assert list(again.have) == [3]
    fill(again)
    again.finish()
    read_all(again)


def test_all_of_a_part_may_have_been_removed() -> None:
    disk = new_disk()
    store = create(disk, FILE)
    fill(store, FILE)
    store.close()
    disk.remove(store.base)
    again = reopen(disk, store, FILE)
    assert (list(again.have), again.finished) == ([], False)
    fill(again, FILE)
    again.finish()
    read_all(again, FILE)


@pytest.mark.parametrize("octets", [0, LEAF_OCTETS + 1, 10 * LEAF_OCTETS])
def test_a_file_of_another_length_is_hashed_again(octets: int) -> None:
    disk = new_disk()
    store = create(disk)
    fill(store)
    store.checkpoint()
    disk.truncate(store.base / "a.bin", octets)
    disk.kill()
    again = reopen(disk, store)
    assert [chunk in again.have for chunk in range(5)] == [
        *(octets >= end * LEAF_OCTETS for end in (4, 8, 10)),
        True,
        True,
    ]
    fill(again)
    again.finish()
    read_all(again)


def test_a_file_changed_while_no_station_ran_is_found_out() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=FOLDER.chunks[:-1])
    store.close()
    disk.write(store.base / "a.bin", 5, b"XX")
    again = reopen(disk, store)
    assert list(again.have) == [1, 2, 3]
    assert again.partial == {FIRST: 0b1110}


def test_a_journal_that_is_garbage_costs_only_hashing() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=FOLDER.chunks[:-1])
    disk.write(ContentHome(disk, HOME, FOLDER.metainfo.content_hash).journal, 0, b"garbage")
    told: list[tuple[int, int]] = []
    again = store_making.open_content(
        disk,
        HOME,
        FOLDER.metainfo,
        FOLDER.hashes,
        store.location,
        progress=lambda done, octets: told.append((done, octets)),
    )
    assert list(again.have) == [0, 1, 2, 3]
    assert told[-1] == (FOLDER.metainfo.total_octets,) * 2


def test_something_else_in_the_place_of_the_download_is_kept() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store)
    for name in FOLDER.octets:
        disk.remove(FOLDER.path(name, store.base))
    for directory in ("sub/deep", "sub", ""):
        disk.remove_directory(store.base / directory)
    disk.create(store.location, 7)
    with pytest.raises(TargetExists, match="move it away"):
        reopen(disk, store)
    assert disk.read(store.location, 0, 9) == bytes(7)


def test_continuing_creates_what_never_was() -> None:
    disk = new_disk()
    save_metainfo(disk, HOME, FILE.metainfo, FILE.layers)

    def go_on() -> ContentStore:
        return store_making.continue_download(disk, HOME, FILE.metainfo, FILE.hashes, DOWNLOADS)

    fill(go_on(), FILE)
    disk.kill()
    store = go_on()
    assert store.have.full
    store.finish()
    assert go_on().finished


# In place.


@pytest.mark.parametrize("content", [FOLDER, FILE, EMPTY])
def test_shared_files_are_served_where_they_are(content: Folder) -> None:
    disk = new_disk()
    location = SHARED.with_name(content.metainfo.name)
    store = share(disk, content, location)
    assert (store.finished, store.location, store.base) == (True, location, location)
    read_all(store, content)
    store.close()
    again = reopen(disk, store, content)
    read_all(again, content)
    assert disk.stat(HOME.contents_directory / "spooled") is None


def test_files_in_place_are_never_written() -> None:
    store = share(new_disk())
    with pytest.raises(LocalProtocolError, match="only read"):
        store.write(FIRST, 0, FOLDER.chunk(FIRST))
    with pytest.raises(LocalProtocolError, match="only read"):
        store.chunk_complete(FIRST)
    assert store.begin_checkpoint() is None
    store.checkpoint()


def test_damaged_leaf_hashes_are_hashed_again() -> None:
    disk = new_disk()
    store = share(disk)
    leaves = ContentHome(disk, HOME, FOLDER.metainfo.content_hash).leaves
    disk.write(leaves, 40, b"garbage")
    read_all(store)
    assert disk.read(leaves, 0, 10_000) == FOLDER.all_leaf_hashes()


def test_wrong_leaf_hashes_of_a_chunk_not_held_are_not_given_out() -> None:
    store = create(new_disk())
    store.write_leaf_hashes(FIRST, bytes(4 * 32))
    with pytest.raises(ContentUnknown):
        store.leaf_hashes(FIRST)
    store.write_leaf_hashes(FIRST, FOLDER.leaf_hashes(FIRST))
    assert store.leaf_hashes(FIRST) == FOLDER.leaf_hashes(FIRST)
    with pytest.raises(LocalProtocolError):
        store.write_leaf_hashes(FIRST, bytes(3 * 32))


def test_ranges_that_are_not_there_are_refused() -> None:
    store = share(new_disk())
    for offset, octets in [(-1, 2), (0, 0), (0, 4 * LEAF_OCTETS + 1), (4 * LEAF_OCTETS, 1)]:
        with pytest.raises(LocalProtocolError):
            store.read(FIRST, offset, octets)
    with pytest.raises(IndexError):
        store.read(ChunkIndex(99), 0, 1)


# Forgetting.


def test_leaf_hashes_of_what_is_not_held_cost_no_reading() -> None:
    disk = new_disk()
    store = create(disk)
    opened: list[Path] = []
    disk.before = lambda name, path: opened.append(path) if name == "read" else None
    with pytest.raises(ContentUnknown, match="another station"):
        store.hashes(A, 0, 0, 1, 0)
    assert store.base / "a.bin" not in opened
    disk.before = lambda _name, _path: None
    fill(store)
    disk.remove(HOME.contents_directory / FOLDER.metainfo.content_hash.hex() / "leaves")
    assert store.leaf_hashes(FIRST) == FOLDER.leaf_hashes(FIRST)


def test_a_disk_that_is_not_plugged_in_is_told() -> None:
    class NoDrive(FaultyDisk):
        """As Windows has it: not even the drive is there."""

        def stat(self, path: Path) -> FileStat | None:
            return (
                None
                if Path("/media") in (path, *path.parents) or path == Path("/")
                else (super().stat(path))
            )

    disk = NoDrive()
    make_directories(disk, HOME.contents_directory)
    save_metainfo(disk, HOME, FILE.metainfo, FILE.layers)
    with pytest.raises(FileUnwritable, match="plug the disk in"):
        store_making.create_download(
            disk, HOME, FILE.metainfo, FILE.hashes, Path("/media/stick/here")
        )


@pytest.mark.parametrize("delete_files", [False, True])
def test_forgetting_a_share_leaves_the_files_of_the_user(delete_files: bool) -> None:
    disk = new_disk()
    store = share(disk)
    store.forget(delete_files=delete_files)
    assert disk.read(SHARED / "a.bin", 0, 10) == FOLDER.octets["a.bin"][:10]
    assert disk.stat(HOME.contents_directory / FOLDER.metainfo.content_hash.hex()) is None


@pytest.mark.parametrize("content", [FOLDER, FILE])
def test_forgetting_a_download_can_delete_its_part(content: Folder) -> None:
    disk = new_disk()
    store = create(disk, content)
    fill(store, content)
    store.forget(delete_files=False)
    assert disk.stat(store.base) is not None
    assert disk.stat(HOME.contents_directory / content.metainfo.content_hash.hex()) is None
    disk = new_disk()
    store = create(disk, content)
    store.forget(delete_files=True)
    assert disk.stat(store.base) is None


@pytest.mark.parametrize("content", [FOLDER, FILE])
def test_forgetting_a_finished_download_can_delete_its_files(content: Folder) -> None:
    disk = new_disk()
    store = create(disk, content)
    fill(store, content)
    store.finish()
    location = store.location
    store.forget(delete_files=True)
    assert disk.stat(location) is None


def test_what_the_user_put_into_a_part_stays() -> None:
    disk = new_disk()
    store = create(disk)
    disk.create(store.base / "sub" / "mine", 3)
    store.forget(delete_files=True)
    assert disk.stat(store.base / "sub" / "mine") is not None
    assert disk.stat(store.base / "a.bin") is None
