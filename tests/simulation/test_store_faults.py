"""The store on a disk that fails at every single operation: nothing is lost, nothing faked."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import pytest
from tests.support.folders import DOWNLOADS, HOME, Folder, make_directories

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.errors import ContentUnknown, DiskFull, StorageError
from meshdl.ids import ChunkIndex
from meshdl.sim.disk import Crash, Fault, FaultyDisk
from meshdl.station import store_making
from meshdl.station.content_home import load_metainfo, save_metainfo
from meshdl.station.store import Checkpoint, ContentStore

FOLDER = Folder()
MESSAGE_OCTETS = 2 * LEAF_OCTETS
LOCATION = DOWNLOADS / FOLDER.metainfo.name


@dataclass
class Promised:
    """What the store has said is safe: pairs of chunk and leaf, and whole chunks."""

    leaves: set[tuple[ChunkIndex, int]] = field(default_factory=set)
    chunks: set[ChunkIndex] = field(default_factory=set)

    def copy(self) -> "Promised":
        return Promised(set(self.leaves), set(self.chunks))


@dataclass
class Station:
    """A program that downloads, dies and is started again.

    Attributes:
        alive: what must survive the death of the program.
        durable: what must survive a power cut.
    """

    disk: FaultyDisk
    rng: Random
    alive: Promised = field(default_factory=Promised)
    durable: Promised = field(default_factory=Promised)
    finished: bool = False

    def start(self) -> ContentStore:
        try:
            load_metainfo(self.disk, HOME, FOLDER.metainfo.content_hash)
        except ContentUnknown:
            save_metainfo(self.disk, HOME, FOLDER.metainfo, FOLDER.layers)
        return store_making.continue_download(
            self.disk, HOME, FOLDER.metainfo, FOLDER.hashes, DOWNLOADS
        )

    def run(self) -> ContentStore:
        """Start, download what is missing in a random order, finish, close."""
        store = self.start()
        check_truth(store)
        self.check_promises(store)
        begun: tuple[Checkpoint, Promised] | None = None
        for chunk, offset, octets in self.missing(store):
            store.write_leaf_hashes(chunk, FOLDER.leaf_hashes(chunk))
            store.write(chunk, offset, FOLDER.chunk(chunk)[offset : offset + octets])
            if store.partial[chunk] == (1 << FOLDER.metainfo.span(chunk).leaf_count) - 1:
                store.chunk_complete(chunk)
                self.alive.chunks.add(chunk)
            else:
                first = offset // LEAF_OCTETS
                leaves = range(first, first + -(-octets // LEAF_OCTETS))
                self.alive.leaves |= {(chunk, leaf) for leaf in leaves}
            if begun is not None and self.rng.random() < 0.6:
                begun[0].complete()
                self.durable, begun = begun[1], None
            elif begun is None and self.rng.random() < 0.4:
                checkpoint = store.begin_checkpoint()
                assert checkpoint is not None
                begun = (checkpoint, self.alive.copy())
        if begun is not None:
            begun[0].complete()
        assert store.finish() == LOCATION
        self.finished = True
        self.alive = self.durable = Promised(set(), set(FOLDER.chunks))
        store.close()
        return store

    def missing(self, store: ContentStore) -> Iterator[tuple[ChunkIndex, int, int]]:
        wanted = []
        for chunk in map(ChunkIndex, store.have.missing()):
            octets = FOLDER.metainfo.span(chunk).octets
            for offset in range(0, octets, MESSAGE_OCTETS):
                count = min(MESSAGE_OCTETS, octets - offset)
                leaves = range(offset // LEAF_OCTETS, -(-(offset + count) // LEAF_OCTETS))
                if any(not store.partial.get(chunk, 0) >> leaf & 1 for leaf in leaves):
                    wanted.append((chunk, offset, count))
        self.rng.shuffle(wanted)
        yield from wanted

    def check_promises(self, store: ContentStore) -> None:
        assert self.alive.chunks <= {*map(ChunkIndex, store.have)}
        for chunk, leaf in self.alive.leaves:
            assert chunk in store.have or store.partial.get(chunk, 0) >> leaf & 1

    def forget_what_power_held(self) -> None:
        self.alive = self.durable.copy()


def new_station(seed: int) -> Station:
    disk = FaultyDisk(seed)
    make_directories(disk, HOME.contents_directory)
    make_directories(disk, DOWNLOADS)
    return Station(disk, Random(seed))


def check_truth(store: ContentStore) -> None:
    """Whatever is marked is right, and is what readers get."""
    for chunk in map(ChunkIndex, store.have):
        assert store.read(chunk, 0, len(FOLDER.chunk(chunk))) == FOLDER.chunk(chunk)
        assert store.leaf_hashes(chunk) == FOLDER.leaf_hashes(chunk)
    for chunk, mask in store.partial.items():
        octets = FOLDER.chunk(chunk)
        for offset in range(0, len(octets), LEAF_OCTETS):
            if mask >> (offset // LEAF_OCTETS) & 1:
                leaf = octets[offset : offset + LEAF_OCTETS]
                assert store.read(chunk, offset, len(leaf)) == leaf


def check_finished(disk: FaultyDisk) -> None:
    for name, octets in FOLDER.octets.items():
        assert disk.read(FOLDER.path(name, LOCATION), 0, len(octets) + 1) == octets
    assert disk.stat(LOCATION.with_name("folder.part")) is None
    store = store_making.open_content(disk, HOME, FOLDER.metainfo, FOLDER.hashes, LOCATION)
    assert store.finished
    assert store.have.full
    check_truth(store)


def operations_of_a_run(seed: int) -> range:
    station = new_station(seed)
    first = station.disk.operations + 1
    station.run()
    return range(first, station.disk.operations + 1)


def die(station: Station, how: Callable[[FaultyDisk], None]) -> None:
    how(station.disk)
    if how is FaultyDisk.cut_power:
        station.forget_what_power_held()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", [FaultyDisk.kill, FaultyDisk.cut_power])
def test_a_crash_at_any_operation_loses_nothing_that_was_promised(
    how: Callable[[FaultyDisk], None], seed: int
) -> None:
    for operation in operations_of_a_run(seed):
        station = new_station(seed)
        station.disk.fail_at(operation, Fault.CRASH)
        with suppress(Crash):
            station.run()
        die(station, how)
        station.run()
        check_finished(station.disk)


@pytest.mark.parametrize("seed", range(60))
def test_crash_after_crash_loses_nothing_that_was_promised(seed: int) -> None:
    station = new_station(seed)
    rng = Random(seed)
    for _ in range(8):
        station.disk.fail_at(station.disk.operations + rng.randint(1, 60), Fault.CRASH)
        with suppress(Crash):
            station.run()
        die(station, rng.choice([FaultyDisk.kill, FaultyDisk.cut_power]))
    station.run()
    check_finished(station.disk)


@pytest.mark.parametrize("fault", [Fault.NO_ROOM, Fault.DEVICE_ERROR])
@pytest.mark.parametrize("seed", range(2))
def test_an_error_at_any_operation_is_told_and_loses_nothing(fault: Fault, seed: int) -> None:
    for operation in operations_of_a_run(seed):
        station = new_station(seed)
        station.disk.fail_at(operation, fault)
        try:
            station.run()
        except StorageError:
            # The station shows the error, and opens the content again when told to.
            station.run()
        check_finished(station.disk)
        station.disk.cut_power()
        check_finished(station.disk)


@pytest.mark.parametrize("seed", range(2))
def test_what_an_error_left_in_doubt_is_durable_before_it_is_trusted(seed: int) -> None:
    for operation in operations_of_a_run(seed):
        station = new_station(seed)
        station.disk.fail_at(operation, Fault.DEVICE_ERROR)
        try:
            station.run()
        except StorageError:
            store = station.start()  # no crash in between: the cache shows what is not on disk
            held = Promised(set(), {*map(ChunkIndex, store.have)})
            station.disk.cut_power()
            store = station.start()
            check_truth(store)
            assert held.chunks <= {*map(ChunkIndex, store.have)}


def fill(station: Station, store: ContentStore) -> None:
    """Write everything; what finds no room is written once more."""
    for chunk, offset, octets in station.missing(store):
        try:
            store.write(chunk, offset, FOLDER.chunk(chunk)[offset : offset + octets])
        except DiskFull:
            store.write(chunk, offset, FOLDER.chunk(chunk)[offset : offset + octets])
        if store.partial[chunk] == (1 << FOLDER.metainfo.span(chunk).leaf_count) - 1:
            try:
                store.chunk_complete(chunk)
            except DiskFull:
                store.chunk_complete(chunk)


@pytest.mark.parametrize("seed", range(3))
def test_what_found_no_room_can_be_written_when_there_is_some(seed: int) -> None:
    station = new_station(seed)
    store = station.start()
    first = station.disk.operations + 1
    fill(station, store)
    for operation in range(first, station.disk.operations + 1):
        station = new_station(seed)
        store = station.start()
        station.disk.fail_at(operation, Fault.NO_ROOM)
        fill(station, store)
        assert store.have.full
        station.disk.kill()
        check_truth(station.start())
        assert station.start().have.full
