"""What a content consists of: the BEP 52 info dictionary, checked and laid out.

Theory of operation
===================

The *info dictionary* names the files, their lengths and the Merkle root of each. Its
SHA-256 is the content hash, so whoever knows the hash can check an info dictionary
from anybody. The *piece layers* hold, for every file longer than one chunk, the tree
nodes that stand for its chunks; they are proved against the file's root. From then on
each chunk has a hash, and each leaf can be proved against its chunk.

Files are in the order of the info dictionary's file tree: a directory's entries
sorted by their raw octets, depth first. Chunks are counted through the files in that
order, a file's last chunk is short, and no chunk spans two files. An empty file has
no chunk and no root.

What BEP 52 leaves open, and what is done here:

* A folder that holds one file of its own name has the same info dictionary as that
  file alone. It is read as the file; :func:`build_info` makes none from the folder.
  (libtorrent saves the only file of any folder without the folder; here it is kept.)
* Content without a single octet has a hash and no chunks, and is accepted; libtorrent
  refuses it ("invalid length of torrent").
* The v1 keys of a hybrid (v1 and v2) info dictionary are hashed and ignored.

Source:
    BEP 52, "The BitTorrent Protocol Specification v2".
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from meshdl.content import bencode, file_tree, layout, merkle
from meshdl.content.merkle import HASH_OCTETS, LEAF_OCTETS
from meshdl.content.paths import RelativePath, check_no_collisions
from meshdl.errors import MetainfoInvalid
from meshdl.ids import ChunkIndex, ContentHash

MAX_INFO_OCTETS = 8 * 1024 * 1024
"""A stranger may send us this much before any of it can be checked."""

MAX_TORRENT_OCTETS = MAX_INFO_OCTETS + layout.MAX_CHUNKS * HASH_OCTETS + 8 * 1024 * 1024
"""Info dictionary, piece layers, and room for their keys and for what we ignore."""

_META_VERSION = 2


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a content.

    Attributes:
        path: below the content's folder; of a single file its own name.
        octets: length of the file.
        root: root of its Merkle tree, ``None`` when empty.
        first_chunk: index of its first chunk; of an empty file, where it would be.
        chunk_count: how many chunks it has, 0 when empty.
    """

    path: RelativePath
    octets: int
    root: bytes | None
    first_chunk: int
    chunk_count: int


