"""Sharing a file or folder: hash it, put it into the library, announce it."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from meshdl.content.precedence import Precedence
from meshdl.control.content_status import ShareSkipped
from meshdl.errors import FilePrivate, StorageError
from meshdl.station.catalogue_entry import CatalogueEntry
from meshdl.station.examination import Progress
from meshdl.station.hashing import Hashed, hash_path
from meshdl.station.home import Home
from meshdl.station.library import Library
from meshdl.station.pool import Work
from meshdl.station.record_book import RecordBook

PROGRESS_EVERY_S = 0.25

NAMES_TOLD = 100
"""Of what is not shared with a folder; the rest is counted."""

_log = logging.getLogger(__name__)


class Sharing:
    """One path on its way.

    Attributes:
        entry: of the content, once it is shared.
        skipped: what is not shared with it, if there is anything.
    """

    def __init__(self, home: Home, library: Library, records: RecordBook) -> None:
        self._home, self._library, self._records = home, library, records
        self._done = self._octets = 0
        self._cancelled = False
        self.entry: CatalogueEntry | None = None
        self.skipped: ShareSkipped | None = None

    async def share(
        self, path: Path, title: str | None, precedence: Precedence, tags: Sequence[str]
    ) -> AsyncGenerator[tuple[int, int], None]:
        """Do it; closing the generator stops the hashing, and so does the station when it stops.

        Yields:
            Octets hashed and octets in all, a few times a second.

        Raises:
            FileUnreadable, FileChanged, FilePrivate, UnsafePath, MetainfoInvalid, RecordInvalid,
                StorageError: it cannot be shared; nothing of it is.
        """
        work = asyncio.create_task(self._share(path, title, precedence, tags))
        try:
            while not work.done():
                await asyncio.wait([work], timeout=PROGRESS_EVERY_S)
                if not work.done() and self._octets:
                    yield self._done, self._octets
            if not work.cancelled():  # else the station stops, and nobody gave up here
                await work
        finally:
            self._cancelled = True
            if not work.done():
                await asyncio.wait([work])

    async def _share(
        self, path: Path, title: str | None, precedence: Precedence, tags: Sequence[str]
    ) -> None:
        hashed = await self._library.pool.run(
            partial(
                _hash_unless_private,
                self._home,
                path,
                self._home.contents_directory,
                unfinished=frozenset(self._library.parts()),
                progress=self._told,
                cancelled=lambda: self._cancelled or self._library.pool.stopping,
            ),
            Work.SHARING,
        )
        if hashed is None:
            return
        if hashed.skipped:
            self.skipped = _skipped(path, hashed)
            _log.warning("%s is shared without its %d links and devices", path, self.skipped.count)
        shown = title or hashed.metainfo.name
        announce = partial(
            self._records.announce,
            hashed.metainfo.content_hash,
            title=shown,
            octets=hashed.metainfo.total_octets,
            path=hashed.root,
            is_folder=hashed.metainfo.is_folder,
            precedence=precedence,
            tags=tags,
        )
        try:
            self.entry = await self._library.adopt(
                hashed, title=shown, precedence=precedence, announce=announce
            )
        except StorageError:
            # On a disk that takes no more it would lie about until the next start.
            hashed.leaf_hashes.unlink(missing_ok=True)
            raise

    def _told(self, done: int, octets: int) -> None:
        """Called by the thread that hashes."""
        self._done, self._octets = done, octets


def _skipped(path: Path, hashed: Hashed) -> ShareSkipped:
    names = [str(one.relative_to(hashed.root)) for one in hashed.skipped[:NAMES_TOLD]]
    return ShareSkipped(
        location=str(path),
        # A name of octets that are no UTF-8 cannot be told as it is.
        names=tuple(name.encode("utf-8", "backslashreplace").decode() for name in names),
        count=len(hashed.skipped),
    )


def _hash_unless_private(
    home: Home,
    path: Path,
    spool: Path,
    *,
    unfinished: Collection[Path],
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Hashed | None:
    if home.private(Path(os.path.realpath(path))):
        raise FilePrivate(
            f"{path} is not shared: it is, or has in it, the home directory of this station, "
            f"{home.directory}, with its private key; share something else"
        )
    return hash_path(
        path,
        spool,
        unfinished={Path(os.path.realpath(part)) for part in unfinished},
        progress=progress,
        cancelled=cancelled,
    )
