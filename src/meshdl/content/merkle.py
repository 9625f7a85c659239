r"""SHA-256 Merkle trees over 16 KiB leaves, as BEP 52 (BitTorrent v2) builds them.

Theory of operation
===================

A file is cut in leaves of 16 KiB; the last may be shorter and is hashed as it is.
Leaf hashes are the tree's layer 0. Two neighbours, concatenated and hashed, make a
node of the next layer. Where a layer has fewer nodes than a full binary tree needs,
the missing ones are *padding*: a missing leaf hash is 32 zero octets, a missing node
above is the hash of two missing nodes below. :func:`pad_hash` names them all.

::

    layer 2              root
                       /      \
    layer 1          n0        n1            n1 = H(h2 + zero hash)
                    /  \      /  \
    layer 0       h0    h1  h2   (zero)      three leaves, width 4

*Width* is the number of nodes a full layer has: always a power of two. A *proof* is
the uncles of an aligned range of a layer, bottom-up: with the range and its uncles
anybody recomputes the root, so that one honest root vouches for every leaf.

Source:
    BEP 52, "The BitTorrent Protocol Specification v2", section "pieces root".
"""

from collections.abc import Sequence
from hashlib import sha256

LEAF_OCTETS = 16384
"""What one leaf hash stands for (BEP 52: "16 KiB blocks")."""

HASH_OCTETS = 32

ZERO_HASH = bytes(HASH_OCTETS)
"""Stands for a leaf that a file does not have."""

MAX_LAYER = 50
"""Highest layer of any tree here: 2**50 leaves are 16 EiB, above every size limit."""


def _pad_hashes() -> tuple[bytes, ...]:
    hashes = [ZERO_HASH]
    for _ in range(MAX_LAYER):
        hashes.append(sha256(hashes[-1] + hashes[-1]).digest())
    return tuple(hashes)


_PAD_HASHES = _pad_hashes()


def hash_leaves(octets: bytes | memoryview) -> list[bytes]:
    """Hash each 16 KiB of ``octets``; the last leaf may be shorter. Empty gives none."""
    view = memoryview(octets)
    return [
        sha256(view[start : start + LEAF_OCTETS]).digest()
        for start in range(0, len(view), LEAF_OCTETS)
    ]


def pad_hash(layer: int) -> bytes:
    """Root of a subtree of ``2**layer`` missing leaves.

    Raises:
        ValueError: outside 0 to :data:`MAX_LAYER`.
    """
    if not 0 <= layer <= MAX_LAYER:
        raise ValueError(f"layer {layer} is not in 0..{MAX_LAYER}")
    return _PAD_HASHES[layer]


def width_for(count: int) -> int:
    """Smallest power of two that is at least ``count``, and at least 1."""
    return 1 << (count - 1).bit_length() if count > 1 else 1


def parents(hashes: Sequence[bytes], *, layer: int) -> list[bytes]:
    """The next layer up from ``hashes`` of ``layer``, one node for every pair.

    A last node without a neighbour is paired with :func:`pad_hash` of its layer.
    """
    nodes = [sha256(left + right).digest() for left, right in zip(hashes[::2], hashes[1::2])]  # noqa: B905 - the odd one follows
    if len(hashes) % 2:
        nodes.append(sha256(hashes[-1] + _PAD_HASHES[layer]).digest())
    return nodes


def root(hashes: Sequence[bytes], *, width: int, layer: int = 0) -> bytes:
    """Root of a tree whose ``layer`` has ``hashes``, padded to ``width`` nodes.

    Args:
        hashes: nodes of one layer, from the left; at most ``width``.
        width: nodes of that layer with padding, a power of two.
        layer: which layer they are; 0 are leaf hashes.

    Raises:
        ValueError: ``width`` is no power of two or too small for ``hashes``.
    """
    top = layer + _log2(width, "width")
    if len(hashes) > width:
        raise ValueError(f"{len(hashes)} hashes do not fit in a layer of {width}")
    if not hashes:
        return pad_hash(top)
    level = hashes
    for below in range(layer, top):
        level = parents(level, layer=below)
    return level[0]


