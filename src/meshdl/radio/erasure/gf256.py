"""Arithmetic of GF(256) on numpy arrays of octets.

The field is the one of RFC 8681, section 3.7.1, and of RFC 5510: polynomials over GF(2)
modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11D), of which x is a primitive element. Adding is
exclusive or. Products are looked up in a table of all 65,536 of them.

Looking up each product costs numpy more than adding whole rows, so where many rows are
worked on, products are put together from sums of rows: a product is the sum of the powers
of x that its factor has, bit by bit. That is four to nine times as fast.
"""

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Octets: TypeAlias = npt.NDArray[np.uint8]

POLYNOMIAL = 0x11D

FEW_OCTETS = 20_000
"""In a matrix smaller than this, looking up every product is quicker."""


def _powers() -> list[int]:
    powers, power = [], 1
    for _ in range(255):
        powers.append(power)
        power <<= 1
        if power & 0x100:
            power ^= POLYNOMIAL
    return powers


@cache
def products() -> Octets:
    """The table: ``products()[a, b]`` is ``a * b``."""
    powers = np.array(_powers(), dtype=np.uint8)
    logarithms = np.zeros(256, dtype=np.int64)
    logarithms[powers] = np.arange(255)
    table = np.zeros((256, 256), dtype=np.uint8)
    some = logarithms[1:]
    table[1:, 1:] = powers[(some[:, None] + some[None, :]) % 255]
    table.setflags(write=False)
    return table


@cache
def inverses() -> Octets:
    """``inverses()[a] * a`` is 1; what stands at 0 means nothing."""
    table: Octets = np.argmax(products() == 1, axis=1).astype(np.uint8)
    table.setflags(write=False)
    return table


def combine(factors: Octets, rows: Octets) -> Octets:
    """Sum of ``rows``, each times its factor.

    Args:
        factors: shape ``(n,)``.
        rows: shape ``(n, octets)``.

    Returns:
        Shape ``(octets,)``.
    """
    if rows.size < FEW_OCTETS:
        return _sum(products()[factors[:, None], rows])
    double = products()[2]
    total = np.zeros(rows.shape[1], dtype=np.uint8)
    for bit in range(7, -1, -1):
        # Horner: twice what the higher bits gave, and the rows that have this one.
        total = double[total]
        total ^= _sum(rows[(factors >> bit & 1).astype(np.bool_)])
    return total


def _sum(rows: Octets) -> Octets:
    total: Octets = np.bitwise_xor.reduce(rows, axis=0)
    return total


def multiples(row: Octets) -> Octets:
    """``row`` times every octet: shape ``(256, octets)``."""
    double = products()[2]
    table = np.zeros((256, len(row)), dtype=np.uint8)
    for bit in range(8):
        first = 1 << bit
        table[first] = row
        np.bitwise_xor(table[1:first], row, out=table[first + 1 : 2 * first])
        row = double[row]
    return table


def multiply(left: Octets, right: Octets) -> Octets:
    """The matrix product of shapes ``(n, m)`` and ``(m, octets)``."""
    total = np.zeros((left.shape[0], right.shape[1]), dtype=np.uint8)
    for row in range(left.shape[0]):
        total[row] = combine(left[row], right)
    return total


def clear_column(rows: Octets, factors: Octets, row: Octets) -> None:
    """Add to each of ``rows``, in place, ``row`` times its factor.

    Args:
        rows: shape ``(n, octets)``.
        factors: shape ``(n,)``.
        row: shape ``(octets,)``.
    """
    if rows.size < FEW_OCTETS:
        rows ^= products()[factors[:, None], row]
    else:
        rows ^= multiples(row)[factors]


def scale(factor: int, row: Octets) -> Octets:
    """``row`` times ``factor``."""
    scaled: Octets = products()[factor][row]
    return scaled


def null_space(matrix: Octets) -> Octets:
    """A basis of all rows ``x`` with ``x * matrix == 0``.

    Args:
        matrix: shape ``(n, m)``.

    Returns:
        Shape ``(n - rank, n)``.
    """
    height, width = matrix.shape
    work = np.concatenate([matrix, np.eye(height, dtype=np.uint8)], axis=1)
    done = 0
    for column in range(width):
        candidates = work[done:, column].nonzero()[0]
        if not candidates.size:
            continue
        chosen = done + int(candidates[0])
        work[[done, chosen]] = work[[chosen, done]]
        work[done] = scale(int(inverses()[work[done, column]]), work[done])
        below = work[done + 1 :, column:]
        clear_column(below, below[:, 0].copy(), work[done, column:])
        done += 1
        if done == height:
            break
    return work[done:, width:]
