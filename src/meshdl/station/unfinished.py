"""The writing side of a store: octets and claims of a download that is not finished.

Octets are written, then claimed in the journal; a :class:`Checkpoint` makes both
durable in the right order. What a crash has left in doubt is examined by
:meth:`Unfinished.resume`. See :mod:`meshdl.station.store` for how it fits together.
"""

from typing import Self

from meshdl.content.bitfield import Bitfield, indices_of
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.content.metainfo import Metainfo
from meshdl.errors import FileUnwritable, LocalProtocolError, StorageError
from meshdl.ids import ChunkIndex
from meshdl.station.content_files import Found
from meshdl.station.examination import Progress, all_leaves
from meshdl.station.journal import Claims, Journal, Loaded, Mark
from meshdl.station.place import Place
from meshdl.station.runs import Run


class Unfinished:
    """What of a download is verified, and the only way to add to it.

    Attributes:
        have: verified chunks.
        partial: for unfinished chunks, the set of verified leaves.
        changed: always empty; what was changed while no station ran is not held.
    """

    def __init__(self, place: Place, claims: Claims) -> None:
        """Put a new journal with ``claims``, which are durable, in place of any other."""
        metainfo = place.metainfo
        self.have = Bitfield(metainfo.chunk_count, claims.chunks)
        self.partial = dict(claims.leaves)
        self.changed: set[int] = set()
        self._place = place
        self._journal = Journal.write(
            place.disk, place.state.journal, metainfo.content_hash, claims
        )
        # Indices of files written to since the last checkpoint.
        self._dirty: set[int] = set()
        self._under_way: Checkpoint | None = None
        self._failure = ""

    @classmethod
    def resume(cls, place: Place, loaded: Loaded, progress: Progress) -> Self:
        """Go on with what the journal says, hashing what it is not sure of.

        Octets of a file that somebody else may have written to count as doubtful, those
        of a file that is gone not at all.
        """
        stats_at_close = place.state.read_stats()
        stats = place.files.stats()
        found = place.files.make_room()
        place.disk.remove(place.state.stats)
        gone = touched = 0
        for file, entry in enumerate(place.metainfo.files):
            chunks = ((1 << entry.chunk_count) - 1) << entry.first_chunk
            if found[file] is Found.NOTHING:
                gone |= chunks
            elif found[file] is Found.OTHER_LENGTH or (
                stats_at_close is not None and stats_at_close[file : file + 1] != [stats[file]]
            ):
                touched |= chunks
        trusted = _without(loaded.trusted, gone | touched)
        doubtful = _chunks(loaded.trusted) & touched | _chunks(loaded.doubtful) & ~trusted.chunks
        if not loaded.readable:
            doubtful = (1 << place.metainfo.chunk_count) - 1
        right = place.examiner.claims(indices_of(doubtful & ~gone), progress)
        _write_again(place, right)
        return cls(place, _joined(place.metainfo, trusted, right))

    @classmethod
    def verify(cls, place: Place, progress: Progress) -> Self:
        """Hash everything, whatever a journal says."""
        return cls.resume(place, Loaded(readable=False), progress)

    def unchanged(self, _file: int) -> bool:
        """Always: the files are ours while they are unfinished."""
        return True

    @property
    def at_rest(self) -> bool:
        """Whether no checkpoint is under way."""
        return self._under_way is None

    @property
    def failed(self) -> bool:
        """Whether a checkpoint failed, so that nobody knows what is durable."""
        return bool(self._failure)

    def flush(self) -> None:
        """Let what was written since the last flush outlive the process."""
        self._journal.flush()

    def write(self, run: Run) -> None:
        """Write leaves; :meth:`flush` follows."""
        self._check_usable()
        chunk, offset, end = run.chunk, run.offset, run.end
        span = self._place.metainfo.span(chunk)
        whole = offset % LEAF_OCTETS == 0 and (end % LEAF_OCTETS == 0 or end == span.octets)
        if not whole or not 0 <= offset < end <= span.octets:
            raise LocalProtocolError(
                f"{run.length_octets} octets at {offset} of chunk {chunk} are no whole leaves of it"
            )
        if chunk in self.have:
            return
        first, count = offset // LEAF_OCTETS, -(-run.length_octets // LEAF_OCTETS)
        self._dirty.add(span.file)
        self._place.files.write(span.file, span.offset + offset, run.parts)
        mask = self.partial.get(chunk, 0) | ((1 << count) - 1) << first
        if mask != all_leaves(span):  # else the whole chunk is claimed in a moment
            self._journal.leaves(chunk, first, count)
        self.partial[chunk] = mask

    def chunk_complete(self, chunk: ChunkIndex) -> None:
        """Claim a chunk whose leaves are all written; :meth:`flush` follows."""
        self._check_usable()
        if chunk in self.have:
            return
        if self.partial.get(chunk, 0) != all_leaves(self._place.metainfo.span(chunk)):
            raise LocalProtocolError(f"chunk {chunk} is called complete and lacks leaves")
        self._journal.chunk(chunk)
        self.have.set(chunk)
        del self.partial[chunk]

    def begin_checkpoint(self) -> "Checkpoint | None":
        """See :meth:`meshdl.station.store.ContentStore.begin_checkpoint`."""
        self._check_usable()
        if self._under_way is not None:
            raise LocalProtocolError("a checkpoint is under way")
        if not self._dirty:
            return None
        dirty, self._dirty = sorted(self._dirty), set()
        mark = self._journal.mark(Claims(self.have.bits, dict(self.partial)))
        self._under_way = Checkpoint(self, mark, dirty)
        return self._under_way

    def _check_usable(self) -> None:
        if self._failure:
            raise FileUnwritable(
                f"{self._place.metainfo.name!r} takes no more octets since its disk failed "
                f"({self._failure}); resume it to find out what is left"
            )

    def _complete(self, mark: Mark, dirty: list[int]) -> None:
        try:
            self._place.files.sync(dirty)
            self._journal.barrier(mark)
        except StorageError as error:
            self._failure = str(error)
            raise
        finally:
            self._under_way = None


