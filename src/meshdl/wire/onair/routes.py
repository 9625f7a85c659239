"""Route messages of AODV (RFC 3561): values and the octets inside their PDUs.

The fields are those of RFC 3561, section 5. What it leaves to IP is inside: addresses are
callsigns, the TTL of the IP header is a field, and what RFC 3561 sends to one neighbour
names it. The meaning of the fields is told there.
"""

import struct
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from meshdl.ids import Callsign
from meshdl.wire.onair.codes import Reader, encode_callsign

# RFC 3561: the flags in its order, from the high bit.
_JOIN, _REPAIR, _GRATUITOUS, _DESTINATION_ONLY, _UNKNOWN = 0x80, 0x40, 0x20, 0x10, 0x08
_RREP_REPAIR, _RREP_ACKNOWLEDGE = 0x80, 0x40
_NO_DELETE = 0x80
_RREQ = struct.Struct(">BBBI6sI6sI")
_RREP = struct.Struct(">B6sBB6sI6sI")
_UNREACHABLE = struct.Struct(">6sI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rreq:
    """Route request (RFC 3561, 5.1); addresses are callsigns, and the TTL is inside.

    Attributes:
        ttl: hops it may still take (RFC 3561 has it in the IP header).
    """

    join: bool = False
    repair: bool = False
    gratuitous_reply: bool = False
    destination_only: bool = False
    unknown_sequence: bool = False
    ttl: int
    hop_count: int
    rreq_id: int
    destination: Callsign
    destination_sequence: int
    originator: Callsign
    originator_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rrep:
    """Route reply (RFC 3561, 5.2) to the station ``next_hop``, which passes it on."""

    repair: bool = False
    acknowledge: bool = False
    next_hop: Callsign
    ttl: int
    hop_count: int
    destination: Callsign
    destination_sequence: int
    originator: Callsign
    lifetime_ms: int


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A destination that a RERR reports."""

    destination: Callsign
    sequence: int


@dataclass(frozen=True, slots=True)
class Rerr:
    """Route error (RFC 3561, 5.3).

    Attributes:
        no_delete: the link was mended locally; upstream stations keep the route.
    """

    unreachable: tuple[Unreachable, ...]
    no_delete: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.unreachable) < 256:
            raise ValueError("a RERR reports 1 to 255 destinations")


@dataclass(frozen=True, slots=True)
class RrepAck:
    """Acknowledges a RREP (RFC 3561, 5.4) to the station that sent it here."""

    next_hop: Callsign


Route: TypeAlias = Rreq | Rrep | Rerr | RrepAck


def encode(pdu: Route) -> bytes:
    """The body of a PDU.

    Raises:
        ValueError: a number does not fit, or an address is no callsign.
    """
    try:
        return _packed(pdu)
    except struct.error as error:
        raise ValueError(f"{type(pdu).__name__}: {error}") from None


def _packed(pdu: Route) -> bytes:
    match pdu:
        case Rreq():
            return _RREQ.pack(
                _rreq_flags(pdu),
                pdu.ttl,
                pdu.hop_count,
                pdu.rreq_id,
                encode_callsign(pdu.destination),
                pdu.destination_sequence,
                encode_callsign(pdu.originator),
                pdu.originator_sequence,
            )
        case Rrep():
            return _RREP.pack(
                _RREP_REPAIR * pdu.repair | _RREP_ACKNOWLEDGE * pdu.acknowledge,
                encode_callsign(pdu.next_hop),
                pdu.ttl,
                pdu.hop_count,
                encode_callsign(pdu.destination),
                pdu.destination_sequence,
                encode_callsign(pdu.originator),
                pdu.lifetime_ms,
            )
        case Rerr():
            head = bytes([_NO_DELETE * pdu.no_delete, len(pdu.unreachable)])
            return head + b"".join(
                _UNREACHABLE.pack(encode_callsign(one.destination), one.sequence)
                for one in pdu.unreachable
            )
        case RrepAck():
            return encode_callsign(pdu.next_hop)
        case _:
            assert_never(pdu)


def _rreq_flags(rreq: Rreq) -> int:
    return (
        _JOIN * rreq.join
        | _REPAIR * rreq.repair
        | _GRATUITOUS * rreq.gratuitous_reply
        | _DESTINATION_ONLY * rreq.destination_only
        | _UNKNOWN * rreq.unknown_sequence
    )


def decode_rreq(reader: Reader) -> Rreq:
    """The body of a RREQ."""
    flags = reader.fixed(1)
    rreq = Rreq(
        join=bool(flags & _JOIN),
        repair=bool(flags & _REPAIR),
        gratuitous_reply=bool(flags & _GRATUITOUS),
        destination_only=bool(flags & _DESTINATION_ONLY),
        unknown_sequence=bool(flags & _UNKNOWN),
        ttl=reader.fixed(1),
        hop_count=reader.fixed(1),
        rreq_id=reader.fixed(4),
        destination=reader.callsign(),
        destination_sequence=reader.fixed(4),
        originator=reader.callsign(),
        originator_sequence=reader.fixed(4),
    )
    reader.end()
    return rreq


def decode_rrep(reader: Reader) -> Rrep:
    """The body of a RREP."""
    flags = reader.fixed(1)
    rrep = Rrep(
        repair=bool(flags & _RREP_REPAIR),
        acknowledge=bool(flags & _RREP_ACKNOWLEDGE),
        next_hop=reader.callsign(),
        ttl=reader.fixed(1),
        hop_count=reader.fixed(1),
        destination=reader.callsign(),
        destination_sequence=reader.fixed(4),
        originator=reader.callsign(),
        lifetime_ms=reader.fixed(4),
    )
    reader.end()
    return rrep


def decode_rerr(reader: Reader) -> Rerr:
    """The body of a RERR."""
    flags, count = reader.fixed(1), reader.fixed(1)
    unreachable = tuple(Unreachable(reader.callsign(), reader.fixed(4)) for _ in range(count))
    reader.end()
    return Rerr(unreachable, bool(flags & _NO_DELETE))


def decode_rrep_ack(reader: Reader) -> RrepAck:
    """The body of a RREP-ACK."""
    next_hop = reader.callsign()
    reader.end()
    return RrepAck(next_hop)
