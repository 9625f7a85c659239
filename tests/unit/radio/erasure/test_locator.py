"""Wrong symbols among surplus ones are found without trying all combinations."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.erasure.locator import locate

RNG = Random(9)
OCTETS = RNG.randbytes(20 * 48)


def heard(source: int, repair: int) -> list[tuple[int, bytes]]:
    ids = [*range(source), *range(600, 600 + repair)]
    return list(zip(ids, Encoder(OCTETS).symbols(ids), strict=True))


def damaged(symbols: list[tuple[int, bytes]], positions: list[int]) -> list[tuple[int, bytes]]:
    return [
        (one, RNG.randbytes(48)) if at in positions else (one, octets)
        for at, (one, octets) in enumerate(symbols)
    ]


@pytest.mark.parametrize("source", [0, 12, 20])
@pytest.mark.parametrize("wrong", [1, 2, 7])
def test_as_many_wrong_symbols_as_there_are_surplus_ones_but_two_are_found(
    source: int, wrong: int
) -> None:
    symbols = heard(source, 20 - source + wrong + 2)
    positions = sorted(Random(wrong).sample(range(len(symbols)), wrong))
    found = locate(damaged(symbols, positions), 20)
    assert set(positions) <= set(found)
    assert len(found) <= wrong + 1


@pytest.mark.parametrize(("wrong", "all_found"), [(48, True), (49, False)])
def test_as_many_wrong_symbols_as_a_symbol_has_octets_are_found(
    wrong: int, all_found: bool
) -> None:
    positions = list(range(wrong))
    found = locate(damaged(heard(0, 20 + wrong + 6), positions), 20)
    # One more, and each of them is found only by a chance of 1 in 256.
    assert (found == positions) is all_found


@given(data=st.data(), wrong=st.integers(0, 5), source=st.integers(0, 20))
def test_with_symbols_to_spare_exactly_the_wrong_ones_are_found(
    data: st.DataObject, wrong: int, source: int
) -> None:
    symbols = heard(source, 20 - source + wrong + 6)
    positions = data.draw(
        st.lists(st.integers(0, len(symbols) - 1), min_size=wrong, max_size=wrong, unique=True)
    )
    assert locate(damaged(symbols, positions), 20) == sorted(positions)


def test_symbols_that_agree_are_not_suspected() -> None:
    assert locate(heard(10, 15), 20) == []


def test_two_octets_under_one_id_are_told_apart() -> None:
    symbols = heard(15, 9)
    false = (3, RNG.randbytes(48))
    assert locate([false, *symbols], 20) == [0]
    assert locate([*symbols, false], 20) == [len(symbols)]


def test_what_no_surplus_symbol_speaks_of_is_not_accused() -> None:
    symbols = heard(20, 0)
    assert locate([*symbols, symbols[0], (1, RNG.randbytes(48))], 20) == [1, 21]


@pytest.mark.parametrize("surplus", [0, 1])
def test_without_surplus_nobody_is_accused(surplus: int) -> None:
    assert locate(damaged(heard(10, 10 + surplus), [4]), 20) == []
