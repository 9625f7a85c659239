"""Any symbols in any order give the leaf back, and the decoder knows how many it needs."""

from random import Random

import numpy as np
import pytest
from bench.broadcast import ranks
from hypothesis import given, settings
from hypothesis import strategies as st

from meshdl.radio.erasure.coefficients import coefficients
from meshdl.radio.erasure.decoder import Decoder
from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.erasure.ids import FIRST_REPAIR_ID, LAST_ID

LEAF = Random(4).randbytes(16_384)


@given(
    octets=st.binary(min_size=1, max_size=400),
    symbol_octets=st.sampled_from([1, 16, 48]),
    data=st.data(),
)
@settings(deadline=None)
def test_any_symbols_in_any_order_give_the_octets_back(
    octets: bytes, symbol_octets: int, data: st.DataObject
) -> None:
    encoder = Encoder(octets, symbol_octets)
    count = encoder.source_symbols
    source = st.integers(0, count - 1)
    ids = st.one_of(source, st.integers(FIRST_REPAIR_ID, LAST_ID))
    drawn = data.draw(st.lists(ids, max_size=count + 4), label="ids heard")
    decoder = Decoder(count, symbol_octets)
    useful = 0
    for one in drawn:
        useful += decoder.add([(one, encoder.symbols([one])[0])])[0]
        assert (decoder.rank, decoder.missing) == (useful, count - useful)
    rest = iter(range(FIRST_REPAIR_ID, LAST_ID))
    while decoder.missing:
        some = [next(rest) for _ in range(decoder.missing)]
        decoder.add(list(zip(some, encoder.symbols(some), strict=True)))
    decoded = decoder.octets()
    assert decoded[: len(octets)] == octets
    assert not any(decoded[len(octets) :])


@pytest.mark.parametrize("lost", [0, 1, 68, 342])
def test_a_whole_leaf_comes_back_whatever_was_lost(lost: int) -> None:
    encoder = Encoder(LEAF)
    gone = set(Random(lost).sample(range(342), lost))
    kept = [one for one in range(342) if one not in gone]
    repair = list(range(900, 900 + lost + 2))
    heard = [*kept, *repair]
    Random(5).shuffle(heard)
    decoder = Decoder(encoder.source_symbols)
    for at in range(0, len(heard), 10):
        frame = heard[at : at + 10]
        decoder.add(list(zip(frame, encoder.symbols(frame), strict=True)))
    assert decoder.missing == 0
    assert decoder.octets()[: len(LEAF)] == LEAF


def test_a_repeated_symbol_is_of_no_use() -> None:
    encoder = Encoder(LEAF)
    decoder = Decoder(encoder.source_symbols)
    for one in (3, 512):
        [symbol] = encoder.symbols([one])
        assert decoder.add([(one, symbol), (one, symbol)]) == [True, False]


def test_a_leaf_that_is_not_there_yet_is_not_given_out() -> None:
    decoder = Decoder(2)
    decoder.add([(0, bytes(48))])
    with pytest.raises(ValueError, match="1 symbols are missing"):
        decoder.octets()


@pytest.mark.parametrize(("one", "octets"), [(342, 48), (511, 48), (-1, 48), (0, 47), (600, 49)])
def test_what_is_no_symbol_is_refused_and_nothing_of_its_burst_is_taken(
    one: int, octets: int
) -> None:
    decoder = Decoder(342)
    with pytest.raises(ValueError, match="no symbol of this leaf"):
        decoder.add([(0, bytes(48)), (one, bytes(octets))])
    assert decoder.rank == 0


@pytest.mark.parametrize("count", [0, 513, 10**9])
def test_an_absurd_number_of_source_symbols_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="source symbols"):
        Decoder(count)


@pytest.mark.parametrize("octets", [b"", bytes(513 * 48)])
def test_what_is_no_leaf_is_not_encoded(octets: bytes) -> None:
    with pytest.raises(ValueError, match="symbols, not 1 to 512"):
        Encoder(octets)


def test_failures_are_rarer_than_promised() -> None:
    """30,000 sets of K symbols, consecutive ids, all repair; the large one is a figure.

    Non-zero random coefficients fail with probability 1/255 or so at K: 118 of 30,000
    are expected, 150 are allowed (0.5 %). At K + 1 it is 1/65,000, and 3 are allowed.
    """
    count, trials = 12, 30_000
    rng = np.random.default_rng(20)
    starts = rng.integers(FIRST_REPAIR_ID, LAST_ID - count, trials)
    table = coefficients(list(range(LAST_ID + 1)), count)
    tables = np.stack([table[start : start + count + 1] for start in starts])
    at_k = sum(rank < count for rank in ranks(tables[:, :count]))
    at_k_and_one = sum(rank < count for rank in ranks(tables))
    assert at_k <= 150
    assert at_k_and_one <= 3
