"""The monitor: everything is explained, nothing of a stranger's reaches the terminal raw."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.wire.onair import pdu_forms as forms

from meshdl.content.precedence import Precedence
from meshdl.content.record import sign
from meshdl.ids import Callsign, ContentHash, content_hash
from meshdl.radio.monitor import REMEMBERED_MAX, Heard, HeardKind, Monitor
from meshdl.wire import ax25
from meshdl.wire.ax25 import Address, Ax25Frame, Digipeater, Kind
from meshdl.wire.capture import Captured, Framing
from meshdl.wire.onair import frames, info_segments
from meshdl.wire.onair.codes import ContentTag, content_tag, station_tag
from meshdl.wire.onair.pdus import (
    SYMBOL_OCTETS,
    AirObject,
    Codec,
    Cq,
    Form,
    Have,
    ObjectKind,
    Objects,
    Pdu,
    Run,
    ShortSymbol,
    Symbols,
    Want,
    Wanted,
)

TAG = ContentTag(b"\xa1\xb2\xc3\xd4")
CALL = Callsign("KA1ABC-7")
AT = 86_400.0 * 20_000 + 3661  # 01:01:01Z of some day


def bare(octets: bytes) -> Captured:
    return Captured(at=AT, framing=Framing.BARE, octets=octets)


def ui(info: bytes, **fields: object) -> Captured:
    frame = Ax25Frame(
        destination=Address("MESHDL"),
        source=Address("KA1ABC", 7),
        info=info,
        **fields,  # type: ignore[arg-type]
    )
    return Captured(at=AT, framing=Framing.AX25, octets=ax25.encode(frame))


def leaf(number: int = 3, form: Form | None = None) -> AirObject:
    form = form or Form(Codec.RAW, 342)
    return AirObject(content=TAG, kind=ObjectKind.LEAF, number=number, form=form)


@pytest.mark.parametrize(
    ("captured", "kind", "line"),
    [
        (
            bare(frames.encode([Cq(locator="FN42", gateway=True)], sender=CALL)),
            HeardKind.MESHDL,
            "01:01:01Z  KA1ABC-7  CQ from FN42, reaches the Internet",
        ),
        (
            ui(
                frames.encode(
                    [
                        Cq(
                            haves=(
                                Have(
                                    content=TAG,
                                    precedence=Precedence.EMERGENCY,
                                    size_class=107,
                                    info=False,
                                    chunks=(Run(0, 4), Run(6, 1)),
                                ),
                            ),
                            seeks=(TAG,),
                        )
                    ]
                )
            ),
            HeardKind.MESHDL,
            (
                "01:01:01Z  KA1ABC-7 > MESHDL  CQ, has a1b2c3d4 [EMERGENCY, up to 45056 octets, "
                "chunks 0-3, 6, without INFO], seeks a1b2c3d4"
            ),
        ),
        (
            bare(
                frames.encode(
                    [
                        Want(
                            TAG,
                            (
                                Wanted(Objects(ObjectKind.LEAF, 0, 4)),
                                Wanted(Objects(ObjectKind.LEAF, 9, 1), 17, Form(Codec.ZSTD, 99, 7)),
                            ),
                        )
                    ]
                )
            ),
            HeardKind.MESHDL,
            (
                "01:01:01Z  ?  wants of a1b2c3d4: leaves 0-3; leaf 9, 17 symbols "
                "(99 symbols, zstd 0007)"
            ),
        ),
        (
            bare(frames.encode([Want(TAG, (Wanted(Objects(ObjectKind.LEAF, 0, 4)),), True)])),
            HeardKind.MESHDL,
            "01:01:01Z  ?  wants (attended) of a1b2c3d4: leaves 0-3",
        ),
        (
            bare(frames.encode([Symbols(leaf(), 512, bytes(96))])),
            HeardKind.MESHDL,
            "01:01:01Z  ?  repair symbols 512-513 of leaf 3 of a1b2c3d4 (342 symbols, as it is)",
        ),
        (
            bare(
                frames.encode(
                    [Symbols(leaf(), 0, b"Shelter open\nat the school.".ljust(48, b"\0"))]
                )
            ),
            HeardKind.MESHDL,
            (
                "01:01:01Z  ?  symbol 0 of leaf 3 of a1b2c3d4 (342 symbols, as it is): "
                '"Shelter open / at the school."'
            ),
        ),
        (
            bare(b"DE N0CALL FN42\0\0"),
            HeardKind.IDENTIFICATION,
            "01:01:01Z  N0CALL  identifies as N0CALL FN42",
        ),
        (bare(b"\xd2\x00\x01"), HeardKind.LATER_VERSION, "meshdl of a later version"),
        (bare(b"\xd1\x00\x01\x21\x00"), HeardKind.DAMAGED, "it was damaged"),
        (bare(b"hello \x1b[2J"), HeardKind.UNKNOWN, "not understood: hello \ufffd[2J"),
        (
            ui(b"!4903.50N/07201.75W-Test", path=(Digipeater(Address("N0AAA"), repeated=True),)),
            HeardKind.APRS,
            "KA1ABC-7 > MESHDL,N0AAA*  position at 49.0583°N 72.0292°W: Test",
        ),
        (ui(b"\x1b]0;owned\x07"), HeardKind.APRS, "text: \ufffd]0;owned\ufffd"),
        (ui(b"hello", kind=Kind.I, n_s=2, n_r=3), HeardKind.AX25, "I N(S) 2 N(R) 3: hello"),
        (ui(b"", kind=Kind.SABM, pid=None, poll_final=True), HeardKind.AX25, "SABM P/F"),
        (ui(b"ABC", pid=0xCF), HeardKind.AX25, "UI NET/ROM: 3 octets"),
        (
            Captured(at=AT, framing=Framing.AX25, octets=b"noise"),
            HeardKind.DAMAGED,
            "5 octets are no AX.25 frame",
        ),
    ],
)
def test_whatever_is_heard_is_explained(captured: Captured, kind: HeardKind, line: str) -> None:
    heard = Monitor().hear(captured)
    assert heard.kind is kind
    assert line in heard.line()


def printed(heard: Heard) -> list[str]:
    return [heard.line(), *texts(heard.as_json())]


def texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in texts(item)]
        case dict():
            return [text for item in value.values() for text in texts(item)]
        case _:
            return []


@given(octets=st.binary(min_size=1, max_size=120), framing=st.sampled_from(Framing))
@example(octets=b"DE N0CALL \x9b2J", framing=Framing.BARE)
def test_no_octets_of_a_stranger_control_the_terminal(octets: bytes, framing: Framing) -> None:
    heard = Monitor().hear(Captured(at=AT, framing=framing, octets=octets))
    assert all(text.isprintable() for text in printed(heard))
    assert json.loads(json.dumps(heard.as_json()))["octets"] == octets.hex()


@given(st.text(max_size=100))
@example("\u202e reversed \x9b2J \x00")
def test_no_text_of_a_stranger_controls_the_terminal(text: str) -> None:
    monitor = Monitor()
    info = text.encode("utf-8", errors="surrogatepass")
    for captured in (ui(info), ui(b">" + info), ui(b":N0CALL   :" + info), ui(info, pid=1)):
        assert all(text.isprintable() for text in printed(monitor.hear(captured)))
    monitor.tell_title(TAG, text)
    heard = monitor.hear(bare(frames.encode([Cq(seeks=(TAG,))])))
    assert heard.line().isprintable()


@given(st.lists(forms.pdus, min_size=1, max_size=2))
def test_every_pdu_has_words_and_values(pdus: list[Pdu]) -> None:
    heard = Monitor().hear(bare(frames.encode(pdus, sender=CALL)))
    assert (heard.kind, heard.source) == (HeardKind.MESHDL, CALL)
    assert heard.line().isprintable()
    details = json.loads(json.dumps(heard.as_json()))["details"]
    assert len(details["pdus"]) == len(pdus)


def test_a_station_tag_gets_its_name_when_the_name_was_heard() -> None:
    monitor = Monitor()
    tagged = bare(frames.encode([Cq()], sender=station_tag(CALL)))
    assert monitor.hear(tagged).source == "station 478e"
    monitor.hear(bare(b"DE KA1ABC-7"))
    assert monitor.hear(tagged).source == CALL


@pytest.mark.parametrize(
    "introduction", [bare(frames.encode([Cq()], sender=CALL)), ui(b">a status of no importance")]
)
def test_a_name_is_learnt_from_senders_and_addresses_too(introduction: Captured) -> None:
    monitor = Monitor()
    monitor.hear(introduction)
    assert monitor.hear(bare(frames.encode([Cq()], sender=station_tag(CALL)))).source == CALL


def test_a_short_symbol_gets_its_content_when_the_object_was_introduced() -> None:
    monitor = Monitor()
    short = bare(
        frames.encode_short(ShortSymbol(frames.object_tag(leaf()), 600, bytes(SYMBOL_OCTETS)))
    )
    assert "not introduced yet" in monitor.hear(short).summary
    monitor.hear(bare(frames.encode([leaf()])))
    assert "repair symbol 600 of leaf 3 of a1b2c3d4" in monitor.hear(short).summary
    wrong = ShortSymbol(frames.object_tag(leaf()), 400, bytes(SYMBOL_OCTETS))
    assert "has not" in monitor.hear(bare(frames.encode_short(wrong))).summary


def signed_info(title: str, content: ContentHash | None = None) -> tuple[ContentTag, bytes]:
    """An INFO of one segment, and its tag."""
    empty = info_segments.Info(record=b"", info_octets=b"d4:name1:xe", chunk_hashes=b"")
    record = sign(
        content_hash=content or empty.content,
        title=title,
        octets=5,
        originator=CALL,
        precedence=Precedence.ROUTINE,
        tags=(),
        media_type="",
        created_at=1,
        expires_at=2,
        private_key=Ed25519PrivateKey.from_private_bytes(bytes(32)),
    )
    info = info_segments.Info(
        record=record.encode(), info_octets=empty.info_octets, chunk_hashes=b""
    )
    [segment] = info_segments.segments(info)
    return content_tag(info.content), segment


def info_frames(content: ContentTag, segment: bytes) -> list[bytes]:
    count = -(-len(segment) // SYMBOL_OCTETS)
    of = AirObject(content=content, kind=ObjectKind.INFO, number=0, form=Form(Codec.RAW, count))
    padded = segment.ljust(count * SYMBOL_OCTETS, b"\0")
    half = count // 2
    parts = [(0, padded[: half * SYMBOL_OCTETS]), (half, padded[half * SYMBOL_OCTETS :])]
    return [frames.encode([Symbols(of, first, octets)]) for first, octets in parts]


def test_a_content_gets_the_title_of_an_info_that_was_heard_whole() -> None:
    monitor = Monitor()
    content, segment = signed_info("Shelter map")
    first, second = info_frames(content, segment)
    assert "Shelter map)" not in monitor.hear(bare(second)).summary
    assert f"of {content.hex()} (Shelter map)" in monitor.hear(bare(first)).summary


def test_a_title_that_nobody_signed_for_this_content_is_not_shown() -> None:
    monitor = Monitor()
    content, segment = signed_info("Liar", content_hash(bytes(32)))
    for octets in info_frames(content, segment):
        monitor.hear(bare(octets))
    assert "(Liar)" not in monitor.hear(bare(frames.encode([Cq(seeks=(content,))]))).summary


def test_a_flood_of_names_takes_no_more_memory() -> None:
    monitor = Monitor()
    calls = [
        Callsign(f"N{number % 10}A{chr(65 + number // 10 % 26)}{chr(65 + number // 260)}")
        for number in range(REMEMBERED_MAX + 500)
    ]
    for call in calls:
        monitor.hear(bare(frames.encode([leaf(len(call))], sender=call)))
    assert monitor.hear(bare(frames.encode([], sender=station_tag(calls[-1])))).source == calls[-1]
    first = monitor.hear(bare(frames.encode([], sender=station_tag(calls[0]))))
    assert first.source.startswith("station")


def test_what_the_modem_measured_is_shown() -> None:
    heard = Monitor().hear(bare(b"DE N0CALL"), snr_db=-3.4)
    assert heard.line() == "01:01:01Z -3 dB  N0CALL  identifies as N0CALL"
    assert heard.as_json()["snrDb"] == -3.4
