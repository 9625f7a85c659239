"""What the home directory keeps of one content: everything but its files.

    contents/<content hash>/
        info       the BEP 52 info dictionary, whose SHA-256 the hash is
        layers     its piece layers, bencoded: root of a file to its layer
        leaves     leaf hashes, 32 octets for every leaf of every file, in order
        stats      length and time of last change of every file, as last verified
        journal    of an unfinished download; see :mod:`meshdl.station.journal`

Only the journal is trusted for what it says. ``info`` is hashed when it is read,
``layers`` and each chunk's ``leaves`` are proved against it, ``stats`` are compared with
the files. So a damaged home costs work, and never lets a wrong octet through.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from meshdl.content import bencode, merkle
from meshdl.content.merkle import HASH_OCTETS, LEAF_OCTETS
from meshdl.content.metainfo import (
    MAX_INFO_OCTETS,
    MAX_TORRENT_OCTETS,
    Metainfo,
    chunk_hashes,
    decode_torrent,
    parse_info,
)
from meshdl.disk import Disk, FileStat
from meshdl.errors import ContentUnknown, FileUnreadable, MetainfoInvalid
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.station.home import Home
from meshdl.station.journal import replace_file

STATS_MAX_OCTETS = 8 * 1024 * 1024
"""100,000 files (:data:`meshdl.content.file_tree.MAX_FILES`) need half of it."""


class ContentHome:
    """The directory of one content, and the small files in it."""

    def __init__(self, disk: Disk, home: Home, content: ContentHash) -> None:
        self._disk = disk
        self.directory = home.contents_directory / content.hex()

    @property
    def info(self) -> Path:
        """The info dictionary. It is written last: where it is, the layers are."""
        return self.directory / "info"

    @property
    def layers(self) -> Path:
        """The piece layers."""
        return self.directory / "layers"

    @property
    def leaves(self) -> Path:
        """The leaf hashes; see :class:`LeafHashes`."""
        return self.directory / "leaves"

    @property
    def stats(self) -> Path:
        """The file stats."""
        return self.directory / "stats"

    @property
    def journal(self) -> Path:
        """The journal. Where there is one, a download is unfinished."""
        return self.directory / "journal"

    def create(self) -> None:
        """Make the directory, durably. Harmless when it is there."""
        self._disk.make_directory(self.directory)
        self._disk.sync_directory(self.directory.parent)

    def write_stats(self, stats: Sequence[FileStat | None]) -> None:
        """Keep what the files look like now that their octets are verified.

        ``None`` stands for a file that could not be verified; it will count as changed.
        """
        rows: list[bencode.Value] = [
            [one.octets, one.mtime_ns] if one is not None else [] for one in stats
        ]
        replace_file(self._disk, self.stats, bencode.encode(rows))

    def read_stats(self) -> list[FileStat | None] | None:
        """What :meth:`write_stats` kept; ``None`` when there is nothing legible."""
        octets = _read(self._disk, self.stats, STATS_MAX_OCTETS)
        try:
            rows = bencode.decode(octets or b"")
        except MetainfoInvalid:
            return None
        return [_stat(row) for row in rows] if isinstance(rows, list) else None

    def forget(self) -> None:
        """Remove the directory and all that is known to be in it.

        ``info`` goes first: a crash in between leaves a content that is unknown, not
        one that is broken.
        """
        names = [self.info, self.journal, self.stats, self.layers, self.leaves]
        for path in names:
            self._disk.remove(path)
            self._disk.remove(path.with_name(f"{path.name}.new"))
        self._disk.remove_directory(self.directory)
        self._disk.sync_directory(self.directory.parent)


class LeafHashes:
    """The leaf hashes of a content, in a file of fixed layout: chunk by chunk, no gaps.

    A file that is not there yet, or not in full, holds hashes that do not prove.
    """

    def __init__(self, disk: Disk, path: Path, metainfo: Metainfo, hashes: Sequence[bytes]) -> None:
        self._disk, self.path = disk, path
        self._metainfo, self._chunk_hashes = metainfo, hashes
        self._first_leaves: list[int] = []
        leaves = 0
        for entry in metainfo.files:
            self._first_leaves.append(leaves)
            leaves += -(-entry.octets // LEAF_OCTETS)
        self.octets = leaves * HASH_OCTETS

    def make_room(self) -> None:
        """Make the file, or give it its length. What it holds stays."""
        found = self._disk.stat(self.path)
        if found is None:
            self._disk.create(self.path, self.octets)
        elif found.octets != self.octets:
            self._disk.truncate(self.path, self.octets)

    def adopt(self, path: Path) -> None:
        """Take a file with all leaf hashes, from the directory of the home's contents."""
        self._disk.sync(path)
        self._disk.rename(path, self.path)
        self._disk.sync_directory(self.path.parent)

    def put(self, chunk: ChunkIndex, hashes: bytes) -> None:
        """Keep the leaf hashes of a chunk, joined."""
        self._disk.write(self.path, self._position(chunk), hashes)

    def get(self, chunk: ChunkIndex) -> list[bytes] | None:
        """The leaf hashes of a chunk, if they are there and prove against its hash."""
        span = self._metainfo.span(chunk)
        try:
            octets = self._disk.read(
                self.path, self._position(chunk), span.leaf_count * HASH_OCTETS
            )
        except FileUnreadable:
            return None  # lost, or on a bad sector: the content's own file tells as much
        if len(octets) != span.leaf_count * HASH_OCTETS:
            return None
        hashes = merkle.split(octets)
        genuine = merkle.root(hashes, width=span.width) == self._chunk_hashes[chunk]
        return hashes if genuine else None

    def _position(self, chunk: ChunkIndex) -> int:
        span = self._metainfo.span(chunk)
        return (self._first_leaves[span.file] + span.offset // LEAF_OCTETS) * HASH_OCTETS


def save_metainfo(
    disk: Disk, home: Home, metainfo: Metainfo, layers: Mapping[bytes, bytes]
) -> None:
    """Keep the metainfo of a content; it is there whole and durable, or not at all.

    Args:
        disk: where the home directory lies.
        home: of the station.
        metainfo: of the content.
        layers: its piece layers; others are left out.

    Raises:
        MetainfoInvalid: ``layers`` do not belong to ``metainfo``.
        StorageError: the disk refused.
    """
    chunk_hashes(metainfo, layers)
    needed = {one.root for one in metainfo.files if one.chunk_count > 1}
    kept: dict[bytes, bencode.Value] = {
        root: layer for root, layer in layers.items() if root in needed
    }
    place = ContentHome(disk, home, metainfo.content_hash)
    place.create()
    replace_file(disk, place.layers, bencode.encode(kept))
    replace_file(disk, place.info, metainfo.info_octets)


def load_metainfo(
    disk: Disk, home: Home, content: ContentHash
) -> tuple[Metainfo, dict[bytes, bytes]]:
    """Read what :func:`save_metainfo` kept, and prove it again.

    Returns:
        The metainfo, and the piece layers of the files longer than one chunk.

    Raises:
        ContentUnknown: nothing is kept of this content.
        MetainfoInvalid: it is damaged.
        FileUnreadable: the disk refused.
    """
    place = ContentHome(disk, home, content)
    info = _read(disk, place.info, MAX_INFO_OCTETS)
    if info is None:
        raise ContentUnknown(
            f"{content.hex()} is not known here; get it by its link, or share its files"
        )
    layers = _read(disk, place.layers, MAX_TORRENT_OCTETS) or b""
    try:
        return _proved(content, info, layers)
    except MetainfoInvalid as error:
        raise MetainfoInvalid(
            f"what is kept in {place.directory} is damaged ({error}); remove the content with "
            f"`meshdl rm {content.hex()}`, then get or share it again: its files are not touched"
        ) from error


def _proved(
    content: ContentHash, info: bytes, layers: bytes
) -> tuple[Metainfo, dict[bytes, bytes]]:
    if sha256(info).digest() != content:
        raise MetainfoInvalid("the info dictionary does not have the content's hash")
    metainfo = parse_info(info)
    decoded = bencode.decode(layers)
    if not isinstance(decoded, dict):
        raise MetainfoInvalid("the piece layers are no dictionary")
    found = {root: layer for root, layer in decoded.items() if isinstance(layer, bytes)}
    chunk_hashes(metainfo, found)
    return metainfo, found


def _read(disk: Disk, path: Path, octets_max: int) -> bytes | None:
    """A whole small file, ``None`` when there is none; longer ones are cut and so spoilt."""
    if disk.stat(path) is None:
        return None
    return disk.read(path, 0, octets_max + 1)


def _stat(row: bencode.Value) -> FileStat | None:
    match row:
        case [int(octets), int(mtime_ns)]:
            return FileStat(octets, mtime_ns)
        case _:
            return None


def read_torrent(octets: bytes) -> tuple[Metainfo, dict[bytes, bytes]]:
    """Metainfo and layers of a BitTorrent v2 file, proved.

    Raises:
        MetainfoInvalid: it is none.
    """
    metainfo, layers = decode_torrent(octets)
    chunk_hashes(metainfo, layers)
    return metainfo, layers
