"""Explains everything that is heard, ours and others': what a listener is owed.

Theory of operation
===================

A monitor takes frames as modems or capture files give them and makes one :class:`Heard` of
each, whatever it is: octets that nobody understands are shown as such. It remembers three
things, each up to a limit, the oldest forgotten first: callsigns, so that a station tag
gets its name; OBJECTs, so that a short symbol gets its content; titles of contents whose
INFO it heard whole, or that it was told.

What strangers wrote never reaches a terminal as it is: control characters and direction
overrides are replaced in every text, in lines for people and in values for scripts alike.
The octets of the frame are kept as hexadecimal digits for who needs them.
"""

import enum
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias, TypeVar

from meshdl.content.record import ContentRecord
from meshdl.errors import RecordInvalid, RemoteProtocolError
from meshdl.ids import Callsign, callsign
from meshdl.radio.monitor_words import (
    aprs_words,
    ax25_words,
    object_words,
    pdu_words,
    printable,
    text_words,
)
from meshdl.wire import aprs, ax25
from meshdl.wire.ax25 import PID_NO_LAYER_3, Ax25Frame
from meshdl.wire.capture import Captured, Framing
from meshdl.wire.onair import frames, info_segments
from meshdl.wire.onair.bodies import encode_body
from meshdl.wire.onair.codes import ContentTag, StationTag, content_tag, station_tag
from meshdl.wire.onair.frames import Frame, Identification
from meshdl.wire.onair.pdus import (
    FIRST_REPAIR_ID,
    SYMBOL_OCTETS,
    AirObject,
    Codec,
    ObjectKind,
    ShortSymbol,
    Symbols,
)
from meshdl.wire.plain import Plain, plain

REMEMBERED_MAX = 1024
"""Callsigns, objects and titles, each: more than one channel has in a day."""

INFOS_COLLECTED_MAX = 16
"""INFO segments that are heard at once; each takes 16 KiB at most."""

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
Details: TypeAlias = Frame | Identification | ShortSymbol | aprs.Report | Ax25Frame


class HeardKind(enum.Enum):
    """What a frame is."""

    MESHDL = "meshdl"
    IDENTIFICATION = "identification"
    LATER_VERSION = "later version"
    """Of this protocol, and newer than this program."""
    APRS = "aprs"
    AX25 = "ax25"
    DAMAGED = "damaged"
    """It began like one of ours, or should be AX.25, and is not."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One frame, explained. Texts are fit for a terminal.

    Attributes:
        at: Unix time, seconds.
        kind: what it is.
        source: who sent it, as far as that is known.
        destination: to whom, where there are addresses.
        path: digipeaters; one that has repeated has a star.
        summary: what it says.
        octets: the frame as the modem gave it.
        snr_db: signal to noise in 3 kHz, where the modem measures it.
        details: the frame's values, ``None`` when they could not be read.
    """

    at: float
    kind: HeardKind
    source: str = ""
    destination: str = ""
    path: tuple[str, ...] = ()
    summary: str
    octets: bytes
    snr_db: float | None = None
    details: Details | None = None

    def line(self) -> str:
        """The frame for people: UTC, who to whom, what."""
        second = int(self.at) % 86_400
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
        addresses = self.source or "?"
        if self.destination:
            addresses += " > " + ",".join((self.destination, *self.path))
        snr = "" if self.snr_db is None else f" {self.snr_db:+.0f} dB"
        return f"{clock}{snr}  {addresses}  {self.summary}"

    def as_json(self) -> dict[str, Plain]:
        """The frame for scripts; texts in it are printable too."""
        whole = plain(replace(self, details=None))
        assert isinstance(whole, dict)
        return whole | {
            "kind": self.kind.value,
            "details": _printable(_plain_details(self.details)),
        }


class _Memory(OrderedDict[KeyT, ValueT], Generic[KeyT, ValueT]):
    """What was heard last, up to a limit."""

    def __init__(self, limit: int = REMEMBERED_MAX) -> None:
        super().__init__()
        self._limit = limit

    def remember(self, key: KeyT, value: ValueT) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)


