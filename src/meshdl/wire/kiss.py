"""KISS: how a host hands frames to a terminal node controller (TNC) and gets them back.

Frames are whole or absent, whatever a serial line does: octets before the first FEND, a
wrong escape and an endless frame are dropped, and the next FEND begins anew.

Times are in ms here and in units of 10 ms on the wire.

Source:
    Chepponis and Karn, "The KISS TNC" (1987); ports in the high four bits of the type octet
    as in Karn's multi-drop extension, which all TNCs with several ports follow.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

FEND, FESC, TFEND, TFESC = 0xC0, 0xDB, 0xDC, 0xDD

PORTS = 16

FRAME_OCTETS_MAX = 4096
"""Longer than any frame a TNC takes; what grows beyond is noise, and is forgotten."""

TIME_MS_MAX = 2550
_TIME_UNIT_MS = 10

_ESCAPES = {TFEND: FEND, TFESC: FESC}


class Command(enum.IntEnum):
    """The low four bits of the type octet."""

    DATA = 0
    TXDELAY = 1
    PERSISTENCE = 2
    SLOT_TIME = 3
    TXTAIL = 4
    FULL_DUPLEX = 5
    SET_HARDWARE = 6
    RETURN = 15


@dataclass(frozen=True, slots=True)
class KissFrame:
    """One frame of the serial line, its escapes undone.

    Attributes:
        port: of the TNC, 0 to 15.
        command: low four bits of the type octet; those of :class:`Command` are known.
        octets: what follows the type octet.
    """

    port: int
    command: int
    octets: bytes


def encode(payload: bytes, *, port: int = 0) -> bytes:
    """A data frame: ``payload`` is what goes on the air, without its checksum.

    Raises:
        ValueError: no such port, nothing to send, or too much.
    """
    if not payload:
        raise ValueError("a data frame without octets is none")
    return _encode(port, Command.DATA, payload)


def encode_txdelay(txdelay_ms: float, *, port: int = 0) -> bytes:
    """Time from keying until the first flag. Raises ValueError above 2550 ms."""
    return _encode(port, Command.TXDELAY, _time(txdelay_ms))


def encode_persistence(persistence: float, *, port: int = 0) -> bytes:
    """The p of p-persistent CSMA, above 0 and up to 1; sent as ``256 * p - 1``.

    Raises:
        ValueError: outside.
    """
    if not 0 < persistence <= 1:
        raise ValueError(f"a persistence of {persistence} is not above 0 and at most 1")
    return _encode(port, Command.PERSISTENCE, bytes([max(0, round(256 * persistence) - 1)]))


def encode_slot_time(slot_time_ms: float, *, port: int = 0) -> bytes:
    """Time between two looks at a busy channel. Raises ValueError above 2550 ms."""
    return _encode(port, Command.SLOT_TIME, _time(slot_time_ms))


def encode_txtail(txtail_ms: float, *, port: int = 0) -> bytes:
    """Time from the last octet until the key is released. Raises ValueError above 2550 ms."""
    return _encode(port, Command.TXTAIL, _time(txtail_ms))


def encode_full_duplex(full_duplex: bool, *, port: int = 0) -> bytes:
    """Whether the TNC sends without waiting for a clear channel."""
    return _encode(port, Command.FULL_DUPLEX, bytes([full_duplex]))


def encode_set_hardware(octets: bytes, *, port: int = 0) -> bytes:
    """What the TNC's own manual says; raises ValueError when it is too long."""
    return _encode(port, Command.SET_HARDWARE, octets)


def encode_return() -> bytes:
    """Leave KISS mode, for good: many TNCs then need their switch."""
    return _encode(PORTS - 1, Command.RETURN, b"")


class Decoder:
    """Finds frames in a stream of octets, however it is cut.

    Attributes:
        dropped: frames and pieces of frames that were not whole.
    """

    def __init__(self, *, port: int = 0) -> None:
        """Decode a stream; :meth:`feed` gives the data frames of ``port``."""
        self.dropped = 0
        self._port = port
        self._frame = bytearray()
        # Until the first FEND nobody knows what the octets are.
        self._lost = True
        self._escaped = False

    def feed(self, octets: bytes) -> list[bytes]:
        """Payloads of the data frames of our port that ``octets`` complete."""
        return [
            frame.octets
            for frame in self.frames(octets)
            if (frame.port, frame.command) == (self._port, Command.DATA) and frame.octets
        ]

    def frames(self, octets: bytes) -> list[KissFrame]:
        """All frames that ``octets`` complete, of every port and command."""
        return list(self._frames(octets))

    def _frames(self, octets: bytes) -> Iterator[KissFrame]:
        *ended, rest = octets.split(bytes([FEND]))
        for piece in ended:
            self._take(piece)
            frame = self._end()
            if frame is not None:
                yield frame
        self._take(rest)

    def _take(self, piece: bytes) -> None:
        """Go on with a frame: octets without FEND."""
        if self._lost:
            return
        for octet in piece:
            if self._escaped:
                if octet not in _ESCAPES:
                    self._lose()
                    return
                self._frame.append(_ESCAPES[octet])
                self._escaped = False
            elif octet == FESC:
                self._escaped = True
            else:
                self._frame.append(octet)
        if len(self._frame) > FRAME_OCTETS_MAX:
            self._lose()

    def _end(self) -> KissFrame | None:
        if self._escaped:
            self._lose()
        # Nothing between two FENDs is nothing: most senders put one before and one behind.
        found = None
        if self._frame and not self._lost:
            kind = self._frame[0]
            found = KissFrame(kind >> 4, kind & 0x0F, bytes(self._frame[1:]))
        self._frame.clear()
        self._lost = self._escaped = False
        return found

    def _lose(self) -> None:
        self.dropped += 1
        self._frame.clear()
        self._lost, self._escaped = True, False


def _encode(port: int, command: Command, octets: bytes) -> bytes:
    if not 0 <= port < PORTS:
        raise ValueError(f"a TNC has ports 0 to {PORTS - 1}, not {port}")
    if len(octets) >= FRAME_OCTETS_MAX:
        raise ValueError(f"{len(octets)} octets are too many for one frame")
    # The type octet is escaped too: that of data on port 12 is FEND.
    whole = bytes([port << 4 | command]) + octets
    whole = whole.replace(bytes([FESC]), bytes([FESC, TFESC]))
    whole = whole.replace(bytes([FEND]), bytes([FESC, TFEND]))
    return bytes([FEND]) + whole + bytes([FEND])


def _time(time_ms: float) -> bytes:
    if not 0 <= time_ms <= TIME_MS_MAX:
        raise ValueError(f"{time_ms} ms is not in 0..{TIME_MS_MAX}")
    return bytes([round(time_ms / _TIME_UNIT_MS)])
