"""The symbol journal: what was heard is there again, and nothing else."""

import struct
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.folders import HOME, make_directories

from meshdl.radio.leaf_symbols import SymbolHeard
from meshdl.sim.disk import FaultyDisk
from meshdl.station.radio import symbol_journal as module
from meshdl.station.radio.symbol_journal import (
    HEADER_OCTETS,
    MAGIC,
    RECORD_OCTETS,
    AirObject,
    Recorded,
    SymbolJournal,
)
from meshdl.wire.onair.pdus import SOURCE_SYMBOLS_MAX, Codec, Form

PATH = HOME.symbols_file
RNG = Random(8)


def new_disk() -> FaultyDisk:
    disk = FaultyDisk()
    make_directories(disk, PATH.parent)
    return disk


def heard(number: int = 0, symbol_id: int = 0, sender: str = "N0AAA") -> Recorded:
    symbol = SymbolHeard(
        form=Form(Codec.ZSTD, 20, 0xABCD),
        symbol_id=symbol_id,
        octets=RNG.randbytes(48),
        sender=sender,
    )
    return Recorded(AirObject(b"\1\2\3\4", number), symbol)


def read_again(disk: FaultyDisk) -> list[Recorded]:
    return list(SymbolJournal.open(disk, PATH).symbols())


recorded = st.builds(
    Recorded,
    st.builds(AirObject, st.binary(min_size=4, max_size=4), st.integers(0, 2**32 - 1)),
    st.builds(
        SymbolHeard,
        form=st.one_of(
            st.builds(Form, st.just(Codec.RAW), st.integers(1, SOURCE_SYMBOLS_MAX)),
            st.builds(
                Form,
                st.sampled_from([Codec.ZSTD, Codec.ZSTD_DICTIONARY]),
                st.integers(1, SOURCE_SYMBOLS_MAX),
                st.integers(0, 0xFFFF),
            ),
        ),
        symbol_id=st.integers(0, 0xFFFF),
        octets=st.binary(min_size=48, max_size=48),
        sender=st.sampled_from(["", "N0CALL", "KA1ABC-15"]),
    ),
)


@given(bursts=st.lists(st.lists(recorded, max_size=4), max_size=4))
def test_what_was_heard_is_there_after_a_restart(bursts: list[list[Recorded]]) -> None:
    disk = new_disk()
    for burst in bursts:
        SymbolJournal.open(disk, PATH).append(burst)
    assert read_again(disk) == [one for burst in bursts for one in burst]


def test_what_is_done_is_forgotten_and_may_begin_again() -> None:
    disk = new_disk()
    journal = SymbolJournal.open(disk, PATH)
    first, other, later = heard(1), heard(2), heard(1, 7)
    journal.append([first, other])
    journal.done(first.belongs_to)
    journal.append([later])
    assert list(journal.symbols()) == read_again(disk) == [other, later]


@pytest.mark.parametrize("octets", [1, 41, 79])
def test_a_torn_tail_costs_the_last_symbol_and_the_next_one_takes_its_place(octets: int) -> None:
    disk = new_disk()
    journal = SymbolJournal.open(disk, PATH)
    symbols = [heard(1, at) for at in range(3)]
    journal.append(symbols)
    disk.truncate(PATH, HEADER_OCTETS + 2 * RECORD_OCTETS + octets)
    again = SymbolJournal.open(disk, PATH)
    assert list(again.symbols()) == symbols[:2]
    new = heard(1, 9)
    again.append([new])
    assert read_again(disk) == [*symbols[:2], new]


@pytest.mark.parametrize("at", range(RECORD_OCTETS))
def test_a_damaged_record_is_dropped_and_the_others_are_not(at: int) -> None:
    disk = new_disk()
    symbols = [heard(1, at) for at in range(3)]
    SymbolJournal.open(disk, PATH).append(symbols)
    offset = HEADER_OCTETS + RECORD_OCTETS + at
    [octet] = disk.read(PATH, offset, 1)
    disk.write(PATH, offset, bytes([octet ^ 0x10]))
    assert read_again(disk) == [symbols[0], symbols[2]]


