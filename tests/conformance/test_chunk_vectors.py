"""``docs/protocol/chunks.md`` and the code say the same: both are held to the vectors."""

import json
from pathlib import Path
from typing import Any

import pytest

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex
from meshdl.swarm.fetcher import STALL_AFTER_S, UNASKED_POINTS
from meshdl.transports import webrtc_link
from meshdl.wire import chunks
from meshdl.wire.control import RANGE_OCTETS_MAX

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol"
PAGE = (PROTOCOL / "chunks.md").read_text(encoding="utf-8")
VECTORS: dict[str, Any] = json.loads(
    (PROTOCOL / "vectors" / "chunks.json").read_text(encoding="utf-8")
)


def by_name(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in VECTORS[kind]]


def tail_of(vector: dict[str, Any]) -> bytes:
    """What follows the octets in the file, which has no room for long messages."""
    octet, repeat = bytes.fromhex(vector.get("octet", "")), int(vector.get("repeat", 0))
    return octet * repeat


def message_of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["message"]) + tail_of(vector)


def octets_of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["fields"].get("octets", "")) + tail_of(vector)


@pytest.mark.parametrize("vector", by_name("valid"))
def test_a_valid_message_is_read(vector: dict[str, Any]) -> None:
    message, fields = chunks.decode(message_of(vector)), vector["fields"]
    assert message is not None
    assert (message.handle, message.chunk, message.offset) == (
        fields["handle"],
        fields["chunk"],
        fields["offset"],
    )
    assert message.octets == octets_of(vector)


@pytest.mark.parametrize(
    "vector", [one for one in by_name("valid") if one.values[0].get("sent", True)]
)
def test_a_valid_message_is_made_octet_for_octet(vector: dict[str, Any]) -> None:
    fields = vector["fields"]
    made = chunks.encode(
        fields["handle"], ChunkIndex(fields["chunk"]), fields["offset"], octets_of(vector)
    )
    assert made == message_of(vector)


@pytest.mark.parametrize("vector", by_name("ignored"))
def test_what_later_versions_send_is_ignored(vector: dict[str, Any]) -> None:
    assert chunks.decode(message_of(vector)) is None


@pytest.mark.parametrize("vector", by_name("invalid"))
def test_an_invalid_message_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        chunks.decode(message_of(vector))


def test_the_example_of_the_page_is_a_message() -> None:
    example = PAGE.split("## Example")[1].split("    ")[1]
    message = chunks.decode(bytes.fromhex(example))
    assert message is not None
    assert (message.handle, message.chunk, message.offset) == (7, 2, 65536)
    assert bytes(message.octets) == b"mesh"


@pytest.mark.parametrize(
    "sentence",
    [
        f"has {chunks.HEADER.size + 1} to {chunks.MESSAGE_OCTETS_MAX} octets",
        f"| 0 | 1 | kind | {chunks.KIND_CHUNK}:",
        f"| {chunks.HEADER.size} | 1 to {RANGE_OCTETS_MAX} | octets |",
        f"nothing for {STALL_AFTER_S} seconds",
        f"cost their sender {UNASKED_POINTS} points",
        f"negotiated: true, id: {webrtc_link.CHUNKS_STREAM}",
        f"gives a message up {webrtc_link.CHUNKS_LIFETIME_MS} ms",
    ],
)
def test_the_page_tells_what_the_code_does(sentence: str) -> None:
    assert sentence in PAGE
