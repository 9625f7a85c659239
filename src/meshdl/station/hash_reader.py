"""Answers requests for Merkle hashes, with the meaning of BEP 52's ``hash request``."""

from collections.abc import Callable, Sequence

from meshdl.content import merkle
from meshdl.content.metainfo import Metainfo
from meshdl.errors import ContentUnknown
from meshdl.ids import ChunkIndex


class HashReader:
    """Reads any stretch of any layer of the files' trees up to the chunk hashes.

    The trees above the chunk hashes are kept once they were asked for: a peer that fetches
    piece layers asks for many stretches, and building the tree of a million chunks for each
    would take a second. All trees of a content together have as many nodes as that one.

    Args:
        leaf_hashes: gives those of a chunk; raises as :meth:`hashes`.
    """

    def __init__(
        self,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        leaf_hashes: Callable[[ChunkIndex], list[bytes]],
    ) -> None:
        self._metainfo, self._chunk_hashes = metainfo, chunk_hashes
        self._leaf_hashes = leaf_hashes
        self._files = {
            entry.root: file for file, entry in enumerate(metainfo.files) if entry.root is not None
        }
        self._trees: dict[int, list[list[bytes]]] = {}

    def file_with_root(self, root: bytes) -> int:
        """Index of a file by its Merkle root; files with equal octets are all the same.

        Raises:
            ContentUnknown: no file has it.
        """
        if root not in self._files:
            raise ContentUnknown(
                f"no file of {self._metainfo.name!r} has the root {root.hex()}; ask for one of "
                "the roots in its info dictionary"
            )
        return self._files[root]

    def hashes(
        self, file: int, base_layer: int, index: int, length: int, proof_layers: int
    ) -> list[bytes]:
        """Hashes ``[index, index + length)`` of a layer, then their uncles.

        Args:
            file: index of the file.
            base_layer: 0 for leaves, up to the layer of the chunks.
            index: first hash, counted through the whole file; a multiple of ``length``.
            length: hashes, a power of two; below the chunks' layer within one chunk.
            proof_layers: at most so many uncle hashes.

        Returns:
            The hashes without padding, bottom-up followed by the uncles.

        Raises:
            ContentUnknown: there is no such range, or it is not held.
            FileUnreadable: the disk refused.
        """
        entry = self._metainfo.files[file]
        if not entry.chunk_count:
            raise self._refused(file, "an empty file has none")
        width = self._metainfo.span(ChunkIndex(entry.first_chunk)).width
        chunk_layer = width.bit_length() - 1
        if not 0 <= base_layer <= chunk_layer:
            raise self._refused(file, f"layer {base_layer} is not served")
        if base_layer == chunk_layer:
            nodes, uncles = self._in_file(file, chunk_layer, index, length)
        else:
            per_chunk = width >> base_layer
            at, inside = divmod(index, per_chunk)
            nodes, uncles = self._in_chunk(file, at, base_layer, inside, length)
            uncles += self._in_file(file, chunk_layer, at, 1)[1]
        return nodes + uncles[:proof_layers]

    def _in_chunk(
        self, file: int, at: int, layer: int, index: int, length: int
    ) -> tuple[list[bytes], list[bytes]]:
        """Nodes below the ``at``-th chunk of a file, and their uncles up to its hash."""
        entry = self._metainfo.files[file]
        if not 0 <= at < entry.chunk_count:
            raise self._refused(file, f"it has no chunk {at}")
        chunk = ChunkIndex(entry.first_chunk + at)
        span = self._metainfo.span(chunk)
        width = span.width >> layer
        self._check(file, index, length, width=width, count=-(-span.leaf_count >> layer))
        nodes = self._leaf_hashes(chunk)
        for below in range(layer):
            nodes = merkle.parents(nodes, layer=below)
        uncles = merkle.proof(nodes, layer=layer, index=index, length=length, width=width)
        return nodes[index : index + length], uncles

    def _in_file(
        self, file: int, layer: int, index: int, length: int
    ) -> tuple[list[bytes], list[bytes]]:
        """Chunk hashes of a file, and their uncles up to its root."""
        tree = self._tree_of(file, layer)
        count = len(tree[0])
        self._check(file, index, length, width=merkle.width_for(count), count=count)
        uncles: list[bytes] = []
        depth = length.bit_length() - 1
        for above in range(depth, len(tree) - 1):
            level, sibling = tree[above], index >> above ^ 1
            uncles.append(
                level[sibling] if sibling < len(level) else merkle.pad_hash(layer + above)
            )
        return tree[0][index : index + length], uncles

    def _check(self, file: int, index: int, length: int, *, width: int, count: int) -> None:
        aligned = length > 0 and length.bit_count() == 1 and index % length == 0
        if not aligned or not 0 <= index < count or index + length > width:
            raise self._refused(file, f"{length} from {index} on are no aligned range")

    def _tree_of(self, file: int, layer: int) -> list[list[bytes]]:
        tree = self._trees.get(file)
        if tree is None:
            entry = self._metainfo.files[file]
            level = list(
                self._chunk_hashes[entry.first_chunk : entry.first_chunk + entry.chunk_count]
            )
            tree = [level]
            while len(level) > 1:
                level = merkle.parents(level, layer=layer + len(tree) - 1)
                tree.append(level)
            self._trees[file] = tree
        return tree

    def _refused(self, file: int, problem: str) -> ContentUnknown:
        return ContentUnknown(
            f"no such hashes of '{self._metainfo.files[file].path}': {problem}; ask for others"
        )