def test_records_in_another_place_or_of_another_file_are_dropped() -> None:
    disk = new_disk()
    symbols = [heard(1, at) for at in range(2)]
    SymbolJournal.open(disk, PATH).append(symbols)
    first, second = (
        disk.read(PATH, HEADER_OCTETS + at * RECORD_OCTETS, RECORD_OCTETS) for at in range(2)
    )
    disk.write(PATH, HEADER_OCTETS, second + first)
    assert read_again(disk) == []
    disk.remove(PATH)
    SymbolJournal.open(disk, PATH)
    disk.write(PATH, HEADER_OCTETS, first)
    assert read_again(disk) == []


@pytest.mark.parametrize(
    "octets", [b"", b"meshdl", bytes(HEADER_OCTETS), b"meshdlS\2" + bytes(8), bytes(4000)]
)
def test_what_is_no_journal_is_replaced_by_one(octets: bytes) -> None:
    disk = new_disk()
    disk.create(PATH, 0)
    disk.write(PATH, 0, octets)
    journal = SymbolJournal.open(disk, PATH)
    symbol = heard()
    journal.append([symbol])
    assert read_again(disk) == [symbol]


def test_a_record_of_a_form_that_there_is_not_is_dropped() -> None:
    disk = new_disk()
    journal = SymbolJournal.open(disk, PATH)
    header = disk.read(PATH, 0, HEADER_OCTETS)
    body = struct.pack(">4sIIHxx12s48s", b"\1\2\3\4", 1, 0xF001_0000, 0, b"", b"")
    checksum = zlib.crc32(bytes(4), zlib.crc32(body, zlib.crc32(header)))
    symbol = heard()
    disk.write(PATH, HEADER_OCTETS, body + struct.pack(">I", checksum))
    journal = SymbolJournal.open(disk, PATH)
    journal.append([symbol])
    assert read_again(disk) == [symbol]
    assert header.startswith(MAGIC)


def test_a_full_journal_forgets_what_is_done_and_then_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RECORDS_MAX", 20)
    disk = new_disk()
    journal = SymbolJournal.open(disk, PATH)
    unwanted, wanted = [heard(1, at) for at in range(8)], [heard(2, at) for at in range(11)]
    journal.append(unwanted)
    journal.append(wanted)
    journal.done(unwanted[0].belongs_to)
    more = [heard(2, 20 + at) for at in range(10)]
    journal.append(more[:1])
    assert journal.records == 12
    assert list(journal.symbols()) == read_again(disk) == [*wanted, *more[:1]]
    journal.append(more[1:])
    assert journal.records == 15
    assert list(journal.symbols()) == read_again(disk) == [*wanted, *more][-15:]


def test_a_flood_never_makes_the_journal_larger_than_its_quota(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RECORDS_MAX", 50)
    disk = new_disk()
    journal = SymbolJournal.open(disk, PATH)
    for at in range(40):
        journal.append([heard(at, one) for one in range(7)])
        found = disk.stat(PATH)
        assert found is not None
        assert found.octets <= HEADER_OCTETS + 50 * RECORD_OCTETS


def test_one_burst_larger_than_the_journal_is_cut_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RECORDS_MAX", 20)
    disk = new_disk()
    burst = [heard(1, at) for at in range(30)]
    SymbolJournal.open(disk, PATH).append(burst)
    assert read_again(disk) == burst[-15:]


def test_a_file_longer_than_any_journal_is_read_as_far_as_one_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = new_disk()
    journal = SymbolJournal.open(disk, PATH)
    symbol = heard()
    journal.append([symbol])
    disk.truncate(PATH, HEADER_OCTETS + 100 * RECORD_OCTETS)
    monkeypatch.setattr(module, "RECORDS_MAX", 20)
    again = SymbolJournal.open(disk, PATH)
    assert again.records == 20
    assert list(again.symbols()) == [symbol]
