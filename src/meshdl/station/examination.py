"""Hashes what lies on disk, and says which leaves of a chunk are right."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeAlias

from meshdl.content import merkle
from meshdl.content.bitfield import indices_of
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.content.metainfo import ChunkSpan, Metainfo
from meshdl.errors import ContentUnknown, FileUnreadable, StorageError
from meshdl.ids import ChunkIndex
from meshdl.station.content_files import ContentFiles
from meshdl.station.content_home import LeafHashes
from meshdl.station.journal import Claims

READ_OCTETS = 1024 * 1024
"""Octets that are in memory at a time, however long a chunk is: whole leaves."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many octets of how many are hashed."""


def untold(_done: int, _octets: int) -> None:
    """A :data:`Progress` for callers who do not want to know."""


class Examiner:
    """Looks at the files of one content, chunk by chunk."""

    def __init__(
        self,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        files: ContentFiles,
        leaves: LeafHashes,
    ) -> None:
        self._metainfo, self._chunk_hashes = metainfo, chunk_hashes
        self._files, self._leaves = files, leaves

    def right_leaves(self, chunk: ChunkIndex) -> int:
        """The set of leaves of ``chunk`` that are in the file as they should be.

        When the chunk's leaf hashes are not kept, only a whole chunk can be told to be
        right; then they are kept from now on. A file that cannot be read is not right.
        """
        span = self._metainfo.span(chunk)
        try:
            found = self._hash(span)
        except FileUnreadable:
            return 0
        if len(found) < span.leaf_count:
            return 0  # the file ends before the chunk
        kept = self._leaves.get(chunk)
        if merkle.root(found, width=span.width) == self._chunk_hashes[chunk]:
            if kept is None:
                self._keep(chunk, found)
            return all_leaves(span)
        pairs = zip(found, kept or [], strict=False)
        return sum(1 << leaf for leaf, (one, other) in enumerate(pairs) if one == other)

    def claims(self, chunks: Iterable[int], progress: Progress) -> Claims:
        """Everything that is right in ``chunks``, which are hashed one after the other."""
        wanted = [ChunkIndex(chunk) for chunk in chunks]
        octets = sum(self._metainfo.span(chunk).octets for chunk in wanted)
        right = Claims()
        done = 0
        for chunk in wanted:
            span = self._metainfo.span(chunk)
            mask = self.right_leaves(chunk)
            if mask == all_leaves(span):
                right.chunks |= 1 << chunk
            elif mask:
                right.leaves[chunk] = mask
            done += span.octets
            progress(done, octets)
        return right

    def write_again(self, chunk: ChunkIndex, leaves: int) -> None:
        """Write the octets of ``leaves``, which are right, to where they are already.

        When a sync has failed the system may have dropped octets from what it still has
        to write, and yet show them to readers. Written again, they are synced again.

        Raises:
            StorageError: the disk refused.
        """
        span = self._metainfo.span(chunk)
        end = span.offset + span.octets
        for leaf in indices_of(leaves):
            at = span.offset + leaf * LEAF_OCTETS
            octets = self._files.read(span.file, at, min(LEAF_OCTETS, end - at))
            self._files.write(span.file, at, [octets])

    def leaf_hashes(self, chunk: ChunkIndex, *, held: bool) -> list[bytes]:
        """The leaf hashes of a chunk: as kept, else hashed anew if the chunk is ``held``.

        Whoever asks for those of a chunk that is not held must not make us read it: it may
        have 64 MiB, and the question 300 octets.

        Raises:
            ContentUnknown: they are not kept, and the chunk is not held, or not right.
            FileUnreadable: the disk refused.
        """
        kept = self._leaves.get(chunk)
        if kept is not None:
            return kept
        span = self._metainfo.span(chunk)
        found = self._hash(span) if held else []
        whole = len(found) == span.leaf_count
        if not whole or merkle.root(found, width=span.width) != self._chunk_hashes[chunk]:
            raise ContentUnknown(
                f"the leaf hashes of chunk {chunk} of {self._metainfo.name!r} are not held here; "
                "ask another station"
            )
        self._keep(chunk, found)
        return found

    def _keep(self, chunk: ChunkIndex, hashes: list[bytes]) -> None:
        # They save work next time. A full disk is no reason to serve nobody now.
        with suppress(StorageError):
            self._leaves.put(chunk, b"".join(hashes))

    def _hash(self, span: ChunkSpan) -> list[bytes]:
        """Hash the leaves of a chunk; fewer when the file ends early."""
        hashes: list[bytes] = []
        at, end = span.offset, span.offset + span.octets
        while at < end:
            octets = self._files.read(span.file, at, min(READ_OCTETS, end - at))
            if not octets:
                break
            hashes += merkle.hash_leaves(octets)
            at += len(octets)
        return hashes


def all_leaves(span: ChunkSpan) -> int:
    """The set of all leaves of a chunk."""
    return (1 << span.leaf_count) - 1
