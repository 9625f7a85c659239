"""Hashes the user's files for sharing: from a path to metainfo, as fast as SHA-256 goes.

Files are cut in ranges of whole chunks, several ranges are hashed at once in threads
(hashlib lets go of the interpreter while it hashes a leaf), and the results are put
together in order. What stays in memory are the chunk hashes; the leaf hashes, 1/512 of
the content, go to a file as they come. So memory does not grow with the length of a
file, and a large file gains from several cores as much as a folder does.
"""

import os
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from io import FileIO
from pathlib import Path
from struct import Struct
from typing import Self

from meshdl.content import merkle
from meshdl.content.file_tree import MAX_FILES
from meshdl.content.hashing import FileHasher
from meshdl.content.layout import MAX_CHUNK_OCTETS, MAX_CHUNKS, chunk_octets_for
from meshdl.content.merkle import HASH_OCTETS
from meshdl.content.metainfo import Metainfo, build_info
from meshdl.content.paths import RelativePath
from meshdl.disk import FileStat
from meshdl.errors import FileChanged, MetainfoInvalid
from meshdl.station.disk import OPEN_FLAGS, reading_failed, writing_failed
from meshdl.station.examination import Progress

READ_OCTETS = 256 * 1024
"""Read at a time: it is then still in the processor's cache when it is hashed."""

RANGE_OCTETS = 8 * 1024 * 1024
"""Hashed by one thread in one go; one chunk, when that is longer."""

THREADS_MAX = 8
"""More cores than this would wait for the disk."""

RANGES_AHEAD = 2
"""Ranges in work for each thread, so that none waits for the oldest to be fetched."""

SPOOL_PREFIX = "hashing-"
_PAIR = Struct(f"{2 * HASH_OCTETS}s")
_JUNCTION = 0xA0000003
"""IO_REPARSE_TAG_MOUNT_POINT: what Windows has beside symbolic links."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """Everything that :func:`meshdl.station.store_making.share_in_place` needs.

    Attributes:
        metainfo: of the content.
        layers: its piece layers, by file root.
        chunk_hashes: one a chunk.
        root: the file or folder, without symbolic links on the way.
        leaf_hashes: a file with all leaf hashes; the caller's from now on.
        stats: what each file looked like, in the order of the metainfo.
        skipped: symbolic links, devices and the like, which are not shared.
    """

    metainfo: Metainfo
    layers: dict[bytes, bytes] = field(repr=False)
    chunk_hashes: tuple[bytes, ...] = field(repr=False)
    root: Path
    leaf_hashes: Path
    stats: tuple[FileStat, ...] = field(repr=False)
    skipped: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to hash, as it looked before."""

    path: Path
    name: RelativePath
    stat: FileStat


@dataclass(frozen=True, slots=True)
class _Range:
    """Whole chunks of a file, or its end."""

    source: _Source
    offset: int
    octets: int


@dataclass(frozen=True, slots=True)
class _RangeHashes:
    """The hashes of a range: of its leaves, joined, and of its chunks."""

    range: _Range
    leaves: bytearray
    chunks: list[bytes]


def hash_path(
    path: Path,
    spool: Path,
    *,
    threads: int | None = None,
    unfinished: Container[Path] = (),
    progress: Progress = lambda _done, _octets: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Hashed | None:
    """Hash a file, or a folder with everything below it.

    Args:
        path: of the file or folder.
        spool: the directory that a file with the leaf hashes is put in.
        threads: how many hash; by default one a core.
        unfinished: files and folders of downloads, which are still being written.
        progress: told how far it is, in the calling thread.
        cancelled: asked after each range; ``True`` ends it all.

    Returns:
        What was found, or ``None`` when it was cancelled.

    Raises:
        FileUnreadable: a file or directory cannot be read, or there is none.
        FileChanged: a file was written to meanwhile, or is of an unfinished download.
        UnsafePath: some system could not store a name; the message says which.
        MetainfoInvalid: there is nothing to share, or too much at once.
        StorageError: the leaf hashes cannot be written.
    """
    root = _resolved(path)
    sources, skipped = _sources(root, unfinished)
    octets = sum(source.stat.octets for source in sources)
    if octets > MAX_CHUNKS * MAX_CHUNK_OCTETS:
        raise MetainfoInvalid(f"{root} has {octets} octets, too many; share it in several parts")
    chunk_octets = chunk_octets_for(octets)
    chunks: dict[RelativePath, list[bytes]] = {source.name: [] for source in sources}
    with _Spool(spool) as leaves, closing(_hashed(sources, chunk_octets, threads)) as results:
        done = 0
        for result in results:
            if cancelled():
                return None
            leaves.write(result.leaves)
            chunks[result.range.source.name] += result.chunks
            done += result.range.octets
            progress(done, octets)
        layers: dict[bytes, bytes] = {}
        files = []
        for source in sources:
            file_root = _root(chunks[source.name], chunk_octets, layers)
            files.append((source.name, source.stat.octets, file_root))
        metainfo = build_info(root.name, files, chunk_octets=chunk_octets, is_folder=root.is_dir())
        return Hashed(
            metainfo=metainfo,
            layers=layers,
            chunk_hashes=tuple(one for source in sources for one in chunks[source.name]),
            root=root,
            leaf_hashes=leaves.keep(),
            stats=tuple(source.stat for source in sources),
            skipped=tuple(skipped),
        )


def remove_leftovers(spool: Path) -> None:
    """Remove what a program that died while hashing has left in ``spool``.

    Raises:
        StorageError: the system refused.
    """
    for path in spool.glob(f"{SPOOL_PREFIX}*"):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise writing_failed(path, error) from error


class _Spool:
    """A file that is gone when the block is left, unless it is to be kept."""

    def __init__(self, directory: Path) -> None:
        try:
            descriptor, name = tempfile.mkstemp(prefix=SPOOL_PREFIX, dir=directory)
        except OSError as error:
            raise writing_failed(directory, error) from error
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._kept = False

    def write(self, octets: bytes | bytearray) -> None:
        """Append."""
        try:
            self._file.write(octets)
        except OSError as error:
            raise writing_failed(self._path, error) from error

    def keep(self) -> Path:
        """Write it all out, and leave the file where it is."""
        try:
            self._file.close()
        except OSError as error:
            raise writing_failed(self._path, error) from error
        self._kept = True
        return self._path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._kept:
            with suppress(OSError):  # the reason for leaving is told, not this one
                self._file.close()
            self._path.unlink(missing_ok=True)


def _resolved(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path, strict=True))
    except OSError as error:
        raise reading_failed(path, error) from error


