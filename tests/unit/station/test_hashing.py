"""Hashing what a user shares: the right hashes, and clear words for what cannot be."""

import os
from pathlib import Path

import pytest
from tests.support.folders import Folder

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.errors import FileChanged, FileUnreadable, MetainfoInvalid, UnsafePath
from meshdl.station import hashing, store_making
from meshdl.station.content_home import save_metainfo
from meshdl.station.disk import RealDisk
from meshdl.station.hashing import Hashed, hash_path
from meshdl.station.home import Home

SIZES = [0, 1, LEAF_OCTETS - 1, LEAF_OCTETS, LEAF_OCTETS + 1, 5 * LEAF_OCTETS + 3]
DEEP = Folder(
    {f"{name}{size}": size for name in ("b/", "b.", "sub/deep/x") for size in SIZES},
    name="deep",
    chunk_octets=LEAF_OCTETS,
)


def put(folder: Folder, directory: Path) -> Path:
    location = directory / folder.metainfo.name
    for name, octets in folder.octets.items():
        path = folder.path(name, location)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
    return location


def hashed(path: Path, spool: Path, threads: int | None = None) -> Hashed:
    spool.mkdir(exist_ok=True)
    found = hash_path(path, spool, threads=threads)
    assert found is not None
    return found


@pytest.mark.parametrize("threads", [1, 3, None])
def test_a_folder_has_the_hashes_that_its_octets_have(tmp_path: Path, threads: int | None) -> None:
    found = hashed(put(DEEP, tmp_path), tmp_path / "spool", threads)
    assert found.metainfo == DEEP.metainfo
    assert found.metainfo.files == DEEP.metainfo.files
    assert found.layers == DEEP.layers
    assert list(found.chunk_hashes) == DEEP.hashes
    assert found.leaf_hashes.read_bytes() == DEEP.all_leaf_hashes()
    assert [one.octets for one in found.stats] == [one.octets for one in DEEP.metainfo.files]


@pytest.mark.parametrize("extra", [-LEAF_OCTETS, -1, 0, 1, LEAF_OCTETS, 17 * LEAF_OCTETS + 5])
@pytest.mark.parametrize("chunk_leaves", [2, 4])
def test_ranges_of_a_large_file_make_one_tree(
    tmp_path: Path, extra: int, chunk_leaves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small ranges and reads stand in for a large file.
    chunk_octets = chunk_leaves * LEAF_OCTETS
    monkeypatch.setattr(hashing, "RANGE_OCTETS", 4 * LEAF_OCTETS)
    monkeypatch.setattr(hashing, "READ_OCTETS", LEAF_OCTETS)
    monkeypatch.setattr(hashing, "chunk_octets_for", lambda _octets: chunk_octets)
    large = Folder({"large": 4 * LEAF_OCTETS + extra}, name="large", chunk_octets=chunk_octets)
    found = hashed(put(large, tmp_path), tmp_path / "spool", threads=2)
    assert found.metainfo == large.metainfo
    assert found.layers == large.layers
    assert list(found.chunk_hashes) == large.hashes
    assert found.leaf_hashes.read_bytes() == large.all_leaf_hashes()


def test_what_was_hashed_is_served(tmp_path: Path) -> None:
    home, disk = Home(tmp_path / "home"), RealDisk()
    home.create()
    found = hashed(put(DEEP, tmp_path), home.contents_directory)
    save_metainfo(disk, home, found.metainfo, found.layers)
    store = store_making.share_in_place(
        disk,
        home,
        found.metainfo,
        found.chunk_hashes,
        found.root,
        leaf_hashes=found.leaf_hashes,
        stats=found.stats,
    )
    assert store.have.full
    for chunk in DEEP.chunks:
        assert store.read(chunk, 0, len(DEEP.chunk(chunk))) == DEEP.chunk(chunk)
        assert store.leaf_hashes(chunk) == DEEP.leaf_hashes(chunk)
    assert [one.name for one in home.contents_directory.iterdir()] == [
        found.metainfo.content_hash.hex()
    ]
    store.close()


def test_a_link_to_a_folder_is_the_folder(tmp_path: Path) -> None:
    location = put(DEEP, tmp_path)
    (tmp_path / "link").symlink_to(location)
    found = hashed(tmp_path / "link", tmp_path / "spool")
    assert (found.metainfo, found.root) == (DEEP.metainfo, location)


def test_links_and_devices_inside_are_skipped_and_told(tmp_path: Path) -> None:
    location = put(DEEP, tmp_path)
    (tmp_path / "secret").write_bytes(b"secret")
    (location / "b" / "link").symlink_to(tmp_path / "secret")
    (location / "loop").symlink_to(location)
    os.mkfifo(location / "pipe")
    found = hashed(location, tmp_path / "spool")
    assert found.metainfo == DEEP.metainfo
    assert found.skipped == (location / "b" / "link", location / "loop", location / "pipe")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="no-such is not there"):
        hash_path(tmp_path / "no-such", tmp_path)


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    location = put(DEEP, tmp_path)
    spool = tmp_path / "spool"
    spool.mkdir()
    with pytest.raises(FileUnreadable, match=r"x81923 is not there"):
        hash_path(
            location,
            spool,
            threads=1,
            progress=lambda _done, _octets: (location / "sub/deep/x81923").unlink(missing_ok=True),
        )
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("octets", [b"", b"longer than it was"])
def test_a_file_written_to_meanwhile_is_named(tmp_path: Path, octets: bytes) -> None:
    location = put(DEEP, tmp_path)
    spool = tmp_path / "spool"
    spool.mkdir()

    def meddle(_done: int, _octets: int) -> None:
        (location / "sub/deep/x81923").write_bytes(octets)

    with pytest.raises(FileChanged, match=r"x81923 was written to"):
        hash_path(location, spool, threads=1, progress=meddle)
    assert list(spool.iterdir()) == []


def test_a_name_that_some_system_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a:b").write_bytes(b"x")
    with pytest.raises(UnsafePath, match="a:b"):
        hash_path(tmp_path / "bad", tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="names are octets on POSIX only")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    try:
        Path(os.fsdecode(bytes(tmp_path / "bad") + b"/\xff")).write_bytes(b"x")
    except OSError:
        return  # this file system refuses such names itself
    with pytest.raises(UnsafePath, match="rename"):
        hash_path(tmp_path / "bad", tmp_path)


def test_an_empty_folder_is_nothing_to_share(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MetainfoInvalid, match="nothing to share"):
        hash_path(tmp_path / "empty", tmp_path)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MAX_FILES", 5)
    with pytest.raises(MetainfoInvalid, match="archive"):
        hash_path(put(DEEP, tmp_path), tmp_path)


def test_it_can_be_cancelled_and_leaves_nothing(tmp_path: Path) -> None:
    location, spool = put(DEEP, tmp_path), tmp_path / "spool"
    spool.mkdir()
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(len(asked) == 3)
        return asked[-1]

    assert hash_path(location, spool, cancelled=cancelled) is None
    assert len(asked) == 4
    assert list(spool.iterdir()) == []


def test_progress_ends_with_everything(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    hash_path(
        put(DEEP, tmp_path), tmp_path, progress=lambda done, octets: told.append((done, octets))
    )
    assert told == sorted(told)
    assert told[-1] == (DEEP.metainfo.total_octets,) * 2


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / "hashing-abc").write_bytes(b"x")
    (tmp_path / "other").write_bytes(b"x")
    hashing.remove_leftovers(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["other"]
