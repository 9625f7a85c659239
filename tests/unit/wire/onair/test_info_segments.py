"""INFO: comes whole in any order, and what is not of this content is found."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import RemoteProtocolError
from meshdl.wire.onair import info_segments
from meshdl.wire.onair.codes import ContentTag, content_tag
from meshdl.wire.onair.info_segments import Info, join, read_segment, segments
from meshdl.wire.onair.pdus import OBJECT_OCTETS_MAX


def info_of(octets: int, *, hashes: int = 3) -> Info:
    return Info(record=b"r" * 200, info_octets=b"i" * octets, chunk_hashes=bytes(32) * hashes)


@pytest.mark.parametrize(
    ("octets", "hashes", "count"), [(150, 0, 1), (150, 256, 1), (16_000, 100, 2), (60_000, 0, 4)]
)
def test_an_info_comes_whole_in_any_order(octets: int, hashes: int, count: int) -> None:
    info = info_of(octets, hashes=hashes)
    sent = segments(info)
    tag = content_tag(info.content)
    assert len(sent) == count
    assert max(map(len, sent)) <= OBJECT_OCTETS_MAX
    found: dict[int, bytes] = {}
    for number in reversed(range(count)):
        assert join(tag, found) is None
        found[number] = sent[number]
        assert read_segment(tag, number, sent[number] + bytes(47)).count == count
    assert join(tag, found) == info


def test_an_info_without_a_record_is_one_too() -> None:
    info = Info(record=b"", info_octets=b"d4:name1:xe", chunk_hashes=b"")
    assert join(content_tag(info.content), dict(enumerate(segments(info)))) == info


def test_a_segment_under_another_name_is_found() -> None:
    first, second = segments(info_of(17_000))
    tag = content_tag(info_of(17_000).content)
    for content, number, octets in [
        (ContentTag(b"othr"), 0, first),
        (tag, 1, first),
        (tag, 0, second),
        (tag, 0, first[:-1]),
        (tag, 0, first + b"\0\1"),
        (tag, 0, first + bytes(49)),
        (tag, 0, b""),
        (tag, 0, bytes(5)),
    ]:
        with pytest.raises(RemoteProtocolError):
            read_segment(content, number, octets)


def forged(content: ContentTag, number: int, body: bytes) -> bytes:
    checked = body[:1] + (len(body) - 1).to_bytes(2, "big") + body[1:]
    return sha256(content + bytes([number]) + checked).digest()[:4] + checked


def test_segments_of_two_infos_are_not_mixed() -> None:
    tag = ContentTag(b"abcd")
    found = {0: forged(tag, 0, b"\x01one"), 1: forged(tag, 1, b"\x02two")}
    with pytest.raises(RemoteProtocolError, match="different"):
        join(tag, found)


def test_an_info_of_another_content_is_refused() -> None:
    tag = ContentTag(b"abcd")
    with pytest.raises(RemoteProtocolError, match="another content"):
        join(tag, {0: forged(tag, 0, b"\x00\x01\x00\x01x")})


def test_an_info_of_a_later_version_is_left_alone() -> None:
    tag = ContentTag(b"abcd")
    assert join(tag, {0: forged(tag, 0, b"\x00\x02whatever")}) is None


@given(
    body=st.binary(min_size=1, max_size=100), tag=st.binary(min_size=4, max_size=4).map(ContentTag)
)
def test_any_octets_under_a_right_check_are_refused_or_wait(body: bytes, tag: ContentTag) -> None:
    try:
        assert join(tag, {0: forged(tag, 0, body)}) is None
    except RemoteProtocolError:
        return


@given(segment=st.binary(max_size=100), number=st.integers(0, 300) | st.integers(0, 2**30))
def test_any_octets_are_no_segment_whatever_its_number(segment: bytes, number: int) -> None:
    with pytest.raises(RemoteProtocolError):
        read_segment(ContentTag(b"abcd"), number, segment)
    with pytest.raises(RemoteProtocolError):
        join(ContentTag(b"abcd"), {number: segment})


@pytest.mark.parametrize(
    "info",
    [
        Info(record=bytes(256), info_octets=b"x", chunk_hashes=b""),
        Info(record=b"", info_octets=b"x", chunk_hashes=bytes(33)),
        Info(record=b"", info_octets=b"x", chunk_hashes=bytes(32) * 140_000),
    ],
    ids=["record", "hash", "length"],
)
def test_an_info_over_its_limits_is_not_sent(info: Info) -> None:
    with pytest.raises(ValueError, match="INFO"):
        segments(info)
    assert info_segments.SEGMENTS_MAX == 256
