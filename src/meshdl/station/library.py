"""The contents of a station: opens them, keeps them durable, forgets them.

Theory of operation
===================

A content has an entry in the catalogue (what the operator wants with it) and, when its
metainfo is known, a store on the shelf (its octets). The swarm core knows both by what
it is told: :class:`~meshdl.swarm.inputs.ContentOpened` when a store is on the shelf,
:class:`~meshdl.swarm.inputs.StartDownload` when it shall fetch.

Everything of this class runs in the event loop; opening, verifying and hashing, which
may take minutes, in a pool of threads. What the core asks of open stores,
:mod:`meshdl.station.store_keeper` does.

A file that is no longer what was hashed is noticed when it is read. The content is then
opened again and hashed, and goes on being served with what is still right of it.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.control.view import Via
from meshdl.disk import Disk
from meshdl.errors import ContentError, ContentUnknown, MeshdlError, StorageError
from meshdl.ids import ContentHash
from meshdl.station import opening
from meshdl.station.catalogue import Catalogue, CatalogueEntry, StoredState
from meshdl.station.content_home import ContentHome, load_metainfo
from meshdl.station.hashing import Hashed
from meshdl.station.home import Home
from meshdl.station.store import ContentStore
from meshdl.station.store_keeper import StoreKeeper
from meshdl.station.unwritten import Book, Unwritten
from meshdl.station.worker import Worker
from meshdl.swarm import effects, inputs
from meshdl.swarm.inputs import SwarmInput

POOL_THREADS = 4
"""Contents that are opened or verified at the same time."""

ResultT = TypeVar("ResultT")
Post: TypeAlias = Callable[[SwarmInput], None]

_log = logging.getLogger(__name__)


class _Stopping(MeshdlError):
    """The station stops while octets are hashed."""


@dataclass(slots=True)
class _Item:
    """What is known of a content beside its entry.

    Attributes:
        verified: octets hashed of how many, while it is being verified.
    """

    entry: CatalogueEntry
    verified: tuple[int, int] | None = None


class Library:
    """All contents of one station.

    Args:
        disk: where files are.
        home: of the station.
        catalogue: of that home.
        unwritten: told of what the catalogue did not take.
        tasks: what runs beside the caller runs in there.
        changed: told which content an observer should look at again.
        whole: told of a content that is complete and served from now on.

    Attributes:
        stores: those that are open.
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
        whole: Callable[[CatalogueEntry, Metainfo], None],
    ) -> None:
        self._disk, self._home, self._catalogue, self._unwritten = disk, home, catalogue, unwritten
        self._tasks, self._changed, self._whole = tasks, changed, whole
        self._loop = asyncio.get_running_loop()
        self._items: dict[ContentHash, _Item] = {}
        # Held by whoever makes or opens a store: two of one content write over each other.
        self._opening: defaultdict[ContentHash, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._stopping = False
        self._post: Post = _nowhere
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="opening")
        self.stores, self._books = StoreKeeper(tasks, self._file_changed), Worker("catalogue")

    def connect(self, post: Post) -> None:
        """Say where the core takes its inputs; before anything else is called."""
        self._post = post
        self.stores.connect(post)

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Done with an exception when a thread met a bug of ours."""
        return [self._books.failure]

    # What there is.

    @property
    def entries(self) -> Mapping[ContentHash, CatalogueEntry]:
        """Every content, the newest last."""
        return {content: item.entry for content, item in self._items.items()}

    def find(self, content: ContentHash) -> CatalogueEntry | None:
        """One content, ``None`` when it is not at this station."""
        item = self._items.get(content)
        return item.entry if item is not None else None

    def entry(self, content: ContentHash) -> CatalogueEntry:
        """One content.

        Raises:
            ContentUnknown: not at this station.
        """
        return self._item(content).entry

    def verifying(self, content: ContentHash) -> tuple[int, int] | None:
        """Octets hashed of how many, while a content is being verified."""
        item = self._items.get(content)
        return item.verified if item is not None else None

    async def load(self) -> None:
        """Read the catalogue and begin to open everything in it."""
        for entry in await self._books.call(self._catalogue.entries):
            self._items[entry.content_hash] = _Item(entry)
        for content in list(self._items):
            self._tasks.create_task(self._open_at_start(content))

    async def metainfo(self, content: ContentHash) -> tuple[Metainfo, dict[bytes, bytes]]:
        """The metainfo of a content and its piece layers.

        Raises:
            ContentUnknown: not here, or still to come.
            MetainfoInvalid: what is kept of it is damaged.
        """
        self._item(content)
        return await self.in_pool(partial(load_metainfo, self._disk, self._home, content))

    # What the operator wants.

    async def adopt(self, hashed: Hashed, *, title: str, precedence: Precedence) -> CatalogueEntry:
        """Share what was hashed, where it is.

        Raises:
            StorageError: the home directory takes no more.
        """
        content = hashed.metainfo.content_hash
        async with self._opening[content]:
            known = self._items.get(content)
            if known is not None:
                # The same octets were being downloaded, or are shared from another place.
                unfinished = known.entry.state in {StoredState.DOWNLOADING, StoredState.PAUSED}
                await self._take_away(content, delete_files=unfinished)
            store = await self.in_pool(partial(opening.serve, self._disk, self._home, hashed))
            entry = CatalogueEntry(
                content_hash=content,
                state=StoredState.SHARING,
                path=hashed.root,
                title=title,
                octets=hashed.metainfo.total_octets,
                precedence=precedence,
                added_at=time.time(),
                in_place=True,
            )
            item = self._items[content] = _Item(entry)
            await self._keep(entry)
            await self._shelve(item, store, tuple(hashed.chunk_hashes), told=True)
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
    ) -> None:
        """Begin a download; with ``known`` metainfo, its files are made at once.

        Raises:
            StorageError: they cannot be made.
        """
        if content in self._items:
            return  # somebody else began it a moment ago
        entry = CatalogueEntry(
            content_hash=content, state=StoredState.DOWNLOADING, path=directory, title=title,
            octets=None, precedence=precedence, added_at=time.time(), via=via,
        )  # fmt: skip
        item = self._items[content] = _Item(entry)
        try:
            if known is not None:
                await self._create(content, *known)
        except (StorageError, ContentError):
            if self._is_there(item):
                del self._items[content]
            raise
        if self._is_there(item):
            await self._keep(item.entry)
        if self._is_there(item):
            self._start(item.entry)

    def change(self, entry: CatalogueEntry) -> None:
        """Remember this of a content from now on; a new one begins to be downloaded."""
        content, item = entry.content_hash, self._items.get(entry.content_hash)
        if item is None:
            self._items[content] = _Item(entry)
            self._start(entry)
        else:
            item.entry = entry
        self._note(entry)
        self._changed(content)

    async def relocate(
        self, content: ContentHash, move: Callable[[CatalogueEntry], CatalogueEntry]
    ) -> None:
        """Go on with a content where ``move`` has put it; raises what that does."""
        async with self._opening[content]:  # its files may just be made
            item = self._item(content)
            await self.stores.close_one(content)
            entry = item.entry = await self.in_pool(partial(move, item.entry))
            await self._keep(entry)
            if entry.octets is not None:
                await self._open_anew(item)
        if entry.state is StoredState.DOWNLOADING:
            self._start(entry)

    async def change_paths(self, content: ContentHash, via: Via) -> None:
        """Fetch a download over these paths from now on."""
        item = self._item(content)
        item.entry = replace(item.entry, via=via)
        await self._keep(item.entry)
        if item.entry.state is StoredState.DOWNLOADING:
            self._start(item.entry)

    def _start(self, entry: CatalogueEntry) -> None:
        by_links = entry.via != "rf"
        start = inputs.StartDownload(entry.content_hash, entry.precedence, by_links=by_links)
        self._post(start)

    async def pause(self, content: ContentHash) -> None:
        """Fetch no more of it; returns when what is held is durable."""
        self._item(content)
        self._post(inputs.PauseDownload(content))
        await self.stores.checkpoint(content)

    async def resume(self, content: ContentHash) -> None:
        """Go on with a download, and look again at what is broken.

        Raises:
            StorageError: it cannot be opened; it stays broken.
        """
        item = self._item(content)
        if item.entry.octets is not None and self.stores.get(content) is None:
            await self._open(content)
        elif item.entry.state is StoredState.BROKEN and item.entry.octets is not None:
            await self._verify(content)
        unfinished = {StoredState.PAUSED, StoredState.BROKEN, StoredState.DOWNLOADING}
        if item.entry.state in unfinished and self._is_there(item):
            store = self.stores.get(content)
            if store is None or not store.finished:
                self._start(item.entry)

    async def remove(self, content: ContentHash, *, delete_files: bool) -> None:
        """Forget it; ``delete_files`` spares what was shared in place."""
        await self._take_away(content, delete_files=delete_files)
        await self._books.call(partial(self._catalogue.remove, content))

    # What the core wants.

    def create(self, effect: effects.CreateContent) -> None:
        """Make the files of a download whose metainfo has come."""
        self._tasks.create_task(self._create_or_fail(effect))

    def note(self, content: ContentHash, state: StoredState, error: str = "") -> None:
        """A download is now in this state; remember it over a restart."""
        item = self._items.get(content)
        if item is None or (item.entry.state, item.entry.error) == (state, error):
            return
        if item.entry.in_place:
            return
        item.entry = replace(item.entry, state=state, error=error)
        if state is StoredState.BROKEN:
            self._tasks.create_task(self.stores.close_one(content))
        self._note(item.entry)
        self._changed(content)
        store = self.stores.get(content)
        if state is StoredState.COMPLETE and store is not None and not item.entry.overheard:
            self._whole(item.entry, store.metainfo)

    # How it ends.

    async def close(self) -> None:
        """End the threads, and with them what is being opened; the stores close after."""
        self._stopping = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self._books.close()
        await asyncio.to_thread(self._pool.shutdown)

    # How it does that.

    async def in_pool(self, work: Callable[[], ResultT]) -> ResultT:
        """Do what may take minutes in a thread of the pool; when the station stops, no more."""
        try:
            done = await self._loop.run_in_executor(self._pool, work)
        except MeshdlError:
            if not self._stopping:
                raise
        if self._stopping:
            raise asyncio.CancelledError
        return done

    def _item(self, content: ContentHash) -> _Item:
        try:
            return self._items[content]
        except KeyError:
            raise ContentUnknown(
                f"{content.hex()} is not at this station; `meshdl ls` shows what is, and "
                "`meshdl get` adds a download"
            ) from None

    def _is_there(self, item: _Item) -> bool:
        """Whether it was not removed meanwhile."""
        return self._items.get(item.entry.content_hash) is item

    def _note(self, entry: CatalogueEntry) -> None:
        if not self._stopping:  # at the next start it is seen anew
            self._unwritten.submit(self._books, Book.CATALOGUE, partial(self._catalogue.put, entry))

    async def _keep(self, entry: CatalogueEntry) -> None:
        await self._books.call(partial(self._catalogue.put, entry))
        self._unwritten.note(Book.CATALOGUE, None)
        self._changed(entry.content_hash)

    async def _create_or_fail(self, effect: effects.CreateContent) -> None:
        try:
            await self._create(effect.content, effect.metainfo, dict(effect.layers))
        except (StorageError, ContentError) as error:
            self._post(inputs.StoreFailed(effect.content, str(error)))

    async def _create(
        self, content: ContentHash, metainfo: Metainfo, layers: dict[bytes, bytes]
    ) -> None:
        async with self._opening[content]:
            item = self._items.get(content)
            if item is None:
                return  # removed meanwhile
            make = partial(opening.create, self._disk, self._home, metainfo, layers)
            work = partial(make, item.entry.path, progress=self._progress(item))
            store, hashes = await self.in_pool(work)
            item.verified = None
            item.entry = replace(item.entry, path=store.location, octets=metainfo.total_octets)
            if self._is_there(item):
                await self._keep(item.entry)
            await self._shelve(item, store, hashes)

    async def _open_at_start(self, content: ContentHash) -> None:
        entry = self._items[content].entry
        try:
            if entry.octets is not None:
                await self._open(content)
        except (StorageError, ContentError) as error:
            self._break(content, str(error))
            return
        item = self._items.get(content)
        if item is not None and item.entry.state is StoredState.DOWNLOADING:
            self._start(item.entry)

    async def _open(self, content: ContentHash) -> None:
        """Put a content whose metainfo is kept on the shelf, unless somebody just did."""
        item = self._items[content]
        async with self._opening[content]:
            if self.stores.get(content) is None:
                await self._open_anew(item)
            item.verified = None

    async def _open_anew(self, item: _Item) -> None:
        open_ = partial(opening.open_again, self._disk, self._home, item.entry)
        try:
            store, hashes = await self.in_pool(partial(open_, progress=self._progress(item)))
        finally:
            item.verified = None
        await self._shelve(item, store, hashes)

    async def _shelve(
        self, item: _Item, store: ContentStore, hashes: tuple[bytes, ...], *, told: bool = False
    ) -> None:
        content = item.entry.content_hash
        if not self._is_there(item):
            await self.in_pool(partial(store.forget, delete_files=not store.finished))
            return
        await self.stores.put(content, store)
        if store.finished:
            self._judge(item, store)
        self._post(
            inputs.ContentOpened(
                content,
                store.metainfo,
                hashes,
                store.have.bits,
                dict(store.partial),
                item.entry.precedence,
            )
        )
        self._changed(content)
        if store.finished and store.have.full and not told and not item.entry.overheard:
            self._whole(item.entry, store.metainfo)

    def _judge(self, item: _Item, store: ContentStore) -> None:
        """Say whether files in place are still what they were."""
        entry = item.entry
        if store.have.full:
            held = StoredState.COMPLETE if entry.state is StoredState.BROKEN else entry.state
            state, error = StoredState("sharing" if entry.in_place else held), ""
        else:
            state = StoredState.BROKEN
            error = (
                f"{entry.path} is not what it was when it was hashed; what is still right is "
                "served. Restore it and resume, or remove it and share what it is now"
            )
        if (state, error) != (entry.state, entry.error):
            item.entry = replace(entry, state=state, error=error)
            self._note(item.entry)

    def _break(self, content: ContentHash, error: str) -> None:
        item = self._items.get(content)
        if item is None:
            return
        _log.warning("%s: %s", item.entry.title, error)
        item.entry = replace(item.entry, state=StoredState.BROKEN, error=error)
        self._note(item.entry)
        self._changed(content)

    async def _take_away(self, content: ContentHash, *, delete_files: bool) -> None:
        self._item(content)
        self._post(inputs.ContentRemoved(content))
        store = await self.stores.take(content)
        if store is not None:
            await self.in_pool(partial(store.forget, delete_files=delete_files))
        else:
            await self.in_pool(ContentHome(self._disk, self._home, content).forget)
        self._items.pop(content, None)

    def _file_changed(self, content: ContentHash) -> None:
        item = self._items.get(content)
        if item is not None and item.verified is None:
            _log.warning("a file of %s is not what was hashed; looking again", item.entry.title)
            item.verified = (0, item.entry.octets or 0)
            self._tasks.create_task(self._verify_or_break(content))

    async def _verify_or_break(self, content: ContentHash) -> None:
        try:
            await self._verify(content)
        except (StorageError, ContentError) as error:
            self._break(content, str(error))

    async def _verify(self, content: ContentHash) -> None:
        """Hash a content again; the core hears what is still right."""
        await self.stores.close_one(content)
        self._changed(content)
        await self._open(content)

    def _progress(self, item: _Item) -> Callable[[int, int], None]:
        """Told by a thread of the pool while octets are hashed."""

        def progress(done: int, octets: int) -> None:
            if self._stopping:
                raise _Stopping("the station stops")
            item.verified = (done, octets)

        return progress


def _nowhere(_: SwarmInput) -> None:
    raise RuntimeError("the library is not connected to a core")
