"""How large chunks are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content import layout
from meshdl.content.layout import chunk_octets_for, is_chunk_length

KIB, MIB, GIB = 2**10, 2**20, 2**30


@pytest.mark.parametrize(
    ("total_octets", "chunk_octets"),
    [
        (0, 16 * KIB),
        (1, 16 * KIB),
        (4 * MIB, 16 * KIB),
        (4 * MIB + 1, 32 * KIB),
        (8 * MIB, 32 * KIB),
        (8 * MIB + 1, 64 * KIB),
        (256 * MIB, MIB),
        (4 * GIB, MIB),
        (4 * GIB + 1, 2 * MIB),
        (256 * GIB, 64 * MIB),
        (layout.MAX_CHUNKS * layout.MAX_CHUNK_OCTETS, 64 * MIB),
    ],
)
def test_chunks_grow_with_the_content(total_octets: int, chunk_octets: int) -> None:
    assert chunk_octets_for(total_octets) == chunk_octets


@given(st.integers(0, 256 * GIB))
def test_a_content_has_at_most_the_chunks_wanted(total_octets: int) -> None:
    chunk_octets = chunk_octets_for(total_octets)
    assert is_chunk_length(chunk_octets)
    assert total_octets <= chunk_octets * layout.MAX_CHUNKS_WANTED


@pytest.mark.parametrize("total_octets", [-1, layout.MAX_CHUNKS * layout.MAX_CHUNK_OCTETS + 1])
def test_a_size_that_no_chunk_suits_is_refused(total_octets: int) -> None:
    with pytest.raises(ValueError, match="no chunk length"):
        chunk_octets_for(total_octets)


@pytest.mark.parametrize("value", [0, 1, 8192, 16385, 48 * KIB, 128 * MIB, -16384, None, b"16384"])
def test_only_powers_of_two_inside_the_limits_are_chunk_lengths(value: object) -> None:
    assert not is_chunk_length(value)
