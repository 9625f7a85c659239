"""Verified octets on disk: written once, found again after a crash, read to be served.

Theory of operation
===================

A content is in one of two modes. *In place*: the files lie complete under their own
names; they are the user's, shared or downloaded, and only read. *Unfinished*: the files
lie under a ``.part`` name, a journal tells which chunks and leaves of them count.

::

    create_download --> unfinished -- finish --> in place <-- serve
                            ^                       ^
                            +-------- open ---------+

Unfinished, a write goes to the file at once and is then claimed in the journal; the
claim survives the death of the process. A checkpoint makes what was claimed so far
durable: it syncs the files, then puts a barrier behind the claims. Opening again takes
what is before the last barrier as it is, and hashes what is behind it.

:meth:`ContentStore.finish` goes through these steps, and opening goes on from any of
them: checkpoint; stats of the finished files; the new name; no journal. A journal
without a ``.part`` beside it therefore means that the files have their name already.

Leaf hashes are kept for other peers. They are only a convenience: a chunk's are proved
against its hash whenever they are used, and hashed again from the file if they do not.

Four modules do the work: :mod:`meshdl.station.store_making` makes and opens stores,
:mod:`meshdl.station.unfinished` writes, :mod:`meshdl.station.in_place` notices when the
user changes a file, and :mod:`meshdl.station.held_ranges` reads what either holds.

One thread calls everything, but for two methods: :meth:`Checkpoint.complete` may run in
another while writes go on, and :meth:`ContentStore.read_cached` in any.
"""

from collections.abc import Sequence
from pathlib import Path

from meshdl.content.bitfield import Bitfield
from meshdl.content.merkle import HASH_OCTETS
from meshdl.errors import LocalProtocolError
from meshdl.ids import ChunkIndex
from meshdl.station.examination import Progress, untold
from meshdl.station.hash_reader import HashReader
from meshdl.station.held_ranges import HeldRanges
from meshdl.station.in_place import InPlace
from meshdl.station.place import Place
from meshdl.station.runs import Run
from meshdl.station.unfinished import Checkpoint, Unfinished


