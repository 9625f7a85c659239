"""What is done with a content when its turn comes: shared, begun, moved, resumed, forgotten.

Each of these is a work of :mod:`meshdl.station.library`: nobody else adds or takes away the
content or its store until it returns. The operator and the core may change the entry meanwhile.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from meshdl.content.metainfo import Metainfo
from meshdl.errors import ContentError, StorageError
from meshdl.ids import ContentHash
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.entries import Entries, Item
from meshdl.station.hashing import Hashed
from meshdl.station.pool import Pool, Work
from meshdl.station.shelving import Post, Shelving
from meshdl.station.store_keeper import StoreKeeper
from meshdl.swarm import effects, inputs

_log = logging.getLogger(__name__)


class Works:
    """On the contents of one station.

    Args:
        entries: what is wanted with each content.
        shelving: makes and opens their stores.
        stores: those that are open.
        pool: does what takes its time.
        post: takes what the core shall hear.
    """

    def __init__(
        self, entries: Entries, shelving: Shelving, stores: StoreKeeper, pool: Pool, *, post: Post
    ) -> None:
        self._entries, self._shelving = entries, shelving
        self._stores, self._pool, self._post = stores, pool, post

    async def adopt(
        self,
        entry: CatalogueEntry,
        hashed: Hashed,
        announce: Callable[[], Awaitable[object]],
    ) -> None:
        """Share what was hashed, where it is, and have it announced."""
        known = self._entries.held(entry.content_hash)
        if known is not None and known.entry.in_place and known.entry.path == entry.path:
            await self._share_again(known, entry, hashed)
            await announce()
            return
        if known is not None:
            # The same octets were being downloaded, or are shared from another place.
            unfinished = known.entry.state in {StoredState.DOWNLOADING, StoredState.PAUSED}
            await self._take_away(known, delete_files=unfinished)
        item = self._entries.add(entry)
        try:
            await self._shelving.serve(item, hashed)
        except StorageError:
            self._drop(item)
            raise
        await announce()

    async def _share_again(self, item: Item, entry: CatalogueEntry, hashed: Hashed) -> None:
        """The same files, looked at anew: they go on being served, also if that is refused."""
        before, item.entry = item.entry, entry
        item.leaving = item.unread = False
        try:
            await self._shelving.serve(item, hashed)
        except StorageError:
            item.entry = before
            raise

    async def begin(
        self, entry: CatalogueEntry, known: tuple[Metainfo, dict[bytes, bytes]] | None
    ) -> bool:
        """Begin a download; whether there was none."""
        content = entry.content_hash
        if self._entries.held(content) is not None:
            return False
        item = self._entries.add(entry)
        try:
            if known is not None:
                await self._shelving.create(item, *known)
            else:
                await self._entries.keep(item)
        except (StorageError, ContentError):
            self._drop(item)
            raise
        self.start(item)
        return True

    async def check_info(self, effect: effects.CheckInfo, _: Item) -> None:
        """See what an info dictionary says: of 100,000 files that takes seconds."""
        check = partial(inputs.InfoChecked.of, effect.content, effect.info_octets)
        self._post(await self._pool.run(check))

    async def create(self, effect: effects.CreateContent, item: Item) -> None:
        """Make the files of a download whose metainfo has come; the core hears of it."""
        try:
            if item.entry.octets is None:
                await self._shelving.create(item, effect.metainfo, effect.layers)
            elif self._stores.get(item.content) is None:
                await self._shelving.open(item)
        except (StorageError, ContentError) as error:
            self._post(inputs.StoreFailed(item.content, str(error)))

    async def relocate(
        self,
        content: ContentHash,
        become: Callable[[CatalogueEntry], CatalogueEntry],
        move: Callable[[CatalogueEntry, CatalogueEntry], None],
    ) -> None:
        """Move the files of a content; if that is refused, go on with it where it is."""
        item = self._entries.item(content)
        before, wanted = item.entry, become(item.entry)
        if wanted == before:
            return
        item.moving = True
        await self._stores.close_one(content)
        try:
            if before.octets is not None:
                await self._pool.run(partial(move, before, wanted), Work.OPENING)
            item.entry = become(item.entry)
            await self._entries.keep(item)
        finally:
            if before.octets is not None:
                await self._open_or_break(item)
            item.moving = False
            if item.entry.state is StoredState.DOWNLOADING:
                self.start(item)

    async def resume(self, content: ContentHash) -> None:
        """Open what is not open, look again at what is broken, fetch what is lacking."""
        item = self._entries.item(content)
        if item.entry.octets is not None and self._stores.get(content) is None:
            await self._shelving.open(item)
        elif item.entry.state is StoredState.BROKEN and item.entry.octets is not None:
            await self._shelving.verify(item)
        unfinished = {StoredState.PAUSED, StoredState.BROKEN, StoredState.DOWNLOADING}
        if item.entry.state in unfinished:
            store = self._stores.get(content)
            if store is None or not store.finished:
                self.start(item)

    async def remove(self, item: Item, *, delete_files: bool) -> None:
        """Forget a content."""
        # It may have been shared meanwhile, or have come to nothing but for its metainfo.
        now = self._entries.held(item.content) or item
        await self._take_away(now, delete_files=delete_files)

    async def _take_away(self, item: Item, *, delete_files: bool) -> None:
        item.leaving = True
        try:
            await self._shelving.forget(item, delete_files=delete_files)
            await self._entries.remove(item)
        except StorageError as error:
            item.leaving = item.unread = False
            self._break(item, str(error))
            raise

    def _drop(self, item: Item) -> None:
        self._post(inputs.ContentRemoved(item.content))
        self._entries.drop(item)

    async def open_at_start(self, item: Item) -> None:
        """Open what the catalogue knows, and go on fetching it."""
        if item.entry.octets is not None and self._stores.get(item.content) is None:
            await self._open_or_break(item)
        if item.entry.state is StoredState.DOWNLOADING:
            self.start(item)

    async def _open_or_break(self, item: Item) -> None:
        try:
            await self._shelving.open(item)
        except (StorageError, ContentError) as error:
            self._break(item, str(error))

    async def verify(self, item: Item) -> None:
        """Look again at every octet."""
        try:
            await self._shelving.verify(item)
        except (StorageError, ContentError) as error:
            self._break(item, str(error))

    async def close_broken(self, error: str, item: Item) -> None:
        """Let go of what the core gave up, for this reason."""
        # Else somebody has had it looked at again meanwhile.
        if (item.entry.state, item.entry.error) == (StoredState.BROKEN, error):
            await self._stores.close_one(item.content)

    async def announce(self, item: Item) -> None:
        """Tell others of a download that is whole."""
        store = self._stores.get(item.content)
        if item.entry.state is StoredState.COMPLETE and store is not None:
            await self._shelving.announce(item, store)

    def start(self, item: Item) -> None:
        """Have the core fetch it; this is no work but a wish."""
        entry = item.entry
        by_links = entry.via != "rf"
        self._post(inputs.StartDownload(item.content, entry.precedence, by_links=by_links))

    def _break(self, item: Item, error: str) -> None:
        _log.warning("%s: %s", item.entry.title, error)
        item.entry = replace(item.entry, state=StoredState.BROKEN, error=error)
        self._entries.note(item)
