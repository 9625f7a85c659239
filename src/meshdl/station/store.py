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

Three modules do the work: :mod:`meshdl.station.unfinished` writes,
:mod:`meshdl.station.in_place` notices when the user changes a file, and
:mod:`meshdl.station.held_ranges` reads what either holds.

One thread calls everything, but for two methods: :meth:`Checkpoint.complete` may run in
another while writes go on, and :meth:`ContentStore.read_cached` in any.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from meshdl.content.bitfield import Bitfield
from meshdl.content.merkle import HASH_OCTETS
from meshdl.content.metainfo import Metainfo
from meshdl.disk import Disk, FileStat
from meshdl.errors import (
    LocalProtocolError,
    StorageError,
    TargetExists,
)
from meshdl.ids import ChunkIndex
from meshdl.station import journal
from meshdl.station.content_files import ContentFiles
from meshdl.station.content_home import ContentHome, LeafHashes
from meshdl.station.examination import Examiner, Progress
from meshdl.station.hash_reader import HashReader
from meshdl.station.held_ranges import Held, HeldRanges
from meshdl.station.home import Home
from meshdl.station.in_place import InPlace
from meshdl.station.journal import Claims, Loaded
from meshdl.station.runs import Run
from meshdl.station.unfinished import Checkpoint, Place, Unfinished


def _untold(_done: int, _octets: int) -> None:
    """A :data:`Progress` for callers who do not want to know."""


