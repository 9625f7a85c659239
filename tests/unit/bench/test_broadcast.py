"""The model of one sender and many receivers."""

from random import Random

import numpy as np
import pytest
from bench.broadcast import Broadcast, fountain, one_by_one, ranks, union_of_fills

from meshdl.radio.erasure.gf256 import multiply

WHAT = Broadcast(receivers=5, loss=0.2, leaves=2, source_symbols=40, symbols_per_frame=4)


def test_without_losses_a_file_is_sent_once() -> None:
    lossless = Broadcast(receivers=5, loss=0.0, leaves=2, source_symbols=40, symbols_per_frame=4)
    for way in (fountain, union_of_fills):
        sent = way(lossless, Random(1))
        assert (sent.airtime, sent.rounds) == (1.0, 2 if way is fountain else 1)


def test_one_by_one_costs_the_bound_for_every_receiver() -> None:
    sent = one_by_one(WHAT, Random(1))
    assert sent.airtime == pytest.approx(5 / 0.8, rel=0.15)


def test_a_fountain_costs_less_than_fills_and_hardly_more_than_any_code_must() -> None:
    runs = [fountain(WHAT, Random(seed)) for seed in range(5)]
    fills = sum(union_of_fills(WHAT, Random(seed)).airtime for seed in range(5))
    assert sum(one.airtime for one in runs) < fills
    for one in runs:
        assert 1.25 < one.any_code <= one.airtime <= 1.1 * one.any_code


def test_the_goal_for_twenty_receivers_is_kept_in_frames_of_two_symbols() -> None:
    what = Broadcast(receivers=20, loss=0.2, leaves=1, source_symbols=342, symbols_per_frame=2)
    sent = fountain(what, Random(3))
    assert 1.25 < sent.any_code <= sent.airtime <= 1.12 / 0.8


def test_leaves_that_share_frames_all_arrive() -> None:
    what = Broadcast(
        receivers=4, loss=0.3, leaves=5, source_symbols=20, symbols_per_frame=4, leaves_per_frame=2
    )
    assert fountain(what, Random(1)).airtime > 1 / 0.7


@pytest.mark.parametrize("rank", [0, 2, 5])
def test_the_rank_of_a_product_is_that_of_its_narrow_factor(rank: int) -> None:
    rng = np.random.default_rng(rank)
    left = rng.integers(0, 256, (5, rank), dtype=np.uint8)
    matrix = multiply(left, rng.integers(0, 256, (rank, 7), dtype=np.uint8))
    assert ranks(np.stack([matrix, matrix])) == [rank, rank]
