"""The field: its laws, and the linear algebra over it."""

import numpy as np
import pytest

from meshdl.radio.erasure import gf256


def slowly(a: int, b: int) -> int:
    """Multiply as polynomials, and take the remainder."""
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11D << (bit - 8)
    return product


def test_every_product_is_the_polynomial_product() -> None:
    expected = np.array([[slowly(a, b) for b in range(256)] for a in range(256)])
    assert (gf256.products() == expected).all()


def test_every_octet_but_zero_has_an_inverse() -> None:
    octets = np.arange(1, 256)
    assert (gf256.products()[octets, gf256.inverses()[octets]] == 1).all()


@pytest.mark.parametrize("height", [0, 1, 7, 300])
def test_large_and_small_matrices_follow_the_same_table(height: int) -> None:
    rng = np.random.default_rng(height)
    rows = rng.integers(0, 256, (height, 200), dtype=np.uint8)
    factors = rng.integers(0, 256, height, dtype=np.uint8)
    factors[::3] = 0
    each = gf256.products()[factors[:, None], rows]
    assert (gf256.combine(factors, rows) == np.bitwise_xor.reduce(each, axis=0)).all()
    row = rng.integers(0, 256, 200, dtype=np.uint8)
    assert (gf256.multiples(row) == gf256.products()[:, row]).all()
    cleared = rows.copy()
    gf256.clear_column(cleared, factors, row)
    assert (cleared == rows ^ gf256.products()[factors[:, None], row]).all()


@pytest.mark.parametrize("rank", [0, 1, 3, 5])
def test_the_null_space_is_what_multiplies_to_zero(rank: int) -> None:
    rng = np.random.default_rng(rank)
    left = rng.integers(0, 256, (6, rank), dtype=np.uint8)
    matrix = gf256.multiply(left, rng.integers(0, 256, (rank, 9), dtype=np.uint8))
    basis = gf256.null_space(matrix)
    assert basis.shape == (6 - rank, 6)
    assert not gf256.multiply(basis, matrix).any()
    assert gf256.null_space(basis).shape == (0, 6 - rank) or rank == 6