class ContentStore:
    """The octets of one content. Made by one of the class methods.

    They all take the disk, the home directory of the station, the metainfo of the
    content, and one proved hash for each of its chunks.

    Attributes:
        metainfo: of the content.
        keeps_files: they are the user's, shared in place: nothing ever deletes them.
    """

    def __init__(
        self,
        disk: Disk,
        home: Home,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        location: Path,
    ) -> None:
        """Lay it out; nothing is touched yet."""
        self.metainfo = metainfo
        self.keeps_files = False
        self._disk = disk
        self._state = ContentHome(disk, home, metainfo.content_hash)
        self._files = ContentFiles(disk, metainfo, location)
        self._leaves = LeafHashes(disk, self._state.leaves, metainfo, chunk_hashes)
        self._examiner = Examiner(metainfo, chunk_hashes, self._files, self._leaves)
        self._hashes = HashReader(metainfo, chunk_hashes, self._leaf_hashes)
        self._place = Place(disk, metainfo, self._state, self._files, self._examiner)
        self._ranges = HeldRanges(metainfo, self._files)
        self._unfinished: Unfinished | None = None
        self._in_place = InPlace(metainfo, self._state, self._files, self._examiner)

    # How one comes to be.

    @classmethod
    def create_download(
        cls,
        disk: Disk,
        home: Home,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        directory: Path,
    ) -> Self:
        """Make room for a download. :func:`save_metainfo` comes before.

        The file or folder will lie in ``directory``. What a crashed try has left there is
        gone on with.

        Raises:
            TargetExists: it, or a ``.part`` of somebody else, is there already.
            DiskFull: the disk has clearly too little room.
            StorageError: the disk refused otherwise.
        """
        store = cls(disk, home, metainfo, chunk_hashes, directory / metainfo.name)
        store._files.check_location()
        store._state.create()
        if disk.stat(store._files.part) is not None:
            if disk.stat(store._state.journal) is None:
                raise TargetExists(
                    f"{store._files.part} is there already, and no download of ours; move it "
                    "away, or choose another directory with -o"
                )
            # The journal may be of a download to some other directory: trust nothing.
            store._resume(Loaded(readable=False), _untold)
            return store
        store._files.make_directory()
        store._files.check_room()
        try:
            # The journal comes first: it tells a .part of ours from one of somebody else.
            store._unfinished = Unfinished(store._place, Claims())
            store._files.make_room()
            store._leaves.make_room()
        except StorageError:
            store._files.remove()
            disk.remove(store._state.journal)
            raise
        return store

    @classmethod
    def open(
        cls,
        disk: Disk,
        home: Home,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        location: Path,
        *,
        progress: Progress = _untold,
    ) -> Self:
        """Go on with a content after a restart, whatever happened in between.

        ``location`` is where the complete file or folder is or will be; ``progress`` is
        told while octets are hashed.

        Raises:
            TargetExists: something else has the place of the unfinished download.
            StorageError: the disk refused.
        """
        store = cls(disk, home, metainfo, chunk_hashes, location)
        loaded = journal.load(disk, store._state.journal, metainfo)
        if loaded is None:
            store._files.stand_in_place()
            store._in_place.compare()
        elif disk.stat(store._files.part) is None and disk.stat(location) is not None:
            store._resume_finish(loaded, progress)
        else:
            store._resume(loaded, progress)
        return store

    @classmethod
    def continue_download(
        cls,
        disk: Disk,
        home: Home,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        directory: Path,
        *,
        progress: Progress = _untold,
    ) -> Self:
        """Go on with a download whatever came of it, even when nothing did so far.

        As :meth:`open`, or :meth:`create_download` when there is nothing to open.
        """
        state = ContentHome(disk, home, metainfo.content_hash)
        if disk.stat(state.journal) is None and disk.stat(state.stats) is None:
            return cls.create_download(disk, home, metainfo, chunk_hashes, directory)
        location = directory / metainfo.name
        store = cls.open(disk, home, metainfo, chunk_hashes, location, progress=progress)
        if store.changed:
            store.verify_all(progress)
        if store.finished and not store.have.full:
            raise TargetExists(
                f"{location} was downloaded and is not what it was; move it away to get the "
                "content anew"
            )
        return store

    @classmethod
    def serve(
        cls,
        disk: Disk,
        home: Home,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        root: Path,
        *,
        leaf_hashes: Path,
        stats: Sequence[FileStat],
    ) -> Self:
        """Share the file or folder ``root`` where it is. :func:`save_metainfo` comes before.

        Both come from :func:`meshdl.station.hashing.hash_path`: ``leaf_hashes`` is a file
        with all of them, on the disk of the home directory, and is moved there; ``stats``
        tell what each file looked like when it was hashed.

        Raises:
            StorageError: the disk refused.
        """
        store = cls(disk, home, metainfo, chunk_hashes, root)
        store.keeps_files = True
        store._state.create()
        disk.remove(store._state.journal)
        store._leaves.adopt(leaf_hashes)
        store._state.write_stats(stats)
        store._files.stand_in_place()
        store._in_place.compare()
        return store

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
        return self._unfinished is None

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
        self._leaves.put(chunk, hashes)

    def begin_checkpoint(self) -> Checkpoint | None:
        """Note what is claimed so far, for :meth:`Checkpoint.complete` to make durable.

        Returns:
            ``None`` when nothing was written since the last one.

        Raises:
            LocalProtocolError: one is under way.
            StorageError: an earlier one failed; open the content again.
        """
        return self._unfinished.begin_checkpoint() if self._unfinished else None

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
        if self._unfinished is None:
            return self.location
        if not self.have.full:
            raise LocalProtocolError(f"{self.metainfo.name!r} is finished and lacks chunks")
        self.checkpoint()
        stats = self._files.stats()
        self._state.write_stats(stats)
        self._files.move_into_place()
        self._stand_in_place(stats)
        return self.location

    def verify_all(self, progress: Progress = _untold) -> Bitfield:
        """Hash everything again, for instance after :exc:`FileChanged`.

        Returns:
            What is held after all, as :attr:`have`.

        Raises:
            LocalProtocolError: a checkpoint is under way.
            StorageError: the disk refused to keep the result.
        """
        if self._unfinished is not None:
            if not self._unfinished.at_rest:
                raise LocalProtocolError("a checkpoint is under way")
            self._unfinished = Unfinished.verify(self._place, progress)
        else:
            self._in_place.verify(progress)
        return self.have

    def close(self) -> None:
        """Make everything durable and let go of the files; it is not used afterwards.

        Raises:
            LocalProtocolError: a checkpoint is under way.
            StorageError: the disk refused; what was claimed is claimed all the same.
        """
        try:
            if self._unfinished is not None and not self._unfinished.failed:
                self.checkpoint()
                # By these it is found out when somebody changes the files meanwhile.
                self._state.write_stats(self._files.stats())
        finally:
            self._files.release()
            self._disk.release(self._state.directory)

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

    @property
    def _held(self) -> Held:
        return self._in_place if self._unfinished is None else self._unfinished

    def _leaf_hashes(self, chunk: ChunkIndex) -> list[bytes]:
        held, file = self._held, self.metainfo.span(chunk).file
        return self._examiner.leaf_hashes(
            chunk, held=chunk in held.have and file not in held.changed
        )

    def _writable(self) -> Unfinished:
        if self._unfinished is None:
            raise LocalProtocolError(f"{self.metainfo.name!r} is in place and only read")
        return self._unfinished

    def _resume(self, loaded: Loaded, progress: Progress) -> None:
        self._state.create()
        self._leaves.make_room()
        self._unfinished = Unfinished.resume(self._place, loaded, progress)

    def _resume_finish(self, loaded: Loaded, progress: Progress) -> None:
        """Go on behind the step that gave the files their own names."""
        self._files.stand_in_place()
        stats = self._files.stats()
        right = loaded.trusted.chunks
        if stats != self._state.read_stats():
            chunks = range(self.metainfo.chunk_count)
            right = self._examiner.claims(chunks, progress).chunks
        if not Bitfield(self.metainfo.chunk_count, right).full:
            raise TargetExists(
                f"{self.location} is there and {self._files.part} is gone, and it is not the whole "
                "content; move it away to get the content anew"
            )
        self._disk.sync_directory(self.location.parent)
        self._state.write_stats(stats)
        self._stand_in_place(stats)

    def _stand_in_place(self, stats: list[FileStat | None]) -> None:
        """The files have their names: the journal, which says otherwise, goes."""
        self._disk.remove(self._state.journal)
        self._disk.sync_directory(self._state.directory)
        self._unfinished = None
        self._in_place.take(stats)


__all__ = ["Checkpoint", "ContentStore"]
