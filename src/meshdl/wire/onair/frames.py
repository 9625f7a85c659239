"""One frame on the air: an octet that says what it is, a check, and PDUs one after another.

=======  ======  ==================================================================
offset   octets  field (numbers big endian)
=======  ======  ==================================================================
0        1       0xD1: PDUs, version 1
1        2       check: CRC-16/T10-DIF of all octets that count but these two
3                PDUs: type (4 bits), length (4 bits), body
                 zeros, as many as the modem likes
=======  ======  ==================================================================

A modem may fill a frame with zeros behind its end, for PDUs tell their lengths. Two other
frames are no list of PDUs: one symbol in 54 octets (0xD9), for the modem that carries no
more, and the identification, which is plain text.

What does not begin like one of these is not ours, and what has another version is of the
future: both give ``None``. The specification is ``docs/protocol/radio.md``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, callsign
from meshdl.wire.onair.bodies import (
    SYMBOL_TYPES,
    PduType,
    decode_body,
    encode_body,
    encode_object,
    skip_symbols_head,
)
from meshdl.wire.onair.codes import (
    CALL_OCTETS,
    Reader,
    StationTag,
    check_of,
    encode_callsign,
    encode_number,
)
from meshdl.wire.onair.pdus import (
    FIRST_REPAIR_ID,
    SYMBOL_OCTETS,
    AirObject,
    Pdu,
    ShortSymbol,
    Symbols,
)

FRAME_OCTETS_MAX = 1000
"""What every AX.25 modem that takes more than 256 octets takes; Dire Wolf counts KISS's
escapes too, so that not much more is certain."""

PDUS_HEAD, SHORT_HEAD = 0xD1, 0xD9
"""The high bits of both are of no ASCII text; version 1 is in the low three."""

FRAME_HEAD_OCTETS = 3
SHORT_SYMBOL_OCTETS = 6 + SYMBOL_OCTETS

_KIND_MASK, _VERSION_MASK, _VERSION = 0xF8, 0x07, 1
_LONG = 15
_IDENTIFICATION = b"DE "


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The PDUs of one frame.

    Attributes:
        sender: who sent it, if the frame says so; otherwise the modem's addresses do.
        ignored: types of PDUs that this version does not know.
    """

    pdus: tuple[Pdu, ...]
    sender: Callsign | StationTag | None = None
    ignored: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Identification:
    """``DE KA1ABC``: plain text that anybody can read.

    Attributes:
        text: what follows the callsign, printable ASCII.
    """

    callsign: Callsign
    text: str = ""


OnAir: TypeAlias = Frame | ShortSymbol | Identification


def encode(pdus: Iterable[Pdu], *, sender: Callsign | StationTag | None = None) -> bytes:
    """One frame of these PDUs, in their order.

    Args:
        pdus: at least one, unless the frame is only to say who sends.
        sender: needed where the modem has no addresses: the callsign, or its
            tag (:func:`meshdl.wire.onair.codes.station_tag`) where there is no more room.

    Raises:
        ValueError: nothing to send, or more than FRAME_OCTETS_MAX octets.
    """
    parts = [] if sender is None else [_encode_sender(sender)]
    parts += [_encode_pdu(pdu) for pdu in pdus]
    octets = b"".join(parts)
    if not 0 < len(octets) <= FRAME_OCTETS_MAX - FRAME_HEAD_OCTETS:
        raise ValueError(f"PDUs of {len(octets)} octets do not make a frame")
    head = bytes([PDUS_HEAD])
    return head + check_of(head + octets).to_bytes(2, "big") + octets


def encode_short(symbol: ShortSymbol) -> bytes:
    """The frame that has room for one symbol and nothing else: 54 octets."""
    checked = (
        bytes([SHORT_HEAD])
        + symbol.object_tag.to_bytes(2, "big")
        + symbol.symbol.to_bytes(2, "big")
        + symbol.octets
    )
    return checked[:5] + bytes([check_of(checked) & 0xFF]) + checked[5:]


def encode_identification(identification: Identification) -> bytes:
    """Plain text, as the law wants it.

    Raises:
        ValueError: the text is not printable ASCII.
    """
    call, text = callsign(identification.callsign), identification.text
    if text and not _is_printable(text):
        raise ValueError(f"an identification is printable ASCII, not {text!r:.80}")
    return _IDENTIFICATION + f"{call} {text}".strip().encode("ascii")


def octets_of(pdu: Pdu) -> int:
    """What a PDU adds to a frame."""
    return len(_encode_pdu(pdu))


def octets_of_sender(sender: Callsign | StationTag | None) -> int:
    """What naming the sender adds to a frame."""
    return 0 if sender is None else len(_encode_sender(sender))


