"""What a burst costs on the air is what the modem's traits say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.air import ModemTraits

AFSK = ModemTraits(
    name="AFSK 1200", payload_octets_max=256, payload_bps=1200.0, audio_low_hz=1000.0,
    audio_high_hz=2400.0, baud=1200.0, frame_overhead_s=0.15, burst_overhead_s=0.4,
)  # fmt: skip
FREEDV = ModemTraits(
    name="fixed", payload_octets_max=100, payload_bps=800.0, audio_low_hz=660.0,
    audio_high_hz=2340.0, baud=42.0, fixed_frames=True, burst_overhead_s=1.0,
)  # fmt: skip

lengths = st.lists(st.integers(1, 100), max_size=20)


def test_a_frame_costs_its_octets_and_its_own_overhead() -> None:
    assert AFSK.frame_s(150) == pytest.approx(0.15 + 1.0)


def test_a_short_frame_of_a_fixed_mode_costs_a_whole_one() -> None:
    assert FREEDV.frame_s(1) == FREEDV.frame_s(100) == pytest.approx(1.0)


@given(lengths, lengths)
def test_one_burst_is_cheaper_than_two_by_one_overhead(first: list[int], second: list[int]) -> None:
    for modem in (AFSK, FREEDV):
        apart = modem.burst_s(first) + modem.burst_s(second)
        assert apart - modem.burst_s(first + second) == pytest.approx(modem.burst_overhead_s)


@pytest.mark.parametrize("octets", [0, -1, 257])
def test_a_frame_that_the_modem_cannot_take_has_no_price(octets: int) -> None:
    with pytest.raises(ValueError, match="takes frames of 1 to 256 octets"):
        AFSK.frame_s(octets)
