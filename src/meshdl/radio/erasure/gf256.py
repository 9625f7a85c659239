"""Arithmetic of GF(256) on numpy arrays of octets.

The field is the one of RFC 8681, section 3.7.1, and of RFC 5510: polynomials over GF(2)
modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11D), of which x is a primitive element. Adding is
exclusive or. Products are looked up in a table of all 65,536 of them: 64 KiB, which stays
in the processor's cache, and one gather instead of two logarithms and a power.
"""

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Octets: TypeAlias = npt.NDArray[np.uint8]

POLYNOMIAL = 0x11D


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
    some = factors.nonzero()[0]
    terms = products()[factors[some][:, None], rows[some]]
    total: Octets = np.bitwise_xor.reduce(terms, axis=0)
    return total


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
    some = factors.nonzero()[0]
    if some.size:
        rows[some] ^= products()[factors[some][:, None], row[None, :]]


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
        clear_column(work[done + 1 :], work[done + 1 :, column].copy(), work[done])
        done += 1
        if done == height:
            break
    return work[done:, width:]
