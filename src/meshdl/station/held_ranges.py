"""Ranges of what is held, read to be served; of nothing else is an octet given out."""

from typing import Protocol

from meshdl.content.bitfield import Bitfield
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.content.metainfo import ChunkSpan, Metainfo
from meshdl.errors import ContentUnknown, FileChanged, LocalProtocolError, StorageError
from meshdl.ids import ChunkIndex
from meshdl.station.content_files import ContentFiles


class Held(Protocol):
    """What counts of the files: the unfinished ones, or those in place."""

    have: Bitfield
    partial: dict[ChunkIndex, int]
    changed: set[int]

    def unchanged(self, file: int) -> bool:
        """Whether what was read from a file just now is what was hashed."""


class HeldRanges:
    """Reads from the files of one content what is held of them."""

    def __init__(self, metainfo: Metainfo, files: ContentFiles) -> None:
        self._metainfo = metainfo
        self._files = files

    def read(self, held: Held, chunk: ChunkIndex, offset: int, octets: int) -> bytes:
        """See :meth:`meshdl.station.store.ContentStore.read`."""
        span = self._span(held, chunk, offset, octets)
        found = self._files.read(span.file, span.offset + offset, octets)
        self._check_hashed(held, span, octets, found)
        return found

    def read_cached(
        self, held: Held, chunk: ChunkIndex, offset: int, octets: int
    ) -> bytes | memoryview | None:
        """See :meth:`meshdl.station.store.ContentStore.read_cached`."""
        try:
            span = self._span(held, chunk, offset, octets)
            found = self._files.read_cached(span.file, span.offset + offset, octets)
            if found is not None:
                self._check_hashed(held, span, octets, found)
        except (StorageError, ContentUnknown):
            return None
        return found

    def _span(self, held: Held, chunk: ChunkIndex, offset: int, octets: int) -> ChunkSpan:
        span = self._metainfo.span(chunk)
        if not 0 <= offset < offset + octets <= span.octets:
            raise LocalProtocolError(f"no {octets} octets at {offset} of chunk {chunk}")
        if span.file in held.changed:
            raise self._file_changed(span.file)
        if chunk not in held.have and not _holds_leaves(held, chunk, offset, octets):
            raise ContentUnknown(
                f"chunk {chunk} of {self._metainfo.name!r} is not held here; ask another station"
            )
        return span

    def _check_hashed(
        self, held: Held, span: ChunkSpan, octets: int, found: bytes | memoryview
    ) -> None:
        if not held.unchanged(span.file) or len(found) != octets:
            raise self._file_changed(span.file)

    def _file_changed(self, file: int) -> FileChanged:
        return FileChanged(
            f"{self._files.path(file)} is not what it was when it was hashed, and is not served; "
            "verify it, or share what it is now"
        )


def _holds_leaves(held: Held, chunk: ChunkIndex, offset: int, octets: int) -> bool:
    first, end = offset // LEAF_OCTETS, -(-(offset + octets) // LEAF_OCTETS)
    wanted = (1 << end) - (1 << first)
    return held.partial.get(chunk, 0) & wanted == wanted
