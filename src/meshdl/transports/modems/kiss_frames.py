"""Payloads in AX.25 in KISS: what goes to a TNC, and what comes from it."""

from collections.abc import Callable, Iterator

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, callsign
from meshdl.wire import ax25, kiss
from meshdl.wire.ax25 import PID_NO_LAYER_3, Address, Ax25Frame
from meshdl.wire.capture import Captured, Framing


class KissFrames:
    """Of one port of a TNC.

    Args:
        station: whose address our frames have.
        port: of the TNC.
        overhear: is given every AX.25 frame of the port, others' too, at Unix time.
        unix_time: for ``overhear``.

    Attributes:
        carries_sender: whether the address tells the whole callsign. One that is cut is told
            by the frames themselves.
    """

    def __init__(
        self,
        station: Callsign,
        *,
        port: int = 0,
        overhear: Callable[[Captured], None] | None = None,
        unix_time: Callable[[], float] | None = None,
    ) -> None:
        self._address = _address_of(station)
        self._port, self._overhear, self._unix_time = port, overhear, unix_time
        self._decoder = kiss.Decoder(port=port)
        self.carries_sender = str(self._address) == station.removesuffix("-0")

    def restart(self) -> None:
        """The line is a new one: forget what of a frame came by the old one."""
        self._decoder = kiss.Decoder(port=self._port)

    def encode(self, payload: bytes) -> bytes:
        """One frame, for the line."""
        return kiss.encode(ax25.encode_ui(self._address, payload), port=self._port)

    def feed(self, octets: bytes) -> Iterator[tuple[bytes, Callsign | None]]:
        """Payloads that octets of the line complete, and whose address each has."""
        for frame in self._decoder.feed(octets):
            yield from self._heard(frame)

    def _heard(self, octets: bytes) -> Iterator[tuple[bytes, Callsign | None]]:
        if self._overhear is not None and self._unix_time is not None:
            self._overhear(
                Captured(at=self._unix_time(), framing=Framing.AX25, octets=octets, port=self._port)
            )
        try:
            frame = ax25.decode(octets)
        except RemoteProtocolError:
            return  # noise with a checksum that was right by chance; the monitor has seen it
        if frame.kind is ax25.Kind.UI and frame.pid == PID_NO_LAYER_3 and frame.info:
            yield frame.info, _sender_of(frame)


def _address_of(station: Callsign) -> Address:
    """The source address of a station: a callsign that is too long is cut, and identified."""
    name, _, ssid = station.partition("-")
    return Address(name[:6], int(ssid or 0))


def _sender_of(frame: Ax25Frame) -> Callsign | None:
    try:
        return callsign(str(frame.source))
    except ValueError:  # an address like BEACON, which is nobody's callsign
        return None
