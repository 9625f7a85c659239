"""Capture files: what was heard, kept as pcapng, so that other programs read it too.

Written is one section with two interfaces: frames of TNCs with a KISS type octet before
them (``LINKTYPE_AX25_KISS``), and frames of modems that have no AX.25 (``LINKTYPE_USER0``).
A file that is gone on with simply gets a new section, as pcapng allows. Read are pcapng and
pcap files of either byte order, with these link types and bare AX.25; frames of other link
types are left out.

The formats are those of the IETF drafts draft-ietf-opsawg-pcap and -pcapng.
"""

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from meshdl.errors import CaptureInvalid
from meshdl.wire.kiss import FRAME_OCTETS_MAX, Command

LINKTYPE_AX25, LINKTYPE_USER0, LINKTYPE_AX25_KISS = 3, 147, 202

BLOCK_OCTETS_MAX = 1024 * 1024
"""Comments and name tables included. Longer is no capture of radio."""

TIME_END = 2**32
"""Unix time, seconds: where pcap's clock ends, in 2106. No capture was made after it."""

INTERFACES_MAX = 256
"""Of one section; ours have two."""

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER = 0x1A2B3C4D
_HEAD_OCTETS = 12
_IF_NAME, _IF_TSRESOL = 2, 9
_MICROSECONDS = 1_000_000

_PCAP_MAGIC = {0xA1B2C3D4: _MICROSECONDS, 0xA1B23C4D: 1_000_000_000}
_PCAP_HEAD, _PCAP_RECORD = 24, 16


class Framing(enum.Enum):
    """What the octets of a captured frame are."""

    AX25 = LINKTYPE_AX25_KISS
    """An AX.25 frame without flags and checksum."""
    BARE = LINKTYPE_USER0
    """What the modem carries: a frame of ours, or of somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One frame that was heard.

    Attributes:
        at: Unix time, seconds.
        port: of the TNC; 0 where there is none.
    """

    at: float
    framing: Framing
    octets: bytes
    port: int = 0


_INTERFACES = {Framing.AX25: b"kiss", Framing.BARE: b"air"}
"""In the order of their numbers in the files that are written here."""


def encode_head() -> bytes:
    """What a capture, or one that is gone on with, begins with."""
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    interfaces = b"".join(
        _block(
            _INTERFACE,
            struct.pack("<HHI", framing.value, 0, FRAME_OCTETS_MAX + 1) + _option(_IF_NAME, name),
        )
        for framing, name in _INTERFACES.items()
    )
    return _block(_SECTION, section) + interfaces


def encode(captured: Captured) -> bytes:
    """One frame, to be written behind the head or other frames.

    Raises:
        ValueError: longer than a frame, or not between 1970 and 2106.
    """
    octets = captured.octets
    if captured.framing is Framing.AX25:
        octets = bytes([captured.port << 4 | Command.DATA]) + octets
    if len(octets) > FRAME_OCTETS_MAX + 1 or not 0 <= captured.at < TIME_END:
        raise ValueError(f"a frame of {len(octets)} octets at {captured.at} is not kept")
    at = round(captured.at * _MICROSECONDS)
    head = struct.pack(
        "<IIIII",
        list(_INTERFACES).index(captured.framing),
        at >> 32,
        at & 0xFFFFFFFF,
        len(octets),
        len(octets),
    )
    return _block(_PACKET, head + _padded(octets))


@dataclass(frozen=True, slots=True)
class _Interface:
    linktype: int
    ticks_per_s: int


