"""The octets inside one PDU, as ``docs/protocol/radio.md`` lays them out."""

import enum
from collections.abc import Callable, Iterable
from functools import partial
from typing import assert_never

from meshdl.content.layout import MAX_CHUNKS
from meshdl.content.precedence import Precedence
from meshdl.wire.onair import reports, routes
from meshdl.wire.onair.codes import (
    Reader,
    StationTag,
    decode_locator,
    encode_locator,
    encode_number,
)
from meshdl.wire.onair.pdus import (
    AirObject,
    Codec,
    Cq,
    Enough,
    Form,
    Have,
    ObjectKind,
    Objects,
    Pdu,
    Run,
    Symbols,
    Want,
    Wanted,
)
from meshdl.wire.onair.reports import Reports
from meshdl.wire.onair.routes import Rerr, Route, Rrep, RrepAck, Rreq
from meshdl.wire.onair.turn import TURN_S_MAX, Turn


class PduType(enum.IntEnum):
    """The high four bits of a PDU's first octet."""

    PAD = 0
    SENDER = 1
    CQ = 2
    WANT = 3
    ENOUGH = 4
    OBJECT = 5
    SYMBOL = 6
    INFO = 7
    HASHES = 8
    RREQ = 9
    RREP = 10
    RERR = 11
    RREP_ACK = 12
    WANT_ATTENDED = 13
    """A WANT of a station that is attended. As a type, that takes no octet of short frames."""
    TURN = 14
    EXTENDED = 15
    """The last type: the first octet of its body says which of many PDUs it is."""


class ExtendedType(enum.IntEnum):
    """The first octet of an EXTENDED's body."""

    REPORTS = 1


SYMBOL_TYPES = {
    ObjectKind.LEAF: PduType.SYMBOL,
    ObjectKind.INFO: PduType.INFO,
    ObjectKind.HASHES: PduType.HASHES,
}
_ROUTES: dict[type[Route], PduType] = {
    Rreq: PduType.RREQ,
    Rrep: PduType.RREP,
    Rerr: PduType.RERR,
    RrepAck: PduType.RREP_ACK,
}
_KINDS = {pdu_type: kind for kind, pdu_type in SYMBOL_TYPES.items()}

# Of numbers that a stranger sent; what is in neither is of the future.
_OBJECT_KINDS = {int(kind): kind for kind in ObjectKind}
_CODECS = {int(codec): codec for codec in Codec}

_KIND_BITS = 2
_KIND_MASK = (1 << _KIND_BITS) - 1
# In a run of wanted objects: kind, whether a form follows, and from here on the length - 1.
_FORM_FOLLOWS, _WANTED_BITS = 0x04, 3
_K_BITS = 12
_FIRST_OCTETS = 2

# CQ
_LOCATOR_MASK, _GATEWAY = 0x03, 0x04
_LOCATOR_OCTETS = {0: 0, 1: 2, 2: 4}
_PRECEDENCE_MASK, _PARTIAL, _NO_INFO = 0x03, 0x04, 0x08


def encode_body(pdu: Pdu) -> tuple[PduType, bytes]:  # noqa: C901, PLR0911 - one flat match
    """Type and body of a PDU.

    Raises:
        ValueError: a field is over its limit.
    """
    match pdu:
        case Symbols():
            return SYMBOL_TYPES[pdu.of.kind], _encode_symbols(pdu)
        case Cq():
            return PduType.CQ, _encode_cq(pdu)
        case Want():
            pdu_type = PduType.WANT_ATTENDED if pdu.attended else PduType.WANT
            return pdu_type, pdu.content + b"".join(map(_encode_wanted, pdu.wanted))
        case Turn():
            holder = b"" if pdu.holder is None else pdu.holder.to_bytes(2, "big")
            return PduType.TURN, bytes([pdu.seconds]) + holder
        case Enough():
            return PduType.ENOUGH, pdu.content + b"".join(map(_encode_objects, pdu.objects))
        case AirObject():
            return PduType.OBJECT, encode_object(pdu)
        case Reports():
            return PduType.EXTENDED, bytes([ExtendedType.REPORTS]) + reports.encode(pdu)
        case Rreq() | Rrep() | Rerr() | RrepAck():
            return _ROUTES[type(pdu)], routes.encode(pdu)
        case _:
            assert_never(pdu)


