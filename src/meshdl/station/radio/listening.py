"""Hears through the modem of the settings without a station: for a receive test, and to monitor.

Nothing can be keyed from here: there is no transmitter, and PTT is left alone.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.air import BurstEnded, CarrierChanged, FrameHeard, ModemDown, ModemReport, ModemUp
from meshdl.errors import ConfigError
from meshdl.ids import Callsign
from meshdl.station.modem_address import DireWolf, KissSerial, KissTcp
from meshdl.station.radio.modem import modem_of
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems.dire_wolf import DireWolfModem
from meshdl.transports.modems.kiss_modem import KissModem
from meshdl.transports.modems.levels import Level
from meshdl.transports.modems.sound_modem import SoundModem
from meshdl.wire.capture import Captured, Framing

WAITING_MAX = 10_000
"""Frames that nobody took: hours of a busy channel. More are not kept."""


@dataclass(frozen=True, slots=True)
class OnAir:
    """One frame as the modem gave it.

    Attributes:
        snr_db: in 3 kHz, where the modem measures it.
    """

    captured: Captured
    snr_db: float | None = None


Reception: TypeAlias = OnAir | ModemUp | ModemDown | CarrierChanged


class Listener:
    """The modem of the settings, receiving only.

    Args:
        radio: the settings.
        station: whose station it is; nothing is sent.

    Raises:
        ConfigError: no modem is set.
    """

    def __init__(self, radio: RadioConfig, station: Callsign) -> None:
        address = radio.modem_address()
        if address is None:
            raise ConfigError("radio.modem", "is not set; see: meshdl radio setup")
        self._ears = _Ears(overhears=isinstance(address, KissTcp | KissSerial | DireWolf))
        self._modem = modem_of(
            radio,
            address,
            station,
            receive_only=True,
            overhear=self._ears.overhear,
            unix_time=time.time,
        )

    @property
    def level(self) -> Level | None:
        """Of the sound that comes in; ``None`` where there is none."""
        return self._modem.level if isinstance(self._modem, SoundModem) else None

    @property
    def trouble(self) -> str:
        """Why a TNC is not there; empty when it is, and with other modems."""
        return self._modem.trouble if isinstance(self._modem, KissModem | DireWolfModem) else ""

    async def receptions(self) -> AsyncGenerator[Reception]:
        """Everything that is heard from now on, until the caller stops.

        A modem that is absent is looked for again and again, and waited for.
        """
        running = asyncio.ensure_future(self._modem.run(self._ears.report))
        try:
            while not running.done():
                taking = asyncio.ensure_future(self._ears.waiting.get())
                await asyncio.wait([taking, running], return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    yield taking.result()
                taking.cancel()
            running.result()
        finally:
            self._modem.close()
            running.cancel()
            await asyncio.wait([running])


class _Ears:
    """Takes what a modem reports until somebody asks for it.

    Args:
        overhears: every frame comes by :meth:`overhear`, so that reports of ours are twins.
    """

    def __init__(self, *, overhears: bool) -> None:
        self._overhears = overhears
        self.waiting: asyncio.Queue[Reception] = asyncio.Queue(WAITING_MAX)

    def overhear(self, captured: Captured) -> None:
        self._put(OnAir(captured))

    def report(self, event: ModemReport) -> None:
        match event:
            case FrameHeard() if not self._overhears:
                captured = Captured(at=time.time(), framing=Framing.BARE, octets=event.octets)
                self._put(OnAir(captured, event.snr_db))
            case ModemUp() | ModemDown() | CarrierChanged():
                self._put(event)
            case FrameHeard() | BurstEnded():
                pass

    def _put(self, reception: Reception) -> None:
        if not self.waiting.full():
            self.waiting.put_nowait(reception)
