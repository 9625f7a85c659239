"""What is verified of a download, so written that a crash can neither lose nor fake it.

Theory of operation
===================

The journal is appended to, never changed in place. A header of 48 octets names the
format, the content and this very file; then come records of 16 octets::

    chunks    this many chunks from this one on are verified and written
    leaves    this many leaves of this chunk are verified and written
    barrier   the data of this many records, counted from the front, is durable

A *claim* (chunks or leaves) is appended after its octets were written. That alone says
nothing about a power cut: the disk may keep the claim and lose the octets. So a
checkpoint syncs the data files first, then appends a barrier, then syncs the journal.
What a barrier covers is *trusted* when the journal is read again; the claims behind the
last barrier are *doubtful*, and whoever reads them hashes the octets again. Neither the
order in which the disk writes pages nor a missing page matters: a barrier counts the
records before it only after their data was durable, and a record that did not reach the
disk merely claims nothing.

Records are found by position, and each has a checksum over itself, its position and the
header. A torn tail, a page of zeros or of an older file, and garbage of any kind are
skipped record by record.

Appending and the barrier of a checkpoint may come from two threads. A journal that has
become long is written anew, with the same meaning, under another name and moved into
place.

The octets are laid out in ``docs/reference/home-directory.md``.
"""

import re
import secrets
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from meshdl.content.metainfo import Metainfo
from meshdl.disk import Disk
from meshdl.ids import ChunkIndex, ContentHash

MAGIC = b"meshdlJ\1"
"""The last octet is the version of the format."""

RECORDS_MAX = 262_144
"""4 MiB: a checkpoint that finds more writes the journal anew. 16 GiB that arrive in
messages of 64 KiB make as many."""

READ_OCTETS = 1024 * 1024
"""The journal is read in steps of this, so that a huge one does not fill the memory."""

_HEADER = struct.Struct(">8s32s4s")
_BODY = struct.Struct(">BxHII")
_CHECKSUM = struct.Struct(">I")

HEADER_OCTETS = _HEADER.size + _CHECKSUM.size
RECORD_OCTETS = _BODY.size + _CHECKSUM.size

_CHUNKS, _LEAVES, _BARRIER = 1, 2, 3