def decode_body(pdu_type: int, body: bytes) -> Pdu | None:
    """The PDU of a body; ``None`` when its type, or what it is about, is of the future.

    Raises:
        RemoteProtocolError: malformed.
    """
    if pdu_type not in _DECODERS:
        return None
    reader = Reader(body, f"{PduType(pdu_type).name} of {len(body)} octets")
    try:
        pdu = _DECODERS[PduType(pdu_type)](reader)
    except ValueError as error:  # what the PDU's own class refuses
        raise reader.refuse(str(error)) from None
    return pdu


def encode_object(described: AirObject) -> bytes:
    """What an OBJECT consists of; :func:`meshdl.wire.onair.frames.object_tag` checks it."""
    number_and_kind = described.number << _KIND_BITS | described.kind
    return described.content + encode_number(number_and_kind) + _encode_form(described.form)


def skip_symbols_head(reader: Reader) -> None:
    """Read over what comes before the symbols in a SYMBOL, INFO or HASHES."""
    reader.tag()
    reader.number()
    _form(reader)
    reader.take(_FIRST_OCTETS)


def _decode_object(reader: Reader) -> AirObject | None:
    content, number_and_kind = reader.tag(), reader.number()
    form = _form(reader)
    reader.end()
    kind = _OBJECT_KINDS.get(number_and_kind & _KIND_MASK)
    if form is None or kind is None:
        return None
    return AirObject(content=content, kind=kind, number=number_and_kind >> _KIND_BITS, form=form)


def _encode_form(form: Form) -> bytes:
    octets = (form.codec << _K_BITS | form.source_symbols).to_bytes(2, "big")
    return octets if form.codec is Codec.RAW else octets + form.tag.to_bytes(2, "big")


def _form(reader: Reader) -> Form | None:
    """A form; ``None`` when its codec is of the future."""
    word = reader.fixed(2)
    codec = word >> _K_BITS
    tag = reader.fixed(2) if codec else 0
    if codec not in _CODECS:
        return None
    try:
        return Form(_CODECS[codec], word & (1 << _K_BITS) - 1, tag)
    except ValueError as error:
        raise reader.refuse(str(error)) from None


def _encode_symbols(symbols: Symbols) -> bytes:
    of = symbols.of
    head = of.content + encode_number(of.number) + _encode_form(of.form)
    return head + symbols.first.to_bytes(_FIRST_OCTETS, "big") + symbols.octets


def _decode_symbols(kind: ObjectKind) -> Callable[[Reader], Symbols | None]:
    def decode(reader: Reader) -> Symbols | None:
        content, number, form = reader.tag(), reader.number(), _form(reader)
        first, octets = reader.fixed(_FIRST_OCTETS), reader.rest()
        if form is None:
            return None
        return Symbols(
            AirObject(content=content, kind=kind, number=number, form=form), first, octets
        )

    return decode


def _encode_wanted(wanted: Wanted) -> bytes:
    objects, form = wanted.objects, wanted.form
    flags = objects.kind | (0 if form is None else _FORM_FOLLOWS)
    octets = encode_number(objects.first)
    octets += encode_number(objects.count - 1 << _WANTED_BITS | flags)
    octets += b"" if form is None else _encode_form(form)
    return octets + bytes([wanted.needed])


def _decode_want(reader: Reader, *, attended: bool = False) -> Want | None:
    content = reader.tag()
    entries = []
    nothing = not reader.left
    while reader.left:
        first, shape = reader.number(), reader.number()
        form = _form(reader) if shape & _FORM_FOLLOWS else None
        needed = reader.fixed(1)
        kind = _OBJECT_KINDS.get(shape & _KIND_MASK)
        if kind is not None and (form is not None or not shape & _FORM_FOLLOWS):
            objects = Objects(kind, first, (shape >> _WANTED_BITS) + 1)
            entries.append(Wanted(objects, needed, form))
    return Want(content, tuple(entries), attended) if entries or nothing else None


