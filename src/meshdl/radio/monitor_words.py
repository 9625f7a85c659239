"""What is on the air, in words: one line for every PDU and every frame of others."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from meshdl.wire import aprs
from meshdl.wire.ax25 import PID_NO_LAYER_3, Ax25Frame, Kind
from meshdl.wire.onair.codes import SIZE_CLASS_MAX, ContentTag
from meshdl.wire.onair.frames import object_tag
from meshdl.wire.onair.pdus import (
    FIRST_REPAIR_ID,
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
    Symbols,
    Want,
    Wanted,
)
from meshdl.wire.onair.reports import Reports
from meshdl.wire.onair.routes import Rerr, Rrep, RrepAck, Rreq
from meshdl.wire.onair.turn import Turn

TEXT_SHOWN_MAX = 200
"""Characters of a stranger's text in a line."""

_PIDS = {
    0x01: "X.25",
    0x06: "compressed TCP/IP",
    0x07: "TCP/IP",
    0x08: "segment",
    0xC3: "TEXNET",
    0xC4: "link quality",
    0xCA: "AppleTalk",
    0xCB: "AppleTalk ARP",
    0xCC: "IP",
    0xCD: "ARP",
    0xCE: "FlexNet",
    0xCF: "NET/ROM",
    PID_NO_LAYER_3: "",
}

_KINDS = {
    ObjectKind.LEAF: ("leaf", "leaves"),
    ObjectKind.INFO: ("INFO segment", "INFO segments"),
    ObjectKind.HASHES: ("leaf hashes of chunk", "leaf hashes of chunks"),
}
_CODECS = {
    Codec.RAW: "as it is",
    Codec.ZSTD: "zstd",
    Codec.ZSTD_DICTIONARY: "zstd with dictionary",
}


