"""The journal: what it says is what was put in, however it is damaged."""

import zlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.folders import Folder

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.errors import DiskFull
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.sim.disk import Fault, FaultyDisk
from meshdl.station import journal as journals
from meshdl.station.journal import HEADER_OCTETS, RECORD_OCTETS, Claims, Journal, Loaded, load

PATH = Path("/journal")
FOLDER = Folder({"big": 40 * 4 * LEAF_OCTETS})
METAINFO = FOLDER.metainfo
CHUNKS = METAINFO.chunk_count

chunk_sets = st.integers(0, (1 << CHUNKS) - 1)
leaf_sets = st.dictionaries(
    st.integers(0, CHUNKS - 1).map(ChunkIndex), st.integers(1, 15), max_size=8
)


@st.composite
def claims(draw: st.DrawFn) -> Claims:
    chunks = draw(chunk_sets)
    leaves = draw(leaf_sets)
    return Claims(chunks, {c: mask for c, mask in leaves.items() if not chunks >> c & 1})


def write(disk: FaultyDisk, trusted: Claims | None = None) -> Journal:
    return Journal.write(disk, PATH, METAINFO.content_hash, trusted or Claims())


def read(disk: FaultyDisk) -> Loaded:
    loaded = load(disk, PATH, METAINFO)
    assert loaded is not None
    return loaded


@given(trusted=claims())
def test_what_was_written_at_once_is_trusted(trusted: Claims) -> None:
    disk = FaultyDisk()
    write(disk, trusted)
    disk.cut_power()
    assert read(disk) == Loaded(trusted, Claims())


def test_claims_are_doubtful_until_a_barrier_covers_them() -> None:
    disk = FaultyDisk()
    journal = write(disk)
    journal.chunk(ChunkIndex(3))
    journal.flush()
    journal.leaves(ChunkIndex(5), 1, 2)
    journal.flush()
    held = Claims(1 << 3, {ChunkIndex(5): 0b0110})
    assert read(disk) == Loaded(Claims(), held)
    mark = journal.mark(held)
    journal.chunk(ChunkIndex(4))
    journal.flush()
    journal.leaves(ChunkIndex(5), 3, 1)
    journal.flush()
    journal.barrier(mark)
    assert read(disk) == Loaded(held, Claims(1 << 4, {ChunkIndex(5): 0b1000}))


def test_a_whole_chunk_says_more_than_its_leaves() -> None:
    disk = FaultyDisk()
    journal = write(disk)
    journal.leaves(ChunkIndex(5), 0, 3)
    journal.flush()
    journal.barrier(journal.mark(Claims(0, {ChunkIndex(5): 0b0111})))
    journal.chunk(ChunkIndex(5))
    journal.flush()
    journal.leaves(ChunkIndex(5), 0, 1)
    journal.flush()
    assert read(disk) == Loaded(Claims(0, {ChunkIndex(5): 0b0111}), Claims(1 << 5, {}))


def test_no_journal_says_nothing() -> None:
    assert load(FaultyDisk(), PATH, METAINFO) is None


@pytest.mark.parametrize("at", [0, 7, 8, 39, 40, 43, 44, 47])
def test_a_damaged_header_makes_everything_unknown(at: int) -> None:
    disk = FaultyDisk()
    write(disk, Claims(1))
    octet = disk.read(PATH, at, 1)[0]
    disk.write(PATH, at, bytes([octet ^ 0x10]))
    assert read(disk) == Loaded(readable=False)


def test_the_journal_of_another_content_is_not_believed() -> None:
    disk = FaultyDisk()
    Journal.write(disk, PATH, ContentHash(bytes(32)), Claims(1))
    assert read(disk) == Loaded(readable=False)


@given(chunks=st.lists(st.integers(0, CHUNKS - 1).map(ChunkIndex), unique=True), cut=st.data())
def test_a_torn_tail_costs_only_the_tail(chunks: list[ChunkIndex], cut: st.DataObject) -> None:
    disk = FaultyDisk()
    journal = write(disk)
    for chunk in chunks:
        journal.chunk(chunk)
        journal.flush()
    kept = cut.draw(st.integers(0, len(chunks)))
    torn = cut.draw(st.integers(0, RECORD_OCTETS - 1)) if kept < len(chunks) else 0
    disk.truncate(PATH, HEADER_OCTETS + (1 + kept) * RECORD_OCTETS + torn)
    assert read(disk).doubtful.chunks == sum(1 << chunk for chunk in chunks[:kept])


@given(garbage=st.binary(min_size=1, max_size=60), at=st.integers(0, 400), seed=st.integers(0, 99))
def test_garbage_takes_claims_away_and_never_adds_one(garbage: bytes, at: int, seed: int) -> None:
    disk = FaultyDisk()
    journal = write(disk)
    chunks = Random(seed).sample(range(CHUNKS), 20)
    for chunk in chunks[:10]:
        journal.chunk(ChunkIndex(chunk))
        journal.flush()
    trusted = sum(1 << chunk for chunk in chunks[:10])
    journal.barrier(journal.mark(Claims(trusted)))
    for chunk in chunks[10:]:
        journal.chunk(ChunkIndex(chunk))
        journal.flush()
    claimed = sum(1 << chunk for chunk in chunks)
    disk.write(PATH, at, garbage)
    loaded = read(disk)
    assert loaded.trusted.chunks & ~trusted == 0
    assert (loaded.trusted.chunks | loaded.doubtful.chunks) & ~claimed == 0
    if loaded.readable:
        # Barriers say nothing of their own: only records that were hit are missing.
        hit = len(garbage) // RECORD_OCTETS + 2
        assert (loaded.trusted.chunks | loaded.doubtful.chunks).bit_count() >= 20 - hit


