"""KISS: whatever the serial line does, frames are whole or absent."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshdl.wire import kiss
from meshdl.wire.kiss import Command, KissFrame

payloads = st.binary(min_size=1, max_size=300)
ports = st.integers(0, 15)


@given(frames=st.lists(payloads, max_size=5), data=st.data())
def test_frames_survive_any_chunking(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(kiss.encode(frame) for frame in frames)
    decoder = kiss.Decoder()
    out: list[bytes] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)), label="octets per read")
        out += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert out == frames
    assert decoder.dropped == 0


@given(noise=st.binary(max_size=2000), frame=payloads)
@example(noise=b"\xc0\x00A\xdb", frame=b"\xdc")
def test_noise_costs_at_most_the_frame_it_touches(noise: bytes, frame: bytes) -> None:
    decoder = kiss.Decoder()
    decoder.feed(noise)  # never raises
    decoder.feed(kiss.encode(b"sacrificed"))
    assert decoder.feed(kiss.encode(frame)) == [frame]


@given(noise=st.binary(max_size=2000).filter(lambda noise: 0xC0 not in noise), frame=payloads)
def test_what_comes_before_the_first_delimiter_is_no_frame(noise: bytes, frame: bytes) -> None:
    assert kiss.Decoder().feed(noise + kiss.encode(frame)) == [frame]


@given(payload=payloads, port=ports)
@example(payload=b"\xc0\xdb\xdc\xdd", port=12)
def test_a_port_hears_its_own_frames(payload: bytes, port: int) -> None:
    octets = kiss.encode(payload, port=port)
    assert kiss.Decoder(port=port).feed(octets) == [payload]
    assert kiss.Decoder(port=(port + 1) % 16).feed(octets) == []
    assert kiss.Decoder().frames(octets) == [KissFrame(port, Command.DATA, payload)]


@given(payload=payloads, port=ports)
def test_nothing_inside_a_frame_looks_like_its_end(payload: bytes, port: int) -> None:
    octets = kiss.encode(payload, port=port)
    assert (octets[0], octets[-1]) == (kiss.FEND, kiss.FEND)
    assert kiss.FEND not in octets[1:-1]


@pytest.mark.parametrize(
    "octets",
    [
        b"\xc0\x00A\xdb\xc0",  # cut inside an escape
        b"\xc0\x00A\xdbB\xc0",  # an escape that is none
        b"\xc0\x00A\xdbB\xdcC\xc0",  # and then the end of one
        b"\xc0\x00\xc0",  # data without data
        b"\xc0\xc0\xc0",
        b"\x00A\xc0",  # no beginning
    ],
)
def test_what_is_not_whole_is_dropped(octets: bytes) -> None:
    decoder = kiss.Decoder()
    assert decoder.feed(octets) == []
    assert decoder.feed(kiss.encode(b"next")) == [b"next"]


def test_an_endless_frame_is_forgotten_and_takes_no_memory() -> None:
    decoder = kiss.Decoder()
    decoder.feed(b"\xc0")
    for _ in range(100):
        assert decoder.feed(bytes(1000)) == []
    assert decoder.dropped == 1
    assert decoder.feed(kiss.encode(b"next")) == [b"next"]


@pytest.mark.parametrize(
    ("octets", "on_the_wire"),
    [
        (kiss.encode_txdelay(300), "c0011ec0"),
        (kiss.encode_txdelay(2550, port=1), "c011ffc0"),
        (kiss.encode_txdelay(1920), "c001dbdcc0"),
        (kiss.encode_persistence(0.25), "c0023fc0"),
        (kiss.encode_persistence(1.0), "c002ffc0"),
        (kiss.encode_persistence(0.001), "c00200c0"),
        (kiss.encode_slot_time(100), "c0030ac0"),
        (kiss.encode_txtail(30), "c00403c0"),
        (kiss.encode_full_duplex(full_duplex=True), "c00501c0"),
        (kiss.encode_full_duplex(full_duplex=False), "c00500c0"),
        (kiss.encode_set_hardware(b"TNC"), "c006544e43c0"),
        (kiss.encode_return(), "c0ffc0"),
    ],
)
def test_settings_are_said_in_ms_and_sent_in_units_of_ten(octets: bytes, on_the_wire: str) -> None:
    assert octets.hex() == on_the_wire


@pytest.mark.parametrize(
    "encode",
    [
        lambda: kiss.encode(b""),
        lambda: kiss.encode(b"x", port=16),
        lambda: kiss.encode(b"x", port=-1),
        lambda: kiss.encode(bytes(5000)),
        lambda: kiss.encode_txdelay(2560),
        lambda: kiss.encode_slot_time(-10),
        lambda: kiss.encode_persistence(0),
        lambda: kiss.encode_persistence(1.1),
    ],
)
def test_what_a_tnc_cannot_take_is_not_sent(encode: object) -> None:
    assert callable(encode)
    with pytest.raises(ValueError, match=r"."):
        encode()
