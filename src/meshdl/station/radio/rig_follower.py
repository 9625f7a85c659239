"""Reads dial and mode of the rig: from time to time, and at once when a burst is about to go.

A rig that cannot tell its mode is taken to be in the sideband of the settings; one that is in a
mode in which nothing of ours is sent (CW, AM) makes the station silent.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from meshdl.errors import RigRefused, RigUnavailable
from meshdl.radio.declaration import Sideband
from meshdl.radio.transmitter_events import RigRead, RigSilent
from meshdl.transports.modems.rigctld import Rigctld

READ_EVERY_S = 2.0
"""What the status shows is no older. Slow CAT lines need a tenth of a second for both questions."""

SIDEBANDS: dict[str, Sideband] = {
    name: sideband
    for sideband, names in (
        (Sideband.USB, ("USB", "PKTUSB", "USBD1", "USBD2", "USBD3", "ECSSUSB")),
        (Sideband.LSB, ("LSB", "PKTLSB", "LSBD1", "LSBD2", "LSBD3", "ECSSLSB")),
        (Sideband.FM, ("FM", "FMN", "WFM", "PKTFM", "PKTFMN")),
    )
    for name in names
}
"""Hamlib's names of modes (``man rigctl``) in which a modem's audio is sent."""

Answer: TypeAlias = RigRead | RigSilent


class RigFollower:
    """Follows one rig.

    Args:
        rig: is closed with this.
        tell: takes what was read; never called by :meth:`ask`.
        every_s: how often it is read when nobody asks.
    """

    def __init__(
        self, rig: Rigctld, tell: Callable[[Answer], None], *, every_s: float = READ_EVERY_S
    ) -> None:
        self._rig, self._tell, self._every_s = rig, tell, every_s
        self._asked: int | None = None
        self._wake = asyncio.Event()
        self._closed = False

    def ask(self, serial: int | None = None) -> None:
        """Read now; the answer has this serial."""
        if serial is not None:  # whoever does not care takes any answer
            self._asked = serial
        self._wake.set()

    def close(self) -> None:
        """End :meth:`run`; nothing is told any more."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Read until closed or cancelled."""
        try:
            while not self._closed:
                self._wake.clear()
                serial, self._asked = self._asked, None
                answer = await self._read(serial)
                if not self._closed:
                    self._tell(answer)
                await self._pause()
        finally:
            await self._rig.close()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._wake.wait()

    async def _read(self, serial: int | None) -> Answer:
        try:
            dial_hz = await self._rig.dial_hz()
            sideband = await self._sideband()
        except RigUnavailable as error:
            return RigSilent(str(error))
        if isinstance(sideband, RigSilent):
            return sideband
        return RigRead(dial_hz, sideband, serial)

    async def _sideband(self) -> Sideband | RigSilent | None:
        try:
            mode = await self._rig.mode()
        except RigRefused:
            return None
        sideband = SIDEBANDS.get(mode.name)
        if sideband is None:
            return RigSilent(f"the rig is in {mode.name}; set it to USB, LSB or FM")
        return sideband
