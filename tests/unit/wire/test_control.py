"""Control messages: nothing is lost on the way, nothing malformed gets in."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.forms import KINDS, beyond, fields_of, messages_of, tag_of, unlimited, within

from meshdl.content.layout import MAX_CHUNK_OCTETS, MAX_CHUNKS
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.errors import RemoteProtocolError
from meshdl.wire.control import (
    CONTROL_MESSAGE_MAX,
    HASHES_MAX,
    INFO_OCTETS_MAX,
    ControlMessage,
    Hashes,
    Have,
    Hello,
    Info,
    Ping,
    decode,
    encode,
)

messages = st.one_of([messages_of(kind) for kind in KINDS])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(message=messages)
def test_a_message_arrives_as_it_was_sent(message: ControlMessage) -> None:
    assert decode(encode(message)) == message


@given(message=messages)
def test_a_message_is_one_line_of_json_that_names_its_type(message: ControlMessage) -> None:
    text = encode(message)
    assert json.loads(text)["type"] == tag_of(type(message))
    assert "\n" not in text


@given(text=st.text())
def test_any_text_is_a_message_or_refused(text: str) -> None:
    with suppress(RemoteProtocolError):
        decode(text)


@given(kind=st.sampled_from(KINDS), fields=st.dictionaries(st.text(), json_values), data=st.data())
def test_any_values_in_any_fields_are_a_message_or_refused(
    kind: type[Any], fields: dict[str, Any], data: st.DataObject
) -> None:
    names = [field.encode_name for field in fields_of(kind)]
    known = data.draw(st.dictionaries(st.sampled_from(names), json_values))
    with suppress(RemoteProtocolError):
        decode(json.dumps({**fields, **known, "type": tag_of(kind)}))


@given(message=messages, data=st.data())
def test_a_message_that_was_cut_is_refused(message: ControlMessage, data: st.DataObject) -> None:
    text = encode(message)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(RemoteProtocolError):
        decode(text[:cut])


@given(message=messages, data=st.data())
def test_a_message_that_was_changed_is_a_message_or_refused(
    message: ControlMessage, data: st.DataObject
) -> None:
    text = encode(message)
    at = data.draw(st.integers(0, len(text) - 1))
    with suppress(RemoteProtocolError):
        decode(text[:at] + data.draw(st.text(max_size=3)) + text[at + 1 :])


@given(message=messages, more=st.dictionaries(st.text(), json_values))
def test_unknown_fields_are_ignored(message: ControlMessage, more: dict[str, Any]) -> None:
    unknown = {f"later{name}": value for name, value in more.items() if _is_json(value)}
    assert decode(json.dumps({**json.loads(encode(message)), **unknown})) == message


@given(tag=st.text(), fields=st.dictionaries(st.text(), json_values))
def test_unknown_types_are_ignored(tag: str, fields: dict[str, Any]) -> None:
    if tag in map(tag_of, KINDS) or not _is_json(fields) or not _is_json(tag):
        return
    assert decode(json.dumps({**fields, "type": tag})) is None


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        msgspec.json.decode(json.dumps(value, allow_nan=False))
    except (ValueError, msgspec.MsgspecError):
        return False
    return True


# Limits.


BEYOND = [
    pytest.param(kind, field.encode_name, wrong, id=f"{tag_of(kind)}.{field.name}-{number}")
    for kind in KINDS
    for field in fields_of(kind)
    for number, wrong in enumerate(beyond(field.type))
]


@pytest.mark.parametrize(("kind", "name", "wrong"), BEYOND)
def test_a_field_beyond_its_limit_is_refused(kind: type[Any], name: str, wrong: Any) -> None:
    right = {field.encode_name: within(field.type) for field in fields_of(kind)}
    right["type"] = tag_of(kind)
    assert decode(msgspec.json.encode(right).decode()) is not None
    with pytest.raises(RemoteProtocolError, match="malformed"):
        decode(msgspec.json.encode({**right, name: wrong}).decode())


@pytest.mark.parametrize("kind", KINDS, ids=tag_of)
def test_every_number_text_and_list_has_a_limit(kind: type[Any]) -> None:
    # Octet strings end with the message.
    assert [field.name for field in fields_of(kind) if unlimited(field.type)] == []


def test_a_message_beyond_the_limit_ends_the_link_at_once() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(encode(Ping(1)).ljust(CONTROL_MESSAGE_MAX + 1))
    assert caught.value.penalty == 100


@pytest.mark.parametrize(
    "message",
    [
        Have(bytes(32), bitfield=bytes(MAX_CHUNKS // 8)),
        Have(bytes(32), chunks=(2**32 - 1,) * 4096),
        Hashes(bytes(32), bytes(32), 40, 2**32 - 1, HASHES_MAX, bytes((HASHES_MAX + 40) * 32)),
        Info(bytes(32), 2**32 - 1, 2**32 - 1, bytes(INFO_OCTETS_MAX)),
        Hello(2**32 - 1, "K" * 16, b"k" * 32, bytes(8), bytes(32), "\x01" * 256),
    ],
    ids=lambda message: tag_of(type(message)),
)
def test_the_largest_messages_fit(message: ControlMessage) -> None:
    assert decode(encode(message)) == message


def test_the_leaf_hashes_of_the_largest_chunk_fit_in_one_answer() -> None:
    assert MAX_CHUNK_OCTETS // LEAF_OCTETS <= HASHES_MAX


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"a":' * 30_000])
def test_deep_nesting_is_refused(nested: str) -> None:
    for text in (nested, '{"type":"later","a":' + nested, '{"type":"ping","token":' + nested):
        with pytest.raises(RemoteProtocolError):
            decode(text)