def root_of_layer(hashes: Sequence[bytes], *, layer: int) -> bytes:
    """Root of the smallest tree whose ``layer`` holds ``hashes``."""
    return root(hashes, width=width_for(len(hashes)), layer=layer)


def split(octets: bytes) -> list[bytes]:
    """Take concatenated hashes apart; a remainder stays, as a short last one."""
    return [octets[at : at + HASH_OCTETS] for at in range(0, len(octets), HASH_OCTETS)]


def proof(
    layer_hashes: Sequence[bytes], *, layer: int, index: int, length: int, width: int
) -> list[bytes]:
    """Uncles of the range ``[index, index + length)``, bottom-up, to the root.

    Args:
        layer_hashes: the whole of ``layer`` without padding.
        layer: which layer they are; 0 are leaf hashes.
        index: first node of the range, a multiple of ``length``.
        length: nodes in the range, a power of two.
        width: nodes of the layer with padding, a power of two.

    Returns:
        One hash for every layer between the range's own root and the tree's root;
        none when the range is the whole layer.

    Raises:
        ValueError: the range is not aligned, or does not lie inside ``width``.
    """
    depth, _ = _check_range(index=index, length=length, width=width)
    if len(layer_hashes) > width:
        raise ValueError(f"{len(layer_hashes)} hashes do not fit in a layer of {width}")
    uncles: list[bytes] = []
    position, level = index, layer_hashes
    for below in range(layer, layer + _log2(width, "width")):
        if below >= layer + depth:
            sibling = position ^ 1
            uncles.append(level[sibling] if sibling < len(level) else pad_hash(below))
        position >>= 1
        level = parents(level, layer=below)
    return uncles


def root_from_proof(
    hashes: Sequence[bytes],
    *,
    layer: int,
    index: int,
    length: int,
    width: int,
    uncles: Sequence[bytes],
) -> bytes:
    """Recompute a tree's root from a range of one layer and the range's uncles.

    Args:
        hashes: nodes of the range from the left; the range's missing end is padding.
        layer: which layer they are; 0 are leaf hashes.
        index: first node of the range, a multiple of ``length``.
        length: nodes in the range with padding, a power of two.
        width: nodes of the layer with padding, a power of two.
        uncles: as :func:`proof` gives them.

    Raises:
        ValueError: the shape is wrong: range, number of hashes or of uncles, or a
            hash that does not have 32 octets. A wrong *hash* gives a wrong root.
    """
    depth, height = _check_range(index=index, length=length, width=width)
    if not 1 <= len(hashes) <= length:
        raise ValueError(f"a range of {length} nodes takes 1..{length} hashes, not {len(hashes)}")
    if len(uncles) != height - depth:
        raise ValueError(f"expected {height - depth} uncle hashes, not {len(uncles)}")
    if any(len(one) != HASH_OCTETS for one in (*hashes, *uncles)):
        raise ValueError(f"a node of a SHA-256 tree has {HASH_OCTETS} octets")
    node = root(hashes, width=length, layer=layer)
    position = index >> depth
    for uncle in uncles:
        node = sha256(uncle + node if position & 1 else node + uncle).digest()
        position >>= 1
    return node


def _log2(number: int, name: str) -> int:
    if number < 1 or number & (number - 1):
        raise ValueError(f"{name} {number} is no power of two")
    return number.bit_length() - 1


def _check_range(*, index: int, length: int, width: int) -> tuple[int, int]:
    depth, height = _log2(length, "length"), _log2(width, "width")
    if index < 0 or index % length or index + length > width:
        raise ValueError(
            f"[{index}, {index + length}) is no aligned range inside a layer of {width} nodes"
        )
    return depth, height
