"""Frames on the air: what was sent arrives, what was not sent is noticed."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.unit.wire.onair import pdu_forms as forms

from meshdl.content.precedence import Precedence
from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import ContentTag, StationTag, check_of, encode_number, station_tag
from meshdl.wire.onair.frames import Frame, Identification, decode, encode
from meshdl.wire.onair.pdus import (
    NEEDED_MAX,
    SYMBOL_OCTETS,
    AirObject,
    Codec,
    Cq,
    Enough,
    Form,
    Have,
    ObjectKind,
    Objects,
    Pdu,
    ShortSymbol,
    Symbols,
    Want,
    Wanted,
)
from meshdl.wire.onair.routes import Rerr, Rrep, Rreq
from meshdl.wire.onair.turn import TURN_S_MAX, Turn

TAG = ContentTag(b"\x12\x34\x56\x78")
CALL = Callsign("KA1ABC-7")
LONGEST_CALL = Callsign("AAA1AAAA-15")
COMPRESSED = Form(Codec.ZSTD, 300, 0xBEEF)
DATAC13_OCTETS = 14
DATAC4_OCTETS = 54


def leaf(number: int = 0, form: Form = COMPRESSED) -> AirObject:
    return AirObject(content=TAG, kind=ObjectKind.LEAF, number=number, form=form)


def sealed(pdus: bytes) -> bytes:
    """A frame of any octets, with the right check."""
    head = bytes([frames.PDUS_HEAD])
    return head + check_of(head + pdus).to_bytes(2, "big") + pdus


@given(
    pdus=st.lists(forms.pdus, min_size=1, max_size=3),
    sender=forms.senders,
    padding=st.integers(0, 60),
)
def test_a_frame_arrives_as_it_was_sent_however_it_is_filled_up(
    pdus: list[Pdu], sender: Callsign | StationTag | None, padding: int
) -> None:
    octets = encode(pdus, sender=sender)
    added = sum(map(frames.octets_of, pdus)) + frames.octets_of_sender(sender)
    assert len(octets) == frames.FRAME_HEAD_OCTETS + added
    assert decode(octets + bytes(padding)) == Frame(pdus=tuple(pdus), sender=sender)


@given(
    st.builds(
        ShortSymbol,
        st.integers(0, 2**16 - 1),
        st.integers(0, 2**16 - 1),
        st.binary(min_size=SYMBOL_OCTETS, max_size=SYMBOL_OCTETS),
    )
)
def test_a_short_symbol_fills_the_shortest_frame_that_takes_a_symbol(symbol: ShortSymbol) -> None:
    octets = frames.encode_short(symbol)
    assert len(octets) == DATAC4_OCTETS
    assert decode(octets) == decode(octets + bytes(3)) == symbol


@given(
    call=forms.callsigns,
    text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    filler=st.sampled_from([b"", b"   ", bytes(5)]),
)
def test_an_identification_is_plain_text(call: Callsign, text: str, filler: bytes) -> None:
    octets = frames.encode_identification(Identification(call, text.strip()))
    assert octets.decode("ascii").startswith(f"DE {call}")
    assert decode(octets + filler) == Identification(call, text.strip())


def test_the_longest_callsign_is_identified_in_the_shortest_frame() -> None:
    octets = frames.encode_identification(Identification(LONGEST_CALL))
    assert len(octets) == DATAC13_OCTETS


@given(st.binary(max_size=80))
@example(b"")
@example(b"\xd1")
@example(b"DE ")
@example(b"\xd1\x00\x00" + b"\xff" * 6)
def test_any_octets_are_a_frame_or_refused_or_not_ours(octets: bytes) -> None:
    try:
        found = decode(octets)
    except RemoteProtocolError:
        return
    if found is None:
        assert not octets or octets[0] not in {0xD1, 0xD9}


@given(body=st.binary(max_size=80), first=st.integers(0, 255))
@example(body=bytes(100), first=0x2F)
def test_any_pdus_under_a_right_check_are_read_or_refused(body: bytes, first: int) -> None:
    try:
        found = decode(sealed(bytes([first]) + body))
    except RemoteProtocolError:
        return
    assert isinstance(found, Frame)
    # There is one way to write each PDU, but for reserved bits and entries of the future.
    if found.pdus and not found.ignored:
        assert decode(encode(found.pdus, sender=found.sender)) == found


@given(pdu=forms.pdus, data=st.data())
def test_a_flipped_bit_is_noticed(pdu: Pdu, data: st.DataObject) -> None:
    octets = bytearray(encode([pdu]))
    bit = data.draw(st.integers(8, 8 * len(octets) - 1))
    octets[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RemoteProtocolError):
        decode(bytes(octets))


@given(pdu=forms.pdus, data=st.data())
def test_a_frame_cut_short_is_noticed(pdu: Pdu, data: st.DataObject) -> None:
    octets = encode([pdu])
    kept = octets[: data.draw(st.integers(1, len(octets) - 1))]
    # Zeros at the end may be missing and come back as a modem's filling.
    assume(octets.rstrip(b"\0") != kept.rstrip(b"\0"))
    try:
        assert decode(kept) == Frame(pdus=())
    except RemoteProtocolError:
        return
    pytest.fail(f"{kept.hex()} passed for a frame")


def test_only_zeros_follow_the_end() -> None:
    octets = encode([Cq()])
    with pytest.raises(RemoteProtocolError, match="follow its end"):
        decode(octets + b"\x00\x01")
    short = frames.encode_short(ShortSymbol(1, 2, bytes(SYMBOL_OCTETS)))
    with pytest.raises(RemoteProtocolError, match="follow its end"):
        decode(short + b"\x01")


def test_damage_is_nobodys_fault() -> None:
    octets = bytearray(encode([Cq(locator="FN42")]))
    octets[-1] ^= 1
    with pytest.raises(RemoteProtocolError) as caught:
        decode(bytes(octets))
    assert caught.value.penalty == 0


@pytest.mark.parametrize("octets", [b"", b"hello", b"\xd2abc", b"\xdaabc", b"\xc1abc", b"\x00" * 9])
def test_what_is_not_ours_or_of_a_later_version_is_left_alone(octets: bytes) -> None:
    assert decode(octets) is None


@pytest.mark.parametrize(
    ("octets", "later"), [(b"\xd2a", True), (b"\xdfa", True), (b"\xd1", False)]
)
def test_a_later_version_is_told_from_other_peoples_frames(octets: bytes, later: bool) -> None:
    assert frames.is_of_later_version(octets) is later
    assert not frames.is_of_later_version(b"!4237.14N/07120.83W-")


def test_a_pdu_of_the_future_is_skipped_and_its_neighbours_are_read() -> None:
    cq, enough = Cq(), Enough(TAG, (Objects(ObjectKind.LEAF, 0, 1),))
    octets = encode([cq, enough])[frames.FRAME_HEAD_OCTETS :]
    future = bytes([0xF3]) + b"abc" + bytes([0xFF, 20]) + bytes(20)
    found = decode(sealed(octets[:2] + future + octets[2:]))
    assert found == Frame(pdus=(cq, enough), ignored=(15, 15))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x59" + TAG + b"\x00\x30\x01\xff\xff", id="codec"),
        pytest.param(b"\x57" + TAG + b"\x03\x00\x01", id="kind of object"),
        pytest.param(b"\x37" + TAG + b"\x00\x03\x00", id="kind of wanted object"),
        pytest.param(b"\x3b" + TAG + b"\x00\x04\x30\x01\xff\xff\x00", id="wanted codec"),
        pytest.param(b"\x46" + TAG + b"\x00\x03", id="kind of object to stop"),
        pytest.param(
            b"\x61" + TAG + b"\x00\x30\x01\xff\xff\x00\x00" + bytes(48), id="codec of a symbol"
        ),
    ],
)
def test_what_a_later_version_speaks_about_is_ignored(body: bytes) -> None:
    assert decode(sealed(body)) == Frame(pdus=(), ignored=(body[0] >> 4,))


def test_a_want_keeps_the_entries_that_it_understands() -> None:
    body = b"\x3a" + TAG + b"\x07\x00\x09" + b"\x00\x03\x00"
    wanted = Wanted(Objects(ObjectKind.LEAF, 7, 1), 9)
    assert decode(sealed(body)) == Frame(pdus=(Want(TAG, (wanted,)),))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x34" + TAG, id="a WANT for nothing"),
        pytest.param(b"\x44" + TAG, id="an ENOUGH of nothing"),
        pytest.param(b"\x37" + TAG + b"\x07\x00", id="a WANT that ends early"),
        pytest.param(b"\x38" + TAG + b"\x87\x00\x00\x00", id="a number longer than needed"),
        pytest.param(b"\x3b" + TAG + b"\xff\xff\xff\xff\x7f\x00\x00", id="a number too large"),
        pytest.param(b"\x3b" + TAG + b"\xff\xff\xff\xff\x0f\x00\x00", id="no such object"),
        pytest.param(b"\x60" + TAG + b"\x00\x00\x01\x00\x00", id="a SYMBOL without symbols"),
        pytest.param(b"\x61" + TAG + b"\x00\x00\x01\x00\x00" + bytes(47), id="a cut symbol"),
        pytest.param(
            b"\x6f\x0e" + TAG + b"\x00\x00\x20\x00\x00" + bytes(14 * 48), id="a long count"
        ),
        pytest.param(b"\x62" + TAG + b"\x00\x00\x01\xff\xff" + bytes(96), id="ids beyond the last"),
        pytest.param(
            b"\x62" + TAG + b"\x00\x00\x01\x00\x00" + bytes(96), id="ids between K and 512"
        ),
        pytest.param(b"\x61" + TAG + b"\x00\x01\x57\x02\x00" + bytes(48), id="an absurd K"),
        pytest.param(b"\x61" + TAG + b"\x00\x00\x00\x02\x00" + bytes(48), id="no K"),
        pytest.param(b"\x58" + TAG + b"\x00\x00\x01\x00", id="an OBJECT that is too long"),
        pytest.param(b"\x21\x03", id="a locator of unknown length"),
        pytest.param(b"\x23\x01\xff\xff", id="a locator that is none"),
        pytest.param(b"\x22\x00\x01", id="a CQ that ends early"),
        pytest.param(
            b"\x2d\x00\x01" + TAG + b"\x04\x00\x02\x00\x00\x00\x00\x00", id="octets too many"
        ),
        pytest.param(b"\x16" + b"\xff" * 6, id="a callsign that is none"),
        pytest.param(b"\x13abc", id="a sender of three octets"),
        pytest.param(b"\x21\x00\x12\x00\x01", id="a sender in the midst"),
        pytest.param(b"\x01\x00", id="padding with a length"),
        pytest.param(b"\x58" + TAG + b"\x81\x08\x00\x01", id="segment 256 of an INFO"),
        pytest.param(
            b"\x71" + TAG + b"\x80\x02\x00\x01\x00\x00" + bytes(48), id="a symbol of segment 256"
        ),
        pytest.param(b"\x2f\x01\x00", id="a length longer than needed"),
        pytest.param(b"\x2f\xff\xff\xff\xff\x0f", id="an absurd length"),
        pytest.param(b"\xb2\x00\x00", id="a RERR of nothing"),
        pytest.param(b"\xc5abcde", id="a RREP-ACK that ends early"),
    ],
)
def test_a_malformed_pdu_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(sealed(body))


@pytest.mark.parametrize("attended", [False, True])
@pytest.mark.parametrize("needed", [0, 1, NEEDED_MAX])
@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 16), (127, 16)])
def test_a_want_and_who_wants_fit_in_fourteen_octets(
    first: int, count: int, needed: int, attended: bool
) -> None:
    want = Want(TAG, (Wanted(Objects(ObjectKind.LEAF, first, count), needed),), attended)
    octets = encode([want], sender=station_tag(CALL))
    assert len(octets) == DATAC13_OCTETS
    assert decode(octets) == Frame(pdus=(want,), sender=station_tag(CALL))


@pytest.mark.parametrize(
    ("pdu", "sender"),
    [
        pytest.param(Cq(gateway=True), CALL, id="a CQ that says no more than who"),
        pytest.param(Cq(locator="FN42ab"), station_tag(CALL), id="a CQ with its place"),
        pytest.param(Cq(locator="FN42", seeks=(TAG,)), None, id="a CQ that seeks a content"),
        pytest.param(
            Cq(haves=(Have(content=TAG, precedence=Precedence.EMERGENCY, size_class=9),)),
            None,
            id="a CQ that has a content",
        ),
        pytest.param(
            Enough(TAG, (Objects(ObjectKind.LEAF, 0, 32),)), station_tag(CALL), id="an ENOUGH"
        ),
        pytest.param(leaf(4095), None, id="an OBJECT"),
    ],
)
def test_other_pdus_that_fit_in_fourteen_octets(pdu: Pdu, sender: Callsign | None) -> None:
    assert len(encode([pdu], sender=sender)) <= DATAC13_OCTETS


@pytest.mark.parametrize(
    ("payload_octets", "sender", "symbols"),
    [
        pytest.param(14, None, 0, id="DATAC0 and DATAC13"),
        pytest.param(54, None, 0, id="DATAC4, see the short symbol"),
        pytest.param(126, CALL, 2, id="DATAC3"),
        pytest.param(256, None, 5, id="AX.25"),
        pytest.param(510, CALL, 10, id="DATAC1"),
        pytest.param(1000, None, 20, id="long AX.25"),
        pytest.param(5000, None, 20, id="never more than the longest frame"),
    ],
)
@pytest.mark.parametrize("number", [0, 127, 128, 16383])
def test_symbols_fill_the_frames_of_each_modem(
    payload_octets: int, sender: Callsign | None, symbols: int, number: int
) -> None:
    others = frames.octets_of_sender(sender)
    of = leaf(number)
    fitting = frames.symbols_that_fit(of, payload_octets, others_octets=others)
    assert fitting == symbols
    if symbols:
        made = encode([Symbols(of, 512, bytes(SYMBOL_OCTETS * symbols))], sender=sender)
        assert len(made) <= payload_octets


@pytest.mark.parametrize("count", [1, 14, 15, 20])
def test_however_many_symbols_there_are_they_arrive(count: int) -> None:
    symbols = Symbols(leaf(), 280, bytes(range(48)) * count)
    assert decode(encode([symbols])) == Frame(pdus=(symbols,))


def test_an_object_is_called_by_its_own_check() -> None:
    forms = Form(Codec.RAW, 1), Form(Codec.RAW, 9)
    tags = {frames.object_tag(leaf(number, form)) for number in range(50) for form in forms}
    assert len(tags) == 100


def test_route_messages_fit_in_fifty_four_octets() -> None:
    rreq = Rreq(
        ttl=7,
        hop_count=0,
        rreq_id=1,
        destination=LONGEST_CALL,
        destination_sequence=2,
        originator=CALL,
        originator_sequence=3,
    )
    rrep = Rrep(
        next_hop=CALL,
        ttl=7,
        hop_count=0,
        destination=LONGEST_CALL,
        destination_sequence=2,
        originator=CALL,
        lifetime_ms=6000,
    )
    assert max(len(encode([pdu], sender=CALL)) for pdu in (rreq, rrep)) <= DATAC4_OCTETS


@pytest.mark.parametrize("pdus", [[], [leaf()] * 200])
def test_a_frame_is_neither_empty_nor_too_long(pdus: list[Pdu]) -> None:
    with pytest.raises(ValueError, match="do not make a frame"):
        encode(pdus)


def test_a_frame_longer_than_any_is_refused() -> None:
    filler = frames.FRAME_OCTETS_MAX - 6
    body = b"\xff" + encode_number(filler) + bytes(filler)
    assert len(sealed(body)) == frames.FRAME_OCTETS_MAX
    assert decode(sealed(body)) == Frame(pdus=(), sender=None, ignored=(15,))
    with pytest.raises(RemoteProtocolError, match="1000 are allowed"):
        decode(sealed(body) + b"\0")


def test_a_frame_may_say_no_more_than_who_sends() -> None:
    assert decode(encode([], sender=CALL)) == Frame(pdus=(), sender=CALL)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Have(content=ContentTag(b"abc"), precedence=Precedence.ROUTINE, size_class=1),
        lambda: Have(content=TAG, precedence=Precedence.ROUTINE, size_class=256),
        lambda: Cq(locator="FN4"),
        lambda: Want(TAG, ()),
        lambda: Want(TAG, (Wanted(Objects(ObjectKind.LEAF, 0, 1), 256),)),
        lambda: Turn(0),
        lambda: Turn(TURN_S_MAX + 1),
        lambda: Turn(1, StationTag(2**16)),
        lambda: Enough(TAG, (Objects(ObjectKind.LEAF, 0, 0),)),
        lambda: Enough(TAG, (Objects(ObjectKind.LEAF, 2**30 - 2, 2),)),
        lambda: Form(Codec.RAW, 0),
        lambda: Form(Codec.RAW, 343),
        lambda: Form(Codec.RAW, 1, 1),
        lambda: Form(Codec.ZSTD, 1, 2**16),
        lambda: leaf(number=2**30),
        lambda: Symbols(leaf(), 0, bytes(47)),
        lambda: Symbols(leaf(), 300, bytes(48)),
        lambda: Symbols(leaf(), 299, bytes(96)),
        lambda: Symbols(leaf(), 2**16 - 1, bytes(96)),
        lambda: ShortSymbol(0, 0, bytes(47)),
        lambda: ShortSymbol(2**16, 0, bytes(48)),
        lambda: Rerr(()),
    ],
)
def test_a_value_that_no_octets_can_carry_is_not_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=r"."):
        make()
