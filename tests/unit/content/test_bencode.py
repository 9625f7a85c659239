"""Bencoding: one encoding a value, and nothing else gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content import bencode
from meshdl.errors import MetainfoInvalid

values = st.recursive(
    st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.binary(max_size=4), below),
    max_leaves=20,
)


@given(values)
def test_values_survive_the_round_trip(value: bencode.Value) -> None:
    assert bencode.decode(bencode.encode(value)) == value


@given(st.binary(max_size=60) | st.text("0123456789idle:-", max_size=30).map(str.encode))
def test_any_octets_are_canonical_or_refused(octets: bytes) -> None:
    try:
        value = bencode.decode(octets)
    except MetainfoInvalid:
        return
    assert bencode.encode(value) == octets


@given(value=values, data=st.data())
def test_a_damaged_encoding_is_canonical_or_refused(
    value: bencode.Value, data: st.DataObject
) -> None:
    octets = bytearray(bencode.encode(value))
    at = data.draw(st.integers(0, len(octets) - 1))
    match data.draw(st.sampled_from(["replace", "remove", "insert", "cut"])):
        case "replace":
            octets[at] = data.draw(st.integers(0, 255))
        case "remove":
            del octets[at]
        case "insert":
            octets.insert(at, data.draw(st.sampled_from(b"0123456789idle:-")))
        case _:
            del octets[at:]
    try:
        again = bencode.decode(bytes(octets))
    except MetainfoInvalid:
        return
    assert bencode.encode(again) == octets


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b"0:", b""),
        (b"4:spam", b"spam"),
        (b"i0e", 0),
        (b"i-42e", -42),
        (b"le", []),
        (b"de", {}),
        (b"d1:al1:bi1eee", {b"a": [b"b", 1]}),
    ],
)
def test_the_examples_of_the_standard_are_read(octets: bytes, value: bencode.Value) -> None:
    assert bencode.decode(octets) == value


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"x",
        b"e",
        b"i",
        b"ie",
        b"i-e",
        b"i-0e",
        b"i01e",
        b"i+1e",
        b"i 1e",
        b"i1_0e",
        "i\u0661e".encode(),
        b"i1",
        b"i" + b"9" * 5000 + b"e",
        b"01:a",
        b"-1:a",
        b"2:a",
        b"99999999999999999999:a",
        b"1",
        b"l",
        b"l1:a",
        b"d",
        b"d1:a",
        b"d1:ae",
        b"di1e1:ae",
        b"dle1:ae",
        b"d1:bi1e1:ai1ee",
        b"d1:ai1e1:ai1ee",
        b"i1ei1e",
        b"le ",
    ],
)
def test_what_is_not_canonical_is_refused(octets: bytes) -> None:
    with pytest.raises(MetainfoInvalid, match="not canonical"):
        bencode.decode(octets)


def test_a_string_cut_short_is_told_as_such() -> None:
    with pytest.raises(MetainfoInvalid, match="longer than what is left"):
        bencode.decode(b"d4:infol5:abcd")


def test_deep_nesting_is_refused_before_the_stack_ends() -> None:
    deepest = bencode.MAX_DEPTH
    assert bencode.decode(b"l" * deepest + b"e" * deepest)
    for octets in (b"l" * (deepest + 1) + b"e" * (deepest + 1), b"l" * 10**6, b"d1:a" * 10**6):
        with pytest.raises(MetainfoInvalid, match="deeper"):
            bencode.decode(octets)


def test_a_crowd_of_tiny_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bencode, "MAX_VALUES", 100)
    with pytest.raises(MetainfoInvalid, match="more than"):
        bencode.decode(b"l" + b"de" * 100 + b"e")
