"""The coefficients of a repair symbol, from nothing but its id.

The generator of pseudorandom numbers is TinyMT32 exactly as RFC 8682 fixes it, and the
coefficients are drawn from it as in RFC 8681, section 3.5, for GF(2^8) with the highest
density (DT = 15): seeded with the symbol's id, the low octet of each number is a
coefficient, and zeros are left out. So every receiver and every sender, whoever wrote it,
knows which combination of the leaf's octets a symbol is.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from meshdl.radio.erasure.gf256 import Octets

_MAT1, _MAT2, _TMAT = 0x8F7011EE, 0xFC78FF1F, 0x3793FDFF
"""RFC 8682, section 2.1: the parameter set that this specification fixes."""

_INIT_FACTOR = 1812433253
_MIN_LOOP = _PRE_LOOP = 8
_WORD = 0xFFFFFFFF
_MASK = 0x7FFFFFFF

ALONE_MAX = 20
"""Up to so many symbols are faster one by one in plain Python than side by side in numpy."""

_SPARE = 12
"""Numbers drawn besides those needed, because one of 256 is a zero and left out. More are
drawn when that was too few."""


class TinyMT32:
    """The generator of RFC 8682.

    Attributes:
        state: the four words of ``status``.
    """

    def __init__(self, seed: int) -> None:
        state = [seed & _WORD, _MAT1, _MAT2, _TMAT]
        for i in range(1, _MIN_LOOP):
            before = state[(i - 1) & 3]
            state[i & 3] ^= (i + _INIT_FACTOR * (before ^ before >> 30)) & _WORD
        self.state = state[0], state[1], state[2], state[3]
        for _ in range(_PRE_LOOP):
            self._step()

    def number(self) -> int:
        """The next one, 0 to 2^32 - 1 (``tinymt32_generate_uint32``)."""
        self._step()
        s0, _, s2, s3 = self.state
        shifted = s0 + (s2 >> 8)
        return s3 ^ (shifted & _WORD) ^ (_TMAT if shifted & 1 else 0)

    def _step(self) -> None:
        s0, s1, s2, y = self.state
        x = (s0 & _MASK) ^ s1 ^ s2
        x = (x ^ x << 1) & _WORD
        y ^= y >> 1 ^ x
        s2_next = (x ^ y << 10) & _WORD
        if y & 1:
            self.state = s1, s2 ^ _MAT1, s2_next ^ _MAT2, y
        else:
            self.state = s1, s2, s2_next, y


def _alone(key: int, count: int) -> Iterator[int]:
    # TinyMT32 once more, in local variables and for the low octet alone: twice as fast,
    # and half of what receiving a frame costs.
    s0, s1, s2, y = TinyMT32(key).state
    while count:
        x = (s0 & _MASK) ^ s1 ^ s2
        x ^= x << 1 & _WORD
        y ^= y >> 1 ^ x
        s0, s1, s2 = s1, s2, (x ^ y << 10) & _WORD
        if y & 1:
            s1 ^= _MAT1
            s2 ^= _MAT2
        shifted = s0 + (s2 >> 8)
        coefficient = (y ^ shifted ^ (_TMAT if shifted & 1 else 0)) & 0xFF
        if coefficient:
            count -= 1
            yield coefficient


def coefficients(keys: Sequence[int], count: int) -> Octets:
    """Coefficients of several repair symbols.

    Args:
        keys: ids of the symbols (``repair_key`` in RFC 8681), each below 2^32.
        count: how many source symbols there are (``cc_nb``).

    Returns:
        Shape ``(len(keys), count)``; none of them is 0.
    """
    if len(keys) <= ALONE_MAX:
        rows = [np.fromiter(_alone(key, count), dtype=np.uint8, count=count) for key in keys]
        return np.array(rows, dtype=np.uint8).reshape(len(keys), count)
    numbers = _side_by_side(np.array(keys, dtype=np.uint32), count + _SPARE)
    table = np.empty((len(keys), count), dtype=np.uint8)
    for row, (key, drawn) in enumerate(zip(keys, numbers, strict=True)):
        kept = drawn[drawn != 0]
        if kept.size >= count:
            table[row] = kept[:count]
        else:
            table[row] = np.fromiter(_alone(key, count), dtype=np.uint8, count=count)
    return table


def _side_by_side(seeds: npt.NDArray[np.uint32], draws: int) -> Octets:
    """The low octets of the first numbers of many generators: shape ``(seeds, draws)``."""
    word = np.uint32
    state = [seeds.copy(), *(np.full_like(seeds, constant) for constant in (_MAT1, _MAT2, _TMAT))]
    for i in range(1, _MIN_LOOP):
        before = state[(i - 1) & 3]
        state[i & 3] = state[i & 3] ^ (word(i) + word(_INIT_FACTOR) * (before ^ before >> word(30)))
    s0, s1, s2, s3 = state
    octets = np.empty((draws, seeds.size), dtype=np.uint8)
    for draw in range(-_PRE_LOOP, draws):
        x = (s0 & word(_MASK)) ^ s1 ^ s2
        x ^= x << word(1)
        s3 = s3 ^ s3 >> word(1) ^ x
        odd = -(s3 & word(1))
        s0, s1, s2 = s1, s2 ^ odd & word(_MAT1), x ^ s3 << word(10) ^ odd & word(_MAT2)
        if draw >= 0:
            shifted = s0 + (s2 >> word(8))
            octets[draw] = s3 ^ shifted ^ -(shifted & word(1)) & word(_TMAT)
    return np.ascontiguousarray(octets.T)
