"""Contents that others sent by radio and nobody here asked for: kept while there is room.

They cost nobody anything, and may save the next one who asks an hour of airtime. Each has a
directory of its own in the home, and is served like any other. There is a quota; what was
heard first goes first. When the operator asks for one, it moves to where he wants it.
"""

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.control.content_status import Via
from meshdl.errors import ContentUnknown, FileUnwritable, StorageError, TargetExists
from meshdl.ids import ContentHash
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.content_files import PART_SUFFIX
from meshdl.station.home import Home
from meshdl.station.library import Library
from meshdl.station.opening import refuse_setting

CONTENTS_MAX = 256
"""However small they are: each has files and a line in every list."""


class Overheard:
    """Those of one station.

    Args:
        library: has them, with everything else.
        home: of the station.
        octets_max: of all together; 0: none is kept. A smaller one takes effect when something
            new comes.
    """

    def __init__(self, library: Library, home: Home, octets_max: int) -> None:
        self._library, self._home, self.octets_max = library, home, octets_max
        self._going: dict[ContentHash, asyncio.Task[None]] = {}

    def keep(self, metainfo: Metainfo) -> bool:
        """Begin to keep what comes of a content; whether there is room for it."""
        content = metainfo.content_hash
        if metainfo.total_octets > self.octets_max or content in self._going:
            return False
        if self._library.leaving(content):
            return False  # until it is gone
        self._make_room(metainfo.total_octets)
        self._library.change(
            CatalogueEntry(
                content_hash=content,
                state=StoredState.DOWNLOADING,
                path=self._directory(content),
                title=metainfo.name,
                octets=None,
                precedence=Precedence.ROUTINE,
                added_at=time.time(),
                via="rf",
                overheard=True,
            )
        )
        return True

    def _entries(self) -> Iterator[CatalogueEntry]:
        """The oldest first."""
        kept = (one for one in self._library.entries.values() if one.overheard)
        return iter(sorted(kept, key=lambda one: one.added_at))

    def _make_room(self, octets: int) -> None:
        kept = [one for one in self._entries() if one.content_hash not in self._going]
        total = sum(one.octets or 0 for one in kept) + octets
        while kept and (total > self.octets_max or len(kept) >= CONTENTS_MAX):
            oldest = kept.pop(0)
            total -= oldest.octets or 0
            content = oldest.content_hash
            self._going[content] = asyncio.create_task(self._forget(content))

    async def _forget(self, content: ContentHash) -> None:
        try:
            # The operator may be removing it; if the disk refuses, it is there and broken.
            with suppress(ContentUnknown, StorageError):
                await self._library.remove(content, delete_files=True)
                await self._library.pool.run(partial(_remove_directory, self._directory(content)))
        finally:
            self._going.pop(content, None)

    def _directory(self, content: ContentHash) -> Path:
        return self._home.overheard_directory / content.hex()


async def take_over(
    library: Library,
    content: ContentHash,
    directory: Path,
    *,
    via: Via,
    precedence: Precedence | None,
) -> None:
    """The operator wants a content that was overheard: it is a download like any other now.

    Raises:
        TargetExists: something else has its name there; it stays where it is.
        UnsafePath: it would be a setting of a program there.
        StorageError: it could not be moved.
    """

    def become(entry: CatalogueEntry) -> CatalogueEntry:
        if not entry.overheard:
            return entry  # somebody else took it a moment ago
        whole = entry.state is StoredState.COMPLETE
        return replace(
            entry,
            overheard=False,
            via=via,
            precedence=entry.precedence if precedence is None else precedence,
            path=directory if entry.octets is None else directory / entry.path.name,
            state=StoredState.COMPLETE if whole else StoredState.DOWNLOADING,
        )

    await library.relocate(content, become, _move)


def _move(entry: CatalogueEntry, wanted: CatalogueEntry) -> None:
    source, target = entry.path, wanted.path
    refuse_setting(target.parent, target.name)
    if target.exists():
        raise TargetExists(
            f"{target} is there already; move it away, or choose another directory with -o"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for suffix in ("", PART_SUFFIX):
            found = source.with_name(source.name + suffix)
            if found.exists():
                shutil.move(found, target.with_name(target.name + suffix))
    except OSError as error:
        raise FileUnwritable(f"cannot move {source} to {target} ({error})") from error
    _remove_directory(source.parent)


def _remove_directory(directory: Path) -> None:
    # Whatever somebody has put there stays.
    with suppress(OSError):
        directory.rmdir()
