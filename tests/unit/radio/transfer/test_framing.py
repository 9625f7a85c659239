"""Symbols into frames: all of them, in order, in frames that fit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.radio.stations import AFSK, DATAC1, DATAC13, KA1ABC

from meshdl.radio.transfer.framing import Run, carries_symbols, frames_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.frames import Frame, object_tag
from meshdl.wire.onair.pdus import AirObject, Codec, Form, ObjectKind, ShortSymbol, Symbols

WITH_ADDRESSES = replace(AFSK, carries_sender=True)
SHORT = replace(DATAC1, name="DATAC4", payload_octets_max=54)


def leaf(number: int, form: Form | None = None) -> AirObject:
    return AirObject(
        content=ContentTag(b"abcd"),
        kind=ObjectKind.LEAF,
        number=number,
        form=form or Form(Codec.RAW, 342),
    )


def run(number: int, first: int, count: int) -> Run:
    return Run(leaf(number), first, [bytes([number, at]) * 24 for at in range(count)])


def sent(made: list[bytes]) -> list[tuple[int, int, bytes]]:
    """Object number, symbol id and octets of all symbols in these frames."""
    found: list[tuple[int, int, bytes]] = []
    introduced: dict[int, AirObject] = {}
    for octets in made:
        frame = frames.decode(octets)
        if isinstance(frame, ShortSymbol):
            of = introduced[frame.object_tag]
            found.append((of.number, frame.symbol, frame.octets))
            continue
        assert isinstance(frame, Frame)
        for pdu in frame.pdus:
            if isinstance(pdu, AirObject):
                introduced[object_tag(pdu)] = pdu
            elif isinstance(pdu, Symbols):
                for at in range(pdu.count):
                    symbol = pdu.octets[48 * at : 48 * at + 48]
                    found.append((pdu.of.number, pdu.first + at, symbol))
    return found


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    traits=st.sampled_from([AFSK, WITH_ADDRESSES, DATAC1, SHORT]),
    octets=st.integers(54, 510),
)
def test_every_symbol_goes_out_once_in_frames_that_fit(
    counts: list[int], traits: object, octets: int
) -> None:
    assert isinstance(traits, type(AFSK))
    runs = [run(number, 0, count) for number, count in enumerate(counts)]
    room = min(octets, traits.payload_octets_max)
    made = frames_of(runs, traits, frame_octets=room, own=KA1ABC)
    assert all(len(one) <= room for one in made)
    expected = [
        (number, at, symbol)
        for number, one in enumerate(runs)
        for at, symbol in enumerate(one.symbols)
    ]
    assert sent(made) == expected


def test_the_first_frame_says_who_sends_where_addresses_do_not() -> None:
    with_name = frames_of([run(0, 0, 20)], DATAC1, frame_octets=510, own=KA1ABC)
    senders = [frames.decode(one).sender for one in with_name]  # type: ignore[union-attr]
    assert senders == [KA1ABC, None]
    without = frames_of([run(0, 0, 20)], WITH_ADDRESSES, frame_octets=256, own=KA1ABC)
    assert {frames.decode(one).sender for one in without} == {None}  # type: ignore[union-attr]


def test_a_frame_is_filled_from_the_next_object() -> None:
    made = frames_of([run(0, 0, 6), run(1, 0, 4)], DATAC1, frame_octets=510, own=KA1ABC)
    [first, *_] = [frames.decode(one) for one in made]
    assert isinstance(first, Frame)
    assert [pdu.of.number for pdu in first.pdus if isinstance(pdu, Symbols)] == [0, 1]


def test_frames_too_short_for_a_symbol_are_refused() -> None:
    assert not carries_symbols(DATAC13)
    with pytest.raises(ValueError, match="DATAC13 carries no symbols"):
        frames_of([run(0, 0, 1)], DATAC13, frame_octets=14, own=KA1ABC)
