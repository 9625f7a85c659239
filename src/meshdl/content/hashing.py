"""From a file's octets to its Merkle root and piece layer, as fast as SHA-256 goes.

Pure: whoever reads the file feeds the octets in. hashlib lets go of the interpreter
while it hashes a leaf, so several of these run side by side in threads, one a file,
or one for each range of a large file: :meth:`FileHasher.leaf_hashes` of neighbouring
ranges are concatenated and given to :func:`layer_and_root`.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from meshdl.content import merkle
from meshdl.content.merkle import HASH_OCTETS, LEAF_OCTETS


@dataclass(frozen=True, slots=True)
class FileHashes:
    """What a share needs to know of one file.

    Attributes:
        octets: length of the file.
        root: Merkle root, ``None`` when the file is empty.
        layer: hashes of its chunks, concatenated; empty when it has at most one
            chunk, which the root stands for.
        leaf_hashes: hashes of its leaves, concatenated.
    """

    octets: int
    root: bytes | None
    layer: bytes = field(repr=False)
    leaf_hashes: bytes = field(repr=False)


class FileHasher:
    """Hashes one file, or one range of it, from the front.

    Attributes:
        octets: how many went in so far.
        leaf_hashes: their hashes, concatenated; 1/512 of the file.
    """

    __slots__ = ("leaf_hashes", "octets")

    def __init__(self) -> None:
        self.octets = 0
        self.leaf_hashes = bytearray()

    def update(self, octets: bytes | bytearray | memoryview) -> None:
        """Take the next octets: whole leaves, except at the end of the file.

        Raises:
            ValueError: the octets before did not end with a whole leaf.
        """
        if self.octets % LEAF_OCTETS:
            raise ValueError("the octets before ended inside a leaf, which only the last may")
        # This loop is most of the price of Python, so it does nothing else.
        with memoryview(octets) as view:
            starts = range(0, len(view), LEAF_OCTETS)
            hashes = [sha256(view[start : start + LEAF_OCTETS]).digest() for start in starts]
            self.octets += len(view)
        self.leaf_hashes += b"".join(hashes)

    def finish(self, *, chunk_octets: int) -> FileHashes:
        """Compute what follows from all leaves, for chunks of ``chunk_octets``."""
        leaf_hashes = bytes(self.leaf_hashes)
        layer, root = layer_and_root(leaf_hashes, self.octets, chunk_octets)
        return FileHashes(self.octets, root, layer, leaf_hashes)


def layer_and_root(
    leaf_hashes: bytes | bytearray, octets: int, chunk_octets: int
) -> tuple[bytes, bytes | None]:
    """Piece layer and root of a file.

    Args:
        leaf_hashes: of the whole file, concatenated.
        octets: length of the file.
        chunk_octets: length of a chunk, a power of two and at least a leaf.

    Returns:
        The hashes of the file's chunks, concatenated, or nothing for a file of at
        most one chunk (BEP 52 keeps no piece layer of those); and the root, or
        ``None`` for an empty file.

    Raises:
        ValueError: the number of leaf hashes is not that of a file of ``octets``.
    """
    expected = -(-octets // LEAF_OCTETS) * HASH_OCTETS
    if len(leaf_hashes) != expected:
        raise ValueError(
            f"a file of {octets} octets has {expected} octets of leaf hashes, "
            f"not {len(leaf_hashes)}"
        )
    if octets == 0:
        return b"", None
    hashes = merkle.split(bytes(leaf_hashes))
    if octets <= chunk_octets:
        return b"", merkle.root_of_layer(hashes, layer=0)
    top = (chunk_octets // LEAF_OCTETS).bit_length() - 1
    for layer in range(top):
        hashes = merkle.parents(hashes, layer=layer)
    return b"".join(hashes), merkle.root_of_layer(hashes, layer=top)
