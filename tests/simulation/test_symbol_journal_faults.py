"""The symbol journal on a disk that fails at every single operation."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

import pytest
from tests.support.folders import HOME, make_directories
from tools.air_texts import MEASURING, leaf_of

from meshdl.errors import StorageError
from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.forms import best_form
from meshdl.radio.leaf_symbols import Leaf, LeafSymbols, LeafVerified, SymbolHeard
from meshdl.sim.disk import Crash, Fault, FaultyDisk
from meshdl.station.radio import symbol_journal as module
from meshdl.station.radio.symbol_journal import AirObject, Recorded, SymbolJournal

PATH = HOME.symbols_file
LEAF = leaf_of("form 309", MEASURING, seed=1, octets=3000)
FORMED = best_form(LEAF)
COUNT = FORMED.form.source_symbols
IDS = [*range(0, COUNT, 2), *range(700, 700 + COUNT)]
SYMBOLS = [
    Recorded(
        AirObject(b"\1\2\3\4", 0),
        SymbolHeard(form=FORMED.form, symbol_id=one, octets=octets, sender="N0AAA"),
    )
    for one, octets in zip(IDS, Encoder(FORMED.octets).symbols(IDS), strict=True)
]
OLD = [Recorded(AirObject(b"\5\6\7\0", 8), one.heard) for one in SYMBOLS[:6]]


@pytest.fixture(autouse=True)
def a_small_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that it is written anew within a run."""
    monkeypatch.setattr(module, "RECORDS_MAX", (len(IDS) + len(OLD)) * 4 // 3 + 4)


@dataclass
class Station:
    """A program that writes down what it hears, dies and is started again.

    Attributes:
        alive: what must survive the death of the program.
        durable: what must survive a power cut.
    """

    disk: FaultyDisk
    alive: list[Recorded] = field(default_factory=list)
    durable: list[Recorded] = field(default_factory=list)

    def run(self) -> None:
        """Start, hear what is missing of the leaf in small bursts, sync now and then."""
        journal = SymbolJournal.open(self.disk, PATH)
        there = list(journal.symbols())
        for one in self.alive:
            assert one in there
        assert all(one in SYMBOLS or one in OLD for one in there)
        journal.append(OLD)
        journal.done(OLD[0].belongs_to)
        for at in range(0, len(SYMBOLS), 3):
            burst = [one for one in SYMBOLS[at : at + 3] if one not in there]
            journal.append(burst)
            self.alive += burst
            if at % 2:
                journal.sync()
                self.durable = list(self.alive)


def new_station(seed: int) -> Station:
    disk = FaultyDisk(seed)
    make_directories(disk, PATH.parent)
    return Station(disk)


def operations_of_a_run(seed: int) -> range:
    station = new_station(seed)
    first = station.disk.operations + 1
    station.run()
    return range(first, station.disk.operations + 1)


def die(station: Station, how: Callable[[FaultyDisk], None]) -> None:
    how(station.disk)
    if how is FaultyDisk.cut_power:
        station.alive = list(station.durable)


def decoded(disk: FaultyDisk) -> bytes | None:
    leaf = LeafSymbols(Leaf(sha256(LEAF).digest(), len(LEAF)))
    for one in SymbolJournal.open(disk, PATH).symbols():
        if one.belongs_to == SYMBOLS[0].belongs_to:
            outcome = leaf.receive(one.heard)
            if isinstance(outcome, LeafVerified):
                return outcome.octets
    return None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", [FaultyDisk.kill, FaultyDisk.cut_power])
def test_a_crash_at_any_operation_loses_no_symbol_that_was_safe(
    how: Callable[[FaultyDisk], None], seed: int
) -> None:
    for operation in operations_of_a_run(seed):
        station = new_station(seed)
        station.disk.fail_at(operation, Fault.CRASH)
        with suppress(Crash):
            station.run()
        die(station, how)
        station.run()
        assert decoded(station.disk) == LEAF


@pytest.mark.parametrize("fault", [Fault.NO_ROOM, Fault.DEVICE_ERROR])
def test_a_disk_that_refuses_costs_symbols_and_damages_none(fault: Fault) -> None:
    for operation in operations_of_a_run(1):
        station = new_station(1)
        station.disk.fail_at(operation, fault)
        with suppress(StorageError):
            station.run()
        station.run()
        assert decoded(station.disk) == LEAF


@pytest.mark.parametrize("seed", range(40))
def test_crash_after_crash_the_leaf_is_there_in_the_end(seed: int) -> None:
    station, rng = new_station(seed), Random(seed)
    for _ in range(8):
        station.disk.fail_at(station.disk.operations + rng.randint(1, 30), Fault.CRASH)
        with suppress(Crash):
            station.run()
        die(station, rng.choice([FaultyDisk.kill, FaultyDisk.cut_power]))
    station.run()
    assert decoded(station.disk) == LEAF


def test_a_leaf_begun_in_one_mode_is_finished_in_another_after_a_restart() -> None:
    disk = new_station(0).disk
    fast, slow = SYMBOLS[:10], SYMBOLS[10:]
    journal = SymbolJournal.open(disk, PATH)
    journal.append(fast)  # one frame of ten symbols
    disk.kill()
    leaf = LeafSymbols(Leaf(sha256(LEAF).digest(), len(LEAF)))
    for one in SymbolJournal.open(disk, PATH).symbols():
        leaf.receive(one.heard)
    assert leaf.wanted() == [(FORMED.form, COUNT - 10)]
    outcomes = [leaf.receive(one.heard) for one in slow[: COUNT - 10]]  # one by one
    assert isinstance(outcomes[-1], LeafVerified)
    assert outcomes[-1].octets == LEAF
