"""The real disk: what the suite over both disks cannot see."""

import ctypes
import errno
import os
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from meshdl.errors import DiskFull, FileUnreadable, FileUnwritable, TargetExists
from meshdl.station import renaming
from meshdl.station.disk import RealDisk, reading_failed, writing_failed


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_files_stay_open_up_to_a_limit(tmp_path: Path) -> None:
    disk = RealDisk(open_files_max=3)
    before = open_files()
    for number in range(10):
        disk.create(tmp_path / str(number), 1)
        disk.write(tmp_path / str(number), 0, b"x")
    assert open_files() == before + 3
    disk.release(tmp_path)
    assert open_files() == before


def test_a_file_closed_for_room_is_opened_again(tmp_path: Path) -> None:
    disk = RealDisk(open_files_max=1)
    for name in "ab":
        disk.create(tmp_path / name, 0)
    for round_ in range(3):
        for name in "ab":
            disk.write(tmp_path / name, round_, name.encode())
    assert disk.read(tmp_path / "a", 0, 9) == b"aaa"


def test_threads_share_files_even_when_there_is_room_for_one(tmp_path: Path) -> None:
    disk = RealDisk(open_files_max=1)
    wrong: list[bytes] = []

    def use(name: str) -> None:
        for at in range(200):
            disk.write(tmp_path / name, at, name.encode())
            disk.sync(tmp_path / name)
            found = disk.read(tmp_path / name, at, 1)
            if found != name.encode():
                wrong.append(found)

    for name in "abc":
        disk.create(tmp_path / name, 200)
    threads = [threading.Thread(target=use, args=[name]) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert disk.read(tmp_path / "b", 0, 200) == b"b" * 200


def test_where_there_are_no_descriptors_left_files_make_room_for_files(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="the system has no such limit")
    disk = RealDisk()
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    try:
        for name in "ab":
            disk.read(tmp_path / name, 0, 1)
        next_one = os.dup(0)
        os.close(next_one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        assert disk.read(tmp_path / "c", 0, 1) == b"c"
        assert disk.read(tmp_path / "a", 0, 1) == b"a"
        disk.release(tmp_path)
        taken.append(os.dup(0))  # the two that the disk had
        taken.append(os.dup(0))
        with pytest.raises(FileUnreadable, match="Too many open files"):
            disk.read(tmp_path / "b", 0, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems write one part at a time")
def test_what_a_system_writes_in_pieces_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    def write_some(descriptor: int, parts: Iterable[memoryview], offset: int) -> int:
        return os.pwrite(descriptor, b"".join(parts)[:most], offset)

    monkeypatch.setattr(os, "pwritev", write_some)
    disk = RealDisk()
    disk.create(tmp_path / "a", 0)
    disk.write_parts(tmp_path / "a", 1, [b"ab", memoryview(b"cde"), b"f"])
    assert disk.read(tmp_path / "a", 0, 9) == b"\0abcdef"


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system has no O_NOFOLLOW")
def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    disk = RealDisk()
    with pytest.raises(FileUnreadable, match="symbolic link"):
        disk.read(tmp_path / "link", 0, 6)
    with pytest.raises(FileUnwritable):
        disk.write(tmp_path / "link", 0, b"x")
    with pytest.raises(TargetExists):
        disk.create(tmp_path / "link", 0)
    found = disk.stat(tmp_path / "link")
    assert found is not None
    assert not found.is_file
    assert (tmp_path / "secret").read_bytes() == b"secret"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileUnreadable):
        RealDisk().read(tmp_path / "pipe", 0, 1)


def test_a_file_replaced_by_another_looks_changed_though_it_is_open(tmp_path: Path) -> None:
    disk = RealDisk()
    (tmp_path / "a").write_bytes(b"old")
    assert disk.read(tmp_path / "a", 0, 3) == b"old"
    before = disk.stat(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"longer")
    (tmp_path / "b").replace(tmp_path / "a")
    assert disk.stat(tmp_path / "a") != before


def test_a_sparse_file_takes_no_room(tmp_path: Path) -> None:
    disk = RealDisk()
    disk.create(tmp_path / "a", 2**33)
    found = disk.stat(tmp_path / "a")
    assert found is not None
    assert found.octets == 2**33
    disk.remove(tmp_path / "a")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_its_own_error(code: int) -> None:
    error = writing_failed(Path("x"), OSError(code, os.strerror(code)))
    assert isinstance(error, DiskFull)
    assert "make room" in str(error)


def test_other_errors_name_the_file_and_the_remedy() -> None:
    denied = OSError(errno.EACCES, "Permission denied")
    assert str(reading_failed(Path("x"), denied)) == (
        "cannot read x (Permission denied); check its owner and mode, and the disk"
    )
    assert isinstance(writing_failed(Path("x"), denied), FileUnwritable)


def test_where_a_system_cannot_rename_without_replacing_it_is_looked_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(_old: bytes, _new: bytes) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    disk = RealDisk()
    for name in "ab":
        disk.create(tmp_path / name, 1)
    for move in (cannot, None):
        monkeypatch.setattr(renaming, "_move", lambda move=move: move)
        with pytest.raises(TargetExists):
            disk.rename(tmp_path / "a", tmp_path / "b", replacing=False)
        disk.rename(tmp_path / "a", tmp_path / "c", replacing=False)
        disk.rename(tmp_path / "c", tmp_path / "a", replacing=False)