class Decoder:
    """Reads a capture as it comes, in pieces of any length.

    Attributes:
        left_out: packets that are no frames of a radio.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._octets = bytearray()
        self._order = "<"
        # Of a pcap file, which has one link type for all; ``None`` in pcapng.
        self._pcap: _Interface | None = None
        self._begun = False
        self._interfaces: list[_Interface] = []

    def feed(self, octets: bytes) -> list[Captured]:
        """Frames that ``octets`` complete.

        Raises:
            CaptureInvalid: this is no capture file, or it is damaged.
        """
        self._octets += octets
        found: list[Captured] = []
        while True:
            length = self._next_length()
            if length is None or len(self._octets) < length:
                return found
            unit = bytes(self._octets[:length])
            del self._octets[:length]
            found += self._read(unit)

    def end(self) -> None:
        """The file is over.

        Raises:
            CaptureInvalid: in the midst of a frame, or before anything was there.
        """
        if self._octets or not self._begun:
            raise _invalid("it ends too early")

    def _next_length(self) -> int | None:
        """Octets of the block or record that comes next; ``None`` while that is not known."""
        if not self._begun:
            return self._begin()
        if self._pcap is not None:
            if len(self._octets) < _PCAP_RECORD:
                return None
            return _PCAP_RECORD + self._limited(self._number(8))
        if len(self._octets) < _HEAD_OCTETS:
            return None
        if self._number(0) == _SECTION:
            self._order = self._byte_order()
        length = self._limited(self._number(4))
        if length < _HEAD_OCTETS or length % 4:
            raise _invalid(f"a block of {length} octets")
        return length

    def _begin(self) -> int | None:
        if len(self._octets) < _HEAD_OCTETS:
            return None
        if self._number(0) == _SECTION:
            self._begun = True
            return self._next_length()
        for order in "<>":
            self._order = order
            ticks = _PCAP_MAGIC.get(self._number(0))
            if ticks is not None:
                if len(self._octets) < _PCAP_HEAD:
                    return None
                self._pcap = _Interface(self._number(20) & 0x0FFFFFFF, ticks)
                self._begun = True
                del self._octets[:_PCAP_HEAD]
                return self._next_length()
        raise _invalid("it begins like neither pcapng nor pcap")

    def _byte_order(self) -> str:
        for order in "<>":
            if struct.unpack_from(order + "I", self._octets, 8)[0] == _BYTE_ORDER:
                return order
        raise _invalid("a section without byte order")

    def _number(self, offset: int) -> int:
        return int(struct.unpack_from(self._order + "I", self._octets, offset)[0])

    def _limited(self, length: int) -> int:
        if length > BLOCK_OCTETS_MAX:
            raise _invalid(f"{length} octets at once; {BLOCK_OCTETS_MAX} are allowed")
        return length

    def _read(self, unit: bytes) -> Iterator[Captured]:
        if self._pcap is not None:
            second, fraction = struct.unpack_from(self._order + "II", unit)
            at = second + fraction / self._pcap.ticks_per_s
            yield from self._frame(self._pcap, at, unit[_PCAP_RECORD:])
            return
        kind = struct.unpack_from(self._order + "I", unit)[0]
        body = unit[8:-4]
        try:
            if kind == _SECTION:
                self._interfaces = []
            elif kind == _INTERFACE:
                self._add_interface(body)
            elif kind == _PACKET:
                yield from self._packet(body)
        except struct.error:
            raise _invalid(f"a block of type {kind} that ends too early") from None

    def _add_interface(self, body: bytes) -> None:
        if len(self._interfaces) == INTERFACES_MAX:
            raise _invalid(f"more than {INTERFACES_MAX} interfaces")
        linktype = struct.unpack_from(self._order + "H", body)[0]
        self._interfaces.append(_Interface(linktype, self._ticks_per_s(body)))

    def _ticks_per_s(self, body: bytes) -> int:
        at = 8
        while at + 4 <= len(body):
            code, length = struct.unpack_from(self._order + "HH", body, at)
            if code == _IF_TSRESOL and length == 1 and at + 4 < len(body):
                exponent = body[at + 4]
                return int(2 ** (exponent & 0x7F)) if exponent & 0x80 else int(10**exponent)
            at += 4 + length + -length % 4
        return _MICROSECONDS

    def _packet(self, body: bytes) -> Iterator[Captured]:
        number, high, low, length, _original = struct.unpack_from(self._order + "IIIII", body)
        if number >= len(self._interfaces) or length > len(body) - 20:
            raise _invalid("a packet of an unknown interface, or one that ends too early")
        interface = self._interfaces[number]
        at = (high << 32 | low) / interface.ticks_per_s
        yield from self._frame(interface, at, body[20 : 20 + length])

    def _frame(self, interface: _Interface, at: float, octets: bytes) -> Iterator[Captured]:
        if at >= TIME_END:
            raise _invalid("a packet of a time after 2106")
        framing, port = Framing.AX25, 0
        match interface.linktype:
            case 147:
                framing = Framing.BARE
            case 202 if octets and octets[0] & 0x0F == Command.DATA:
                port, octets = octets[0] >> 4, octets[1:]
            case 3:
                pass
            case _:
                octets = b""
        if not octets or len(octets) > FRAME_OCTETS_MAX:
            self.left_out += 1
            return
        yield Captured(at=at, framing=framing, octets=octets, port=port)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + _HEAD_OCTETS
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, octets: bytes) -> bytes:
    end = struct.pack("<HH", 0, 0)
    return struct.pack("<HH", code, len(octets)) + _padded(octets) + end


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _invalid(problem: str) -> CaptureInvalid:
    return CaptureInvalid(
        f"no capture file can be read further: {problem}; pcapng and pcap are understood"
    )
