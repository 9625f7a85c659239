"""Every limit of every field of every message, found from their types."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.forms import KINDS, beyond, fields_of, messages_of, tag_of, unlimited, within

from meshdl.content.layout import MAX_CHUNK_OCTETS
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.errors import RemoteProtocolError
from meshdl.wire.control import HASHES_MAX, ControlMessage, decode, encode

BEYOND = [
    pytest.param(kind, field.name, wrong, id=f"{tag_of(kind)}.{field.name}-{number}")
    for kind in KINDS
    for field in fields_of(kind)
    for number, wrong in enumerate(beyond(field.type))
]


@given(message=st.one_of([messages_of(kind) for kind in KINDS]))
def test_whatever_is_within_the_limits_arrives_as_it_was_sent(message: ControlMessage) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(("kind", "name", "wrong"), BEYOND)
def test_a_field_beyond_its_limit_is_refused(kind: type[Any], name: str, wrong: Any) -> None:
    right = {field.name: within(field.type) for field in fields_of(kind)}
    assert decode(encode(kind(**right))) is not None
    with pytest.raises(RemoteProtocolError, match="malformed"):
        decode(encode(kind(**{**right, name: wrong})))


@pytest.mark.parametrize("kind", KINDS, ids=tag_of)
def test_every_number_text_and_list_has_a_limit(kind: type[Any]) -> None:
    # Octet strings end with the message.
    assert [field.name for field in fields_of(kind) if unlimited(field.type)] == []


def test_the_leaf_hashes_of_the_largest_chunk_fit_in_one_answer() -> None:
    assert MAX_CHUNK_OCTETS // LEAF_OCTETS <= HASHES_MAX
