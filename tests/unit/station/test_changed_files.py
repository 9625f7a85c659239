"""Files that somebody changes under our feet: noticed, and never served as what they were."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.support.folders import HOME, OCTETS_BY_NAME
from tests.support.stores import (
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

from meshdl.errors import (
    ContentUnknown,
    FileChanged,
    FileUnreadable,
)
from meshdl.ids import ChunkIndex
from meshdl.sim.disk import FaultyDisk
from meshdl.station.content_home import ContentHome

Change: TypeAlias = Callable[[FaultyDisk, Path], None]


def rewrite(disk: FaultyDisk, path: Path) -> None:
    disk.write(path, 0, b"same length")


def touch(disk: FaultyDisk, path: Path) -> None:
    disk.write(path, 0, disk.read(path, 0, 1))


def cut(disk: FaultyDisk, path: Path) -> None:
    disk.truncate(path, 10)


def remove(disk: FaultyDisk, path: Path) -> None:
    disk.remove(path)


def replace(disk: FaultyDisk, path: Path) -> None:
    octets = OCTETS_BY_NAME["a.bin"]
    disk.create(path.with_name("new"), octets)
    disk.rename(path.with_name("new"), path)


def replace_by_directory(disk: FaultyDisk, path: Path) -> None:
    disk.remove(path)
    disk.make_directory(path)


CHANGES = [rewrite, touch, cut, remove, replace, replace_by_directory]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("downloaded", [False, True])
def test_a_changed_file_is_not_served(change: Change, restart: bool, downloaded: bool) -> None:
    disk = new_disk()
    store = create(disk) if downloaded else share(disk)
    if downloaded:
        fill(store)
        store.finish()
    change(disk, store.location / "a.bin")
    if restart:
        store = reopen(disk, store)
        assert store.changed == {A}
        assert list(store.have) == [3, 4]
    for chunk in FOLDER.chunks[:3]:
        for _ in range(2):
            with pytest.raises((FileChanged, FileUnreadable)):
                store.read(chunk, 0, 10)
    assert store.read(ChunkIndex(3), 0, 10) == FOLDER.chunk(ChunkIndex(3))[:10]


@pytest.mark.parametrize("change", [rewrite, cut, remove, replace])
def test_a_file_changed_while_it_is_read_is_not_served(change: Change) -> None:
    disk = new_disk()
    store = share(disk)

    def meddle(name: str, path: Path) -> None:
        if (name, path.name) == ("stat", "a.bin"):  # after the read, before the look
            disk.before = lambda _name, _path: None
            change(disk, path)

    disk.before = meddle
    with pytest.raises(FileChanged, match="verify it"):
        store.read(FIRST, 0, 10)


def test_verifying_tells_what_is_left_of_a_changed_file() -> None:
    disk = new_disk()
    store = share(disk)
    rewrite(disk, SHARED / "a.bin")
    with pytest.raises(FileChanged):
        store.read(FIRST, 0, 10)
    assert list(store.verify_all()) == [1, 2, 3, 4]
    assert store.read(ChunkIndex(1), 0, 10) == FOLDER.chunk(ChunkIndex(1))[:10]
    with pytest.raises(ContentUnknown):
        store.read(FIRST, 0, 10)
    # Which chunks of a file are right is not kept: after a restart it counts as changed.
    again = reopen(disk, store)
    assert list(again.have) == [3, 4]
    disk.write(SHARED / "a.bin", 0, FOLDER.octets["a.bin"])
    assert again.verify_all().full
    read_all(again)
    read_all(reopen(disk, store))


def test_a_file_written_to_while_it_is_verified_does_not_count() -> None:
    disk = new_disk()
    store = share(disk)

    def meddle(name: str, path: Path) -> None:
        if (name, path.name) == ("read", "c"):  # when a.bin has been hashed
            disk.before = lambda _name, _path: None
            rewrite(disk, SHARED / "a.bin")

    disk.before = meddle
    assert list(store.verify_all()) == [3, 4]
    assert store.changed == {A}


def test_verifying_an_unfinished_download_keeps_what_is_right() -> None:
    disk = new_disk()
    store = create(disk)
    fill(store, chunks=FOLDER.chunks[:4])
    cut(disk, store.base / "sub" / "b.txt")
    with pytest.raises(FileChanged):
        store.read(ChunkIndex(3), 0, 100)
    rewrite(disk, store.base / "a.bin")
    assert list(store.verify_all()) == [1, 2]
    assert store.partial == {FIRST: 0b1110}
    disk.cut_power()
    again = reopen(disk, store)
    assert list(again.have) == [1, 2]
    fill(again)
    again.finish()
    read_all(again)


def test_lost_stats_make_everything_doubtful() -> None:
    disk = new_disk()
    store = share(disk)
    disk.write(ContentHome(disk, HOME, FOLDER.metainfo.content_hash).stats, 0, b"garbage")
    again = reopen(disk, store)
    assert again.changed == {0, 1, 2, 3}
    assert again.verify_all().full
    assert reopen(disk, store).have.full
