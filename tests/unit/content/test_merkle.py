"""Merkle trees against a plain recursive definition of BEP 52's."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content import merkle
from meshdl.content.merkle import LEAF_OCTETS, ZERO_HASH

hashes = st.binary(min_size=32, max_size=32)


def by_definition(leaves: list[bytes]) -> bytes:
    """The root of a list whose length is a power of two, padding written out."""
    if len(leaves) == 1:
        return leaves[0]
    half = len(leaves) // 2
    return sha256(by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


@pytest.mark.parametrize(
    ("octets", "lengths"),
    [
        (0, []),
        (1, [1]),
        (LEAF_OCTETS, [LEAF_OCTETS]),
        (LEAF_OCTETS + 1, [LEAF_OCTETS, 1]),
        (3 * LEAF_OCTETS - 1, [LEAF_OCTETS, LEAF_OCTETS, LEAF_OCTETS - 1]),
    ],
)
def test_a_short_last_leaf_is_hashed_as_it_is(octets: int, lengths: list[int]) -> None:
    content = b"\x07" * octets
    assert merkle.hash_leaves(content) == [sha256(b"\x07" * one).digest() for one in lengths]
    assert merkle.hash_leaves(memoryview(content)) == merkle.hash_leaves(content)


@given(st.lists(hashes, max_size=40), st.integers(0, 2))
def test_the_root_is_that_of_the_padded_tree(leaves: list[bytes], wider: int) -> None:
    width = merkle.width_for(len(leaves)) << wider
    padded = leaves + [ZERO_HASH] * (width - len(leaves))
    assert merkle.root(leaves, width=width) == by_definition(padded)


@given(st.lists(hashes, min_size=1, max_size=40), st.integers(0, 3))
def test_a_layer_has_the_root_of_the_leaves_below_it(leaves: list[bytes], layer: int) -> None:
    width = max(merkle.width_for(len(leaves)), 1 << layer)
    nodes = leaves
    for below in range(layer):
        nodes = merkle.parents(nodes, layer=below)
    expected = merkle.root(leaves, width=width)
    assert merkle.root(nodes, width=width >> layer, layer=layer) == expected


@pytest.mark.parametrize("layer", [0, 1, 2, 5])
def test_padding_is_the_root_of_missing_leaves(layer: int) -> None:
    assert merkle.pad_hash(layer) == by_definition([ZERO_HASH] * 2**layer)


def test_padding_has_a_highest_layer() -> None:
    for layer in (-1, merkle.MAX_LAYER + 1):
        with pytest.raises(ValueError, match="layer"):
            merkle.pad_hash(layer)


@given(st.integers(0, 10_000))
def test_the_width_is_the_smallest_power_of_two_that_suffices(count: int) -> None:
    width = merkle.width_for(count)
    assert width.bit_count() == 1
    assert width >= max(count, 1)
    assert width == 1 or width // 2 < count


@given(data=st.data(), count=st.integers(1, 70), layer=st.integers(0, 4), wider=st.integers(0, 1))
def test_every_aligned_range_is_proved_by_its_uncles(
    data: st.DataObject, count: int, layer: int, wider: int
) -> None:
    nodes = [sha256(bytes([number])).digest() for number in range(count)]
    width = merkle.width_for(count) << wider
    length = 1 << data.draw(st.integers(0, width.bit_length() - 1), label="log2 of length")
    index = length * data.draw(st.integers(0, (count - 1) // length), label="range")
    uncles = merkle.proof(nodes, layer=layer, index=index, length=length, width=width)
    top = merkle.root(nodes, width=width, layer=layer)

    def proved(part: list[bytes], by: list[bytes]) -> bytes:
        return merkle.root_from_proof(
            part, layer=layer, index=index, length=length, width=width, uncles=by
        )

    part = nodes[index : index + length]
    assert proved(part, uncles) == top
    at = data.draw(st.integers(0, len(part) - 1), label="forged hash")
    assert proved([*part[:at], bytes(31) + b"\x01", *part[at + 1 :]], uncles) != top
    if uncles:
        at = data.draw(st.integers(0, len(uncles) - 1), label="forged uncle")
        assert proved(part, [*uncles[:at], bytes(31) + b"\x01", *uncles[at + 1 :]]) != top


def test_a_range_elsewhere_is_not_proved() -> None:
    nodes = [sha256(bytes([number])).digest() for number in range(8)]
    uncles = merkle.proof(nodes, layer=0, index=2, length=2, width=8)
    moved = merkle.root_from_proof(nodes[2:4], layer=0, index=0, length=2, width=8, uncles=uncles)
    assert moved != merkle.root(nodes, width=8)


@pytest.mark.parametrize(
    ("index", "length", "width", "given_hashes", "uncles"),
    [
        (0, 3, 8, 3, 2),
        (0, 2, 7, 2, 2),
        (1, 2, 8, 2, 2),
        (-2, 2, 8, 2, 2),
        (8, 2, 8, 2, 2),
        (0, 16, 8, 2, 0),
        (0, 2, 8, 0, 2),
        (0, 2, 8, 3, 2),
        (0, 2, 8, 2, 1),
        (0, 2, 8, 2, 3),
        (0, 0, 8, 1, 3),
    ],
)
def test_a_proof_of_the_wrong_shape_is_refused(
    index: int, length: int, width: int, given_hashes: int, uncles: int
) -> None:
    with pytest.raises(ValueError):
        merkle.root_from_proof(
            [ZERO_HASH] * given_hashes,
            layer=0,
            index=index,
            length=length,
            width=width,
            uncles=[ZERO_HASH] * uncles,
        )


@pytest.mark.parametrize("octets", [0, 31, 33, 64])
def test_a_hash_of_the_wrong_length_is_refused(octets: int) -> None:
    odd = bytes(octets)
    for part, uncle in [(odd, ZERO_HASH), (ZERO_HASH, odd)]:
        with pytest.raises(ValueError, match="32 octets"):
            merkle.root_from_proof([part], layer=0, index=0, length=1, width=2, uncles=[uncle])


def test_more_hashes_than_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        merkle.root([ZERO_HASH] * 3, width=2)
    with pytest.raises(ValueError, match="do not fit"):
        merkle.proof([ZERO_HASH] * 3, layer=0, index=0, length=1, width=2)
    with pytest.raises(ValueError, match="no power of two"):
        merkle.root([ZERO_HASH], width=3)
