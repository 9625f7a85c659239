"""The best length of a frame, by how many are lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.frame_length import carried, frame_octets

LENGTHS = (64, 256, 512, 768, 1000)
AX25_OCTETS = 20.0

losses = st.floats(0.0, 1.0)


def best(loss: float) -> int:
    return frame_octets(LENGTHS, loss=loss, measured_octets=256, overhead_octets=AX25_OCTETS)


@given(losses)
def test_no_other_length_carries_more(loss: float) -> None:
    def worth(octets: int) -> float:
        return carried(octets, loss=loss, measured_octets=256, overhead_octets=AX25_OCTETS)

    assert worth(best(loss)) == max(map(worth, LENGTHS))
    assert all(0.0 <= worth(octets) <= 1.0 for octets in LENGTHS)


@given(losses, losses)
def test_where_more_is_lost_frames_are_no_longer(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert best(high) <= best(low)


def test_a_clean_channel_has_the_longest_and_a_bad_one_the_shortest() -> None:
    assert best(0.0) == 1000
    assert best(0.1) == 256
    assert best(0.7) == 64


def test_without_overhead_short_frames_cost_nothing() -> None:
    assert frame_octets(LENGTHS, loss=0.0, measured_octets=256, overhead_octets=0.0) == 64
    assert carried(256, loss=0.0, measured_octets=256, overhead_octets=0.0) == pytest.approx(0.998)


def test_there_must_be_a_choice() -> None:
    with pytest.raises(ValueError, match=r"."):
        frame_octets((), loss=0.0, measured_octets=256, overhead_octets=0.0)
