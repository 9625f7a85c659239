"""Values as text for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fake_station import MAP_HASH, content_of

from meshdl.cli import present
from meshdl.control.content_status import ContentState


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (4_200_000, "4.2 MB"),
        (5 * 10**21, "5000.0 EB"),
    ],
)
def test_sizes_have_si_prefixes(octets: int, text: str) -> None:
    assert present.size(octets) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (1.6, "0:02"), (59.6, "1:00"), (3_723, "1:02:03"), (273_600, "3 d 04 h")],
)
def test_durations_are_as_long_as_needed(seconds: float, text: str) -> None:
    assert present.duration(seconds) == text


@given(octets=st.integers(1, 10**15), data=st.data())
def test_hundred_percent_means_everything(octets: int, data: st.DataObject) -> None:
    done = data.draw(st.integers(0, octets))
    text = present.percent(content_of(MAP_HASH, octets=octets, octets_done=done))
    assert (text == "100 %") == (done == octets)


def test_an_empty_content_is_whole_and_an_unknown_one_is_not() -> None:
    assert present.percent(content_of(MAP_HASH, octets=0, octets_done=0)) == "100 %"
    assert present.percent(content_of(MAP_HASH, octets=None, octets_done=0)) == "?"


def test_a_waiting_download_says_why() -> None:
    waiting = content_of(MAP_HASH, state=ContentState.WAITING, sources=())
    assert present.progress_line(waiting).endswith("no station within reach has it yet")


def test_many_sources_are_counted() -> None:
    [source] = content_of(MAP_HASH).sources
    line = present.progress_line(content_of(MAP_HASH, sources=(source,) * 6))
    assert line.count("W1AW (lan") == present.SOURCES_SHOWN
    assert line.endswith("and 2 more")


def test_what_comes_by_radio_is_counted_in_symbols() -> None:
    coming = content_of(
        MAP_HASH, symbols_lacking=418, rate_octets_per_s=0.0, eta_s=None, sources=()
    )
    assert present.progress_line(coming).endswith("  418 symbols to be heard")
    faster = content_of(MAP_HASH, symbols_lacking=418)
    assert "  418 symbols to be heard  1.0 MB/s" in present.progress_line(faster)
