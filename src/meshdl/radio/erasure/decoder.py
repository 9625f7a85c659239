"""A leaf from its symbols, in whatever order they come.

Theory of operation
===================

Every symbol is an equation: its coefficients times the K source symbols are its octets. A
source symbol says so of one source symbol alone. The decoder keeps two things, always in
this form:

- *resolved* source symbols, whose octets are known;
- *rows*, equations over the others only. Each row has a *pivot*, a column in which it has
  1 and all other rows have 0 (reduced row echelon form).

A new equation first loses what is resolved, then what rows can express. If nothing is left
of its coefficients, it was *redundant*. Otherwise one of its columns becomes its pivot and
is cleared from the other rows. Rank is the number of resolved symbols and rows; at K every
row has nothing but its pivot, and all is known.

A source symbol that comes while no row has its pivot there takes a short way: it is
resolved, and cleared from the rows. So a leaf that loses nothing is decoded by copying, and
what a loss costs grows with the number of missing symbols, not with K.

Octets are not checked here: a redundant equation that says otherwise is not noticed. That
is what :mod:`meshdl.radio.leaf_symbols` is for.
"""

from collections.abc import Sequence

import numpy as np

from meshdl.radio.erasure.coefficients import coefficients
from meshdl.radio.erasure.encoder import SYMBOL_OCTETS
from meshdl.radio.erasure.gf256 import Octets, clear_column, combine, inverses, scale
from meshdl.radio.erasure.ids import SOURCE_SYMBOLS_MAX, is_symbol_id


class Decoder:
    """Collects symbols of one form of one leaf.

    Args:
        source_symbols: K, 1 to :data:`SOURCE_SYMBOLS_MAX`.
        symbol_octets: length of each symbol.

    Raises:
        ValueError: ``source_symbols`` is out of range.
    """

    def __init__(self, source_symbols: int, symbol_octets: int = SYMBOL_OCTETS) -> None:
        if not 1 <= source_symbols <= SOURCE_SYMBOLS_MAX:
            raise ValueError(f"{source_symbols} source symbols are not 1 to 512")
        self._count, self._octets = source_symbols, symbol_octets
        self._source = np.zeros((source_symbols, symbol_octets), dtype=np.uint8)
        self._resolved = np.zeros(source_symbols, dtype=np.bool_)
        # Coefficients and octets side by side; made when the first repair symbol comes.
        self._rows: Octets = np.zeros((0, source_symbols + symbol_octets), dtype=np.uint8)
        self._pivots: list[int] = []

    @property
    def rank(self) -> int:
        """How many symbols so far were of use."""
        return int(self._resolved.sum()) + len(self._pivots)

    @property
    def missing(self) -> int:
        """How many more symbols of use it takes."""
        return self._count - self.rank

    def add(self, symbols: Sequence[tuple[int, bytes]]) -> list[bool]:
        """Take symbols, each an id and its octets.

        Returns:
            For each of them whether it was of use.

        Raises:
            ValueError: an id or a length that no symbol of this leaf has. Nothing was
                taken then.
        """
        for one, octets in symbols:
            if not is_symbol_id(one, self._count) or len(octets) != self._octets:
                raise ValueError(f"no symbol of this leaf: id {one}, {len(octets)} octets")
        repair = [one for one, _ in symbols if one >= self._count]
        factors = iter(coefficients(repair, self._count))
        return [
            self._add_source(one, octets)
            if one < self._count
            else self._add_equation(np.concatenate([next(factors), _row(octets)]))
            for one, octets in symbols
        ]

    def octets(self) -> bytes:
        """The source symbols, one after the other, padding included.

        Raises:
            ValueError: symbols are missing.
        """
        if self.missing:
            raise ValueError(f"{self.missing} symbols are missing")
        for pivot, row in zip(self._pivots, self._rows, strict=False):
            self._source[pivot] = row[self._count :]
        return self._source.tobytes()

    def _add_source(self, column: int, octets: bytes) -> bool:
        if self._resolved[column]:
            return False
        if column in self._pivots:
            equation = np.zeros(self._count + self._octets, dtype=np.uint8)
            equation[column] = 1
            equation[self._count :] = _row(octets)
            return self._add_equation(equation)
        self._source[column] = _row(octets)
        self._resolved[column] = True
        rows = self._rows[: len(self._pivots)]
        clear_column(rows[:, self._count :], rows[:, column].copy(), self._source[column])
        rows[:, column] = 0
        return True

    def _add_equation(self, equation: Octets) -> bool:
        count = self._count
        known = equation[:count][self._resolved]
        equation[count:] ^= combine(known, self._source[self._resolved])
        equation[:count][self._resolved] = 0
        rows = self._rows[: len(self._pivots)]
        equation ^= combine(equation[self._pivots], rows)
        left = equation[:count].nonzero()[0]
        if not left.size:
            return False
        pivot = int(left[0])
        equation = scale(int(inverses()[equation[pivot]]), equation)
        clear_column(rows, rows[:, pivot].copy(), equation)
        self._append(equation, pivot)
        return True

    def _append(self, equation: Octets, pivot: int) -> None:
        used = len(self._pivots)
        if used == len(self._rows):
            # Twice as many each time, so that many leaves with few losses stay small.
            room = np.zeros((max(8, used), self._rows.shape[1]), dtype=np.uint8)
            self._rows = np.concatenate([self._rows, room])
        self._rows[used] = equation
        self._pivots.append(pivot)


def _row(octets: bytes) -> Octets:
    return np.frombuffer(octets, dtype=np.uint8)