@dataclass(slots=True)
class Claims:
    """A set of chunks, and for chunks that are not in it sets of leaves.

    Attributes:
        chunks: bit ``i`` is set when chunk ``i`` is claimed whole.
        leaves: of an unfinished chunk, bit ``i`` is set when its leaf ``i`` is claimed.
    """

    chunks: int = 0
    leaves: dict[ChunkIndex, int] = field(default_factory=dict)

    def records(self) -> list[bytes]:
        """The shortest list of records that claims the same, without checksums."""
        chunks = [_BODY.pack(_CHUNKS, 0, first, count) for first, count in _runs(self.chunks)]
        leaves = [
            _BODY.pack(_LEAVES, count, chunk, first)
            for chunk, mask in self.leaves.items()
            for first, count in _runs(mask)
        ]
        return chunks + leaves


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a journal says.

    Attributes:
        trusted: durable in the data files, as far as the disk keeps its word.
        doubtful: claimed, and not trusted; the octets must be hashed before they count.
        readable: whether the header was. If not, nothing is known, and every chunk may
            be there.
    """

    trusted: Claims = field(default_factory=Claims)
    doubtful: Claims = field(default_factory=Claims)
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """The point that a checkpoint will make durable: see :meth:`Journal.mark`."""

    records: int
    claims: Claims


class Journal:
    """The journal of one download, open for appending. Made by :meth:`write`.

    What an older one says is read with :func:`load` before.
    """

    def __init__(self, disk: Disk, path: Path, content: ContentHash) -> None:
        self._disk, self._path = disk, path
        # The random octets tell this file's records from those of one removed earlier,
        # whose pages the file system may have given to this one.
        self._header = _seal_header(_HEADER.pack(MAGIC, content, secrets.token_bytes(4)))
        self._records = 0
        # What a rewritten journal must have behind its barrier.
        self._since_mark: list[bytes] = []
        # Claimed and not written yet.
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()

    @classmethod
    def write(cls, disk: Disk, path: Path, content: ContentHash, claims: Claims) -> Self:
        """Put a new journal in the place of the one at ``path``, or of none.

        Args:
            disk: where it lies.
            path: of the journal; ``<path>.new`` is used on the way.
            content: whose chunks are claimed.
            claims: what the new journal says. Their octets must be durable already.

        Raises:
            StorageError: the disk refused. The journal that was there still counts,
                or the new one does; both are right.
        """
        journal = cls(disk, path, content)
        journal._replace(claims.records(), [])
        return journal

    @property
    def records(self) -> int:
        """How many it has, barriers included."""
        return self._records

    def chunk(self, chunk: ChunkIndex) -> None:
        """Claim a whole chunk, whose octets were written; :meth:`flush` follows."""
        self._waiting.append(_BODY.pack(_CHUNKS, 0, chunk, 1))

    def leaves(self, chunk: ChunkIndex, first: int, count: int) -> None:
        """Claim written leaves of an unfinished chunk; :meth:`flush` follows."""
        self._waiting.append(_BODY.pack(_LEAVES, count, chunk, first))

    def mark(self, claims: Claims) -> Mark:
        """Begin a checkpoint: everything up to here is what it will make durable.

        Args:
            claims: everything that was claimed so far. It must not change afterwards.
        """
        with self._lock:
            self._flush()
            self._since_mark.clear()
            return Mark(self._records, claims)

    def barrier(self, mark: Mark) -> None:
        """End a checkpoint: the octets of everything before ``mark`` are durable.

        Claims may have been appended since, and may be appended meanwhile. There is no
        second mark before the first has its barrier.

        Raises:
            StorageError: the disk refused; the barrier may be there or not.
        """
        with self._lock:
            if self._records >= RECORDS_MAX:
                self._replace(mark.claims.records(), list(self._since_mark))
                return
            self._put([_BODY.pack(_BARRIER, 0, mark.records, 0)])
        self._disk.sync(self._path)

    def flush(self) -> None:
        """Write what was claimed since the last flush. It then outlives the process.

        Raises:
            StorageError: the disk refused; the claims wait for the next flush.
        """
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._put(self._waiting)
            self._since_mark += self._waiting
            self._waiting = []

    def _put(self, bodies: list[bytes]) -> None:
        records = _seal(self._header, bodies, self._records)
        self._disk.write(self._path, HEADER_OCTETS + self._records * RECORD_OCTETS, records)
        # Only now: what a full disk left half done will be written over.
        self._records += len(bodies)

    def _replace(self, trusted: list[bytes], doubtful: list[bytes]) -> None:
        bodies = [*trusted, _BODY.pack(_BARRIER, 0, len(trusted), 0), *doubtful]
        replace_file(self._disk, self._path, self._header + _seal(self._header, bodies, 0))
        self._records = len(bodies)


def load(disk: Disk, path: Path, metainfo: Metainfo) -> Loaded | None:
    """Read the journal of a download, however damaged.

    Args:
        disk: where it lies.
        path: of the journal.
        metainfo: of the content; a claim that does not fit it is skipped.

    Returns:
        What it says, or ``None`` when there is none.

    Raises:
        FileUnreadable: the disk refused to read it.
    """
    found = disk.stat(path)
    if found is None:
        return None
    header = disk.read(path, 0, HEADER_OCTETS)
    expected = _seal_header(_HEADER.pack(MAGIC, metainfo.content_hash, header[40:44]))
    if header != expected:
        return Loaded(readable=False)
    trusted, doubtful = _Reader(metainfo), _Reader(metainfo)
    # Claims that no barrier has covered so far, by position.
    waiting: list[tuple[int, bytes]] = []
    for position, body in _records(disk, path, header):
        if body[0] != _BARRIER:
            waiting.append((position, body))
            continue
        covered = _BODY.unpack(body)[2]
        for _, claim in (one for one in waiting if one[0] < covered):
            trusted.take(claim)
        waiting = [one for one in waiting if one[0] >= covered]
    for _, claim in waiting:
        doubtful.take(claim)
    known = trusted.claims()
    return Loaded(known, doubtful.claims(beyond=known))


def replace_file(disk: Disk, path: Path, octets: bytes) -> None:
    """Give ``path`` new contents, whole and durable, or leave it as it is.

    ``<path>.new`` is written first; what an earlier try left there is thrown away.

    Raises:
        StorageError: the disk refused.
    """
    draft = path.with_name(f"{path.name}.new")
    disk.remove(draft)
    disk.create(draft, 0)
    disk.write(draft, 0, octets)
    disk.sync(draft)
    disk.rename(draft, path)
    disk.sync_directory(path.parent)


class _Reader:
    """Collects claims that fit a content."""

    def __init__(self, metainfo: Metainfo) -> None:
        self._metainfo = metainfo
        # One octet a chunk: setting bits of an int would copy it for each record.
        self._chunks = bytearray(metainfo.chunk_count)
        self._leaves: dict[ChunkIndex, int] = {}

    def take(self, body: bytes) -> None:
        """Add what a record claims; if it does not fit the content, nothing."""
        kind, leaf_count, number, value = _BODY.unpack(body)
        chunk, known = ChunkIndex(number), self._metainfo.chunk_count
        if kind == _CHUNKS and chunk + value <= known:
            self._chunks[chunk : chunk + value] = b"\1" * value
        elif kind == _LEAVES and value + leaf_count <= self._leaf_count(chunk):
            mask = ((1 << leaf_count) - 1) << value
            self._leaves[chunk] = self._leaves.get(chunk, 0) | mask

    def _leaf_count(self, chunk: ChunkIndex) -> int:
        return self._metainfo.span(chunk).leaf_count if chunk < self._metainfo.chunk_count else 0

    def claims(self, *, beyond: Claims | None = None) -> Claims:
        """What was claimed, without what ``beyond`` claims already."""
        digits = bytes(self._chunks[::-1]).translate(_DIGITS)
        other = beyond or Claims()
        chunks = int(digits or b"0", 2) & ~other.chunks
        leaves = {}
        for chunk, mask in self._leaves.items():
            rest = mask & ~other.leaves.get(chunk, 0)
            if rest and not (chunks | other.chunks) >> chunk & 1:
                leaves[chunk] = rest
        return Claims(chunks, leaves)


_DIGITS = bytes.maketrans(b"\0\1", b"01")


def _records(disk: Disk, path: Path, header: bytes) -> Iterator[tuple[int, bytes]]:
    """Position and body of every record whose checksum is right."""
    position = 0
    while True:
        octets = disk.read(path, HEADER_OCTETS + position * RECORD_OCTETS, READ_OCTETS)
        whole = len(octets) // RECORD_OCTETS
        for at in range(whole):
            record = octets[at * RECORD_OCTETS : (at + 1) * RECORD_OCTETS]
            body = record[: _BODY.size]
            if record == _seal(header, [body], position + at):
                yield position + at, body
        position += whole
        if len(octets) < READ_OCTETS:
            return


def _seal_header(fields: bytes) -> bytes:
    return fields + _CHECKSUM.pack(zlib.crc32(fields))


def _seal(header: bytes, bodies: list[bytes], position: int) -> bytes:
    """Records with their checksums, the first of them at ``position``."""
    seed = zlib.crc32(header)
    return b"".join(
        body + _CHECKSUM.pack(zlib.crc32(body + _CHECKSUM.pack(position + i), seed))
        for i, body in enumerate(bodies)
    )


def _runs(bits: int) -> Iterator[tuple[int, int]]:
    """First index and length of every run of set bits, ascending."""
    # Text search runs in C and copies no large int.
    for run in re.finditer("1+", f"{bits:b}"[::-1]):
        yield run.start(), run.end() - run.start()
