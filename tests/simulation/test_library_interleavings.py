"""A library that is asked for everything at once: whatever overtakes what, it stays in order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import loops
from tests.support.folders import DOWNLOADS, HOME, make_directories
from tests.support.stepped_threads import SteppedThreads
from tests.support.stores import FILE, SHARED

from meshdl.content.precedence import Precedence
from meshdl.driver import Driver
from meshdl.errors import ContentUnknown, TargetExists
from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.sim.disk import FaultyDisk
from meshdl.station import store_keeper
from meshdl.station.catalogue import Catalogue
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.content_home import ContentHome
from meshdl.station.hashing import Hashed
from meshdl.station.library import Library
from meshdl.station.swarm_shell import _STORED
from meshdl.station.unwritten import Unwritten
from meshdl.swarm import effects, inputs
from meshdl.swarm.effects import SwarmEffect
from meshdl.swarm.handshake import Identity
from meshdl.swarm.inputs import SwarmInput
from meshdl.swarm.state import SwarmSettings
from meshdl.swarm.swarm import Swarm

CONTENT: ContentHash = FILE.metainfo.content_hash
OVERHEARD = Path("/overheard")
TAKEN = DOWNLOADS / FILE.metainfo.name
MINE = SHARED / FILE.metainfo.name

EXPECTED = (ContentUnknown, TargetExists)
"""What whoever asks may be told: that somebody else removed it, or is there already."""


@dataclass
class House:
    """A library with its core, on a disk in memory, in threads that are stepped."""

    disk: FaultyDisk
    threads: SteppedThreads
    catalogue: Catalogue
    core: Swarm = field(init=False)
    library: Library = field(init=False)
    announced: list[ContentHash] = field(default_factory=list)

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Begin a run of the station."""
        loop = asyncio.get_running_loop()
        identity = Identity(Callsign("N0AAA"), StationKey(bytes(32)), bytes(8), lambda _: bytes(64))
        self.core = Swarm(identity, SwarmSettings(), rng=Random(0), pins={}, now=loop.time())
        self.driver: Driver[SwarmInput, SwarmEffect] = Driver(self.core, self._perform)
        self.library = Library(
            self.disk,
            HOME,
            self.catalogue,
            Unwritten(pytest.fail, lambda _warning, _why: None),
            tasks=tasks,
            changed=lambda _: None,
            whole=self._announce,
        )
        self.library.connect(self.driver.post)

    async def close(self) -> None:
        """End it, in the order of :class:`meshdl.station.station.Station`."""
        self.driver.stop()
        await self.library.close()
        await self.library.stores.close()

    async def _announce(self, entry: CatalogueEntry, _: object) -> None:
        self.announced.append(entry.content_hash)

    def _perform(self, effect: SwarmEffect) -> None:
        library = self.library
        match effect:
            case effects.WriteRange():
                library.stores.write(effect)
            case effects.WriteLeafHashes():
                library.stores.write_leaf_hashes(effect)
            case effects.CreateContent():
                library.create(effect)
            case effects.FinishContent(content):
                library.stores.finish(content)
            case effects.DownloadChanged(content):
                download = self.core.downloads.get(content)
                if download is not None:
                    library.note(content, _STORED[download.stage], download.problem or "")
            case _:
                pass  # of other stations, and there are none

    # What is asked for.

    async def share(self) -> None:
        spooled = HOME.contents_directory / "spooled"
        self.disk.create(spooled, 0)
        self.disk.write(spooled, 0, FILE.all_leaf_hashes())
        stat = self.disk.stat(MINE)
        assert stat is not None
        hashed = Hashed(
            FILE.metainfo, dict(FILE.layers), tuple(FILE.hashes), MINE, spooled, (stat,), ()
        )

        async def announce() -> None:
            self.announced.append(CONTENT)

        await self.library.adopt(
            hashed, title="shared", precedence=Precedence.ROUTINE, announce=announce
        )

    async def get(self, *, described: bool) -> None:
        entry = self.library.find(CONTENT)
        if entry is not None:
            if entry.overheard:
                await self.take_over()
            await self.library.resume(CONTENT)
            return
        await self.library.begin(
            CONTENT,
            title="got",
            directory=DOWNLOADS,
            precedence=Precedence.ROUTINE,
            known=(FILE.metainfo, dict(FILE.layers)) if described else None,
        )

    async def take_over(self) -> None:
        def become(entry: CatalogueEntry) -> CatalogueEntry:
            if not entry.overheard:
                return entry
            whole = entry.state is StoredState.COMPLETE
            path = DOWNLOADS if entry.octets is None else TAKEN
            state = StoredState.COMPLETE if whole else StoredState.DOWNLOADING
            return replace(entry, overheard=False, via="auto", path=path, state=state)

        await self.library.relocate(CONTENT, become, self._move)

    def _move(self, before: CatalogueEntry, wanted: CatalogueEntry) -> None:
        if self.disk.stat(wanted.path) is not None:
            raise TargetExists(f"{wanted.path} is there already")
        for suffix in ("", ".part"):
            source = before.path.with_name(before.path.name + suffix)
            if self.disk.stat(source) is not None:
                self.disk.rename(source, wanted.path.with_name(wanted.path.name + suffix))

    async def overhear(self) -> None:
        if self.library.find(CONTENT) is None and not self.library.leaving(CONTENT):
            entry = CatalogueEntry(
                content_hash=CONTENT,
                state=StoredState.DOWNLOADING,
                path=OVERHEARD,
                title="overheard",
                octets=None,
                precedence=Precedence.ROUTINE,
                added_at=0.0,
                via="rf",
                overheard=True,
            )
            self.library.change(entry)
        await self.describe()

    async def describe(self) -> None:
        layers, hashes = dict(FILE.layers), tuple(FILE.hashes)
        self.driver.post(inputs.MetainfoLearned(CONTENT, FILE.metainfo, layers, hashes))

    async def hear(self, *, half: bool) -> None:
        for chunk in FILE.chunks:
            self.driver.post(inputs.LeafHashesLearned(CONTENT, chunk, FILE.leaf_hashes(chunk)))
            octets = FILE.chunk(chunk)
            for offset in range(0, len(octets) // 2 if half else len(octets), 16_384):
                leaf = octets[offset : offset + 16_384]
                self.driver.post(inputs.LeafLearned(CONTENT, chunk, offset, leaf))

    async def put_in_the_way(self, directory: Path) -> None:
        path = directory / FILE.metainfo.name
        if self.disk.stat(path) is None:
            FILE.put(self.disk, path)

    async def look_again(self) -> None:
        """As if somebody who reads thought that the file were another."""
        store = self.library.stores.get(CONTENT)
        if store is not None and store.finished:
            self.library._file_changed(CONTENT)

    # What must hold when nothing goes on any more.

    def check(self) -> None:
        """Entries, catalogue, stores, core and disk tell the same."""
        library = self.library
        assert {one.content_hash: one for one in self.catalogue.entries()} == library.entries
        assert not library.leaving(CONTENT)
        assert FILE.octets[FILE.metainfo.name] == self._octets(MINE)
        entry, store = library.find(CONTENT), library.stores.get(CONTENT)
        download = self.core.downloads.get(CONTENT)
        assert (CONTENT in self.core.holdings) == (store is not None)
        if entry is None:
            assert download is None
            assert self.disk.stat(ContentHome(self.disk, HOME, CONTENT).journal) is None
            return
        assert library.verifying(CONTENT) is None
        if entry.state is StoredState.BROKEN:
            assert "is there already" in entry.error
        else:
            assert (store is not None) == (entry.octets is not None)
        if store is not None and store.finished:
            assert self._octets(store.location) == FILE.octets[FILE.metainfo.name]
        if download is not None and not entry.in_place:
            assert _STORED[download.stage] is entry.state
        if entry.state is StoredState.DOWNLOADING:
            assert download is not None

    def _octets(self, path: Path) -> bytes:
        stat = self.disk.stat(path)
        assert stat is not None
        return self.disk.read(path, 0, stat.octets)


ASKED: dict[str, Callable[[House], Awaitable[None]]] = {
    "share": House.share,
    "get": partial(House.get, described=False),
    "get it described": partial(House.get, described=True),
    "overhear": House.overhear,
    "take over": House.take_over,
    "describe": House.describe,
    "hear half": partial(House.hear, half=True),
    "hear all": partial(House.hear, half=False),
    "pause": lambda house: house.library.pause(CONTENT),
    "resume": lambda house: house.library.resume(CONTENT),
    "other paths": lambda house: house.library.change_paths(CONTENT, "hybrid"),
    "rm": lambda house: house.library.remove(CONTENT, delete_files=False),
    "rm with files": lambda house: house.library.remove(CONTENT, delete_files=True),
    "in the way": lambda house: house.put_in_the_way(DOWNLOADS),
    "in the way of what is overheard": lambda house: house.put_in_the_way(OVERHEARD),
    "look again": House.look_again,
}


BEFORE: dict[str, list[str]] = {
    "nothing": [],
    "shared": ["share"],
    "got": ["get it described", "hear all"],
    "half got": ["get", "describe", "hear half"],
    "overheard": ["overhear", "hear all"],
    "half overheard": ["overhear", "hear half"],
}
"""What the station has when it is asked for several things at once."""


async def _asked(work: Awaitable[None]) -> None:
    with suppress(*EXPECTED):
        await work


async def lives(
    house: House,
    asked: list[tuple[str, int]],
    *,
    before: list[str] | None = None,
    then_stops: bool = False,
) -> None:
    """One run of a station that is asked for all this, so many steps between one and the next."""
    async with asyncio.TaskGroup() as tasks:
        house.open(tasks)
        await house.threads.until(house.library.load())
        for what in before or []:
            await house.threads.until(_asked(ASKED[what](house)))
            await house.threads.settle()
            house.check()
        given: list[asyncio.Task[None]] = []
        for what, steps in asked:
            given.append(asyncio.create_task(_asked(ASKED[what](house))))
            for _ in range(steps):
                await house.threads.step()
        if not then_stops:
            await house.threads.settle()
            house.check()
        await house.threads.until(house.close())
        await asyncio.wait(given) if given else None
        for task in given:
            if not task.cancelled():
                task.result()


asked_for = st.lists(st.tuples(st.sampled_from(sorted(ASKED)), st.integers(0, 40)), max_size=5)


@given(
    before=st.sampled_from(sorted(BEFORE)),
    asked=asked_for,
    again=asked_for,
    then_stops=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_whatever_overtakes_what_the_library_stays_in_order(
    before: str,
    asked: list[tuple[str, int]],
    again: list[tuple[str, int]],
    then_stops: bool,
    seed: int,
) -> None:
    async def scenario(house: House) -> None:
        await lives(house, asked, before=BEFORE[before], then_stops=then_stops)
        await lives(house, again)  # while what is found at the next start is opened
        await lives(house, [("rm with files", 0)])
        assert not house.library.entries

    in_house(scenario, seed)


@pytest.mark.parametrize("before", ["overheard", "half overheard"])
@pytest.mark.parametrize("seed", range(5))
def test_what_cannot_be_taken_over_goes_on_where_it_was(before: str, seed: int) -> None:
    async def scenario(house: House) -> None:
        async with asyncio.TaskGroup() as tasks:
            house.open(tasks)
            for what in [*BEFORE[before], "in the way"]:
                await house.threads.until(ASKED[what](house))
                await house.threads.settle()
            entry = house.library.entry(CONTENT)
            with pytest.raises(TargetExists):
                await house.threads.until(house.take_over())
            await house.threads.settle()
            assert house.library.entry(CONTENT) == entry
            house.check()
            await house.hear(half=False)
            await house.threads.settle()
            assert house.library.entry(CONTENT).state is StoredState.COMPLETE
            await house.threads.until(house.close())

    in_house(scenario, seed)


@pytest.mark.parametrize("seed", range(20))
def test_who_gets_what_is_just_being_removed_gets_it_anew(seed: int) -> None:
    async def scenario(house: House) -> None:
        await lives(house, [("rm with files", 3), ("get it described", 0)], before=BEFORE["got"])
        entry = house.library.entry(CONTENT)
        assert entry.state is StoredState.DOWNLOADING
        assert house.disk.stat(TAKEN) is None

    in_house(scenario, seed)


@pytest.mark.parametrize("steps", range(24))
def test_a_get_that_is_refused_leaves_nothing(steps: int) -> None:
    async def scenario(house: House) -> None:
        asked = [("in the way", 0), ("get it described", steps), ("other paths", 0)]
        await lives(house, asked)
        assert not house.library.entries

    in_house(scenario, seed=0)


@pytest.mark.parametrize("steps", range(24))
def test_what_comes_while_a_content_is_taken_over_breaks_nothing(steps: int) -> None:
    async def scenario(house: House) -> None:
        asked = [("take over", steps), ("hear all", 0)]
        await lives(house, asked, before=BEFORE["half overheard"])
        entry = house.library.entry(CONTENT)
        assert (entry.overheard, entry.error) == (False, "")
        assert entry.state in {StoredState.DOWNLOADING, StoredState.COMPLETE}

    in_house(scenario, seed=0)


@pytest.mark.parametrize("steps", range(24))
def test_metainfo_that_comes_while_a_content_is_opened_makes_no_files(steps: int) -> None:
    async def scenario(house: House) -> None:
        await lives(house, [], before=BEFORE["half got"])
        await lives(house, [("other paths", steps), ("describe", 0)])
        entry = house.library.entry(CONTENT)
        assert (entry.path, entry.state) == (TAKEN, StoredState.DOWNLOADING)

    in_house(scenario, seed=0)


@pytest.mark.parametrize("steps", range(0, 40, 2))
def test_what_is_heard_while_it_is_removed_comes_back_or_not_and_nothing_between(
    steps: int,
) -> None:
    async def scenario(house: House) -> None:
        await lives(house, [("rm with files", steps), ("overhear", 0)], before=BEFORE["got"])
        assert all(one.overheard for one in house.library.entries.values())

    in_house(scenario, seed=0)


@pytest.mark.parametrize("turns_of_the_loop", range(6))
def test_what_is_taken_over_in_the_moment_in_which_the_core_gives_it_up_is_open_or_broken(
    turns_of_the_loop: int,
) -> None:
    async def scenario(house: House) -> None:
        async with asyncio.TaskGroup() as tasks:
            house.open(tasks)
            for what in BEFORE["half overheard"]:
                await house.threads.until(ASKED[what](house))
                await house.threads.settle()
            taken_over = asyncio.create_task(house.take_over())
            for _ in range(turns_of_the_loop):
                await asyncio.sleep(0)
            house.library.note(CONTENT, StoredState.BROKEN, "the disk is worn out")
            await house.threads.settle()
            await taken_over
            broken = house.library.entry(CONTENT).state is StoredState.BROKEN
            assert (house.library.stores.get(CONTENT) is None) == broken
            await house.threads.until(house.close())

    in_house(scenario, seed=0)


def in_house(scenario: Callable[[House], Awaitable[None]], seed: int) -> None:
    """Run it with the operator's file on the disk, and nothing else."""
    disk = FaultyDisk()
    for directory in (HOME.contents_directory, DOWNLOADS, OVERHEARD, SHARED):
        make_directories(disk, directory)
    FILE.put(disk, MINE)
    catalogue = Catalogue(Path(":memory:"))

    async def whole() -> None:
        house = House(disk, SteppedThreads(disk, Random(seed)), catalogue)
        house.threads.replace(patch)
        await scenario(house)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_keeper, "HAND_OVER_EVERY_S", 0.0)
        patch.setattr(store_keeper, "CHECKPOINT_EVERY_S", 3600.0)
        loops.run(whole())
    catalogue.close()
