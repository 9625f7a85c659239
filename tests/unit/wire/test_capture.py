"""Capture files: what was heard comes back, and other authors' files are read."""

import struct
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshdl.errors import CaptureInvalid
from meshdl.wire import capture
from meshdl.wire.capture import Captured, Decoder, Framing


@st.composite
def captured(draw: st.DrawFn) -> Captured:
    framing = draw(st.sampled_from(Framing))
    return Captured(
        at=draw(st.integers(0, 2**32 - 1)),
        framing=framing,
        octets=draw(st.binary(min_size=1, max_size=300)),
        port=draw(st.integers(0, 15)) if framing is Framing.AX25 else 0,
    )


def read(octets: bytes, rng: Random | None = None) -> list[Captured]:
    """Everything in a file, in pieces of any length."""
    decoder, found = Decoder(), []
    while octets:
        step = rng.randint(1, 40) if rng else len(octets)
        found += decoder.feed(octets[:step])
        octets = octets[step:]
    decoder.end()
    return found


@given(heard=st.lists(captured(), max_size=6), seed=st.integers(0, 9), restarts=st.booleans())
def test_what_was_heard_comes_back(heard: list[Captured], seed: int, restarts: bool) -> None:
    between = capture.encode_head() if restarts else b""
    octets = capture.encode_head() + between.join(map(capture.encode, heard))
    assert read(octets, Random(seed)) == heard


def test_times_are_kept_to_the_microsecond() -> None:
    heard = Captured(at=1_700_000_000.123456, framing=Framing.BARE, octets=b"x")
    [found] = read(capture.encode_head() + capture.encode(heard))
    assert abs(found.at - heard.at) < 1e-6


def pcap(order: str, linktype: int, packet: bytes, *, nanoseconds: bool = False) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, linktype)
    return head + struct.pack(order + "IIII", 1000, 500, len(packet), len(packet)) + packet


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("linktype", "packet", "framing", "port"),
    [
        (capture.LINKTYPE_AX25_KISS, b"\x30frame", Framing.AX25, 3),
        (capture.LINKTYPE_AX25, b"frame", Framing.AX25, 0),
        (capture.LINKTYPE_USER0, b"frame", Framing.BARE, 0),
    ],
)
def test_pcap_files_of_either_byte_order_are_read(
    order: str, linktype: int, packet: bytes, framing: Framing, port: int
) -> None:
    [found] = read(pcap(order, linktype, packet), Random(1))
    assert (found.framing, found.octets, found.port) == (framing, b"frame", port)
    assert abs(found.at - 1000.0005) < 1e-6
    [found] = read(pcap(order, linktype, packet, nanoseconds=True))
    assert abs(found.at - 1000.0000005) < 1e-9


@pytest.mark.parametrize(
    ("linktype", "packet"), [(1, b"ethernet"), (202, b"\x01\x1e"), (202, b""), (202, b"\x00")]
)
def test_packets_that_are_no_frames_of_a_radio_are_left_out(linktype: int, packet: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(pcap("<", linktype, packet)) == []
    assert decoder.left_out == 1


def big_endian_block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(">II", kind, length) + body + struct.pack(">I", length)


def test_pcapng_of_the_other_byte_order_and_clock_is_read() -> None:
    section = big_endian_block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    # A name, then a resolution of 2^-10 s.
    options = struct.pack(">HH4sHHB3x", 2, 3, b"abc\0", 9, 1, 0x8A)
    interface = big_endian_block(1, struct.pack(">HHI", 202, 0, 0) + options)
    statistics = big_endian_block(5, bytes(12))
    packet = big_endian_block(6, struct.pack(">IIIII", 0, 0, 1024 * 5 + 512, 3, 3) + b"\x10hi")
    [found] = read(section + interface + statistics + packet)
    assert found == Captured(at=5.5, framing=Framing.AX25, octets=b"hi", port=1)


@given(st.binary(max_size=300))
@example(b"\x0a\x0d\x0d\x0a" + bytes(8))
def test_any_octets_are_a_capture_or_refused(octets: bytes) -> None:
    try:
        read(octets)
    except CaptureInvalid:
        return
    pytest.fail("no octets by chance are a capture")


@given(heard=st.lists(captured(), min_size=1, max_size=3), data=st.data())
def test_a_damaged_capture_is_read_or_refused(heard: list[Captured], data: st.DataObject) -> None:
    octets = bytearray(capture.encode_head() + b"".join(map(capture.encode, heard)))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(octets))
    except CaptureInvalid:
        return
    for one in found:  # and can be kept in another file
        assert read(capture.encode_head() + capture.encode(one)) != []


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        capture.encode_head()[:-1],
        capture.encode_head() + struct.pack("<II", 6, 0xFFFFFFFC),
        capture.encode_head() + struct.pack("<III", 6, 8, 8),
        capture.encode_head() + struct.pack("<IIII", 6, 16, 0, 16),
        capture.encode_head() + struct.pack("<IIIIIIII", 6, 32, 9, 0, 0, 0, 0, 32),
        capture.encode_head() + struct.pack("<IIIIIIII", 6, 32, 0, 0, 0, 9, 9, 32),
        capture.encode_head() + struct.pack("<IIIII", 1, 20, 202, 0, 20) * 300,
        # 2**32 s, in microseconds: a time that pcapng has room for, and nobody means.
        capture.encode_head()
        + struct.pack("<IIIIIIII", 6, 36, 1, 2**32 * 10**6 >> 32, 0, 1, 1, 0x41)
        + struct.pack("<I", 36),
        pcap("<", 202, b"\x00abc")[:24] + struct.pack("<IIII", 2**32 - 1, 10**6, 4, 4) + b"\0abc",
        pcap("<", 202, b"\x00abc")[:-1],
        pcap("<", 202, b"")[:-8] + b"\xff" * 8,
    ],
)
def test_what_cannot_be_read_is_said(octets: bytes) -> None:
    with pytest.raises(CaptureInvalid, match="pcapng and pcap are understood"):
        read(octets)


def test_a_length_that_no_capture_has_is_refused_before_it_is_waited_for() -> None:
    for octets in (
        capture.encode_head() + struct.pack("<III", 6, 0xFFFFFFFC, 0),
        pcap("<", 202, b"")[:-8] + struct.pack("<II", 0xFFFFFFFF, 0),
    ):
        with pytest.raises(CaptureInvalid, match="are allowed"):
            Decoder().feed(octets)


@pytest.mark.parametrize(
    "heard",
    [
        Captured(at=-1, framing=Framing.BARE, octets=b"x"),
        Captured(at=2**32, framing=Framing.BARE, octets=b"x"),
        Captured(at=1, framing=Framing.BARE, octets=bytes(5000)),
    ],
)
def test_what_is_no_frame_is_not_written(heard: Captured) -> None:
    with pytest.raises(ValueError, match="is not kept"):
        capture.encode(heard)
