"""Chunks messages: nothing is lost on the way, nothing malformed gets in."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex
from meshdl.wire.chunks import HEADER, KIND_CHUNK, MESSAGE_OCTETS_MAX, decode, encode
from meshdl.wire.control import RANGE_OCTETS_MAX

numbers = st.integers(0, 2**32 - 1)


@given(handle=numbers, chunk=numbers, offset=numbers, octets=st.binary(min_size=1, max_size=300))
@example(handle=0, chunk=0, offset=0, octets=bytes(RANGE_OCTETS_MAX))
def test_octets_arrive_as_they_were_sent(
    handle: int, chunk: int, offset: int, octets: bytes
) -> None:
    found = decode(encode(handle, ChunkIndex(chunk), offset, octets))
    assert found is not None
    assert (found.handle, found.chunk, found.offset) == (handle, chunk, offset)
    assert found.octets == octets


@given(octets=st.binary(min_size=1, max_size=300))
def test_a_view_is_sent_like_its_octets(octets: bytes) -> None:
    assert encode(1, ChunkIndex(2), 3, memoryview(octets)) == encode(1, ChunkIndex(2), 3, octets)


@given(message=st.binary(max_size=100))
@example(message=bytes(MESSAGE_OCTETS_MAX + 1))
def test_any_octets_are_a_message_or_refused_or_ignored(message: bytes) -> None:
    try:
        found = decode(message)
    except RemoteProtocolError:
        assert not HEADER.size < len(message) <= MESSAGE_OCTETS_MAX
        return
    assert (found is not None) == (message[0] == KIND_CHUNK)


@pytest.mark.parametrize("length", [0, 1, HEADER.size, MESSAGE_OCTETS_MAX + 1])
def test_a_length_that_cannot_be_is_refused(length: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"of {length} octets"):
        decode(bytes([KIND_CHUNK]).ljust(length, b"\0")[:length])


@pytest.mark.parametrize("kind", [0, KIND_CHUNK + 1, 255])
def test_a_kind_of_the_future_is_ignored(kind: int) -> None:
    assert decode(bytes([kind]) + bytes(HEADER.size)) is None


def test_the_octets_are_not_copied() -> None:
    message = bytearray(encode(1, ChunkIndex(2), 3, b"mesh"))
    found = decode(bytes(message))
    assert found is not None
    assert isinstance(found.octets, memoryview)
    assert len(found.octets.obj) == len(message)  # type: ignore[arg-type]  # the whole message
