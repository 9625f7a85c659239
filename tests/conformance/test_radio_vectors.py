"""``docs/protocol/radio.md`` and the code say the same: both are held to the vectors."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign
from meshdl.radio.erasure import encoder, ids
from meshdl.wire import ax25, capture, kiss
from meshdl.wire.onair import bodies, codes, frames, info_segments, pdus
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.frames import Frame, Identification
from meshdl.wire.onair.info_segments import Info
from meshdl.wire.onair.pdus import ShortSymbol
from meshdl.wire.plain import plain

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol"
PAGE = (PROTOCOL / "radio.md").read_text(encoding="utf-8")
VECTORS: dict[str, Any] = json.loads(
    (PROTOCOL / "vectors" / "radio.json").read_text(encoding="utf-8")
)


def by_name(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in VECTORS[kind]]


def type_of(pdu: pdus.Pdu) -> str:
    pdu_type, body = bodies.encode_body(pdu)
    extended = pdu_type is bodies.PduType.EXTENDED
    return bodies.ExtendedType(body[0]).name if extended else pdu_type.name


def frame_of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["frame"])


@pytest.mark.parametrize("vector", by_name("frames"))
def test_a_frame_is_read_and_made_octet_for_octet(vector: dict[str, Any]) -> None:
    frame = frames.decode(frame_of(vector))
    assert isinstance(frame, Frame)
    assert frame.sender == vector["sender"]
    read = [(type_of(pdu), plain(pdu)) for pdu in frame.pdus]
    assert read == [(one.pop("type"), one) for one in map(dict, vector["pdus"])]
    assert frames.encode(frame.pdus, sender=frame.sender) == frame_of(vector)


@pytest.mark.parametrize("vector", by_name("also"))
def test_what_says_the_same_in_other_octets_is_read(vector: dict[str, Any]) -> None:
    same, other = (frames.decode(bytes.fromhex(vector[name])) for name in ("sameAs", "frame"))
    assert isinstance(same, Frame)
    assert isinstance(other, Frame)
    assert (same.pdus, same.sender) == (other.pdus, other.sender)


@pytest.mark.parametrize("vector", by_name("shortSymbols"))
def test_a_short_symbol_names_its_object(vector: dict[str, Any]) -> None:
    symbol = ShortSymbol(vector["objectTag"], vector["symbol"], bytes.fromhex(vector["octets"]))
    assert frames.decode(frame_of(vector)) == symbol
    assert frames.encode_short(symbol) == frame_of(vector)
    [of] = [
        one
        for vector_of in VECTORS["frames"]
        for one in getattr(frames.decode(frame_of(vector_of)), "pdus", ())
        if isinstance(one, pdus.AirObject) and plain(one) == vector["object"]
    ]
    assert frames.object_tag(of) == vector["objectTag"]


@pytest.mark.parametrize("vector", VECTORS["identifications"], ids=lambda one: one["callsign"])
def test_an_identification_is_text(vector: dict[str, Any]) -> None:
    found = frames.decode(vector["text"].encode("ascii"))
    assert isinstance(found, Identification)
    assert found.callsign == vector["callsign"]
    assert frames.encode_identification(found).decode("ascii") == vector["text"]


@pytest.mark.parametrize("vector", by_name("leftAlone"))
def test_what_is_not_of_this_version_is_left_alone(vector: dict[str, Any]) -> None:
    assert frames.decode(frame_of(vector)) is None


@pytest.mark.parametrize("vector", by_name("refused"))
def test_what_is_malformed_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        frames.decode(frame_of(vector))


def test_the_small_codes_are_those_of_the_vectors() -> None:
    for one in VECTORS["callsigns"]:
        call = Callsign(one["callsign"])
        assert codes.encode_callsign(call).hex() == one["code"]
        assert codes.decode_callsign(bytes.fromhex(one["code"])) == call
        assert codes.station_tag(call) == one["stationTag"]
    for one in VECTORS["locators"]:
        assert codes.encode_locator(one["locator"]).hex() == one["code"]
    for one in VECTORS["numbers"]:
        assert codes.encode_number(one["number"]).hex() == one["code"]
    for one in VECTORS["sizeClasses"]:
        assert codes.size_class(one["octets"]) == one["class"]
        assert codes.class_octets(one["class"]) == one["atMost"]


@pytest.mark.parametrize("vector", VECTORS["info"], ids=lambda one: one["contentTag"])
def test_an_info_is_cut_in_its_segments(vector: dict[str, Any]) -> None:
    info = Info(
        record=bytes.fromhex(vector["record"]),
        info_octets=bytes.fromhex(vector["infoDictionary"]),
        chunk_hashes=bytes.fromhex(vector["chunkHashes"]),
    )
    sent = [bytes.fromhex(one) for one in vector["segments"]]
    tag = ContentTag(bytes.fromhex(vector["contentTag"]))
    assert info_segments.segments(info) == sent
    assert info_segments.join(tag, dict(enumerate(sent))) == info


@pytest.mark.parametrize("vector", by_name("ax25"))
def test_an_ax25_frame_is_read_and_made(vector: dict[str, Any]) -> None:
    frame = ax25.decode(frame_of(vector))
    path = [f"{one.address}{'*' if one.repeated else ''}" for one in frame.path]
    assert {
        "destination": str(frame.destination),
        "source": str(frame.source),
        "path": path,
        "kind": frame.kind.value,
        "pid": frame.pid,
        "info": frame.info.hex(),
    } == {name: vector[name] for name in vector if name not in {"name", "frame"}}
    assert ax25.encode(frame) == frame_of(vector)


@pytest.mark.parametrize("vector", by_name("kiss"))
def test_a_kiss_stream_is_read(vector: dict[str, Any]) -> None:
    [found] = kiss.Decoder().frames(bytes.fromhex(vector["stream"]))
    assert (found.port, found.command) == (vector["port"], vector["command"])
    assert found.octets == bytes.fromhex(vector["octets"])
    if not found.command:
        assert kiss.encode(found.octets, port=found.port).hex() == vector["stream"]


@pytest.mark.parametrize("vector", by_name("captures"))
def test_a_capture_file_is_read(vector: dict[str, Any]) -> None:
    decoder = capture.Decoder()
    found = decoder.feed(bytes.fromhex(vector["file"]))
    decoder.end()
    assert [plain(one) for one in found] == vector["frames"]


def test_a_capture_file_is_written_octet_for_octet() -> None:
    [vector] = [one for one in VECTORS["captures"] if "meshdl" in one["name"]]
    first, second, third = capture.Decoder().feed(bytes.fromhex(vector["file"]))
    sections = [[first, second], [third]]
    written = [capture.encode_head() + b"".join(map(capture.encode, one)) for one in sections]
    assert b"".join(written).hex() == vector["file"]


def test_the_example_of_the_page_is_a_frame() -> None:
    example = re.split(r"## Example\n", PAGE)[1].split("    ")[1]
    assert frames.decode(bytes.fromhex(example)) == Frame(
        pdus=(pdus.Cq(gateway=True),), sender=Callsign("N0CALL")
    )


def test_the_erasure_code_and_the_wire_have_the_same_symbols() -> None:
    assert (ids.FIRST_REPAIR_ID, ids.LAST_ID) == (pdus.FIRST_REPAIR_ID, pdus.SYMBOL_IDS - 1)
    assert encoder.SYMBOL_OCTETS == pdus.SYMBOL_OCTETS
    form = pdus.Form(pdus.Codec.RAW, 300)
    for number in (0, 299, 300, 511, 512, 65_535):
        assert form.has_symbols(number, 1) == ids.is_symbol_id(number, 300)


def test_the_runs_of_the_page_are_those_of_the_code() -> None:
    [octets] = re.findall(r"200 to 3199 are `03`, `([0-9a-f ]+)`", PAGE)
    head = b"\x00\x01abcd\x07\x00\x03"
    body = head + bytes.fromhex(octets)
    cq = bodies.decode_body(bodies.PduType.CQ, body)
    assert isinstance(cq, pdus.Cq)
    assert cq.haves[0].chunks == (pdus.Run(0, 4), pdus.Run(6, 1), pdus.Run(200, 3000))


def test_the_page_names_every_type() -> None:
    section = PAGE.split("### PDU\n")[1].split("## Codes")[0]
    table = dict(re.findall(r"\| (\d+) \| ([A-Z-]+) \|", section))
    named = {int(number): name.replace("-", "_") for number, name in table.items()}
    defined = {int(one): one.name for one in bodies.PduType}
    assert named == {number: name for number, name in defined.items() if name != "PAD"}
    extended = PAGE.split("says which of up to 256 PDUs it\nis: ")[1].split(", the others")[0]
    assert extended == ", ".join(f"{one} is {one.name}" for one in bodies.ExtendedType)


@pytest.mark.parametrize(
    "sentence",
    [
        f"| {frames.PDUS_HEAD:#04X} | PDUs |".replace("0X", "0x"),
        f"| {frames.SHORT_HEAD:#04X} | one short symbol |".replace("0X", "0x"),
        f"A frame has at most {frames.FRAME_OCTETS_MAX} octets",
        f"at most {pdus.OBJECT_OCTETS_MAX} octets long",
        f"*source symbols* of {pdus.SYMBOL_OCTETS} octets",
        f"K is 1 to {pdus.SOURCE_SYMBOLS_MAX}",
        f"repair symbols {pdus.FIRST_REPAIR_ID} to {pdus.SYMBOL_IDS - 1}",
        f"up to {info_segments.SEGMENTS_MAX} *segments*",
        f"(OBJECT, INFO) at most {info_segments.SEGMENTS_MAX - 1}",
        f"octets that follow, 1 to {info_segments.SEGMENT_PAYLOAD_OCTETS_MAX}",
        f"destination `{ax25.MESHDL_DESTINATION}`",
        f"PID {ax25.PID_NO_LAYER_3:#04X}".replace("0X", "0x"),
    ],
)
def test_the_page_tells_what_the_code_does(sentence: str) -> None:
    assert sentence in PAGE


@pytest.mark.parametrize(
    ("payload_octets", "symbols", "left"),
    [(256, 5, 1), (126, 2, 15), (510, 10, 15), (1000, 20, 24)],
)
def test_the_page_tells_how_many_symbols_fit(payload_octets: int, symbols: int, left: int) -> None:
    form = pdus.Form(pdus.Codec.ZSTD, 300, 1)
    of = pdus.AirObject(content=ContentTag(b"abcd"), kind=pdus.ObjectKind.LEAF, number=0, form=form)
    assert frames.symbols_that_fit(of, payload_octets) == symbols
    made = pdus.Symbols(of, 0, bytes(symbols * pdus.SYMBOL_OCTETS))
    assert payload_octets - len(frames.encode([made])) == left
    assert re.search(rf"{payload_octets} octets \| {symbols} \| {left} \|", PAGE)