class Checkpoint:
    """Everything claimed up to one moment, on its way to being durable."""

    def __init__(self, unfinished: Unfinished, mark: Mark, dirty: list[int]) -> None:
        self._unfinished, self._mark, self._dirty = unfinished, mark, dirty

    def complete(self) -> None:
        """Sync the files, then put the barrier. May run in a thread of its own.

        To be called once.

        Raises:
            StorageError: the disk refused. The download takes no more octets and must
                be opened again: which octets reached the disk is not known.
        """
        self._unfinished._complete(self._mark, self._dirty)  # noqa: SLF001 - two halves of one thing


def _write_again(place: Place, right: Claims) -> None:
    """Make octets durable that nobody knows to be, see :meth:`Examiner.write_again`."""
    files = set()
    for chunk in indices_of(right.chunks):
        span = place.metainfo.span(ChunkIndex(chunk))
        place.examiner.write_again(ChunkIndex(chunk), all_leaves(span))
        files.add(span.file)
    for index, mask in right.leaves.items():
        place.examiner.write_again(index, mask)
        files.add(place.metainfo.span(index).file)
    place.files.sync(sorted(files))


def _chunks(claims: Claims) -> int:
    """Every chunk of which something is claimed."""
    chunks = claims.chunks
    for chunk in claims.leaves:
        chunks |= 1 << chunk
    return chunks


def _without(claims: Claims, chunks: int) -> Claims:
    kept = {chunk: mask for chunk, mask in claims.leaves.items() if not chunks >> chunk & 1}
    return Claims(claims.chunks & ~chunks, kept)


def _joined(metainfo: Metainfo, one: Claims, other: Claims) -> Claims:
    """What either claims; a chunk of which they have all leaves between them is whole."""
    chunks, leaves = one.chunks | other.chunks, {}
    for chunk in one.leaves.keys() | other.leaves.keys():
        mask = one.leaves.get(chunk, 0) | other.leaves.get(chunk, 0)
        if mask == all_leaves(metainfo.span(chunk)):
            chunks |= 1 << chunk
        elif not chunks >> chunk & 1:
            leaves[chunk] = mask
    return Claims(chunks, leaves)
