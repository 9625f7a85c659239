"""What the operator wants with each content: in memory, and in the catalogue."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from meshdl.errors import ContentUnknown
from meshdl.ids import ContentHash
from meshdl.station.catalogue import Catalogue
from meshdl.station.catalogue_entry import CatalogueEntry
from meshdl.station.unwritten import Book, Unwritten
from meshdl.station.worker import Worker


@dataclass(slots=True)
class Item:
    """A content of this station.

    Attributes:
        entry: what is wanted with it. It is replaced while work on the content goes on, so work
            changes the fields that it found out, and never puts back an older entry.
        verified: octets hashed of how many, while it is being verified.
        moving: its store is away for a moment; what the core gives up meanwhile begins again.
        leaving: the operator has removed it; what is done with it meanwhile still ends.
        unread: its octets need not be hashed any more, since they stay where they are.
    """

    entry: CatalogueEntry
    verified: tuple[int, int] | None = None
    moving: bool = False
    leaving: bool = False
    unread: bool = False

    @property
    def content(self) -> ContentHash:
        """Which."""
        return self.entry.content_hash


class Entries:
    """All of one station, in the event loop. A thread of their own writes the catalogue.

    Args:
        catalogue: of the home directory.
        unwritten: told of what it did not take.
        changed: told which content an observer should look at again.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        unwritten: Unwritten,
        changed: Callable[[ContentHash], None],
    ) -> None:
        self._catalogue, self._unwritten, self.changed = catalogue, unwritten, changed
        self._items: dict[ContentHash, Item] = {}
        self._writer = Worker("catalogue")
        self._closed = False

    @property
    def failure(self) -> asyncio.Future[None]:
        """Done with an exception when the thread met a bug of ours."""
        return self._writer.failure

    async def load(self) -> list[Item]:
        """Read the catalogue."""
        for entry in await self._writer.call(self._catalogue.entries):
            self._items[entry.content_hash] = Item(entry)
        return list(self._items.values())

    # What is shown: of what is leaving, nothing.

    @property
    def shown(self) -> Mapping[ContentHash, CatalogueEntry]:
        """Every content, the newest last."""
        items = self._items.items()
        return {content: item.entry for content, item in items if not item.leaving}

    def find(self, content: ContentHash) -> Item | None:
        """One content; ``None`` when it is not at this station, or leaving."""
        item = self._items.get(content)
        return item if item is not None and not item.leaving else None

    def item(self, content: ContentHash) -> Item:
        """One content.

        Raises:
            ContentUnknown: it is not at this station, or leaving.
        """
        item = self.find(content)
        if item is None:
            raise ContentUnknown(
                f"{content.hex()} is not at this station; `meshdl ls` shows what is, and "
                "`meshdl get` adds a download"
            )
        return item

    # What there is, for who works on a content.

    def held(self, content: ContentHash) -> Item | None:
        """One content, leaving or not."""
        return self._items.get(content)

    def add(self, entry: CatalogueEntry) -> Item:
        """A new content; it is not in the catalogue yet."""
        item = self._items[entry.content_hash] = Item(entry)
        return item

    def drop(self, item: Item) -> None:
        """Forget a new content that came to nothing."""
        self._items.pop(item.content, None)
        # A wish that came meanwhile may have put it there.
        self._note(partial(self._catalogue.remove, item.content))
        self.changed(item.content)

    async def keep(self, item: Item) -> None:
        """Return when the catalogue has it as it is.

        Raises:
            StorageError: the disk does not take it.
        """
        await self._write(partial(self._catalogue.put, item.entry))
        self._unwritten.note(Book.CATALOGUE, None)
        self.changed(item.content)

    def note(self, item: Item) -> None:
        """The catalogue shall have it as it is; if the disk refuses, the operator hears."""
        self._note(partial(self._catalogue.put, item.entry))
        self.changed(item.content)

    async def remove(self, item: Item) -> None:
        """Forget a content.

        Raises:
            StorageError: the disk does not take it; the content is there as before.
        """
        await self._write(partial(self._catalogue.remove, item.content))
        self._items.pop(item.content, None)

    async def close(self) -> None:
        """Return when everything is written."""
        self._closed = True
        await self._writer.close()

    def _note(self, work: Callable[[], None]) -> None:
        if not self._closed:  # at the next start it is seen anew
            self._unwritten.submit(self._writer, Book.CATALOGUE, work)

    async def _write(self, work: Callable[[], None]) -> None:
        if self._closed:
            raise asyncio.CancelledError
        await self._writer.call(work)
