"""The contents of a station: opens them, keeps them durable, forgets them.

Theory of operation
===================

A content has an entry in the catalogue (what the operator wants with it) and, when its
metainfo is known, a store on the shelf (its octets). The swarm core knows both by what
it is told: :class:`~meshdl.swarm.inputs.ContentOpened` when a store is on the shelf,
:class:`~meshdl.swarm.inputs.StartDownload` when it shall fetch.

Who does what::

    event loop   everything of this class
    disk thread  what the core asks of open stores, in order
    sync thread  waits for the disk to make checkpoints durable
    pool         opening, verifying, hashing: what may take minutes

A file that is no longer what was hashed is noticed when it is read. The content is then
opened again and hashed, and goes on being served with what is still right of it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from meshdl.content.metainfo import Metainfo, chunk_hashes
from meshdl.content.precedence import Precedence
from meshdl.disk import Disk
from meshdl.errors import ContentError, ContentUnknown, MeshdlError, StorageError
from meshdl.ids import ContentHash
from meshdl.station.catalogue import Catalogue, CatalogueEntry, StoredState
from meshdl.station.content_home import ContentHome, load_metainfo, save_metainfo
from meshdl.station.hashing import Hashed
from meshdl.station.home import Home
from meshdl.station.shelf import Shelf, complete
from meshdl.station.store import Checkpoint, ContentStore
from meshdl.station.worker import Worker
from meshdl.swarm import effects, inputs
from meshdl.swarm.inputs import SwarmInput

CHECKPOINT_EVERY_S = 5.0
"""What a power cut may cost of a download; the death of the program costs nothing."""

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
        durable: held while its checkpoint, finish or removal is under way.
        checkpoint_due: a checkpoint will be made without further asking.
        verified: octets hashed of how many, while it is being verified.
    """

    entry: CatalogueEntry
    durable: asyncio.Lock = field(default_factory=asyncio.Lock)
    checkpoint_due: bool = False
    verified: tuple[int, int] | None = None