def printable(text: str) -> str:
    """A stranger's text, fit for a terminal: no control characters, no direction overrides."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def pdu_words(pdu: Pdu, titles: Mapping[ContentTag, str]) -> str:  # noqa: C901, PLR0911 - one flat match
    """What a PDU says. ``titles`` names contents that are known."""
    match pdu:
        case Cq():
            return _cq(pdu, titles)
        case Want(content, wanted, attended):
            asked = "; ".join(map(_wanted, wanted))
            manned = " (attended)" if attended else ""
            return f"wants{manned} of {content_words(content, titles)}: {asked}"
        case Turn(seconds, holder):
            who = "whoever has it" if holder is None else f"the station of tag {holder:04x}"
            return f"gives a turn of {seconds} s to {who}"
        case Enough(content, objects):
            had = ", ".join(map(_objects, objects))
            return f"has enough of {content_words(content, titles)}: {had}"
        case AirObject():
            return f"object {object_tag(pdu):04x} is {object_words(pdu, titles)}"
        case Symbols():
            return symbols_words(pdu, titles)
        case Reports(heard):
            return "hears " + ", ".join(f"{one.station:04x} at {one.snr_db} dB" for one in heard)
        case Rreq() | Rrep() | Rerr() | RrepAck():
            return _route(pdu)
        case _:
            assert_never(pdu)


def content_words(content: ContentTag, titles: Mapping[ContentTag, str]) -> str:
    """A content by its tag, and its title if somebody told it."""
    title = titles.get(content)
    return content.hex() if title is None else f"{content.hex()} ({title})"


def object_words(described: AirObject, titles: Mapping[ContentTag, str]) -> str:
    """An object, its content and its form."""
    named = f"{_KINDS[described.kind][0]} {described.number}"
    return f"{named} of {content_words(described.content, titles)} ({_form(described.form)})"


def symbols_words(symbols: Symbols, titles: Mapping[ContentTag, str]) -> str:
    """Which symbols, of what; and the text in them, if that is what they hold."""
    repair = symbols.first >= FIRST_REPAIR_ID
    last = symbols.first + symbols.count - 1
    ids = _range(symbols.first, symbols.count)
    noun = "symbol" if last == symbols.first else "symbols"
    line = f"{'repair ' if repair else ''}{noun} {ids} of {object_words(symbols.of, titles)}"
    if repair or symbols.of.form.codec is not Codec.RAW or symbols.of.kind is ObjectKind.HASHES:
        return line
    text = _plain_text(symbols.octets)
    return f'{line}: "{text}"' if text else line


def ax25_words(frame: Ax25Frame) -> str:
    """A frame of somebody else, by its control field, and its text if it has one."""
    poll = " P/F" if frame.poll_final else ""
    numbers = "".join(
        f" {name} {number}"
        for name, number in (("N(S)", frame.n_s), ("N(R)", frame.n_r))
        if number is not None
    )
    layer = "" if frame.pid is None else _PIDS.get(frame.pid, f"PID {frame.pid:#04x}")
    head = f"{frame.kind.value}{poll}{numbers}{' ' + layer if layer else ''}"
    if not frame.info:
        return head
    if frame.kind in {Kind.UI, Kind.I} and frame.pid == PID_NO_LAYER_3:
        return f"{head}: {text_words(frame.info)}"
    return f"{head}: {len(frame.info)} octets"


def aprs_words(report: aprs.Report) -> str:
    """An APRS report."""
    return _shortened(printable(str(report)))


def text_words(octets: bytes) -> str:
    """Octets that may be text."""
    return _shortened(printable(octets.decode("utf-8", errors="replace").rstrip()))


def _cq(cq: Cq, titles: Mapping[ContentTag, str]) -> str:
    said = ["CQ" + (f" from {cq.locator}" if cq.locator else "")]
    if cq.gateway:
        said.append("reaches the Internet")
    if cq.haves:
        said.append("has " + "; ".join(_have(have, titles) for have in cq.haves))
    if cq.seeks:
        said.append("seeks " + ", ".join(content_words(one, titles) for one in cq.seeks))
    return ", ".join(said)


def _have(have: Have, titles: Mapping[ContentTag, str]) -> str:
    about = f"up to {have.octets_at_most}"
    if have.size_class == SIZE_CLASS_MAX:
        about = f"{have.octets_at_most} or more"
    details = [have.precedence.name, f"{about} octets"]
    if have.chunks is not None:
        runs = ", ".join(_range(run.first, run.count) for run in have.chunks)
        details.append(f"chunks {runs or 'none'}")
    if not have.info:
        details.append("without INFO")
    return f"{content_words(have.content, titles)} [{', '.join(details)}]"


def _wanted(wanted: Wanted) -> str:
    words = _objects(wanted.objects)
    if wanted.needed:
        more = " or more" if wanted.needed == NEEDED_MAX else ""
        words += f", {wanted.needed}{more} symbols"
    return words if wanted.form is None else f"{words} ({_form(wanted.form)})"


def _objects(objects: Objects) -> str:
    one, many = _KINDS[objects.kind]
    return f"{one if objects.count == 1 else many} {_range(objects.first, objects.count)}"


def _form(form: Form) -> str:
    tag = "" if form.codec is Codec.RAW else f" {form.tag:04x}"
    return f"{form.source_symbols} symbols, {_CODECS[form.codec]}{tag}"


def _range(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def _route(pdu: Rreq | Rrep | Rerr | RrepAck) -> str:
    match pdu:
        case Rreq():
            return (
                f"RREQ {pdu.rreq_id}: {pdu.originator} seeks a route to {pdu.destination}, "
                f"{pdu.hop_count} hops so far, {pdu.ttl} to go"
            )
        case Rrep():
            return (
                f"RREP to {pdu.next_hop}: route from {pdu.originator} to {pdu.destination}, "
                f"{pdu.hop_count} hops, good for {pdu.lifetime_ms / 1000:g} s"
            )
        case Rerr():
            lost = ", ".join(_unique(one.destination for one in pdu.unreachable))
            return f"RERR: no route to {lost}"
        case RrepAck():
            return f"RREP-ACK to {pdu.next_hop}"
        case _:
            assert_never(pdu)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _plain_text(octets: bytes) -> str:
    """The text that symbols hold; empty when they hold something else."""
    try:
        text = octets.rstrip(b"\0").decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        return ""
    spoken = text.replace("\r\n", " / ").replace("\n", " / ").replace("\t", " ")
    return _shortened(spoken, SYMBOL_OCTETS) if spoken and spoken.isprintable() else ""


def _shortened(text: str, characters: int = TEXT_SHOWN_MAX) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "\N{HORIZONTAL ELLIPSIS}"
