"""Chunks messages: octet for octet, and never a surprise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex
from meshdl.wire import chunks

unsigned = st.integers(0, 2**32 - 1)


@given(handle=unsigned, chunk=unsigned, offset=unsigned, octets=st.binary(min_size=1, max_size=99))
def test_a_message_survives_the_journey(
    handle: int, chunk: int, offset: int, octets: bytes
) -> None:
    message = chunks.encode(handle, ChunkIndex(chunk), offset, octets)
    assert chunks.decode(message) == chunks.ChunkOctets(
        handle, ChunkIndex(chunk), offset, memoryview(octets)
    )


@given(message=st.binary(max_size=64))
def test_any_octets_are_a_message_of_the_future_or_refused(message: bytes) -> None:
    try:
        decoded = chunks.decode(message)
    except RemoteProtocolError:
        assert len(message) <= chunks.HEADER.size
        return
    assert (decoded is None) == (message[0] != chunks.KIND_CHUNK)


@pytest.mark.parametrize("length", [0, 1, 16, chunks.MESSAGE_OCTETS_MAX + 1])
def test_a_message_of_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(RemoteProtocolError, match="expected 17 to 65552"):
        chunks.decode(b"\x01" * length)


def test_the_longest_message_is_taken() -> None:
    message = chunks.encode(0, ChunkIndex(0), 0, bytes(2**16))
    decoded = chunks.decode(message)
    assert decoded is not None
    assert len(decoded.octets) == 2**16


def test_flags_of_the_future_change_nothing() -> None:
    message = bytearray(chunks.encode(1, ChunkIndex(2), 3, b"x"))
    message[1:4] = b"\xff\xff\xff"
    decoded = chunks.decode(bytes(message))
    assert decoded is not None
    assert (decoded.handle, decoded.chunk, decoded.offset) == (1, 2, 3)
