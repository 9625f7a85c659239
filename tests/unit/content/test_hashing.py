"""File hashing: however the octets arrive, the root is that of BEP 52."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content import merkle
from meshdl.content.hashing import FileHasher, layer_and_root
from meshdl.content.merkle import LEAF_OCTETS

CHUNK = 4 * LEAF_OCTETS
CONTENT = bytes(range(256)) * (LEAF_OCTETS // 256 * 13)

sizes = st.integers(0, len(CONTENT)) | st.sampled_from(
    [0, 1, LEAF_OCTETS - 1, LEAF_OCTETS, LEAF_OCTETS + 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]
)


@given(octets=sizes, reads=st.lists(st.integers(1, 4), min_size=1))
def test_the_root_does_not_depend_on_the_reads(octets: int, reads: list[int]) -> None:
    content = memoryview(CONTENT)[:octets]
    hasher = FileHasher()
    at = 0
    while at < octets:
        step = reads[at % len(reads)] * LEAF_OCTETS
        hasher.update(content[at : at + step])
        at += step
    hashes = hasher.finish(chunk_octets=CHUNK)
    leaves = merkle.hash_leaves(content)
    assert hashes.octets == octets
    assert hashes.leaf_hashes == b"".join(leaves)
    if octets == 0:
        assert (hashes.root, hashes.layer) == (None, b"")
    else:
        assert hashes.root == merkle.root(leaves, width=merkle.width_for(len(leaves)))


@given(octets=sizes)
def test_the_layer_holds_one_hash_for_each_chunk(octets: int) -> None:
    leaves = merkle.hash_leaves(CONTENT[:octets])
    layer, _ = layer_and_root(b"".join(leaves), octets, CHUNK)
    chunks = [leaves[at : at + 4] for at in range(0, len(leaves), 4)]
    expected = [merkle.root(chunk, width=4) for chunk in chunks]
    assert layer == (b"".join(expected) if octets > CHUNK else b"")


def test_ranges_hashed_apart_make_the_same_file() -> None:
    ranges = [FileHasher(), FileHasher()]
    ranges[0].update(CONTENT[:CHUNK])
    ranges[1].update(CONTENT[CHUNK:])
    whole = FileHasher()
    whole.update(CONTENT)
    together = ranges[0].leaf_hashes + ranges[1].leaf_hashes
    expected = whole.finish(chunk_octets=CHUNK)
    assert layer_and_root(together, len(CONTENT), CHUNK) == (expected.layer, expected.root)


def test_octets_after_a_short_leaf_are_refused() -> None:
    hasher = FileHasher()
    hasher.update(b"short")
    with pytest.raises(ValueError, match="inside a leaf"):
        hasher.update(b"more")


@pytest.mark.parametrize("octets", [0, LEAF_OCTETS + 1])
def test_leaf_hashes_of_another_file_are_refused(octets: int) -> None:
    with pytest.raises(ValueError, match="leaf hashes"):
        layer_and_root(bytes(32), octets, CHUNK)
