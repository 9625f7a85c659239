"""Bitfields against Python's own sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content.bitfield import Bitfield, indices_of

lengths = st.integers(0, 300)


@st.composite
def indices_within(draw: st.DrawFn) -> tuple[int, set[int]]:
    length = draw(lengths)
    return length, draw(st.sets(st.integers(0, length - 1))) if length else set()


def bitfield_of(length: int, indices: set[int]) -> Bitfield:
    bitfield = Bitfield(length)
    for index in indices:
        bitfield.set(index)
    return bitfield


@given(indices_within())
def test_it_is_a_set(case: tuple[int, set[int]]) -> None:
    length, indices = case
    bitfield = bitfield_of(length, indices)
    assert list(bitfield) == sorted(indices)
    assert list(bitfield.missing()) == sorted(set(range(length)) - indices)
    assert bitfield.count == len(indices)
    assert bitfield.full == (len(indices) == length)
    assert bitfield.bits == sum(1 << index for index in indices)
    assert [index for index in range(-1, length + 1) if index in bitfield] == sorted(indices)


@given(indices_within())
def test_octets_survive_the_round_trip(case: tuple[int, set[int]]) -> None:
    bitfield = bitfield_of(*case)
    octets = bitfield.to_octets()
    assert Bitfield.from_octets(bitfield.length, octets) == bitfield
    assert len(octets) == (bitfield.length + 7) // 8


@given(length=lengths, octets=st.binary(max_size=40))
def test_any_octets_are_a_bitfield_or_a_value_error(length: int, octets: bytes) -> None:
    try:
        bitfield = Bitfield.from_octets(length, octets)
    except ValueError:
        return
    assert bitfield.to_octets() == octets


def test_the_first_index_is_the_high_bit_of_the_first_octet() -> None:
    assert Bitfield(10, 0b1).to_octets() == b"\x80\x00"
    assert Bitfield(10, 1 << 9).to_octets() == b"\x00\x40"


@pytest.mark.parametrize("octets", [b"\x00\x20", b"\xff\xff", b"\xff", b"\xff\x00\x00", b""])
def test_spare_bits_and_wrong_lengths_are_refused(octets: bytes) -> None:
    with pytest.raises(ValueError):
        Bitfield.from_octets(10, octets)


def test_a_cleared_index_is_gone() -> None:
    bitfield = Bitfield.full_of(3)
    bitfield.clear(1)
    bitfield.clear(1)
    assert list(bitfield) == [0, 2]


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_outside_is_an_error_in_writing_and_absent_in_reading(index: int) -> None:
    bitfield = Bitfield.full_of(3)
    assert index not in bitfield
    for write in (bitfield.set, bitfield.clear):
        with pytest.raises(IndexError):
            write(index)


def test_bits_outside_are_refused() -> None:
    with pytest.raises(ValueError):
        Bitfield(3, 0b1000)
    with pytest.raises(ValueError):
        Bitfield(-1)
    bitfield = Bitfield(3)
    with pytest.raises(ValueError):
        bitfield.bits = -1
    bitfield.bits = 0b101
    assert list(bitfield) == [0, 2]


def test_a_bitfield_of_nothing_is_full() -> None:
    assert Bitfield(0).full
    assert Bitfield(0).to_octets() == b""


def test_a_copy_is_independent() -> None:
    bitfield = Bitfield(3)
    copy = bitfield.copy()
    bitfield.set(0)
    assert 0 not in copy
    assert copy != bitfield
    assert bitfield == Bitfield(3, 0b1)
    assert Bitfield(3) != Bitfield(4)
    assert bitfield != {0}
    assert repr(bitfield) == "<Bitfield 1/3>"


@given(st.sets(st.integers(0, 5000)))
def test_indices_of_an_int_are_its_set_bits(indices: set[int]) -> None:
    assert list(indices_of(sum(1 << index for index in indices))) == sorted(indices)