@given(octets=st.binary(max_size=300))
def test_octets_of_any_kind_are_no_claims(octets: bytes) -> None:
    disk = FaultyDisk()
    disk.create(PATH, 0)
    disk.write(PATH, 0, octets)
    assert read(disk) == Loaded(readable=False)


def test_a_record_counts_only_in_its_own_place_and_its_own_file() -> None:
    disk = FaultyDisk()
    first = write(disk)
    first.chunk(ChunkIndex(1))
    first.flush()
    older = disk.read(PATH, HEADER_OCTETS, 2 * RECORD_OCTETS)
    journal = write(disk)
    journal.chunk(ChunkIndex(7))
    journal.flush()
    journal.chunk(ChunkIndex(8))
    journal.flush()
    ours = disk.read(PATH, HEADER_OCTETS, 3 * RECORD_OCTETS)
    # The octets of an older journal in the place they had, and ours in another.
    disk.write(PATH, HEADER_OCTETS, older)
    disk.write(PATH, HEADER_OCTETS + 3 * RECORD_OCTETS, ours)
    assert read(disk) == Loaded(Claims(), Claims(1 << 8))


def test_claims_that_do_not_fit_the_content_are_skipped() -> None:
    disk = FaultyDisk()
    journal = write(disk)
    journal.chunk(ChunkIndex(CHUNKS))
    journal.flush()
    journal.chunk(ChunkIndex(2**32 - 1))
    journal.flush()
    journal.leaves(ChunkIndex(1), 3, 2)
    journal.flush()
    journal.leaves(ChunkIndex(1), 2**32 - 1, 1)
    journal.flush()
    journal.leaves(ChunkIndex(CHUNKS), 0, 1)
    journal.flush()
    assert read(disk) == Loaded()


def test_a_record_that_found_no_room_is_written_with_the_next() -> None:
    for seed in range(10):
        disk = FaultyDisk(seed)
        journal = write(disk)
        disk.fail_at(disk.operations + 1, Fault.NO_ROOM)
        journal.chunk(ChunkIndex(1))
        with pytest.raises(DiskFull):
            journal.flush()
        journal.chunk(ChunkIndex(2))
        journal.flush()
        assert read(disk).doubtful == Claims(1 << 1 | 1 << 2)
        stat = disk.stat(PATH)
        assert stat is not None
        assert stat.octets == HEADER_OCTETS + journal.records * RECORD_OCTETS


def test_a_long_journal_is_written_anew_and_says_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journals, "RECORDS_MAX", 30)
    disk = FaultyDisk()
    journal = write(disk)
    held = Claims()
    for chunk in range(CHUNKS - 2):
        journal.leaves(ChunkIndex(chunk), 0, 2)
        journal.flush()
        journal.chunk(ChunkIndex(chunk))
        journal.flush()
        held.chunks |= 1 << chunk
    mark = journal.mark(Claims(held.chunks))
    journal.chunk(ChunkIndex(CHUNKS - 1))
    journal.flush()
    journal.leaves(ChunkIndex(CHUNKS - 2), 1, 1)
    journal.flush()
    journal.barrier(mark)
    assert journal.records == 4
    disk.cut_power()
    behind = Claims(1 << (CHUNKS - 1), {ChunkIndex(CHUNKS - 2): 0b10})
    assert read(disk) == Loaded(held, behind)
    journal.chunk(ChunkIndex(CHUNKS - 2))
    journal.flush()
    assert read(disk).doubtful.chunks == 3 << (CHUNKS - 2)
    journal.barrier(journal.mark(Claims((1 << CHUNKS) - 1)))
    assert read(disk) == Loaded(Claims((1 << CHUNKS) - 1))


def test_a_long_journal_is_read_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "READ_OCTETS", 4 * RECORD_OCTETS)
    disk = FaultyDisk()
    journal = write(disk)
    for chunk in range(CHUNKS):
        journal.chunk(ChunkIndex(chunk))
        journal.flush()
    assert read(disk).doubtful.chunks == (1 << CHUNKS) - 1


def test_a_journal_made_by_the_book_is_read() -> None:
    """The octets as docs/reference/home-directory.md has them, without our own writer."""
    fields = b"meshdlJ\x01" + METAINFO.content_hash + b"rand"
    header = fields + zlib.crc32(fields).to_bytes(4)
    records = [(1, 0, 2, 3), (2, 2, 7, 1), (3, 0, 2, 0), (1, 0, 8, 1)]
    octets = header
    for position, (kind, count, number, value) in enumerate(records):
        body = bytes([kind, 0]) + count.to_bytes(2) + number.to_bytes(4) + value.to_bytes(4)
        octets += body + zlib.crc32(header + body + position.to_bytes(4)).to_bytes(4)
    disk = FaultyDisk()
    disk.create(PATH, 0)
    disk.write(PATH, 0, octets)
    trusted = Claims(0b11100, {ChunkIndex(7): 0b110})
    assert read(disk) == Loaded(trusted, Claims(1 << 8))
