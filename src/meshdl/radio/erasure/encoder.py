"""The symbols of one leaf."""

from collections.abc import Sequence

import numpy as np

from meshdl.radio.erasure.coefficients import coefficients
from meshdl.radio.erasure.gf256 import multiply
from meshdl.radio.erasure.ids import SOURCE_SYMBOLS_MAX, is_symbol_id

SYMBOL_OCTETS = 48
"""What every station on the air uses: ten fill a DATAC1 frame, two a DATAC3 frame, one a
DATAC4 frame, five an AX.25 frame of 256 octets. The cost of decoding, by size, is a figure
of ``bench/erasure.py``."""


def source_symbols(octets: int, symbol_octets: int = SYMBOL_OCTETS) -> int:
    """K: how many symbols a form of that length is cut in."""
    return -(-octets // symbol_octets)


class Encoder:
    """Makes any symbol of what it was given.

    Args:
        octets: a leaf or its compressed form; not empty.
        symbol_octets: length of each symbol. The last source symbol is padded with zeros.

    Raises:
        ValueError: empty, or more than :data:`SOURCE_SYMBOLS_MAX` symbols.
    """

    def __init__(self, octets: bytes, symbol_octets: int = SYMBOL_OCTETS) -> None:
        count = source_symbols(len(octets), symbol_octets)
        if not 1 <= count <= SOURCE_SYMBOLS_MAX:
            raise ValueError(f"{len(octets)} octets are {count} symbols, not 1 to 512")
        padded = octets.ljust(count * symbol_octets, b"\0")
        self._source = np.frombuffer(padded, dtype=np.uint8).reshape(count, symbol_octets)

    @property
    def source_symbols(self) -> int:
        """K: how many symbols suffice, nearly always."""
        return len(self._source)

    def symbols(self, ids: Sequence[int]) -> list[bytes]:
        """The symbols with these ids, in their order.

        Raises:
            ValueError: one of them is no id of this leaf.
        """
        count = self.source_symbols
        for one in ids:
            if not is_symbol_id(one, count):
                raise ValueError(f"{one} is no symbol id of a leaf of {count} symbols")
        repair = [one for one in ids if one >= count]
        made = iter(multiply(coefficients(repair, count), self._source))
        return [self._source[one].tobytes() if one < count else next(made).tobytes() for one in ids]