class Library:
    """All contents of one station.

    Args:
        disk: where files are.
        home: of the station.
        catalogue: of that home.
        tasks: what runs beside the caller runs in there.
        changed: told which content an observer should look at again.
        whole: told of a content that is complete and served from now on.

    Attributes:
        disk_thread: the core's reads and writes.
    """

    def __init__(
        self,
        disk: Disk,
        home: Home,
        catalogue: Catalogue,
        *,
        tasks: asyncio.TaskGroup,
        changed: Callable[[ContentHash], None],
        whole: Callable[[CatalogueEntry], None],
    ) -> None:
        self._disk, self._home, self._catalogue = disk, home, catalogue
        self._tasks, self._changed, self._whole = tasks, changed, whole
        self._loop = asyncio.get_running_loop()
        self._shelf = Shelf()
        self._items: dict[ContentHash, _Item] = {}
        self._to_write: dict[ContentHash, list[effects.WriteRange]] = {}
        self._reads_waiting = 0
        self._stopping = False
        self._post: Post = _nowhere
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="opening")
        self.disk_thread = Worker("disk")
        self._sync_thread = Worker("sync")
        self._books = Worker("catalogue")

    def connect(self, post: Post) -> None:
        """Say where the core takes its inputs; before anything else is called."""
        self._post = post

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Done with an exception when a thread met a bug of ours."""
        return [self.disk_thread.failure, self._sync_thread.failure, self._books.failure]

    # What there is.

    @property
    def entries(self) -> Mapping[ContentHash, CatalogueEntry]:
        """Every content, the newest last."""
        return {content: item.entry for content, item in self._items.items()}

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
        metainfo = hashed.metainfo
        content = metainfo.content_hash
        known = self._items.get(content)
        if known is not None:
            # The same octets were being downloaded, or are shared from another place.
            unfinished = known.entry.state in {StoredState.DOWNLOADING, StoredState.PAUSED}
            await self._take_away(content, delete_files=unfinished)
        store = await self.in_pool(partial(_serve, self._disk, self._home, hashed))
        entry = CatalogueEntry(
            content_hash=content,
            state=StoredState.SHARING,
            path=hashed.root,
            title=title,
            octets=metainfo.total_octets,
            precedence=precedence,
            added_at=time.time(),
        )
        self._items[content] = _Item(entry)
        await self._keep(entry)
        await self._shelve(content, store, tuple(hashed.chunk_hashes), told=True)
        return entry

    async def begin(
        self,
        content: ContentHash,
        *,
        title: str,
        directory: Path,
        precedence: Precedence,
        known: tuple[Metainfo, dict[bytes, bytes]] | None = None,
    ) -> None:
        """Begin a download; with ``known`` metainfo, its files are made at once.

        Raises:
            StorageError: they cannot be made.
        """
        entry = CatalogueEntry(
            content_hash=content,
            state=StoredState.DOWNLOADING,
            path=directory,
            title=title,
            octets=None,
            precedence=precedence,
            added_at=time.time(),
        )
        self._items[content] = _Item(entry)
        try:
            if known is not None:
                await self._create(content, *known)
        except (StorageError, ContentError):
            del self._items[content]
            raise
        await self._keep(self._items[content].entry)
        self._post(inputs.StartDownload(content, precedence))

    async def pause(self, content: ContentHash) -> None:
        """Fetch no more of it; returns when what is held is durable."""
        self._item(content)
        self._post(inputs.PauseDownload(content))
        await self.disk_thread.call(lambda: None)
        await self._checkpoint(content)

    async def resume(self, content: ContentHash) -> None:
        """Go on with a download, and look again at what is broken.

        Raises:
            StorageError: it cannot be opened; it stays broken.
        """
        item = self._item(content)
        if item.entry.octets is not None and self._shelf.get(content) is None:
            await self._open(content)
        elif item.entry.state is StoredState.BROKEN and item.entry.octets is not None:
            await self._verify(content)
        if item.entry.state in {StoredState.PAUSED, StoredState.BROKEN, StoredState.DOWNLOADING}:
            store = self._shelf.get(content)
            if store is None or not store.finished:
                self._post(inputs.StartDownload(content, item.entry.precedence))

    async def remove(self, content: ContentHash, *, delete_files: bool) -> None:
        """Forget it; ``delete_files`` spares what was shared in place."""
        entry = self._item(content).entry
        downloaded = entry.state is not StoredState.SHARING
        await self._take_away(content, delete_files=delete_files and downloaded)
        await self._books.call(partial(self._catalogue.remove, content))

    # What the core wants.

    def create(self, effect: effects.CreateContent) -> None:
        """Make the files of a download whose metainfo has come."""
        self._tasks.create_task(self._create_or_fail(effect))

    def write(self, effect: effects.WriteRange) -> None:
        """Write; the answer is posted.

        What one turn of the loop brings is handed to the thread together: the handing
        over costs more than the writing.
        """
        ranges = self._to_write.get(effect.content)
        if ranges is None:
            ranges = self._to_write[effect.content] = []
            self._loop.call_soon(self._hand_over, effect.content)
        ranges.append(effect)
        item = self._items.get(effect.content)
        if item is not None and not item.checkpoint_due:
            item.checkpoint_due = True
            self._loop.call_later(CHECKPOINT_EVERY_S, self._checkpoint_soon, effect.content)

    def write_leaf_hashes(self, effect: effects.WriteLeafHashes) -> None:
        """Write; only a failure is posted."""
        work = partial(self._shelf.write_leaf_hashes, effect)
        self.disk_thread.submit(work, self._post_failure)

    def read(self, effect: effects.ReadRange) -> None:
        """Read; the answer is posted. What is in memory is read at once."""
        # Answers keep their order: what overtakes looks to the peer as if it got lost.
        found = self._shelf.read_cached(effect) if self._reads_waiting == 0 else None
        if found is not None:
            self._post(found)
            return
        self._reads_waiting += 1
        self.disk_thread.submit(
            partial(self._shelf.read, effect), partial(self._was_read, effect.content)
        )

    def read_hashes(self, effect: effects.ReadHashes) -> None:
        """Read; the answer is posted."""
        self.disk_thread.submit(partial(self._shelf.read_hashes, effect), self._post)

    def finish(self, content: ContentHash) -> None:
        """Give a download its own name; the answer is posted."""
        self._tasks.create_task(self._finish(content))

    def note(self, content: ContentHash, state: StoredState, error: str = "") -> None:
        """A download is now in this state; remember it over a restart."""
        item = self._items.get(content)
        if item is None or (item.entry.state, item.entry.error) == (state, error):
            return
        if item.entry.state is StoredState.SHARING:
            return
        item.entry = replace(item.entry, state=state, error=error)
        if state is StoredState.BROKEN:
            self.disk_thread.submit(partial(self._shelf.close, content), _ignore)
        self._books.submit(partial(self._catalogue.put, item.entry), _ignore)
        self._changed(content)
        if state is StoredState.COMPLETE:
            self._whole(item.entry)

    # How it ends.

    async def close(self) -> None:
        """Make everything durable and end the threads. Tasks have ended before."""
        self._stopping = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self._sync_thread.close()
        await self.disk_thread.call(self._shelf.close_all)
        await self.disk_thread.close()
        await self._books.close()
        await asyncio.to_thread(self._pool.shutdown)

    # How it does that.

    async def in_pool(self, work: Callable[[], ResultT]) -> ResultT:
        """Do what may take minutes in a thread of the pool."""
        return await self._loop.run_in_executor(self._pool, work)

    def _item(self, content: ContentHash) -> _Item:
        try:
            return self._items[content]
        except KeyError:
            raise ContentUnknown(
                f"{content.hex()} is not at this station; `meshdl ls` shows what is, and "
                "`meshdl get` adds a download"
            ) from None

    async def _keep(self, entry: CatalogueEntry) -> None:
        await self._books.call(partial(self._catalogue.put, entry))
        self._changed(entry.content_hash)

    async def _create_or_fail(self, effect: effects.CreateContent) -> None:
        try:
            await self._create(effect.content, effect.metainfo, dict(effect.layers))
        except (StorageError, ContentError) as error:
            self._post(inputs.StoreFailed(effect.content, str(error)))

    async def _create(
        self, content: ContentHash, metainfo: Metainfo, layers: dict[bytes, bytes]
    ) -> None:
        item = self._items.get(content)
        if item is None:
            return  # removed meanwhile
        directory = item.entry.path
        store, hashes = await self.in_pool(
            partial(
                _create, self._disk, self._home, metainfo, layers, directory, self._progress(item)
            )
        )
        item.verified = None
        item.entry = replace(item.entry, path=store.location, octets=metainfo.total_octets)
        await self._keep(item.entry)
        await self._shelve(content, store, hashes)

    async def _open_at_start(self, content: ContentHash) -> None:
        entry = self._items[content].entry
        try:
            if entry.octets is not None:
                await self._open(content)
        except (StorageError, ContentError) as error:
            self._break(content, str(error))
            return
        if entry.state is StoredState.DOWNLOADING and content in self._items:
            self._post(inputs.StartDownload(content, entry.precedence))

    async def _open(self, content: ContentHash) -> None:
        """Put a content whose metainfo is kept on the shelf."""
        item = self._items[content]
        finished = item.entry.state in {StoredState.SHARING, StoredState.COMPLETE}
        try:
            store, hashes = await self.in_pool(
                partial(
                    _open,
                    self._disk,
                    self._home,
                    item.entry,
                    self._progress(item),
                    finished=finished,
                )
            )
        finally:
            item.verified = None
        await self._shelve(content, store, hashes)

    async def _shelve(
        self,
        content: ContentHash,
        store: ContentStore,
        hashes: tuple[bytes, ...],
        *,
        told: bool = False,
    ) -> None:
        item = self._items.get(content)
        if item is None:
            await self.in_pool(partial(store.forget, delete_files=not store.finished))
            return
        await self.disk_thread.call(partial(self._shelf.put, content, store))
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
        if store.finished and store.have.full and not told:
            self._whole(item.entry)

    def _judge(self, item: _Item, store: ContentStore) -> None:
        """Say whether files in place are still what they were."""
        entry = item.entry
        if store.have.full:
            whole = entry.state in {StoredState.SHARING, StoredState.BROKEN}
            state = StoredState.SHARING if whole and not entry.error else entry.state
            if entry.state is StoredState.BROKEN:
                state = StoredState.COMPLETE
            error = ""
        else:
            state = StoredState.BROKEN
            error = (
                f"{entry.path} is not what it was when it was hashed; what is still right is "
                "served. Restore it and resume, or remove it and share what it is now"
            )
        if (state, error) != (entry.state, entry.error):
            item.entry = replace(entry, state=state, error=error)
            self._books.submit(partial(self._catalogue.put, item.entry), _ignore)

    def _break(self, content: ContentHash, error: str) -> None:
        item = self._items.get(content)
        if item is None:
            return
        _log.warning("%s: %s", item.entry.title, error)
        item.entry = replace(item.entry, state=StoredState.BROKEN, error=error)
        self._books.submit(partial(self._catalogue.put, item.entry), _ignore)
        self._changed(content)

    async def _take_away(self, content: ContentHash, *, delete_files: bool) -> None:
        item = self._item(content)
        self._post(inputs.ContentRemoved(content))
        async with item.durable:
            store = await self.disk_thread.call(partial(self._shelf.take, content))
            if store is not None:
                await self.in_pool(partial(store.forget, delete_files=delete_files))
            else:
                await self.in_pool(ContentHome(self._disk, self._home, content).forget)
        self._items.pop(content, None)

    async def _finish(self, content: ContentHash) -> None:
        await self._checkpoint(content)
        item = self._items.get(content)
        if item is None:
            return
        async with item.durable:
            self._post(await self.disk_thread.call(partial(self._shelf.finish, content)))

    def _checkpoint_soon(self, content: ContentHash) -> None:
        item = self._items.get(content)
        if item is not None and not self._stopping:
            item.checkpoint_due = False
            self._tasks.create_task(self._checkpoint(content))

    async def _checkpoint(self, content: ContentHash) -> None:
        item = self._items.get(content)
        if item is None:
            return
        async with item.durable:
            begun = await self.disk_thread.call(partial(self._shelf.begin_checkpoint, content))
            if isinstance(begun, Checkpoint):
                self._post_failure(await self._sync_thread.call(partial(complete, content, begun)))
            else:
                self._post_failure(begun)

    def _post_failure(self, failure: inputs.StoreFailed | None) -> None:
        if failure is not None:
            self._post(failure)

    def _was_read(self, content: ContentHash, answer: inputs.RangeRead | inputs.ReadFailed) -> None:
        self._reads_waiting -= 1
        self._post(answer)
        item = self._items.get(content)
        if (
            isinstance(answer, inputs.ReadFailed)
            and answer.changed
            and item is not None
            and item.verified is None
            and not self._stopping
        ):
            _log.warning("%s", answer.reason)
            item.verified = (0, item.entry.octets or 0)
            self._tasks.create_task(self._verify_or_break(content))

    async def _verify_or_break(self, content: ContentHash) -> None:
        try:
            await self._verify(content)
        except (StorageError, ContentError) as error:
            self._break(content, str(error))

    async def _verify(self, content: ContentHash) -> None:
        """Hash a content again; the core hears what is still right."""
        item = self._items[content]
        async with item.durable:
            await self.disk_thread.call(partial(self._shelf.close, content))
        self._changed(content)
        await self._open(content)

    def _hand_over(self, content: ContentHash) -> None:
        ranges = self._to_write.pop(content)
        self.disk_thread.submit(partial(self._shelf.write, content, ranges), self._post_all)

    def _post_all(self, answers: Sequence[SwarmInput]) -> None:
        for answer in answers:
            self._post(answer)

    def _progress(self, item: _Item) -> Callable[[int, int], None]:
        """Told by a thread of the pool while octets are hashed."""

        def progress(done: int, octets: int) -> None:
            if self._stopping:
                raise _Stopping("the station stops")
            item.verified = (done, octets)

        return progress


def _serve(disk: Disk, home: Home, hashed: Hashed) -> ContentStore:
    save_metainfo(disk, home, hashed.metainfo, hashed.layers)
    return ContentStore.serve(
        disk,
        home,
        hashed.metainfo,
        hashed.chunk_hashes,
        hashed.root,
        leaf_hashes=hashed.leaf_hashes,
        stats=hashed.stats,
    )


def _create(
    disk: Disk,
    home: Home,
    metainfo: Metainfo,
    layers: dict[bytes, bytes],
    directory: Path,
    progress: Callable[[int, int], None],
) -> tuple[ContentStore, tuple[bytes, ...]]:
    hashes = tuple(chunk_hashes(metainfo, layers))
    save_metainfo(disk, home, metainfo, layers)
    store = ContentStore.continue_download(
        disk, home, metainfo, hashes, directory, progress=progress
    )
    return store, hashes


def _open(
    disk: Disk,
    home: Home,
    entry: CatalogueEntry,
    progress: Callable[[int, int], None],
    *,
    finished: bool,
) -> tuple[ContentStore, tuple[bytes, ...]]:
    metainfo, layers = load_metainfo(disk, home, entry.content_hash)
    hashes = tuple(chunk_hashes(metainfo, layers))
    if finished:
        store = ContentStore.open(disk, home, metainfo, hashes, entry.path, progress=progress)
    else:
        store = ContentStore.continue_download(
            disk, home, metainfo, hashes, entry.path.parent, progress=progress
        )
    if store.changed:
        store.verify_all(progress)
    return store, hashes


def _nowhere(_: SwarmInput) -> None:
    raise RuntimeError("the library is not connected to a core")


def _ignore(_: object) -> None:
    """Nobody waits for this result."""
