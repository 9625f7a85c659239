"""Puts contents on the shelf: has their stores made or opened, judges them, tells the core.

One content at a time is put there, see :mod:`meshdl.station.one_at_a_time`; the library sees
to that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeAlias

from meshdl.content.metainfo import Metainfo
from meshdl.disk import Disk
from meshdl.errors import ContentUnknown, MeshdlError
from meshdl.station import opening
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.content_home import ContentHome
from meshdl.station.entries import Entries, Item
from meshdl.station.examination import Progress
from meshdl.station.hashing import Hashed
from meshdl.station.home import Home
from meshdl.station.opening import Opened
from meshdl.station.pool import Pool, Work
from meshdl.station.store import ContentStore
from meshdl.station.store_keeper import StoreKeeper
from meshdl.swarm import inputs
from meshdl.swarm.inputs import SwarmInput

Post: TypeAlias = Callable[[SwarmInput], None]


class _GivenUp(MeshdlError):
    """Octets are no longer hashed: the station stops, or the content is removed."""


class _Opens(Protocol):
    """What takes its time and tells how far it is."""

    def __call__(self, *, progress: Progress) -> Opened: ...


class Shelving:
    """Between the entries of a station and its stores.

    Args:
        disk: where files are.
        home: of the station.
        entries: what is wanted with each content.
        stores: take the open ones.
        pool: does what takes its time.
        post: takes what the core shall hear.
        whole: announces a content that is complete and served from now on.
    """

    def __init__(
        self,
        disk: Disk,
        home: Home,
        entries: Entries,
        *,
        stores: StoreKeeper,
        pool: Pool,
        post: Post,
        whole: Callable[[CatalogueEntry, Metainfo], Awaitable[None]],
    ) -> None:
        self._disk, self._home, self._entries = disk, home, entries
        self._stores, self._pool, self._post, self._whole = stores, pool, post, whole

    async def serve(self, item: Item, hashed: Hashed) -> None:
        """A new content of the operator's own files.

        Raises:
            StorageError: the home directory takes no more.
        """
        store = await self._pool.run(partial(opening.serve, self._disk, self._home, hashed))
        await self._entries.keep(item)
        await self._put(item, store, tuple(hashed.chunk_hashes))

    async def create(self, item: Item, metainfo: Metainfo, layers: Mapping[bytes, bytes]) -> None:
        """A download whose metainfo has come.

        Raises:
            StorageError, ContentError: its files cannot be made.
        """
        make = partial(opening.create, self._disk, self._home, metainfo, dict(layers))
        store, hashes = await self._opened(item, partial(make, item.entry.path), Work.MAKING)
        item.entry = replace(item.entry, path=store.location, octets=metainfo.total_octets)
        await self._entries.keep(item)
        await self._put(item, store, hashes)
        await self.announce(item, store)

    async def open(self, item: Item) -> None:
        """A content whose metainfo is kept.

        Raises:
            StorageError, ContentError: it cannot be opened.
        """
        open_ = partial(opening.open_again, self._disk, self._home, item.entry)
        store, hashes = await self._opened(item, open_, Work.OPENING)
        await self._put(item, store, hashes)
        await self.announce(item, store)

    async def verify(self, item: Item) -> None:
        """Look again at every octet of a content; raises as :meth:`open`."""
        await self._stores.close_one(item.content)
        self._entries.changed(item.content)
        await self.open(item)

    async def announce(self, item: Item, store: ContentStore) -> None:
        """Tell others of a content that is held in full."""
        if store.finished and store.have.full and not item.entry.overheard:
            await self._whole(item.entry, store.metainfo)

    async def forget(self, item: Item, *, delete_files: bool) -> None:
        """Take a content off, and its files away if they are a download's.

        Raises:
            StorageError: they cannot be removed.
        """
        self._post(inputs.ContentRemoved(item.content))
        store = await self._stores.take(item.content)
        if store is not None:
            await self._pool.run(partial(store.forget, delete_files=delete_files))
        else:
            await self._pool.run(ContentHome(self._disk, self._home, item.content).forget)

    async def _opened(self, item: Item, work: _Opens, kind: Work) -> Opened:
        try:
            return await self._pool.run(partial(work, progress=self._progress(item)), kind)
        except _GivenUp:
            raise ContentUnknown(f"{item.entry.title} was removed meanwhile") from None
        finally:
            item.verified = None

    async def _put(self, item: Item, store: ContentStore, hashes: tuple[bytes, ...]) -> None:
        await self._stores.put(item.content, store)
        if store.finished:
            self._judge(item, store)
        self._post(
            inputs.ContentOpened(
                item.content,
                store.metainfo,
                hashes,
                store.have.bits,
                dict(store.partial),
                item.entry.precedence,
            )
        )
        self._entries.changed(item.content)

    def _judge(self, item: Item, store: ContentStore) -> None:
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
            self._entries.note(item)

    def _progress(self, item: Item) -> Progress:
        """Told by a thread of the pool while octets are hashed."""

        def progress(done: int, octets: int) -> None:
            if self._pool.stopping or item.unread:
                raise _GivenUp(f"{item.entry.title} is no longer looked at")
            item.verified = (done, octets)

        return progress
