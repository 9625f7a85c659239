"""Control messages: what one station encodes the other reads, and nothing else gets in."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content.layout import MAX_CHUNKS
from meshdl.errors import RemoteProtocolError
from meshdl.wire import control as wire

hashes = st.binary(min_size=32, max_size=32)
unsigned = st.integers(0, 2**32 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=wire.TEXT_MAX)
callsigns = st.text("KABC0123456789-", max_size=16)
ranges = st.lists(
    st.tuples(unsigned, unsigned, st.integers(1, 2**16)), min_size=1, max_size=20
).map(tuple)
layers = st.integers(0, 40)
lengths = st.integers(1, wire.HASHES_MAX)

MESSAGES: dict[type[wire.ControlMessage], st.SearchStrategy[Any]] = {
    wire.Hello: st.builds(
        wire.Hello, unsigned, callsigns, hashes, st.binary(min_size=8, max_size=8), hashes, texts
    ),
    wire.HelloProof: st.builds(wire.HelloProof, st.binary(min_size=64, max_size=64)),
    wire.Records: st.builds(wire.Records, st.lists(st.binary(max_size=255), max_size=9).map(tuple)),
    wire.RecordsGone: st.builds(wire.RecordsGone, st.lists(hashes, max_size=9).map(tuple)),
    wire.Want: st.builds(wire.Want, hashes, st.booleans()),
    wire.Have: st.builds(
        wire.Have,
        hashes,
        st.booleans(),
        st.none() | st.binary(max_size=99),
        st.none() | st.lists(unsigned, max_size=9).map(tuple),
    ),
    wire.InfoRequest: st.builds(wire.InfoRequest, hashes, unsigned),
    wire.Info: st.builds(wire.Info, hashes, unsigned, unsigned, st.binary(max_size=99)),
    wire.HashesRequest: st.builds(
        wire.HashesRequest, hashes, hashes, layers, unsigned, lengths, layers
    ),
    wire.Hashes: st.builds(
        wire.Hashes, hashes, hashes, layers, unsigned, lengths, st.binary(max_size=99)
    ),
    wire.HashesReject: st.builds(
        wire.HashesReject, hashes, st.binary(max_size=32), layers, unsigned, texts
    ),
    wire.ChunkRequest: st.builds(wire.ChunkRequest, hashes, unsigned, ranges, st.integers(0, 3)),
    wire.ChunkReject: st.builds(wire.ChunkReject, hashes, ranges, texts, unsigned),
    wire.ChunkCancel: st.builds(wire.ChunkCancel, hashes, ranges),
    wire.Ping: st.builds(wire.Ping, unsigned),
    wire.Pong: st.builds(wire.Pong, unsigned),
    wire.StationIdentification: st.builds(wire.StationIdentification, callsigns, texts),
    wire.Bye: st.builds(wire.Bye, texts, callsigns),
}

KINDS: tuple[type[wire.ControlMessage], ...] = wire.ControlMessage.__args__


def test_every_kind_of_message_is_tried_here() -> None:
    assert set(MESSAGES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_message_survives_the_journey(
    kind: type[wire.ControlMessage], data: st.DataObject
) -> None:
    message = data.draw(MESSAGES[kind])
    assert wire.decode(wire.encode(message)) == message


@given(text=st.text(st.characters(), max_size=200))
def test_any_text_is_a_message_or_refused(text: str) -> None:
    with suppress(RemoteProtocolError):
        wire.decode(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
FIELDS = sorted({name for kind in KINDS for name in kind.__struct_encode_fields__})
TAGS = sorted(str(kind.__struct_config__.tag) for kind in KINDS)


@given(
    tag=st.sampled_from([*TAGS, "telepathy"]),
    fields=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=5),
)
def test_any_fields_are_a_message_or_refused(tag: str, fields: dict[str, Any]) -> None:
    try:
        decoded = wire.decode(json.dumps({"type": tag, **fields}))
    except RemoteProtocolError:
        assert tag != "telepathy"
        return
    assert (decoded is None) == (tag == "telepathy")


@given(data=st.data())
def test_a_message_with_one_octet_changed_is_a_message_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    text = wire.encode(data.draw(MESSAGES[kind]))
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + chr(data.draw(st.integers(0, 0x10FFFF))) + text[at + 1 :]
    with suppress(RemoteProtocolError):
        wire.decode(changed)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        wire.decode("[" * 100_000)
    with pytest.raises(RemoteProtocolError):
        wire.decode('{"type":"ping","token":' + "[" * 100_000)


@pytest.mark.parametrize(
    "message",
    [
        wire.Want(b"x" * 31),
        wire.Want(b"x" * 33),
        wire.HelloProof(bytes(63)),
        wire.Ping(-1),
        wire.Ping(2**32),
        wire.Records((b"",) * (wire.RECORDS_MAX + 1)),
        wire.Records((bytes(256),)),
        wire.ChunkRequest(bytes(32), 0, ()),
        wire.ChunkRequest(bytes(32), 0, ((0, 0, 1),) * (wire.RANGES_MAX + 1)),
        wire.ChunkRequest(bytes(32), 0, ((0, 0, 0),)),
        wire.ChunkRequest(bytes(32), 0, ((0, 0, 2**16 + 1),)),
        wire.ChunkRequest(bytes(32), 0, ((0, 0, 1),), 4),
        wire.HashesRequest(bytes(32), bytes(32), 0, 0, wire.HASHES_MAX + 1),
        wire.HashesRequest(bytes(32), bytes(32), 41, 0, 1),
        wire.Have(bytes(32), chunks=(0,) * (wire.HAVE_CHUNKS_MAX + 1)),
        wire.Bye("x" * (wire.TEXT_MAX + 1)),
        wire.Info(bytes(32), 1, 0, bytes(wire.INFO_OCTETS_MAX + 1)),
    ],
    ids=str,
)
def test_what_is_beyond_a_limit_is_refused(message: wire.ControlMessage) -> None:
    with pytest.raises(RemoteProtocolError):
        wire.decode(wire.encode(message))


@pytest.mark.parametrize(
    "message",
    [
        wire.Have(bytes(32), bitfield=b"\xff" * (MAX_CHUNKS // 8)),
        wire.Have(bytes(32), chunks=(2**32 - 1,) * wire.HAVE_CHUNKS_MAX),
        wire.Info(bytes(32), 2**32 - 1, 2**32 - 1, bytes(wire.INFO_OCTETS_MAX)),
        wire.Records((bytes(255),) * wire.RECORDS_MAX),
        wire.Hashes(bytes(32), bytes(32), 40, 0, 1024, bytes((wire.HASHES_MAX + 40) * 32)),
        wire.ChunkRequest(bytes(32), 2**32 - 1, ((2**32 - 1,) * 2 + (2**16,),) * wire.RANGES_MAX),
        wire.RecordsGone((bytes(32),) * wire.RECORDS_MAX),
    ],
    ids=lambda message: type(message).__name__,
)
def test_the_longest_honest_message_fits(message: wire.ControlMessage) -> None:
    assert wire.decode(wire.encode(message)) == message


def test_a_message_that_is_too_long_costs_the_link() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        wire.decode(" " * (wire.CONTROL_MESSAGE_MAX + 1))
    assert caught.value.penalty == 100


def test_fields_of_the_future_are_ignored() -> None:
    assert wire.decode('{"type":"pong","token":5,"mood":["good"]}') == wire.Pong(5)


def test_defaults_are_not_sent() -> None:
    assert wire.encode(wire.Bye()) == '{"type":"bye"}'
    assert isinstance(msgspec.json.decode(wire.encode(wire.Ping(1))), dict)
