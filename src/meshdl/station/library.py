"""The contents of a station: what the operator and the core want of each, done one at a time.

Theory of operation
===================

A content has an entry in the catalogue (what the operator wants with it) and, when its
metainfo is known, a store on the shelf (its octets). The swarm core knows both by what
it is told: :class:`~meshdl.swarm.inputs.ContentOpened` when a store is on the shelf,
:class:`~meshdl.swarm.inputs.StartDownload` when it shall fetch.

There are wishes and works. A wish is said at once: an entry is changed, the core hears of it.
A work takes several steps: a store is made, opened, verified, moved, forgotten
(:mod:`meshdl.station.works`). Works on one content are done one at a time and to their end
(:class:`~meshdl.station.one_at_a_time.OneAtATime`). A work looks at what there is when its turn
comes, not when it was asked for; from then on nobody else takes away the content or touches its
store. Wishes go on meanwhile, so a work never puts back an entry as it was before. A content that
is to be removed is seen no more from that moment on, and gone when its turn came.

Everything of this class runs in the event loop; opening, verifying and hashing, which
may take minutes, in a pool of threads (:mod:`meshdl.station.shelving`). What the core asks of
open stores, :mod:`meshdl.station.store_keeper` does.

A file that is no longer what was hashed is noticed when it is read. The content is then
opened again and hashed, and goes on being served with what is still right of it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.control.content_status import Via
from meshdl.disk import Disk
from meshdl.errors import StorageError
from meshdl.ids import ContentHash
from meshdl.station.catalogue import Catalogue
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.content_files import part_of
from meshdl.station.content_home import load_metainfo
from meshdl.station.entries import Entries, Item
from meshdl.station.hashing import Hashed
from meshdl.station.home import Home
from meshdl.station.one_at_a_time import OneAtATime
from meshdl.station.pool import Pool
from meshdl.station.shelving import Post, Shelving
from meshdl.station.store_keeper import StoreKeeper
from meshdl.station.unwritten import Unwritten
from meshdl.station.works import Works
from meshdl.swarm import effects, inputs
from meshdl.swarm.inputs import SwarmInput

_log = logging.getLogger(__name__)


class Library:
    """All contents of one station.

    Args:
        disk: where files are.
        home: of the station.
        catalogue: of that home.
        unwritten: told of what the catalogue did not take.
        tasks: what runs beside the caller runs in there.
        changed: told which content an observer should look at again.
        whole: announces a content that is complete and served from now on.

    Attributes:
        stores: those that are open.
        pool: for what takes its time; nothing more is begun there when the station stops.
    """

    def __init__(
        self,
        disk: Disk,
        home: Home,
        catalogue: Catalogue,
        unwritten: Unwritten,
        *,
        tasks: asyncio.TaskGroup,
        changed: Callable[[ContentHash], None],
        whole: Callable[[CatalogueEntry, Metainfo], Awaitable[None]],
    ) -> None:
        self._disk, self._home, self._tasks = disk, home, tasks
        self._queues, self.pool = OneAtATime(), Pool()
        self._entries = Entries(catalogue, unwritten, changed)
        self.stores = StoreKeeper(tasks, self._file_changed)
        shelving = Shelving(
            disk, home, self._entries,
            stores=self.stores, pool=self.pool, post=self._tell, whole=whole,
        )  # fmt: skip
        self._works = Works(self._entries, shelving, self.stores, self.pool, post=self._tell)
        self._post: Post = _nowhere

    def connect(self, post: Post) -> None:
        """Say where the core takes its inputs; before anything else is called."""
        self._post = post
        self.stores.connect(post)

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Done with an exception when a thread met a bug of ours."""
        return [self._entries.failure]

    # What there is.

    @property
    def entries(self) -> Mapping[ContentHash, CatalogueEntry]:
        """Every content, the newest last."""
        return self._entries.shown

    def find(self, content: ContentHash) -> CatalogueEntry | None:
        """One content, ``None`` when it is not at this station, or is being removed."""
        item = self._entries.find(content)
        return item.entry if item is not None else None

    def entry(self, content: ContentHash) -> CatalogueEntry:
        """One content.

        Raises:
            ContentUnknown: not at this station.
        """
        return self._entries.item(content).entry

    def parts(self) -> list[Path]:
        """Files and folders of downloads that are not finished."""
        done = {StoredState.SHARING, StoredState.COMPLETE}
        entries = [one for one in self._entries.shown.values() if not one.in_place]
        return [part_of(one.path) for one in entries if one.octets and one.state not in done]

    def leaving(self, content: ContentHash) -> bool:
        """Whether a content is being removed; a new one cannot take its place yet."""
        item = self._entries.held(content)
        return item is not None and item.leaving

    def verifying(self, content: ContentHash) -> tuple[int, int] | None:
        """Octets hashed of how many, while a content is being verified."""
        item = self._entries.find(content)
        return item.verified if item is not None else None

    async def load(self) -> None:
        """Read the catalogue and begin to open everything in it."""
        for item in await self._entries.load():
            self._beside(item.content, self._works.open_at_start)

    async def metainfo(self, content: ContentHash) -> tuple[Metainfo, dict[bytes, bytes]]:
        """The metainfo of a content and its piece layers.

        Raises:
            ContentUnknown: not here, or still to come.
            MetainfoInvalid: what is kept of it is damaged.
            FileUnreadable: the disk refused.
        """
        self._entries.item(content)
        try:
            return await self.pool.run(partial(load_metainfo, self._disk, self._home, content))
        except StorageError:
            self._entries.item(content)  # that it was removed meanwhile says more
            raise

    # What the operator wants.

    async def adopt(
        self,
        hashed: Hashed,
        *,
        title: str,
        precedence: Precedence,
        announce: Callable[[], Awaitable[object]],
    ) -> CatalogueEntry:
        """Share what was hashed, where it is, and have it announced; raises what that does.

        Raises:
            StorageError: the home directory takes no more.
        """
        entry = CatalogueEntry(
            content_hash=hashed.metainfo.content_hash,
            state=StoredState.SHARING,
            path=hashed.root,
            title=title,
            octets=hashed.metainfo.total_octets,
            precedence=precedence,
            added_at=time.time(),
            in_place=True,
        )
        await self._queues.do(
            entry.content_hash, partial(self._works.adopt, entry, hashed, announce)
        )
        return entry

    async def begin(
        self,
        content: ContentHash,
        *,
        title: str,
        directory: Path,
        precedence: Precedence,
        via: Via = "auto",
        known: tuple[Metainfo, dict[bytes, bytes]] | None = None,
    ) -> bool:
        """Begin a download; with ``known`` metainfo, its files are made at once.

        Returns:
            ``False`` when the content is here already, since a moment ago perhaps.

        Raises:
            StorageError: they cannot be made.
            ContentUnknown: it was removed meanwhile.
        """
        entry = CatalogueEntry(
            content_hash=content, state=StoredState.DOWNLOADING, path=directory, title=title,
            octets=None, precedence=precedence, added_at=time.time(), via=via,
        )  # fmt: skip
        return await self._queues.do(content, partial(self._works.begin, entry, known))

    def change(self, entry: CatalogueEntry) -> None:
        """Remember this of a content from now on; a new one begins to be downloaded."""
        item = self._entries.held(entry.content_hash)
        if item is None:
            item = self._entries.add(entry)
            self._works.start(item)
        else:
            item.entry = entry
        self._entries.note(item)

    async def relocate(
        self,
        content: ContentHash,
        become: Callable[[CatalogueEntry], CatalogueEntry],
        move: Callable[[CatalogueEntry, CatalogueEntry], None],
    ) -> None:
        """Go on with a content at another place.

        Args:
            content: which.
            become: what is wanted with it from then on, and where it is; of what is there already
                it wants nothing else.
            move: moves what there is of its files, in a thread of the pool.

        Raises:
            ContentUnknown: it is not at this station.
            StorageError: ``move`` refused; it goes on where it was.
        """
        self._entries.item(content)
        await self._queues.do(content, partial(self._works.relocate, content, become, move))

    async def change_paths(self, content: ContentHash, via: Via) -> None:
        """Fetch a download over these paths from now on."""
        item = self._entries.item(content)
        item.entry = replace(item.entry, via=via)
        if item.entry.state is StoredState.DOWNLOADING:
            self._works.start(item)
        await self._entries.keep(item)

    async def pause(self, content: ContentHash) -> None:
        """Fetch no more of it; returns when what is held is durable."""
        self._entries.item(content)
        self._post(inputs.PauseDownload(content))
        await self.stores.checkpoint(content)

    async def resume(self, content: ContentHash) -> None:
        """Go on with a download, and look again at what is broken.

        Raises:
            ContentUnknown: it is not at this station.
            StorageError: it cannot be opened; it stays broken.
        """
        self._entries.item(content)
        await self._queues.do(content, partial(self._works.resume, content))

    async def remove(self, content: ContentHash, *, delete_files: bool) -> None:
        """Forget it; ``delete_files`` spares what was shared in place.

        Raises:
            ContentUnknown: it is not at this station, or being removed already.
            StorageError: it cannot be removed; it is there, and broken.
        """
        item = self._entries.item(content)
        item.leaving, item.unread = True, item.entry.in_place or not delete_files
        await self._queues.do(content, partial(self._works.remove, item, delete_files=delete_files))

    # What the core wants.

    def check_info(self, effect: effects.CheckInfo) -> None:
        """See what the info dictionary of a download says; the answer is posted."""
        self._beside(effect.content, partial(self._works.check_info, effect))

    def create(self, effect: effects.CreateContent) -> None:
        """Make the files of a download whose metainfo has come."""
        self._beside(effect.content, partial(self._works.create, effect))

    def note(self, content: ContentHash, state: StoredState, error: str = "") -> None:
        """A download is now in this state; remember it over a restart."""
        item = self._entries.find(content)
        if item is None or (item.entry.state, item.entry.error) == (state, error):
            return
        if item.entry.in_place or item.moving:
            return
        item.entry = replace(item.entry, state=state, error=error)
        self._entries.note(item)
        if state is StoredState.BROKEN:
            self._beside(content, partial(self._works.close_broken, error))
        elif state is StoredState.COMPLETE:
            self._beside(content, self._works.announce)

    # How it ends.

    async def close(self) -> None:
        """End the threads, and with them what is being opened; the stores close after."""
        self.pool.stop()
        await self._queues.close()
        await self._entries.close()
        await self.pool.close()

    # How it does that.

    def _beside(self, content: ContentHash, work: Callable[[Item], Awaitable[None]]) -> None:
        """Do it while the caller goes on, if the content is still there when its turn comes."""

        async def on_item() -> None:
            item = self._entries.find(content)
            if item is not None:
                await work(item)

        self._tasks.create_task(self._queues.do(content, on_item))

    def _tell(self, event: SwarmInput) -> None:
        self._post(event)

    def _file_changed(self, content: ContentHash) -> None:
        item = self._entries.find(content)
        if item is not None and item.verified is None:
            _log.warning("a file of %s is not what was hashed; looking again", item.entry.title)
            item.verified = (0, item.entry.octets or 0)
            self._beside(content, self._works.verify)


def _nowhere(_: SwarmInput) -> None:
    raise RuntimeError("the library is not connected to a core")
