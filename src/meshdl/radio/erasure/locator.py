"""Which of too many symbols are wrong.

Theory of operation
===================

K + e symbols of a leaf have e things to say about each other: e rows of factors under which
their coefficients cancel (the parity checks ``H``). Applied to their octets, right symbols
give zero. What they give instead, the *syndrome*, is a sum over the wrong symbols alone:
each contributes its column of ``H`` times its error.

An error is a whole symbol of many octets, and errors of different symbols have nothing to
do with each other. So the syndrome's columns span the same space as the wrong symbols'
columns of ``H``, and a symbol is wrong exactly when its column lies in that space. With t
wrong symbols t + 1 surplus symbols find them, and t + 2 find nearly always nobody else. The
work is one elimination, however many are wrong.

Errors that are not independent hide from this: when somebody adds the same octets to many
symbols, and when there are more wrong symbols than a symbol has octets. Nothing is
concluded from it without a hash that says so.

Source:
    Metzner and Kapturowski, "A General Decoding Technique Applicable to Replicated File
    Disagreement Location and Concatenated Code Decoding", IEEE Transactions on Information
    Theory 36(4), 1990; Haslach and Vinck, "A Decoding Algorithm with Restrictions for Array
    Codes", ibid. 45(7), 1999.
"""

from collections.abc import Sequence

import numpy as np

from meshdl.radio.erasure.coefficients import coefficients
from meshdl.radio.erasure.gf256 import Octets, multiply, null_space


def locate(symbols: Sequence[tuple[int, bytes]], source_symbols: int) -> list[int]:
    """Positions in ``symbols`` of those that contradict the others.

    Args:
        symbols: ids and octets, all of one length. An id may be there twice, with
            different octets.
        source_symbols: K.

    Returns:
        Empty when they agree, or when they are too few to tell.
    """
    octets = np.array([np.frombuffer(one, dtype=np.uint8) for _, one in symbols], dtype=np.uint8)
    given, checked = _split(symbols, source_symbols)
    rows = _equations([symbols[at][0] for at in checked], source_symbols)
    columns = [symbols[at][0] for at in given]
    open_columns = np.setdiff1d(np.arange(source_symbols), columns)
    checks = null_space(rows[:, open_columns])
    parity = np.zeros((len(checks), len(symbols)), dtype=np.uint8)
    parity[:, checked] = checks
    parity[:, given] = multiply(checks, rows[:, columns])
    syndrome = multiply(parity, octets)
    free = null_space(syndrome)
    if not syndrome.any() or not len(free):
        return []
    inside = ~multiply(free, parity).any(axis=0)
    # What no check touches is not found by one.
    return [int(at) for at in np.flatnonzero(inside & parity.any(axis=0))]


def _split(symbols: Sequence[tuple[int, bytes]], count: int) -> tuple[list[int], list[int]]:
    """Positions of source symbols, one for each; and of all others."""
    first = {one: at for at, (one, _) in reversed(list(enumerate(symbols))) if one < count}
    given = sorted(first.values())
    taken = set(given)
    return given, [at for at in range(len(symbols)) if at not in taken]


def _equations(ids: Sequence[int], count: int) -> Octets:
    table = np.zeros((len(ids), count), dtype=np.uint8)
    repair = [at for at, one in enumerate(ids) if one >= count]
    table[repair] = coefficients([ids[at] for at in repair], count)
    for at, one in enumerate(ids):
        if one < count:
            table[at, one] = 1
    return table
