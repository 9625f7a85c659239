"""AX.25: frames survive, strangers' octets are frames or refused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign
from meshdl.wire import ax25
from meshdl.wire.ax25 import Address, Ax25Frame, Digipeater, Kind, Role, decode, encode

addresses = st.builds(Address, st.from_regex("[A-Z0-9]{1,6}", fullmatch=True), st.integers(0, 15))
WITH_INFO = {Kind.I, Kind.UI, Kind.FRMR, Kind.XID, Kind.TEST}
SUPERVISORY = {Kind.RR, Kind.RNR, Kind.REJ, Kind.SREJ}
sequence = st.integers(0, 7)

# The example of the standard (3.12.4): N7LEM to NJ7P by way of N7OO-1, which has repeated.
STANDARD_EXAMPLE = bytes.fromhex("9c946ea04040e09c6e988a9a40609c6e9e9e4040e303f0")


@st.composite
def ax25_frames(draw: st.DrawFn) -> Ax25Frame:
    kind = draw(st.sampled_from(Kind))
    role = draw(st.sampled_from(Role))
    return Ax25Frame(
        destination=draw(addresses),
        source=draw(addresses),
        path=tuple(draw(st.lists(st.builds(Digipeater, addresses, st.booleans()), max_size=8))),
        role=role,
        kind=kind,
        poll_final=draw(st.booleans()),
        n_s=draw(sequence) if kind is Kind.I else None,
        n_r=draw(sequence) if kind is Kind.I or kind in SUPERVISORY else None,
        pid=draw(st.integers(0, 255)) if kind in {Kind.I, Kind.UI} else None,
        info=draw(st.binary(max_size=300)) if kind in WITH_INFO else b"",
        old_address_bits=draw(st.booleans()) if role is Role.OLD else False,
    )


@given(ax25_frames())
def test_a_frame_arrives_as_it_was_sent(frame: Ax25Frame) -> None:
    assert decode(encode(frame)) == frame


@given(st.binary(max_size=100))
@example(b"")
@example(bytes(14) + b"\x03\xf0")
@example(b"\x40" * 700)
def test_any_octets_are_a_frame_or_refused(octets: bytes) -> None:
    try:
        frame = decode(octets)
    except RemoteProtocolError:
        return
    assert decode(encode(frame)) == frame


@given(frame=ax25_frames(), data=st.data())
def test_a_damaged_frame_is_a_frame_or_refused(frame: Ax25Frame, data: st.DataObject) -> None:
    octets = bytearray(encode(frame))
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(octets))
    except RemoteProtocolError:
        return


def test_the_example_of_the_standard_is_read() -> None:
    frame = decode(STANDARD_EXAMPLE)
    assert frame.destination == Address("NJ7P")
    assert frame.source == Address("N7LEM")
    assert frame.path == (Digipeater(Address("N7OO", 1), repeated=True),)
    assert (frame.role, frame.kind, frame.pid) == (Role.COMMAND, Kind.UI, 0xF0)
    assert frame.heard_from == Address("N7OO", 1)


def test_our_frames_are_ui_commands_to_everybody() -> None:
    octets = ax25.encode_ui(Address("KA1ABC", 7), b"hello")
    assert (
        octets
        == bytes.fromhex("9a8aa69088 98e0".replace(" ", ""))
        + bytes.fromhex("968262828486 6f 03 f0".replace(" ", ""))
        + b"hello"
    )
    frame = decode(octets)
    assert (frame.role, frame.kind, frame.path) == (Role.COMMAND, Kind.UI, ())
    assert frame.heard_from == frame.source == Address("KA1ABC", 7)


@pytest.mark.parametrize(
    ("control", "kind", "n_s", "n_r", "poll_final"),
    [
        (0x00, Kind.I, 0, 0, False),
        (0xF4, Kind.I, 2, 7, True),
        (0x01, Kind.RR, None, 0, False),
        (0xB5, Kind.RNR, None, 5, True),
        (0x29, Kind.REJ, None, 1, False),
        (0x2D, Kind.SREJ, None, 1, False),
        (0x3F, Kind.SABM, None, None, True),
        (0x7F, Kind.SABME, None, None, True),
        (0x53, Kind.DISC, None, None, True),
        (0x1F, Kind.DM, None, None, True),
        (0x73, Kind.UA, None, None, True),
        (0x87, Kind.FRMR, None, None, False),
        (0x03, Kind.UI, None, None, False),
        (0xAF, Kind.XID, None, None, False),
        (0xE3, Kind.TEST, None, None, False),
    ],
)
def test_every_control_field_of_the_standard_is_named(
    control: int, kind: Kind, n_s: int | None, n_r: int | None, poll_final: bool
) -> None:
    octets = STANDARD_EXAMPLE[:21] + bytes([control])
    frame = decode(octets + (b"\xf0" if kind in {Kind.I, Kind.UI} else b""))
    assert (frame.kind, frame.n_s, frame.n_r) == (kind, n_s, n_r)
    assert frame.poll_final is poll_final


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (STANDARD_EXAMPLE[:20], "end too early"),
        (STANDARD_EXAMPLE[:21], "no control field"),
        (STANDARD_EXAMPLE[:22], "no protocol identifier"),
        (STANDARD_EXAMPLE[:21] + b"\x01more", "4 octets of information in a RR"),
        (STANDARD_EXAMPLE[:21] + b"\x0b", "not defined"),
        (STANDARD_EXAMPLE[:6] + b"\xe1" + STANDARD_EXAMPLE[7:], "one address only"),
        (b"\xc2" + STANDARD_EXAMPLE[1:], "no AX.25 address"),
        (b"\x40" * 6 + STANDARD_EXAMPLE[6:], "no AX.25 address"),
        (b"\x9d" + STANDARD_EXAMPLE[1:], "in its midst"),
        (STANDARD_EXAMPLE[:14] * 5 + STANDARD_EXAMPLE, "more than 8"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(octets: bytes, problem: str) -> None:
    with pytest.raises(RemoteProtocolError, match=problem):
        decode(octets)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": Kind.RR, "pid": None},
        {"kind": Kind.SABM},
        {"kind": Kind.SABM, "pid": None, "info": b"x"},
        {"n_s": 1},
        {"kind": Kind.I, "n_s": 8, "n_r": 0},
        {"pid": None},
        {"path": (Digipeater(Address("N0AAA")),) * 9},
        {"info": bytes(2049)},
    ],
)
def test_a_frame_that_cannot_be_is_not_sent(fields: dict[str, object]) -> None:
    frame = Ax25Frame(destination=Address("NJ7P"), source=Address("N0AAA"), **fields)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"."):
        encode(frame)


@pytest.mark.parametrize(("call", "ssid"), [("", 0), ("abc", 0), ("TOOLONG", 0), ("N0AAA", 16)])
def test_an_address_that_cannot_be_is_not_made(call: str, ssid: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        Address(call, ssid)


def test_a_callsign_is_an_address_if_it_is_short_enough() -> None:
    assert Address.of(Callsign("KA1ABC-7")) == Address("KA1ABC", 7)
    assert str(Address.of(Callsign("KA1ABC"))) == "KA1ABC"
    with pytest.raises(ValueError, match=r"no AX\.25 address"):
        Address.of(Callsign("AAA1AAAA"))
