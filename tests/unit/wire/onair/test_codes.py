"""The small codes: one code for each value, and none for what is no value."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.wire.onair.pdu_forms import callsigns

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign
from meshdl.wire.onair import codes
from meshdl.wire.onair.codes import NUMBER_MAX, Reader


@given(callsigns)
@example(Callsign("AAA1AAAA-15"))
@example(Callsign("N0A"))
def test_a_callsign_survives_six_octets(call: Callsign) -> None:
    octets = codes.encode_callsign(call)
    assert len(octets) == codes.CALL_OCTETS
    assert codes.decode_callsign(octets) == call


def test_ssid_zero_is_no_ssid() -> None:
    assert codes.encode_callsign(Callsign("KA1ABC-0")) == codes.encode_callsign(Callsign("KA1ABC"))


@given(st.binary(min_size=6, max_size=6))
@example(bytes(6))
@example(b"\xff" * 6)
def test_any_six_octets_are_one_callsign_or_refused(octets: bytes) -> None:
    try:
        call = codes.decode_callsign(octets)
    except RemoteProtocolError:
        return
    assert codes.encode_callsign(call) == octets


@given(st.integers(0, NUMBER_MAX))
@example(NUMBER_MAX)
def test_a_number_has_one_code_and_its_length_follows_its_size(number: int) -> None:
    octets = codes.encode_number(number)
    assert len(octets) == max(1, -(-number.bit_length() // 7))
    reader = Reader(octets, "number")
    assert reader.number() == number
    reader.end()


@pytest.mark.parametrize("octets", ["", "80", "8000", "ffffffff7f", "ffffffffff01", "818000"])
def test_a_number_of_another_form_is_refused(octets: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Reader(bytes.fromhex(octets), "number").number()


@pytest.mark.parametrize("number", [-1, NUMBER_MAX + 1])
def test_a_number_that_does_not_fit_is_not_sent(number: int) -> None:
    with pytest.raises(ValueError, match="is not in"):
        codes.encode_number(number)


@given(st.from_regex("[A-R]{2}[0-9]{2}(?:[a-x]{2})?", fullmatch=True))
@example("RR99xx")
@example("AA00")
def test_a_locator_survives_two_or_four_octets(locator: str) -> None:
    octets = codes.encode_locator(locator)
    assert len(octets) == {4: 2, 6: 4}[len(locator)]
    assert codes.decode_locator(octets) == locator


@pytest.mark.parametrize("octets", [(32400).to_bytes(2, "big"), (18_662_400).to_bytes(4, "big")])
def test_a_number_above_the_last_locator_is_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="no locator"):
        codes.decode_locator(octets)


@given(st.integers(0, 16_106_127_360))
@example(16_106_127_360)
def test_a_size_class_says_an_eighth_too_much_at_most(octets: int) -> None:
    about = codes.class_octets(codes.size_class(octets))
    assert octets <= about <= octets + octets // 8


def test_the_last_size_class_takes_all_above() -> None:
    assert codes.size_class(2**48) == codes.SIZE_CLASS_MAX


def test_the_check_is_the_published_one() -> None:
    # The catalogue's check value of CRC-16/T10-DIF.
    assert codes.check_of(b"123456789") == 0xD0DB