class ChunkSpan(NamedTuple):
    """Where one chunk lies, and the shape of its tree.

    Attributes:
        file: index into :attr:`Metainfo.files`.
        offset: of the chunk's first octet in that file.
        octets: length of the chunk.
        leaf_count: leaves it has; the last may be short.
        width: leaves of the tree that its hash is the root of, with padding.
    """

    file: int
    offset: int
    octets: int
    leaf_count: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metainfo:
    """A checked info dictionary. Made by :func:`parse_info` and :func:`build_info` only.

    Attributes:
        info_octets: the info dictionary as hashed.
        content_hash: its SHA-256.
        name: of the file, or of the folder that holds the files.
        chunk_octets: length of every chunk but a file's last.
        files: in the order of the file tree.
        is_folder: whether ``name`` is a folder; otherwise there is one file.
        total_octets: of all files together.
        chunk_count: of all files together.
        leaves_per_chunk: leaves in a chunk of full length.
    """

    info_octets: bytes = field(repr=False)
    content_hash: ContentHash = field(compare=False)
    name: str = field(compare=False)
    chunk_octets: int = field(compare=False)
    files: tuple[FileEntry, ...] = field(compare=False, repr=False)
    is_folder: bool = field(compare=False)
    total_octets: int = field(init=False, compare=False)
    chunk_count: int = field(init=False, compare=False)
    leaves_per_chunk: int = field(init=False, compare=False, repr=False)
    # Of files with chunks: index of the first chunk, and index into ``files``.
    _first_chunks: tuple[int, ...] = field(init=False, compare=False, repr=False)
    _file_indices: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        filled = [(one.first_chunk, i) for i, one in enumerate(self.files) if one.chunk_count]
        derived = {
            "total_octets": sum(one.octets for one in self.files),
            "chunk_count": sum(one.chunk_count for one in self.files),
            "leaves_per_chunk": self.chunk_octets // LEAF_OCTETS,
            "_first_chunks": tuple(first for first, _ in filled),
            "_file_indices": tuple(index for _, index in filled),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def span(self, chunk: ChunkIndex) -> ChunkSpan:
        """Where ``chunk`` lies. Cheap enough to be asked for every message.

        Raises:
            IndexError: there is no such chunk.
        """
        if not 0 <= chunk < self.chunk_count:
            raise IndexError(f"chunk {chunk} is not one of {self.chunk_count}")
        index = self._file_indices[bisect_right(self._first_chunks, chunk) - 1]
        entry = self.files[index]
        offset = (chunk - entry.first_chunk) * self.chunk_octets
        octets = min(self.chunk_octets, entry.octets - offset)
        leaf_count = -(-octets // LEAF_OCTETS)
        # Chunks of one file are nodes of one layer. A file of one chunk has the smallest
        # tree that holds it instead, and its chunk's hash is the file's root.
        width = self.leaves_per_chunk
        if entry.chunk_count == 1:
            width = merkle.width_for(leaf_count)
        return ChunkSpan(index, offset, octets, leaf_count, width)


def parse_info(info_octets: bytes) -> Metainfo:
    """Check an info dictionary that came from a peer or a file.

    Keys it does not know stay in ``info_octets`` and are otherwise ignored.

    Raises:
        MetainfoInvalid: it breaks BEP 52 or a limit of this module, describes
            BitTorrent v1 only, or holds a symbolic link.
        UnsafePath: a name in it is refused, see :mod:`meshdl.content.paths`.
    """
    if len(info_octets) > MAX_INFO_OCTETS:
        raise MetainfoInvalid(
            f"an info dictionary of {len(info_octets)} octets is refused: {MAX_INFO_OCTETS} are "
            "allowed; share fewer files at once, for instance as an archive"
        )
    info = bencode.decode(info_octets)
    if not isinstance(info, dict):
        raise MetainfoInvalid("the info dictionary is no dictionary; fetch it elsewhere")
    if info.get(b"meta version") != _META_VERSION:
        raise MetainfoInvalid(
            f"the info dictionary has meta version {info.get(b'meta version', 1)!r:.40}, not "
            f"{_META_VERSION}; ask for a BitTorrent v2 (or hybrid) metainfo of this content"
        )
    chunk_octets = info.get(b"piece length")
    if not layout.is_chunk_length(chunk_octets):
        raise MetainfoInvalid(
            f"a piece length of {chunk_octets!r:.40} is refused: a power of two from "
            f"{layout.MIN_CHUNK_OCTETS} to {layout.MAX_CHUNK_OCTETS} is needed; make it again so"
        )
    name = str(file_tree.decode_path([info.get(b"name")]))
    tree = info.get(b"file tree")
    if not isinstance(tree, dict) or not tree:
        raise MetainfoInvalid(f"the info dictionary of {name!r} names no file; fetch it elsewhere")
    tree_files = file_tree.decode(tree)
    check_no_collisions(one.path for one in tree_files)
    single = len(tree) == 1 and tree_files[0].path.parts == (name,)
    return Metainfo(
        info_octets=bytes(info_octets),
        content_hash=ContentHash(sha256(info_octets).digest()),
        name=name,
        chunk_octets=chunk_octets,
        files=_lay_out(tree_files, chunk_octets),
        is_folder=not single,
    )


def build_info(
    name: str,
    files: Iterable[tuple[RelativePath, int, bytes | None]],
    *,
    chunk_octets: int,
    is_folder: bool,
) -> Metainfo:
    """Make the info dictionary of content that this station shares.

    It holds the four keys that BEP 52 asks for and nothing else, so that the same
    files under the same name and chunk length have the same hash wherever it is made.

    Args:
        name: of the file or folder.
        files: path, length and root of each, in any order; a path is below the folder,
            and of a single file its own name. The root is ``None`` when it is empty.
        chunk_octets: see :func:`meshdl.content.layout.chunk_octets_for`.
        is_folder: whether ``name`` is a folder.

    Raises:
        MetainfoInvalid: a limit of this module is broken, or a folder holds nothing
            but a file of its own name.
        UnsafePath: a name is refused, or two collide.
    """
    tree_files = [file_tree.TreeFile(*one) for one in files]
    if not tree_files:
        raise MetainfoInvalid(f"there is no file in {name!r}: nothing to share")
    # Before the tree is made: in it, one of two equal paths would vanish.
    check_no_collisions(one.path for one in tree_files)
    info = bencode.encode(
        {
            b"file tree": file_tree.encode(tree_files),
            b"meta version": _META_VERSION,
            b"name": str(RelativePath.parse([name])).encode(),
            b"piece length": chunk_octets,
        }
    )
    metainfo = parse_info(info)
    if metainfo.is_folder is not is_folder:
        raise MetainfoInvalid(
            f"the folder {name!r} holds only a file of its own name, which BEP 52 cannot tell from "
            "the file; share the file itself"
            if is_folder
            else f"a single file must have the name of its content, {name!r}; call it a folder"
        )
    return metainfo


def chunk_hashes(metainfo: Metainfo, layers: Mapping[bytes, bytes]) -> list[bytes]:
    """One hash for every chunk, from the piece layers.

    Args:
        metainfo: whose chunks.
        layers: for the root of every file longer than a chunk, the concatenated
            hashes of its chunks (BEP 52, "piece layers"). Others are ignored.

    Raises:
        MetainfoInvalid: a layer is missing, has the wrong length, or does not hash to
            its root.
    """
    layer = metainfo.leaves_per_chunk.bit_length() - 1
    hashes: list[bytes] = []
    proved: dict[bytes, list[bytes]] = {}
    for entry in metainfo.files:
        if entry.root is None:
            continue
        if entry.chunk_count == 1:
            hashes.append(entry.root)
            continue
        if entry.root not in proved:
            claimed = merkle.split(layers.get(entry.root, b""))
            genuine = merkle.root_of_layer(claimed, layer=layer) == entry.root
            proved[entry.root] = claimed if genuine else []
        if len(proved[entry.root]) != entry.chunk_count:
            raise MetainfoInvalid(
                f"the piece layer of '{entry.path}' is missing or is not that of a file with its "
                "root and length; fetch the metainfo elsewhere"
            )
        hashes += proved[entry.root]
    return hashes


def encode_torrent(metainfo: Metainfo, layers: Mapping[bytes, bytes]) -> bytes:
    """Make the octets of a ``.torrent`` file.

    Args:
        metainfo: of the content.
        layers: its piece layers, as for :func:`chunk_hashes`.

    Raises:
        MetainfoInvalid: ``layers`` do not belong to ``metainfo``.
    """
    chunk_hashes(metainfo, layers)
    needed = {one.root for one in metainfo.files if one.chunk_count > 1}
    piece_layers: dict[bytes, bencode.Value] = {
        root: layer for root, layer in layers.items() if root in needed
    }
    info = bencode.decode(metainfo.info_octets)
    return bencode.encode({b"info": info, b"piece layers": piece_layers})


def decode_torrent(octets: bytes) -> tuple[Metainfo, dict[bytes, bytes]]:
    """Read the octets of a ``.torrent`` file.

    Returns:
        The metainfo, and the piece layers of the files longer than one chunk, proved
        against the files' roots.

    Raises:
        MetainfoInvalid: it is not one, describes BitTorrent v1 only, or breaks a limit.
        UnsafePath: a name in it is refused.
    """
    if len(octets) > MAX_TORRENT_OCTETS:
        raise MetainfoInvalid(
            f"a metainfo file of {len(octets)} octets is refused: {MAX_TORRENT_OCTETS} are "
            "allowed; share the content in several parts"
        )
    torrent = bencode.decode(octets)
    if not isinstance(torrent, dict) or not isinstance(torrent.get(b"info"), dict):
        raise MetainfoInvalid("this is no metainfo (.torrent) file: it has no info dictionary")
    metainfo = parse_info(bencode.encode(torrent[b"info"]))
    found = torrent.get(b"piece layers", {})
    if not isinstance(found, dict):
        raise MetainfoInvalid(
            f"the metainfo file of {metainfo.name!r} has malformed piece layers; fetch it elsewhere"
        )
    needed = {one.root for one in metainfo.files if one.chunk_count > 1}
    layers = {
        root: layer for root, layer in found.items() if root in needed and isinstance(layer, bytes)
    }
    chunk_hashes(metainfo, layers)
    return metainfo, layers


def _lay_out(files: list[file_tree.TreeFile], chunk_octets: int) -> tuple[FileEntry, ...]:
    entries: list[FileEntry] = []
    first_chunk = 0
    for one in files:
        chunk_count = -(-one.octets // chunk_octets)
        entries.append(FileEntry(one.path, one.octets, one.root, first_chunk, chunk_count))
        first_chunk += chunk_count
    if first_chunk > layout.MAX_CHUNKS:
        raise MetainfoInvalid(
            f"{first_chunk} chunks are refused, {layout.MAX_CHUNKS} are allowed; make the "
            f"metainfo again with pieces longer than {chunk_octets} octets"
        )
    return tuple(entries)
