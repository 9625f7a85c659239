"""Frames grow where nothing is lost, and shrink again."""

from dataclasses import replace

from tests.unit.radio.stations import AFSK, DATAC1

from meshdl.radio.transfer.lengths import FrameLengths
from meshdl.radio.transfer.pace import LONG_FRAME_OCTETS, pace_of

LONG = replace(
    AFSK, name="G3RUH 9600", payload_octets_max=1000, payload_bps=9448.0, frame_overhead_s=0.017,
    access_within_s=0.25,
)  # fmt: skip
PACE = pace_of(LONG, burst_max_s=30.0)


def test_frames_are_no_longer_than_usual_until_something_is_known() -> None:
    assert FrameLengths().of(PACE, LONG) == PACE
    assert PACE.frame_octets == LONG_FRAME_OCTETS


def test_frames_grow_where_nothing_is_lost_and_shrink_where_much_is() -> None:
    lengths = FrameLengths()
    for _ in range(4):
        lengths.observe(342, 0)
    assert lengths.of(PACE, LONG).frame_octets == 1000
    for _ in range(2):
        lengths.observe(342, 150)
    assert lengths.of(PACE, LONG).frame_octets == LONG_FRAME_OCTETS


def test_no_frame_is_longer_than_the_modem_or_those_who_wait_take() -> None:
    lengths = FrameLengths()
    for _ in range(4):
        lengths.observe(342, 0)
    for traits in (AFSK, replace(LONG, payload_octets_max=200), replace(LONG, payload_bps=1200.0)):
        pace = pace_of(traits, burst_max_s=30.0)
        chosen = lengths.of(pace, traits).frame_octets
        assert pace.frame_octets <= chosen <= traits.payload_octets_max
        assert chosen == pace.frame_octets or traits.frame_s(chosen) < pace.quiet_s


def test_fixed_frames_have_one_length() -> None:
    lengths = FrameLengths()
    pace = pace_of(DATAC1, burst_max_s=30.0)
    lengths.observe(342, 0)
    assert lengths.of(pace, DATAC1) is pace
