"""Ranges that stand side by side are written at once, and one answer tells of them."""

from tests.support.folders import CHUNK_OCTETS, Folder
from tests.support.stores import create, new_disk

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.ids import ChunkIndex
from meshdl.sim.disk import Fault, FaultyDisk
from meshdl.station.runs import PARTS_MAX, Run, runs_of
from meshdl.station.shelf import Shelf
from meshdl.swarm.effects import WriteRange
from meshdl.swarm.inputs import RangeWritten, StoreFailed

CONTENT = Folder({"a.bin": 3 * CHUNK_OCTETS}, name="a.bin")
HASH = CONTENT.metainfo.content_hash
FIRST, SECOND = ChunkIndex(0), ChunkIndex(1)


def leaf(chunk: ChunkIndex, number: int, *, last: bool = False) -> WriteRange:
    """One leaf of a chunk, as the core wants it written."""
    begin = number * LEAF_OCTETS
    octets = memoryview(CONTENT.chunk(chunk))[begin : begin + LEAF_OCTETS]
    return WriteRange(HASH, chunk, begin, octets, last)


def shape(run: Run) -> tuple[ChunkIndex, int, int, bool]:
    """Of a run all but its octets; leaves counted."""
    leaves = run.length_octets // LEAF_OCTETS
    return run.chunk, run.offset // LEAF_OCTETS, leaves, run.completes_chunk


def test_ranges_that_come_by_turns_of_two_chunks_are_two_runs() -> None:
    order = [leaf(FIRST, 0), leaf(SECOND, 2), leaf(FIRST, 1), leaf(SECOND, 3), leaf(FIRST, 2)]
    first, second = runs_of(order)
    assert (shape(first), shape(second)) == ((FIRST, 0, 3, False), (SECOND, 2, 2, False))
    assert b"".join(first.parts) == CONTENT.chunk(FIRST)[: 3 * LEAF_OCTETS]
    assert b"".join(second.parts) == CONTENT.chunk(SECOND)[2 * LEAF_OCTETS :]


def test_a_gap_ends_a_run() -> None:
    assert [shape(run) for run in runs_of([leaf(FIRST, 0), leaf(FIRST, 2)])] == [
        (FIRST, 0, 1, False),
        (FIRST, 2, 1, False),
    ]


def test_a_chunk_is_complete_after_the_last_of_its_runs() -> None:
    # The leaf that is verified last closes a gap: it belongs to the first run.
    order = [leaf(FIRST, 0), leaf(FIRST, 2), leaf(FIRST, 3), leaf(FIRST, 1, last=True)]
    assert [shape(run) for run in runs_of(order)] == [(FIRST, 0, 2, False), (FIRST, 2, 2, True)]


def test_a_run_has_no_more_parts_than_a_system_takes() -> None:
    many = [
        WriteRange(HASH, FIRST, number * LEAF_OCTETS, memoryview(bytes(LEAF_OCTETS)), False)
        for number in range(PARTS_MAX + 2)
    ]
    assert [len(run.parts) for run in runs_of(many)] == [PARTS_MAX, 2]


def shelf_on(disk: FaultyDisk) -> Shelf:
    """A shelf with a download of the content that has just begun."""
    shelf = Shelf()
    shelf.put(HASH, create(disk, CONTENT))
    return shelf


def test_one_answer_tells_of_ranges_that_were_written_together() -> None:
    shelf = shelf_on(new_disk())
    order = [leaf(FIRST, number, last=number == 3) for number in range(4)]
    answers = shelf.write(HASH, [*order, leaf(SECOND, 1)])
    assert answers == [
        RangeWritten(HASH, FIRST, 0, CHUNK_OCTETS),
        RangeWritten(HASH, SECOND, LEAF_OCTETS, LEAF_OCTETS),
    ]
    store = shelf.get(HASH)
    assert store is not None
    assert FIRST in store.have
    assert store.read(FIRST, 0, CHUNK_OCTETS) == CONTENT.chunk(FIRST)
    assert store.partial == {SECOND: 0b0010}


def test_what_a_disk_does_not_take_is_told_with_all_that_was_to_be_written() -> None:
    disk = new_disk()
    shelf = shelf_on(disk)
    ranges = [leaf(FIRST, 0), leaf(FIRST, 1), leaf(SECOND, 0)]
    disk.fail_at(disk.operations + 2, Fault.NO_ROOM)
    (answer,) = shelf.write(HASH, ranges)
    assert isinstance(answer, StoreFailed)
    assert answer.unwritten_octets == 3 * LEAF_OCTETS
    assert len(shelf.write(HASH, ranges)) == 2  # there is room again
    store = shelf.get(HASH)
    assert store is not None
    assert store.partial == {FIRST: 0b0011, SECOND: 0b0001}
