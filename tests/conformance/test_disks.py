"""The simulated disk and the real one are the same to whoever uses them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.folders import make_directories

from meshdl.disk import Disk
from meshdl.errors import FileUnreadable, FileUnwritable, StorageError, TargetExists
from meshdl.sim.disk import FaultyDisk
from meshdl.station.disk import RealDisk


@pytest.fixture(params=["real", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Disk, Path]:
    if request.param == "real":
        return RealDisk(), tmp_path
    disk = FaultyDisk()
    make_directories(disk, tmp_path)
    return disk, tmp_path


def test_what_was_written_is_read(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.create(directory / "a", 10)
    disk.write(directory / "a", 2, memoryview(b"abc"))
    disk.write(directory / "a", 12, b"xy")
    assert disk.read(directory / "a", 0, 100) == b"\0\0abc\0\0\0\0\0\0\0xy"
    assert disk.read(directory / "a", 3, 2) == b"bc"
    assert disk.read(directory / "a", 50, 2) == b""
    disk.sync(directory / "a")
    disk.sync_directory(directory)


def test_parts_are_written_one_behind_the_other(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.create(directory / "a", 8)
    disk.write_parts(directory / "a", 1, [memoryview(b"ab"), b"", b"cde"])
    assert disk.read(directory / "a", 0, 100) == b"\0abcde\0\0"
    disk.write_parts(directory / "a", 0, [])
    assert disk.read(directory / "a", 0, 2) == b"\0a"


def test_the_stat_tells_length_kind_and_change(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    assert disk.stat(directory / "a") is None
    disk.create(directory / "a", 10)
    before = disk.stat(directory / "a")
    assert before is not None
    assert (before.octets, before.is_file) == (10, True)
    assert disk.stat(directory / "a" / "b") is None
    found = disk.stat(directory)
    assert found is not None
    assert (found.octets, found.is_file) == (0, False)


def test_a_length_can_be_set(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.create(directory / "a", 0)
    disk.write(directory / "a", 0, b"abcdef")
    disk.truncate(directory / "a", 3)
    disk.truncate(directory / "a", 5)
    assert disk.read(directory / "a", 0, 100) == b"abc\0\0"


def test_nothing_is_made_where_something_is(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.create(directory / "a", 3)
    with pytest.raises(TargetExists, match="move it away"):
        disk.create(directory / "a", 0)
    with pytest.raises(TargetExists, match="move it away"):
        disk.make_directory(directory / "a")
    assert disk.read(directory / "a", 0, 9) == bytes(3)


def test_a_file_takes_the_place_of_another(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    for name in "ab":
        disk.create(directory / name, 0)
        disk.write(directory / name, 0, name.encode())
    assert disk.read(directory / "b", 0, 1) == b"b"
    disk.rename(directory / "a", directory / "b")
    assert disk.stat(directory / "a") is None
    assert disk.read(directory / "b", 0, 1) == b"a"


@pytest.mark.parametrize("what", ["file", "directory"])
@pytest.mark.parametrize("there", ["file", "directory"])
def test_what_is_not_to_be_replaced_stays(place: tuple[Disk, Path], what: str, there: str) -> None:
    disk, directory = place
    for name, kind in (("old", what), ("new", there)):
        if kind == "file":
            disk.create(directory / name, len(name))
        else:
            disk.make_directory(directory / name)
    with pytest.raises(TargetExists, match="move it away"):
        disk.rename(directory / "old", directory / "new", replacing=False)
    before = [disk.stat(directory / name) for name in ("old", "new")]
    assert [one is not None and one.is_file for one in before] == [
        kind == "file" for kind in (what, there)
    ]
    disk.rename(directory / "old", directory / "other", replacing=False)
    assert disk.stat(directory / "old") is None
    assert disk.stat(directory / "other") is not None


def test_a_directory_moves_with_its_files(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.make_directory(directory / "old")
    disk.make_directory(directory / "old")  # harmless
    disk.create(directory / "old" / "a", 1)
    assert disk.read(directory / "old" / "a", 0, 1) == b"\0"
    disk.rename(directory / "old", directory / "new")
    assert disk.stat(directory / "old" / "a") is None
    assert disk.read(directory / "new" / "a", 0, 1) == b"\0"


def test_a_file_moves_to_another_directory(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.make_directory(directory / "d")
    disk.create(directory / "a", 1)
    disk.rename(directory / "a", directory / "d" / "b")
    assert disk.stat(directory / "a") is None
    assert disk.read(directory / "d" / "b", 0, 2) == b"\0"


def test_what_was_removed_is_gone(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.make_directory(directory / "d")
    disk.create(directory / "d" / "a", 1)
    assert disk.read(directory / "d" / "a", 0, 1) == b"\0"
    with pytest.raises(TargetExists):
        disk.remove_directory(directory / "d")
    disk.remove(directory / "d" / "a")
    disk.remove(directory / "d" / "a")  # harmless
    disk.remove_directory(directory / "d")
    disk.remove_directory(directory / "d")  # harmless
    assert disk.stat(directory / "d") is None
    with pytest.raises(FileUnreadable):
        disk.read(directory / "d" / "a", 0, 1)


MISSING: list[tuple[type[StorageError], Callable[[Disk, Path], object]]] = [
    (FileUnreadable, lambda disk, path: disk.read(path / "a", 0, 1)),
    (FileUnwritable, lambda disk, path: disk.write(path / "a", 0, b"x")),
    (FileUnwritable, lambda disk, path: disk.truncate(path / "a", 1)),
    (FileUnwritable, lambda disk, path: disk.sync(path / "a")),
    (FileUnwritable, lambda disk, path: disk.rename(path / "a", path / "b")),
    (FileUnwritable, lambda disk, path: disk.create(path / "no" / "a", 1)),
    (FileUnwritable, lambda disk, path: disk.make_directory(path / "no" / "a")),
    (FileUnwritable, lambda disk, path: disk.sync_directory(path / "no")),
]


@pytest.mark.parametrize(("error", "use"), MISSING)
def test_what_is_not_there_cannot_be_used(
    place: tuple[Disk, Path], error: type[StorageError], use: Callable[[Disk, Path], object]
) -> None:
    disk, directory = place
    with pytest.raises(error):
        use(disk, directory)


def test_a_directory_is_no_file(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.make_directory(directory / "d")
    with pytest.raises(FileUnreadable):
        disk.read(directory / "d", 0, 1)
    with pytest.raises(FileUnwritable):
        disk.write(directory / "d", 0, b"x")


def test_room_is_told_and_files_can_be_let_go(place: tuple[Disk, Path]) -> None:
    disk, directory = place
    disk.create(directory / "a", 5)
    assert disk.read(directory / "a", 0, 5) == bytes(5)
    disk.release(directory)
    disk.release(directory / "a")
    assert disk.read(directory / "a", 0, 5) == bytes(5)
    assert disk.free_octets(directory) > 0
