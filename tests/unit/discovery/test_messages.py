"""Bodies of requests come from strangers."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.discovery.messages import (
    BODY_OCTETS_MAX,
    REASON_MAX,
    STATION_ID_MAX,
    Description,
    decode_card,
    decode_description,
    decode_reason,
)
from meshdl.errors import LinkRefused

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["station", "sdp", "x"]), inner, max_size=3)
    ),
)


@given(st.text(min_size=1, max_size=STATION_ID_MAX), st.text())
def test_a_description_is_read_back(station: str, sdp: str) -> None:
    octets = msgspec.json.encode(Description(station, sdp))
    assert decode_description(octets) == (station, sdp)


@given(st.binary() | json_like.map(msgspec.json.encode))
def test_whatever_is_sent_is_read_or_refused(octets: bytes) -> None:
    with suppress(LinkRefused):
        station, sdp = decode_description(octets)
        assert isinstance(station, str)
        assert isinstance(sdp, str)
    with suppress(LinkRefused):
        assert isinstance(decode_card(octets).station, str)
    assert len(decode_reason(octets)) <= REASON_MAX


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"null",
        b"[]",
        b'{"station":"a"}',
        b'{"sdp":"v=0"}',
        b'{"station":7,"sdp":"v=0"}',
        b'{"station":"","sdp":"v=0"}',
        b'{"station":"' + b"a" * (STATION_ID_MAX + 1) + b'","sdp":"v=0"}',
        b'{"station":"a","sdp":"\xff"}',
        b"[" * 60_000,
        b" " * (BODY_OCTETS_MAX + 1),
    ],
)
def test_a_malformed_description_is_refused(octets: bytes) -> None:
    with pytest.raises(LinkRefused):
        decode_description(octets)


def test_a_reason_is_told_as_far_as_it_can_be_read() -> None:
    assert decode_reason(b'{"reason":"too many"}') == "too many"
    assert decode_reason(b'{"reason":"' + b"x" * 10_000 + b'"}') == "x" * REASON_MAX
    assert decode_reason(b"<html>") == decode_reason(b'{"reason":"\xff"}') == "no reason given"