def symbols_that_fit(of: AirObject, payload_octets: int, *, others_octets: int = 0) -> int:
    """How many symbols of an object a frame can carry.

    Args:
        of: the object.
        payload_octets: what the modem carries in a frame.
        others_octets: what the sender and other PDUs in the frame take.
    """
    room = min(payload_octets, FRAME_OCTETS_MAX) - FRAME_HEAD_OCTETS - others_octets
    count = max(0, room // SYMBOL_OCTETS)
    while count and octets_of(Symbols(of, FIRST_REPAIR_ID, bytes(count * SYMBOL_OCTETS))) > room:
        count -= 1
    return count


def object_tag(of: AirObject) -> int:
    """The check over an OBJECT's body: names it in short symbols, and nobody has to agree."""
    return check_of(encode_object(of))


def decode(octets: bytes) -> OnAir | None:
    """Take a frame apart; ``None``: not ours, or of a later version.

    Raises:
        RemoteProtocolError: it looks like ours and is not, for instance damaged.
    """
    if octets.startswith(_IDENTIFICATION):
        return _decode_identification(octets)
    if not octets or octets[0] & _VERSION_MASK != _VERSION:
        return None
    match octets[0] & _KIND_MASK | _VERSION:
        case 0xD1:
            return _decode_pdus(octets)
        case 0xD9:
            return _decode_short(octets)
        case _:
            return None


def is_of_later_version(octets: bytes) -> bool:
    """Whether octets look like a frame of ours of a version that is not this one."""
    kinds = {PDUS_HEAD & _KIND_MASK, SHORT_HEAD & _KIND_MASK}
    return bool(octets) and octets[0] & _KIND_MASK in kinds and octets[0] & _VERSION_MASK > _VERSION


def _encode_pdu(pdu: Pdu) -> bytes:
    pdu_type, body = encode_body(pdu)
    if isinstance(pdu, Symbols):
        # Their length follows from how many they are.
        many = pdu.count >= _LONG
        return bytes([pdu_type << 4 | (_LONG if many else pdu.count)]) + (
            bytes([pdu.count]) + body if many else body
        )
    return _with_length(pdu_type, body)


def _with_length(pdu_type: PduType, body: bytes) -> bytes:
    if len(body) < _LONG:
        return bytes([pdu_type << 4 | len(body)]) + body
    return bytes([pdu_type << 4 | _LONG]) + encode_number(len(body)) + body


def _encode_sender(sender: Callsign | StationTag) -> bytes:
    code = encode_callsign(sender) if isinstance(sender, str) else sender.to_bytes(2, "big")
    return _with_length(PduType.SENDER, code)


def _decode_pdus(octets: bytes) -> Frame:
    reader = Reader(octets, f"frame of {len(octets)} octets")
    if len(octets) > FRAME_OCTETS_MAX:
        raise reader.refuse(f"at most {FRAME_OCTETS_MAX} are allowed")
    head, check = reader.take(1), reader.fixed(2)
    bodies: list[tuple[int, bytes]] = []
    end = reader.taken
    while reader.left:
        first = reader.fixed(1)
        if not first:
            _expect_zeros(reader)
            break
        bodies.append((first >> 4, _body(reader, octets, first)))
        end = reader.taken
    if check_of(head + octets[FRAME_HEAD_OCTETS:end]) != check:
        raise RemoteProtocolError("the check of a frame is wrong: it was damaged", penalty=0)
    return _frame(bodies)


def _body(reader: Reader, octets: bytes, first: int) -> bytes:
    """What belongs to the PDU that begins with the octet ``first``."""
    pdu_type, nibble = first >> 4, first & 0x0F
    long = nibble == _LONG
    if pdu_type not in SYMBOL_TYPES.values():
        length = reader.number() if long else nibble
        if long and length < _LONG:
            raise reader.refuse("a length has more octets than it needs")
        return reader.take(length)
    count = reader.fixed(1) if long else nibble
    if not count or (long and count < _LONG):
        raise reader.refuse(f"{count} symbols are none, or could be said shorter")
    start = reader.taken
    skip_symbols_head(reader)
    reader.take(count * SYMBOL_OCTETS)
    return octets[start : reader.taken]


def _frame(bodies: Sequence[tuple[int, bytes]]) -> Frame:
    sender = None
    if bodies and bodies[0][0] == PduType.SENDER:
        sender = _decode_sender(bodies[0][1])
        bodies = bodies[1:]
    pdus, ignored = [], []
    for pdu_type, body in bodies:
        if pdu_type in {PduType.PAD, PduType.SENDER}:
            raise RemoteProtocolError(
                f"a {PduType(pdu_type).name} in the midst of a frame", penalty=0
            )
        pdu = decode_body(pdu_type, body)
        if pdu is None:
            ignored.append(pdu_type)
        else:
            pdus.append(pdu)
    return Frame(pdus=tuple(pdus), sender=sender, ignored=tuple(ignored))


def _decode_sender(body: bytes) -> Callsign | StationTag:
    reader = Reader(body, f"SENDER of {len(body)} octets")
    if len(body) == CALL_OCTETS:
        return reader.callsign()
    tag = StationTag(reader.fixed(2))
    reader.end()
    return tag


def _decode_short(octets: bytes) -> ShortSymbol:
    reader = Reader(octets, f"short symbol of {len(octets)} octets")
    reader.take(1)
    tag, symbol, check = reader.fixed(2), reader.fixed(2), reader.fixed(1)
    found = ShortSymbol(tag, symbol, reader.take(SYMBOL_OCTETS))
    _expect_zeros(reader)
    if check_of(octets[:5] + found.octets) & 0xFF != check:
        raise RemoteProtocolError("the check of a short symbol is wrong: damaged", penalty=0)
    return found


def _decode_identification(octets: bytes) -> Identification:
    text = octets.rstrip(b"\0 ").decode("latin-1")
    _, _, said = text.partition(" ")
    call, _, rest = said.partition(" ")
    try:
        if callsign(call) == call and (not rest or _is_printable(rest)):
            return Identification(Callsign(call), rest.strip())
    except ValueError:
        pass
    raise RemoteProtocolError("a text that begins like an identification and is none", penalty=0)


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _expect_zeros(reader: Reader) -> None:
    if any(reader.rest()):
        raise reader.refuse("octets follow its end")