def _sources(root: Path, unfinished: Container[Path]) -> tuple[list[_Source], list[Path]]:
    """Every file, in the order of BEP 52's file tree, and what was skipped."""
    found: list[_Source] = []
    skipped: list[Path] = []
    # Names below the root; of a single file its own.
    todo: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while todo:
        path, names = todo.pop()
        if path in unfinished:
            raise FileChanged(f"{path} is still being downloaded; share it when that has ended")
        try:
            looks = path.lstat()
            if stat.S_ISDIR(looks.st_mode) and getattr(looks, "st_reparse_tag", 0) != _JUNCTION:
                todo += [(one, (*names, one.name)) for one in path.iterdir()]
                continue
        except OSError as error:
            raise reading_failed(path, error) from error
        if not stat.S_ISREG(looks.st_mode):
            skipped.append(path)
            continue
        if len(found) == MAX_FILES:
            raise MetainfoInvalid(
                f"{root} has more than {MAX_FILES} files; share it as an archive, or in parts"
            )
        name = RelativePath.parse(names or (root.name,))
        found.append(_Source(path, name, FileStat(looks.st_size, looks.st_mtime_ns)))
    found.sort(key=lambda source: [part.encode() for part in source.name.parts])
    return found, sorted(skipped)


def _hashed(
    sources: Iterable[_Source], chunk_octets: int, threads: int | None
) -> Generator[_RangeHashes, None, None]:
    """Hash every range, several at once; in order."""
    count = threads or min(os.cpu_count() or 1, THREADS_MAX)
    executor = ThreadPoolExecutor(count, thread_name_prefix="hashing")
    begun: deque[Future[_RangeHashes]] = deque()
    try:
        for one in _ranges(sources, chunk_octets):
            begun.append(executor.submit(_hash_range, one, chunk_octets))
            if len(begun) == count * RANGES_AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def _ranges(sources: Iterable[_Source], chunk_octets: int) -> Iterator[_Range]:
    step = max(chunk_octets, RANGE_OCTETS)
    for source in sources:
        for offset in range(0, source.stat.octets, step):
            yield _Range(source, offset, min(step, source.stat.octets - offset))


def _hash_range(one: _Range, chunk_octets: int) -> _RangeHashes:
    source, hasher = one.source, FileHasher()
    try:
        descriptor = os.open(source.path, os.O_RDONLY | OPEN_FLAGS)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            file.seek(one.offset)
            _hash_octets(file, hasher, one.octets)
            looks = os.fstat(file.fileno())
    except OSError as error:
        raise reading_failed(source.path, error) from error
    now = FileStat(looks.st_size, looks.st_mtime_ns, stat.S_ISREG(looks.st_mode))
    if now != source.stat or hasher.octets != one.octets:
        raise FileChanged(
            f"{source.path} was written to while it was hashed; share it when that has ended"
        )
    # The only chunk of a file has the smallest tree that holds it, see Metainfo.span.
    leaf_count = -(-one.octets // merkle.LEAF_OCTETS)
    single = source.stat.octets <= chunk_octets
    width = merkle.width_for(leaf_count) if single else chunk_octets // merkle.LEAF_OCTETS
    chunks = _fold(bytes(hasher.leaf_hashes), width.bit_length() - 1)
    return _RangeHashes(one, hasher.leaf_hashes, merkle.split(chunks))


def _fold(level: bytes, layers: int) -> bytes:
    """The nodes that stand so many layers above leaf hashes, joined like these.

    As :func:`meshdl.content.merkle.parents`, which takes lists: two neighbours in joined
    hashes are what is hashed, so taking them apart would only cost time here.
    """
    for layer in range(layers):
        if len(level) % (2 * HASH_OCTETS):
            level += merkle.pad_hash(layer)
        level = b"".join([sha256(pair).digest() for (pair,) in _PAIR.iter_unpack(level)])
    return level


def _hash_octets(file: FileIO, hasher: FileHasher, octets: int) -> None:
    """Hash the next ``octets``, or fewer at the end of the file."""
    with memoryview(bytearray(min(READ_OCTETS, octets))) as buffer:
        while hasher.octets < octets:
            wanted = min(len(buffer), octets - hasher.octets)
            found = 0
            # A read may stop early, and only whole leaves may be hashed.
            while found < wanted:
                count = file.readinto(buffer[found:wanted])
                if not count:
                    break
                found += count
            hasher.update(buffer[:found])
            if found < wanted:
                return


def _root(chunks: list[bytes], chunk_octets: int, layers: dict[bytes, bytes]) -> bytes | None:
    """The root of a file, whose piece layer goes into ``layers`` if it has one."""
    if len(chunks) < 2:
        return chunks[0] if chunks else None
    layer = (chunk_octets // merkle.LEAF_OCTETS).bit_length() - 1
    root = merkle.root_of_layer(chunks, layer=layer)
    layers[root] = b"".join(chunks)
    return root
