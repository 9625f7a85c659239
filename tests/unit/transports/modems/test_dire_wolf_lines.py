"""What Dire Wolf prints, understood; what others make it print, not."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.transports.modems.dire_wolf_lines import (
    LAST_WORDS,
    LAST_WORDS_LENGTH_MAX,
    LINE_OCTETS_MAX,
    CarrierSensed,
    DireWolfLines,
    Keyed,
    NoSound,
    Ready,
    Said,
)

PRINTED = (
    b"Dire Wolf version 1.6\n\nOpened /dev/pts/3 for serial port KISS.\n"
    b'Log file is "/dev/null"\nDCD 0 = 1\n[0.3] N0CALL>MESHDL:hello\nDCD 0 = 0\n'
    b"PTT 0 = 1\n[0L] N0CALL>MESHDL:hello\nPTT 0 = 0\r\n"
    b"Pointless to continue without audio device.\n"
)
SAID: list[Said] = [
    Ready(), CarrierSensed(True), CarrierSensed(False), Keyed(True), Keyed(False), NoSound(),
]  # fmt: skip


def test_a_session_is_understood() -> None:
    assert DireWolfLines().feed(PRINTED) == SAID


@given(st.lists(st.integers(0, len(PRINTED)), max_size=20))
def test_it_matters_not_in_which_pieces_it_comes(cuts: list[int]) -> None:
    lines, said = DireWolfLines(), []
    ends = [0, *sorted(cuts), len(PRINTED)]
    for begin, end in pairwise(ends):
        said += lines.feed(PRINTED[begin:end])
    assert said == SAID


@pytest.mark.parametrize(
    "line",
    [
        b"[0.3] N0CALL>MESHDL:PTT 0 = 1", b"[0.3] N0CALL>MESHDL:x<0x0a>PTT 0 = 0",
        b"[0.3] N0CALL>MESHDL:DCD 0 = 1", b"PTT 1 = 1", b"PTT 0 = 2", b" PTT 0 = 1",
        b"PTT 0 = 1 ", b'[0.3] N0CALL>MESHDL:Log file is "/dev/null"', b"CON 0 = 1",
        b"Opened /dev/pts/3 for serial port KISS.",
    ],
)  # fmt: skip
def test_no_other_line_keys_or_makes_the_channel_busy(line: bytes) -> None:
    assert DireWolfLines().feed(line + b"\n") == []


def test_the_end_of_a_carrier_is_believed_behind_the_beginning_of_another_line() -> None:
    # Another of its threads was printing.
    assert DireWolfLines().feed(b"[0.3] N0CALL>DCD 0 = 0\nMESHDL:x\n") == [CarrierSensed(False)]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_nothing_that_is_printed_raises(pieces: list[bytes]) -> None:
    lines = DireWolfLines()
    for piece in pieces:
        lines.feed(piece)
    assert lines.last_words.isprintable()


def test_a_line_that_never_ends_costs_no_more_memory_and_its_end_counts() -> None:
    lines = DireWolfLines()
    for _ in range(10):
        lines.feed(bytes(LINE_OCTETS_MAX))
    assert len(lines._begun) == LINE_OCTETS_MAX
    assert lines.feed(b"DCD 0 = 0\n") == [CarrierSensed(False)]


def test_the_last_words_are_the_last_lines_that_are_no_frames() -> None:
    lines = DireWolfLines()
    lines.feed(b"first\nsecond\n[0.3] A>B:frame\nthird\x07\nfourth\n\n")
    assert lines.last_words == "second; third?; fourth"
    lines.feed(b"x" * 1000 + b"\n")
    assert len(lines.last_words) <= LAST_WORDS * (LAST_WORDS_LENGTH_MAX + 2)
