"""The simulated disk fails when told to, and loses exactly what was not synced."""

from pathlib import Path

import pytest

from meshdl.errors import DiskFull, FileUnreadable, FileUnwritable, StorageError
from meshdl.sim.disk import Crash, Fault, FaultyDisk
from meshdl.sim.two_views import PAGE_OCTETS

A = Path("/a")
OLD, NEW = b"o" * (4 * PAGE_OCTETS), b"n" * (4 * PAGE_OCTETS)


def disk_with_old_file(seed: int) -> FaultyDisk:
    disk = FaultyDisk(seed)
    disk.create(A, 0)
    disk.write(A, 0, OLD)
    disk.sync(A)
    disk.sync_directory(A.parent)
    return disk


def test_what_was_synced_survives_a_power_cut() -> None:
    for seed in range(20):
        disk = disk_with_old_file(seed)
        disk.cut_power()
        assert disk.read(A, 0, len(OLD) + 1) == OLD


def test_pages_that_were_not_synced_are_lost_or_kept_each_for_itself() -> None:
    outcomes = set()
    for seed in range(100):
        disk = disk_with_old_file(seed)
        disk.write(A, 0, NEW)
        disk.cut_power()
        octets = disk.read(A, 0, len(NEW))
        pages = [octets[at : at + PAGE_OCTETS] for at in range(0, len(octets), PAGE_OCTETS)]
        assert all(page in {OLD[:PAGE_OCTETS], NEW[:PAGE_OCTETS]} for page in pages)
        outcomes.add(bytes(page[0] for page in pages))
    assert len(outcomes) == 16


def test_the_death_of_the_program_loses_nothing() -> None:
    disk = disk_with_old_file(0)
    disk.write(A, 0, NEW)
    disk.kill()
    assert disk.read(A, 0, len(NEW)) == NEW


def test_a_name_is_durable_when_its_directory_is() -> None:
    outcomes = set()
    for seed in range(40):
        disk = disk_with_old_file(seed)
        disk.create(Path("/b"), 0)
        disk.rename(A, Path("/c"))
        disk.cut_power()
        outcomes.add(tuple(disk.stat(Path(name)) is not None for name in ("/a", "/b", "/c")))
    # In order, and each whole: never both names of what was moved, nor none.
    assert outcomes == {(True, False, False), (True, True, False), (False, True, True)}
    disk = disk_with_old_file(0)
    disk.rename(A, Path("/c"))
    disk.sync_directory(Path("/"))
    disk.cut_power()
    assert disk.read(Path("/c"), 0, len(OLD)) == OLD


def test_after_a_crash_the_disk_is_dead_until_the_next_program() -> None:
    disk = disk_with_old_file(0)
    disk.fail_at(disk.operations + 1, Fault.CRASH)
    with pytest.raises(Crash):
        disk.write(A, 0, NEW)
    with pytest.raises(Crash):
        disk.read(A, 0, 1)
    disk.kill()
    assert len(disk.read(A, 0, len(OLD))) == len(OLD)


def test_a_crash_comes_before_in_the_middle_of_or_after_a_write() -> None:
    written = set()
    for seed in range(30):
        disk = disk_with_old_file(seed)
        disk.fail_at(disk.operations + 1, Fault.CRASH)
        with pytest.raises(Crash):
            disk.write(A, 0, NEW)
        disk.kill()
        count = disk.read(A, 0, len(OLD)).count(b"n")
        written.add("none" if count == 0 else "all" if count == len(NEW) else "some")
    assert written == {"none", "some", "all"}


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.NO_ROOM, DiskFull), (Fault.DEVICE_ERROR, FileUnwritable)]
)
def test_one_operation_fails_and_the_next_does_not(fault: Fault, error: type[StorageError]) -> None:
    disk = disk_with_old_file(0)
    disk.fail_at(disk.operations + 1, fault)
    with pytest.raises(error):
        disk.write(A, 0, NEW)
    disk.write(A, 0, NEW)
    assert disk.read(A, 0, len(NEW)) == NEW


def test_a_read_fails_as_a_read() -> None:
    disk = disk_with_old_file(0)
    disk.fail_at(disk.operations + 1, Fault.DEVICE_ERROR)
    with pytest.raises(FileUnreadable):
        disk.read(A, 0, 1)


def test_a_failed_sync_shows_what_it_will_lose() -> None:
    lost = 0
    for seed in range(20):
        disk = disk_with_old_file(seed)
        disk.write(A, 0, NEW)
        disk.fail_at(disk.operations + 1, Fault.DEVICE_ERROR)
        with pytest.raises(FileUnwritable):
            disk.sync(A)
        disk.sync(A)  # has nothing to do, it thinks
        assert disk.read(A, 0, len(NEW)) == NEW
        disk.cut_power()
        lost += disk.read(A, 0, len(NEW)) != NEW
    assert lost > 10