class ContentStore:
    """The octets of one content. Made by the functions of :mod:`meshdl.station.store_making`.

    Args:
        place: what it works on.
        held: which mode it is in: what of the content counts as held.
        keeps_files: see below.

    Attributes:
        metainfo: of the content.
        keeps_files: they are the user's, shared in place: nothing ever deletes them.
    """

    def __init__(
        self, place: Place, held: Unfinished | InPlace, *, keeps_files: bool = False
    ) -> None:
        self.metainfo = place.metainfo
        self.keeps_files = keeps_files
        self._place, self._held = place, held
        self._files, self._state = place.files, place.state
        self._hashes = HashReader(place.metainfo, place.chunk_hashes, self._leaf_hashes)
        self._ranges = HeldRanges(place.metainfo, place.files)

    # What it tells.

    @property
    def location(self) -> Path:
        """Where the complete file or folder is or will be."""
        return self._files.location

    @property
    def base(self) -> Path:
        """Where it is now: :attr:`location`, or that with ``.part`` behind its name."""
        return self._files.base

    @property
    def finished(self) -> bool:
        """Whether the files lie in place, under their own names."""
        return isinstance(self._held, InPlace)

    @property
    def have(self) -> Bitfield:
        """Verified chunks. Not for the caller to change."""
        return self._held.have

    @property
    def partial(self) -> dict[ChunkIndex, int]:
        """For unfinished chunks, the set of verified leaves. Not to be changed either."""
        return self._held.partial

    @property
    def changed(self) -> set[int]:
        """Indices of files in place that are no longer what was hashed."""
        return self._held.changed

    def read(self, chunk: ChunkIndex, offset: int, octets: int) -> bytes:
        """Read octets of a chunk that is held, or of held leaves of an unfinished one.

        Raises:
            ContentUnknown: they are not held.
            FileChanged: the file is no longer what was hashed, and no octet of it is
                given out. :meth:`verify_all` tells what is left of it.
            FileUnreadable: the disk refused.
            LocalProtocolError: there is no such range.
        """
        return self._ranges.read(self._held, chunk, offset, octets)

    def read_cached(self, chunk: ChunkIndex, offset: int, octets: int) -> bytes | memoryview | None:
        """As :meth:`read`, if the system has the octets in memory; may run in any thread.

        Returns:
            ``None`` when they would have to come from the disk, or :meth:`read` would
            raise.
        """
        return self._ranges.read_cached(self._held, chunk, offset, octets)

    def hashes(
        self, file: int, base_layer: int, index: int, length: int, proof_layers: int
    ) -> list[bytes]:
        """Merkle hashes and their uncles, see :meth:`HashReader.hashes`."""
        return self._hashes.hashes(file, base_layer, index, length, proof_layers)

    def file_with_root(self, root: bytes) -> int:
        """Index of the file with this Merkle root, see :meth:`HashReader.file_with_root`."""
        return self._hashes.file_with_root(root)

    def leaf_hashes(self, chunk: ChunkIndex) -> bytes:
        """The leaf hashes of a chunk, joined; proved.

        Raises:
            ContentUnknown: neither they nor the chunk are held.
            FileUnreadable: the disk refused.
        """
        return b"".join(self._leaf_hashes(chunk))

    # What changes it.

    def write(self, chunk: ChunkIndex, offset: int, octets: bytes | memoryview) -> None:
        """Write whole leaves of a chunk, which the caller has verified.

        When this returns they survive the death of the process, except for those that
        fill the chunk: :meth:`chunk_complete` follows those.

        Raises:
            LocalProtocolError: not whole leaves of the chunk, or nothing is unfinished.
            StorageError: the disk refused. After :exc:`DiskFull` nothing is lost, and
                the same may be written again when there is room.
        """
        self.write_all([Run(chunk, offset, [octets], len(octets))])

    def write_all(self, runs: Sequence[Run]) -> None:
        """Write several runs as :meth:`write` does one range, and say which complete a chunk.

        Claiming them together costs one write to the journal instead of one each.

        Raises:
            LocalProtocolError, StorageError: as :meth:`write` and :meth:`chunk_complete`.
                What stood before the one that failed is claimed all the same, by the
                next call that claims.
        """
        writable = self._writable()
        for run in runs:
            writable.write(run)
            if run.completes_chunk:
                writable.chunk_complete(run.chunk)
        writable.flush()

    def chunk_complete(self, chunk: ChunkIndex) -> None:
        """All leaves of a chunk are written: from now on it is held.

        Raises:
            LocalProtocolError: they are not.
            StorageError: the disk refused; after :exc:`DiskFull` it may be said again.
        """
        writable = self._writable()
        writable.chunk_complete(chunk)
        writable.flush()

    def write_leaf_hashes(self, chunk: ChunkIndex, hashes: bytes) -> None:
        """Keep the leaf hashes of a chunk, joined, which the caller has proved.

        Raises:
            LocalProtocolError: not as many hashes as the chunk has leaves.
            StorageError: the disk refused.
        """
        if len(hashes) != self.metainfo.span(chunk).leaf_count * HASH_OCTETS:
            raise LocalProtocolError(f"{len(hashes)} octets of leaf hashes for chunk {chunk}")
        self._place.leaves.put(chunk, hashes)

    def begin_checkpoint(self) -> Checkpoint | None:
        """Note what is claimed so far, for :meth:`Checkpoint.complete` to make durable.

        Returns:
            ``None`` when nothing was written since the last one.

        Raises:
            LocalProtocolError: one is under way.
            StorageError: an earlier one failed; open the content again.
        """
        held = self._held
        return held.begin_checkpoint() if isinstance(held, Unfinished) else None

    def checkpoint(self) -> None:
        """Make everything durable that was claimed so far, at once.

        Raises:
            LocalProtocolError: one is under way.
            StorageError: the disk refused, now or earlier; open the content again.
        """
        begun = self.begin_checkpoint()
        if begun is not None:
            begun.complete()

    def finish(self) -> Path:
        """Give the files of a complete download their own names. Harmless when done.

        Returns:
            Where they are.

        Raises:
            LocalProtocolError: chunks are missing, or a checkpoint is under way.
            TargetExists: something has that name by now; finish again when it is gone.
            StorageError: the disk refused; open the content again.
        """
        if self.finished:
            return self.location
        if not self.have.full:
            raise LocalProtocolError(f"{self.metainfo.name!r} is finished and lacks chunks")
        self.checkpoint()
        stats = self._files.stats()
        self._state.write_stats(stats)
        self._files.move_into_place()
        self._held = InPlace.after_download(self._place, stats)
        return self.location

    def verify_all(self, progress: Progress = untold) -> Bitfield:
        """Hash everything again, for instance after :exc:`FileChanged`.

        Returns:
            What is held after all, as :attr:`have`.

        Raises:
            LocalProtocolError: a checkpoint is under way.
            StorageError: the disk refused to keep the result.
        """
        if isinstance(self._held, InPlace):
            self._held.verify(progress)
        elif self._held.at_rest:
            self._held = Unfinished.verify(self._place, progress)
        else:
            raise LocalProtocolError("a checkpoint is under way")
        return self.have

    def close(self) -> None:
        """Make everything durable and let go of the files; it is not used afterwards.

        Raises:
            LocalProtocolError: a checkpoint is under way.
            StorageError: the disk refused; what was claimed is claimed all the same.
        """
        try:
            if isinstance(self._held, Unfinished) and not self._held.failed:
                self.checkpoint()
                # By these it is found out when somebody changes the files meanwhile.
                self._state.write_stats(self._files.stats())
        finally:
            self._files.release()
            self._place.disk.release(self._state.directory)

    def forget(self, *, delete_files: bool) -> None:
        """Forget the content.

        Args:
            delete_files: whether to delete its files, finished or not; of downloads only.
        """
        self._files.release()
        if delete_files and not self.keeps_files:
            self._files.remove()
        self._state.forget()

    # How it does that.

    def _leaf_hashes(self, chunk: ChunkIndex) -> list[bytes]:
        held, file = self._held, self.metainfo.span(chunk).file
        return self._place.examiner.leaf_hashes(
            chunk, held=chunk in held.have and file not in held.changed
        )

    def _writable(self) -> Unfinished:
        if isinstance(self._held, InPlace):
            raise LocalProtocolError(f"{self.metainfo.name!r} is in place and only read")
        return self._held


__all__ = ["Checkpoint", "ContentStore"]