def _decode_turn(reader: Reader) -> Turn:
    seconds = min(reader.fixed(1), TURN_S_MAX)
    holder = StationTag(reader.fixed(2)) if reader.left else None
    reader.end()
    return Turn(seconds, holder)


def _decode_extended(reader: Reader) -> Reports | None:
    return reports.decode(reader) if reader.fixed(1) == ExtendedType.REPORTS else None


def _encode_objects(objects: Objects) -> bytes:
    count_and_kind = objects.count - 1 << _KIND_BITS | objects.kind
    return encode_number(objects.first) + encode_number(count_and_kind)


def _decode_enough(reader: Reader) -> Enough | None:
    content = reader.tag()
    nothing = not reader.left
    found = []
    while reader.left:
        first, count_and_kind = reader.number(), reader.number()
        kind = _OBJECT_KINDS.get(count_and_kind & _KIND_MASK)
        if kind is not None:
            found.append(Objects(kind, first, (count_and_kind >> _KIND_BITS) + 1))
    return Enough(content, tuple(found)) if found or nothing else None


def _encode_cq(cq: Cq) -> bytes:
    locator = encode_locator(cq.locator)
    flags = len(locator) // 2 | (_GATEWAY if cq.gateway else 0)
    body = bytes([flags]) + locator
    if cq.haves or cq.seeks:
        body += bytes([len(cq.haves)]) + b"".join(map(_encode_have, cq.haves))
    return body + b"".join(cq.seeks)


def _encode_have(have: Have) -> bytes:
    flags = have.precedence | (0 if have.info else _NO_INFO)
    if have.chunks is None:
        return have.content + bytes([flags, have.size_class])
    head = have.content + bytes([flags | _PARTIAL, have.size_class, len(have.chunks)])
    return head + b"".join(_encode_runs(have.chunks))


def _encode_runs(runs: Iterable[Run]) -> Iterable[bytes]:
    end = -1
    for run in runs:
        # Runs never touch: at least one lies between.
        yield encode_number(run.first - end - 1) + encode_number(run.count - 1)
        end = run.first + run.count


def _decode_cq(reader: Reader) -> Cq:
    flags = reader.fixed(1)
    octets = _LOCATOR_OCTETS.get(flags & _LOCATOR_MASK)
    if octets is None:
        raise reader.refuse("its locator has a length that is not defined")
    locator = decode_locator(reader.take(octets)) if octets else ""
    count = reader.fixed(1) if reader.left else 0
    haves = tuple(_have(reader) for _ in range(count))
    seeks = []
    while reader.left:
        seeks.append(reader.tag())
    return Cq(locator=locator, gateway=bool(flags & _GATEWAY), haves=haves, seeks=tuple(seeks))


def _have(reader: Reader) -> Have:
    content, flags, size_class = reader.tag(), reader.fixed(1), reader.fixed(1)
    return Have(
        content=content,
        precedence=Precedence(flags & _PRECEDENCE_MASK),
        size_class=size_class,
        info=not flags & _NO_INFO,
        chunks=_runs(reader) if flags & _PARTIAL else None,
    )


def _runs(reader: Reader) -> tuple[Run, ...]:
    runs, end = [], -1
    for _ in range(reader.fixed(1)):
        first = reader.number(MAX_CHUNKS) + end + 1
        runs.append(Run(first, reader.number(MAX_CHUNKS) + 1))
        end = first + runs[-1].count
    return tuple(runs)


_DECODERS: dict[PduType, Callable[[Reader], Pdu | None]] = {
    PduType.CQ: _decode_cq,
    PduType.WANT: _decode_want,
    PduType.WANT_ATTENDED: partial(_decode_want, attended=True),
    PduType.ENOUGH: _decode_enough,
    PduType.TURN: _decode_turn,
    PduType.EXTENDED: _decode_extended,
    PduType.OBJECT: _decode_object,
    **{pdu_type: _decode_symbols(kind) for pdu_type, kind in _KINDS.items()},
    PduType.RREQ: routes.decode_rreq,
    PduType.RREP: routes.decode_rrep,
    PduType.RERR: routes.decode_rerr,
    PduType.RREP_ACK: routes.decode_rrep_ack,
}
