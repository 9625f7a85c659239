"""What the home keeps of a content is proved when it is read, and damage is told."""

from contextlib import suppress

import pytest
from tests.support.folders import HOME, Folder, make_directories

from meshdl.disk import FileStat
from meshdl.errors import ContentUnknown, MetainfoInvalid
from meshdl.sim.disk import Crash, Fault, FaultyDisk
from meshdl.station.content_home import ContentHome, LeafHashes, load_metainfo, save_metainfo

FOLDER = Folder()
CONTENT = FOLDER.metainfo.content_hash


def new_disk(seed: int = 0) -> FaultyDisk:
    disk = FaultyDisk(seed)
    make_directories(disk, HOME.contents_directory)
    return disk


def test_saved_metainfo_is_loaded_after_a_power_cut() -> None:
    disk = new_disk()
    save_metainfo(disk, HOME, FOLDER.metainfo, FOLDER.layers | {bytes(32): b"not needed"})
    disk.cut_power()
    assert load_metainfo(disk, HOME, CONTENT) == (FOLDER.metainfo, FOLDER.layers)


def test_a_crash_leaves_all_of_the_metainfo_or_none() -> None:
    disk = new_disk()
    first = disk.operations + 1
    save_metainfo(disk, HOME, FOLDER.metainfo, FOLDER.layers)
    outcomes = set()
    for operation in range(first, disk.operations + 1):
        for seed in range(5):
            crashing = new_disk(seed)
            crashing.fail_at(operation, Fault.CRASH)
            with suppress(Crash):
                save_metainfo(crashing, HOME, FOLDER.metainfo, FOLDER.layers)
            crashing.cut_power()
            try:
                load_metainfo(crashing, HOME, CONTENT)
                outcomes.add("all")
            except ContentUnknown:
                outcomes.add("none")
            save_metainfo(crashing, HOME, FOLDER.metainfo, FOLDER.layers)
            load_metainfo(crashing, HOME, CONTENT)
    assert outcomes == {"all", "none"}


def test_a_content_never_saved_is_unknown() -> None:
    with pytest.raises(ContentUnknown, match="get it by its link"):
        load_metainfo(new_disk(), HOME, CONTENT)


@pytest.mark.parametrize("name", ["info", "layers"])
@pytest.mark.parametrize("octets", [b"", b"d", b"le", b"\0" * 50])
def test_damage_is_told_with_the_remedy(name: str, octets: bytes) -> None:
    disk = new_disk()
    save_metainfo(disk, HOME, FOLDER.metainfo, FOLDER.layers)
    path = ContentHome(disk, HOME, CONTENT).directory / name
    disk.truncate(path, 0)
    disk.write(path, 0, octets)
    with pytest.raises(MetainfoInvalid, match=f"is damaged .*meshdl rm {CONTENT.hex()}"):
        load_metainfo(disk, HOME, CONTENT)


def test_layers_of_another_content_are_not_saved() -> None:
    disk = new_disk()
    with pytest.raises(MetainfoInvalid):
        save_metainfo(disk, HOME, FOLDER.metainfo, {})
    with pytest.raises(ContentUnknown):
        load_metainfo(disk, HOME, CONTENT)


def test_stats_come_back_as_they_were() -> None:
    disk = new_disk()
    home = ContentHome(disk, HOME, CONTENT)
    assert home.read_stats() is None
    home.create()
    stats = [FileStat(5, 7), None, FileStat(0, -1)]
    home.write_stats(stats)
    disk.cut_power()
    assert home.read_stats() == stats


@pytest.mark.parametrize("octets", [b"", b"i1e", b"d1:ai1ee", b"l"])
def test_damaged_stats_say_nothing(octets: bytes) -> None:
    disk = new_disk()
    home = ContentHome(disk, HOME, CONTENT)
    home.create()
    disk.create(home.stats, 0)
    disk.write(home.stats, 0, octets)
    assert home.read_stats() is None


def test_odd_stats_are_no_stats() -> None:
    disk = new_disk()
    home = ContentHome(disk, HOME, CONTENT)
    home.create()
    disk.create(home.stats, 0)
    disk.write(home.stats, 0, b"li1eli1eeli1e1:aee")
    assert home.read_stats() == [None, None, None]


def test_leaf_hashes_lie_one_after_the_other() -> None:
    disk = new_disk()
    path = HOME.contents_directory / "leaves"
    leaves = LeafHashes(disk, path, FOLDER.metainfo, FOLDER.hashes)
    leaves.make_room()
    for chunk in reversed(FOLDER.chunks):
        assert leaves.get(chunk) is None
        leaves.put(chunk, FOLDER.leaf_hashes(chunk))
        assert b"".join(leaves.get(chunk) or []) == FOLDER.leaf_hashes(chunk)
    assert disk.read(path, 0, 10_000) == FOLDER.all_leaf_hashes()
    assert leaves.octets == len(FOLDER.all_leaf_hashes())


def test_leaf_hashes_that_do_not_prove_are_not_there() -> None:
    disk = new_disk()
    path = HOME.contents_directory / "leaves"
    leaves = LeafHashes(disk, path, FOLDER.metainfo, FOLDER.hashes)
    leaves.make_room()
    for chunk in FOLDER.chunks:
        leaves.put(chunk, FOLDER.leaf_hashes(chunk))
    disk.write(path, 5, b"?")
    disk.truncate(path, leaves.octets - 1)
    held = [leaves.get(chunk) is not None for chunk in FOLDER.chunks]
    assert held == [False, True, True, True, False]
    leaves.make_room()
    assert leaves.get(FOLDER.chunks[1]) is not None


def test_nothing_is_left_of_what_is_forgotten() -> None:
    disk = new_disk()
    save_metainfo(disk, HOME, FOLDER.metainfo, FOLDER.layers)
    home = ContentHome(disk, HOME, CONTENT)
    home.write_stats([])
    disk.create(home.journal, 1)
    disk.create(home.journal.with_name("journal.new"), 1)
    disk.create(home.leaves, 1)
    home.forget()
    disk.cut_power()
    assert disk.stat(home.directory) is None
    with pytest.raises(ContentUnknown):
        load_metainfo(disk, HOME, CONTENT)