class Monitor:
    """See the theory of operation."""

    def __init__(self) -> None:
        self._calls: _Memory[StationTag, Callsign] = _Memory()
        self._objects: _Memory[int, AirObject] = _Memory()
        self._titles: _Memory[ContentTag, str] = _Memory()
        self._infos: _Memory[AirObject, dict[int, bytes]] = _Memory(INFOS_COLLECTED_MAX)

    def tell_title(self, content: ContentTag, title: str) -> None:
        """Name a content in what is shown from now on."""
        self._titles.remember(content, printable(title))

    def hear(self, captured: Captured, *, snr_db: float | None = None) -> Heard:
        """Explain one frame."""
        heard = Heard(
            at=captured.at,
            kind=HeardKind.UNKNOWN,
            summary="",
            octets=captured.octets,
            snr_db=snr_db,
        )
        if captured.framing is Framing.BARE:
            found = self._ours(heard, captured.octets)
            if found is not None:
                return found
            return replace(heard, summary=f"not understood: {text_words(captured.octets)}")
        try:
            frame = ax25.decode(captured.octets)
        except RemoteProtocolError as error:
            return replace(heard, kind=HeardKind.DAMAGED, summary=printable(str(error)))
        return self._ax25(heard, frame)

    def _ax25(self, heard: Heard, frame: Ax25Frame) -> Heard:
        heard = replace(
            heard,
            source=str(frame.source),
            destination=str(frame.destination),
            path=tuple(f"{one.address}{'*' if one.repeated else ''}" for one in frame.path),
        )
        if frame.kind is ax25.Kind.UI and frame.pid == PID_NO_LAYER_3:
            return self._ui(heard, frame.info)
        return replace(heard, kind=HeardKind.AX25, summary=ax25_words(frame), details=frame)

    def _ui(self, heard: Heard, info: bytes) -> Heard:
        self._remember_call(heard.source)
        found = self._ours(heard, info)
        if found is not None:
            return found
        report = aprs.read(info)
        summary = aprs_words(report)
        return replace(heard, kind=HeardKind.APRS, summary=summary, details=report)

    def _ours(self, heard: Heard, octets: bytes) -> Heard | None:
        """A frame of this protocol, whole or not; ``None``: something else."""
        if frames.is_of_later_version(octets):
            summary = "meshdl of a later version; update to read it"
            return replace(heard, kind=HeardKind.LATER_VERSION, summary=summary)
        try:
            found = frames.decode(octets)
        except RemoteProtocolError as error:
            return replace(heard, kind=HeardKind.DAMAGED, summary=printable(str(error)))
        match found:
            case None:
                return None
            case Identification(call, text):
                self._remember_call(call)
                summary = printable(f"identifies as {call} {text}".rstrip())
                heard = replace(heard, kind=HeardKind.IDENTIFICATION, source=call)
                return replace(heard, summary=summary, details=found)
            case ShortSymbol():
                summary = self._short_words(found)
                return replace(heard, kind=HeardKind.MESHDL, summary=summary, details=found)
            case Frame():
                source = self._sender(found) or heard.source
                summary = self._frame_words(found)
                heard = replace(heard, kind=HeardKind.MESHDL, source=source)
                return replace(heard, summary=summary, details=found)

    def _frame_words(self, frame: Frame) -> str:
        for pdu in frame.pdus:
            if isinstance(pdu, AirObject):
                self._objects.remember(frames.object_tag(pdu), pdu)
            elif isinstance(pdu, Symbols) and pdu.of.kind is ObjectKind.INFO:
                self._collect(pdu)
        words = [pdu_words(pdu, self._titles) for pdu in frame.pdus]
        words += [f"PDU of type {one}, not known to this version" for one in frame.ignored]
        return " | ".join(words) or "is here"

    def _short_words(self, symbol: ShortSymbol) -> str:
        of = self._objects.get(symbol.object_tag)
        if of is None:
            return f"symbol {symbol.symbol} of object {symbol.object_tag:04x}, not introduced yet"
        if not of.form.has_symbols(symbol.symbol, 1):
            return f"symbol {symbol.symbol}, which {object_words(of, self._titles)} has not"
        return pdu_words(Symbols(of, symbol.symbol, symbol.octets), self._titles)

    def _sender(self, frame: Frame) -> str:
        match frame.sender:
            case None:
                return ""
            case str():
                self._remember_call(frame.sender)
                return frame.sender
            case _:
                return self._calls.get(frame.sender) or f"station {frame.sender:04x}"

    def _remember_call(self, name: str) -> None:
        try:
            call = callsign(name)
        except ValueError:  # an address that is no callsign, or nobody
            return
        self._calls.remember(station_tag(call), call)

    def _collect(self, symbols: Symbols) -> None:
        """Keep source symbols of an INFO of one segment, and read its title when it is whole."""
        of = symbols.of
        if symbols.first >= FIRST_REPAIR_ID or of.number or of.form.codec is not Codec.RAW:
            return
        found = self._infos.get(of, {})
        for at in range(symbols.count):
            start = at * SYMBOL_OCTETS
            found[symbols.first + at] = symbols.octets[start : start + SYMBOL_OCTETS]
        self._infos.remember(of, found)
        if len(found) == of.form.source_symbols:
            del self._infos[of]
            title = _title(of.content, b"".join(found[at] for at in range(len(found))))
            if title:
                self.tell_title(of.content, title)


def _title(content: ContentTag, segment: bytes) -> str:
    """The title that the record in a whole INFO signs, or nothing."""
    try:
        info = info_segments.join(content, {0: segment})
        if info is None or not info.record:
            return ""
        record = ContentRecord.decode(info.record)
    except (RemoteProtocolError, RecordInvalid):
        return ""
    return record.title if content_tag(record.content_hash) == content else ""


def _plain_details(details: Details | None) -> Plain:
    if not isinstance(details, Frame):
        return plain(details)
    typed = [{"type": encode_body(pdu)[0].name, "value": plain(pdu)} for pdu in details.pdus]
    return {"sender": details.sender, "pdus": plain(typed), "ignored": plain(details.ignored)}


def _printable(value: Plain) -> Plain:
    match value:
        case str():
            return printable(value)
        case list():
            return [_printable(item) for item in value]
        case dict():
            return {name: _printable(item) for name, item in value.items()}
        case _:
            return value
