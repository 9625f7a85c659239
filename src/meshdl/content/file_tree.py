"""The "file tree" of a BEP 52 info dictionary: nested dictionaries to files and back.

A directory is a dictionary from names to entries. A file is a dictionary whose only
key is empty, and whose value tells the file's length and Merkle root. Entries are
sorted by their raw octets, and files are counted depth first in that order. So
``b/x`` comes before ``b.txt``: it is ``b`` that is compared with ``b.txt``.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from meshdl.content import bencode
from meshdl.content.merkle import HASH_OCTETS
from meshdl.content.paths import RelativePath
from meshdl.errors import MetainfoInvalid, UnsafePath

MAX_FILES = 100_000
"""Each file costs an entry in memory and a look at the disk."""

MAX_FOLDERS = 100_000
"""As many as files: without a limit, some megabytes could name 600,000 of them, all to be made."""

MAX_FILE_OCTETS = 2**50
"""More than any disk; the sum over all files still has less than 68 bits."""


class TreeFile(NamedTuple):
    """A file as the tree tells it.

    Attributes:
        path: from the root of the tree.
        octets: length of the file.
        root: root of its Merkle tree, ``None`` when it is empty.
    """

    path: RelativePath
    octets: int
    root: bytes | None


def encode(files: Iterable[TreeFile]) -> dict[bytes, bencode.Value]:
    """Make the tree of ``files``, whose paths have been checked for collisions."""
    tree: dict[bytes, bencode.Value] = {}
    for path, octets, root in files:
        node = tree
        for part in path.parts:
            below = node.setdefault(part.encode(), {})
            assert isinstance(below, dict)  # nothing else is ever put there
            node = below
        properties: dict[bytes, bencode.Value] = {b"length": octets}
        if root is not None:
            properties[b"pieces root"] = root
        node[b""] = properties
    return tree


def decode(tree: dict[bytes, bencode.Value]) -> list[TreeFile]:
    """Check a tree that came from a peer, and list its files in order.

    Raises:
        MetainfoInvalid: something in it is neither a file nor a directory with
            entries, a symbolic link is in it, a length or root is missing or absurd,
            two files have one root and two lengths, or there are more than
            :data:`MAX_FILES` or :data:`MAX_FOLDERS`.
        UnsafePath: a name is refused, see :mod:`meshdl.content.paths`.
    """
    files: list[TreeFile] = []
    for path, properties in _walk(tree, (), itertools.count(1)):
        if len(files) == MAX_FILES:
            raise MetainfoInvalid(
                f"more than {MAX_FILES} files are refused; share them as an archive"
            )
        files.append(_file(decode_path(path), properties))
    _check_lengths(files)
    return files


def decode_path(names: Sequence[object]) -> RelativePath:
    """Check names from a dictionary, which should be UTF-8 octets.

    Raises:
        UnsafePath: they are not, or a name is refused.
    """
    parts: list[str] = []
    for name in names:
        if not isinstance(name, bytes):
            raise UnsafePath("the metainfo has no name for its content; fetch it elsewhere")
        try:
            parts.append(name.decode())
        except UnicodeDecodeError:
            raise UnsafePath(
                f"the file name {name[:80]!r} is not UTF-8; rename the file, then share it again"
            ) from None
    return RelativePath.parse(parts)


def _walk(
    node: dict[bytes, bencode.Value], above: tuple[bytes, ...], folders: Iterator[int]
) -> Iterator[tuple[tuple[bytes, ...], bencode.Value]]:
    for name, entry in node.items():
        path = (*above, name)
        if not isinstance(entry, dict) or not entry or not name:
            raise _refused(path, "is neither a file nor a folder with files")
        if b"" not in entry:
            if next(folders) > MAX_FOLDERS:
                raise MetainfoInvalid(
                    f"more than {MAX_FOLDERS} folders are refused; share them as an archive"
                )
            yield from _walk(entry, path, folders)
        elif len(entry) == 1:
            yield path, entry[b""]
        else:
            raise _refused(path, "is a file and a folder at once")


def _file(path: RelativePath, properties: bencode.Value) -> TreeFile:
    names = path.parts
    if not isinstance(properties, dict):
        raise _refused(names, "has no properties")
    attributes = properties.get(b"attr", b"")
    if b"symlink path" in properties or not isinstance(attributes, bytes) or b"l" in attributes:
        raise _refused(names, "is a symbolic link, which could point out of the folder")
    octets = properties.get(b"length")
    if not isinstance(octets, int) or not 0 <= octets <= MAX_FILE_OCTETS:
        raise _refused(names, f"has no length from 0 to {MAX_FILE_OCTETS}")
    if octets == 0:
        # BEP 52 gives an empty file no root; one that is there all the same says nothing.
        return TreeFile(path, 0, None)
    root = properties.get(b"pieces root")
    if not isinstance(root, bytes) or len(root) != HASH_OCTETS:
        raise _refused(names, f"has no root of {HASH_OCTETS} octets")
    return TreeFile(path, octets, root)


def _check_lengths(files: Iterable[TreeFile]) -> None:
    """Refuse one root for files of two lengths: no octets have it, so they never come."""
    lengths: dict[bytes, TreeFile] = {}
    for one in files:
        if one.root is not None and lengths.setdefault(one.root, one).octets != one.octets:
            raise MetainfoInvalid(
                f"'{lengths[one.root].path}' and '{one.path}' have one root and two lengths, which "
                "cannot be; ask for metainfo from who has the files"
            )


def _refused(names: Sequence[str | bytes], problem: str) -> MetainfoInvalid:
    shown = "/".join(
        name if isinstance(name, str) else name.decode(errors="backslashreplace") for name in names
    )
    return MetainfoInvalid(
        f"{shown[:200]!r} in the metainfo {problem}; ask its maker for a clean one"
    )
