"""PTT by a control line of a serial port: RTS or DTR, as most interfaces have it.

No guard is needed here: when a process ends, however it ends, the system closes its port, and
the driver drops both lines.
"""

import asyncio
import contextlib
import enum
from collections.abc import Callable
from typing import Any, Protocol

from meshdl.errors import RigUnavailable


class SerialLine(enum.Enum):
    """Which one keys the radio."""

    RTS = "rts"
    DTR = "dtr"


class SerialLines(Protocol):
    """A port's two output lines. Failures are :exc:`OSError`."""

    def open(self) -> None:
        """Open the port, with the lines as they were last set."""

    def close(self) -> None:
        """Close it; the driver drops both lines."""

    def set(self, line: SerialLine, on: bool) -> None:
        """Raise or drop one."""

    def state(self, line: SerialLine) -> bool:
        """Whether it is raised, as the driver says."""


class SerialPtt:
    """See :class:`meshdl.transports.modems.ptt.PushToTalk`.

    Args:
        device: of the port: ``/dev/ttyUSB0``, ``COM3``.
        line: that keys.
        inverted: the radio transmits when the line is off.
        lines: of a device.
    """

    def __init__(
        self,
        device: str,
        line: SerialLine,
        *,
        inverted: bool = False,
        lines: Callable[[str, dict[SerialLine, bool]], SerialLines] | None = None,
    ) -> None:
        self._device, self._line, self._inverted = device, line, inverted
        self._make = lines or _SerialxLines
        self._port: SerialLines | None = None

    async def open(self) -> None:
        """Open the port, not keyed from the first moment on."""
        await self.close()
        # Opening raises both lines unless told otherwise, which keys for a moment.
        off = dict.fromkeys(SerialLine, False) | {self._line: self._inverted}
        port = self._make(self._device, off)
        try:
            await asyncio.to_thread(port.open)
        except OSError as error:
            raise RigUnavailable(f"PTT port {self._device} cannot be opened: {error}") from None
        self._port = port

    async def key(self, *, within_s: float) -> None:  # noqa: ARG002 - needs no guard
        """Raise the line."""
        self._set(not self._inverted)

    async def unkey(self) -> None:
        """Drop the line."""
        if self._port is not None:
            self._set(self._inverted)

    async def close(self) -> None:
        """Drop the line and close the port."""
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(OSError):
                port.set(self._line, self._inverted)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(port.close)

    def _set(self, on: bool) -> None:
        if self._port is None:
            raise RigUnavailable(f"PTT port {self._device} is not open")
        try:
            self._port.set(self._line, on)
            obeyed = self._port.state(self._line) is on
        except OSError as error:
            raise self._lost(str(error)) from None
        if not obeyed:
            raise self._lost(f"{self._line.name} does not change")

    def _lost(self, problem: str) -> RigUnavailable:
        return RigUnavailable(
            f"PTT port {self._device}: {problem}; make sure that the radio does not transmit"
        )


class _SerialxLines:
    """A real port."""

    def __init__(self, device: str, on_open: dict[SerialLine, bool]) -> None:
        import serialx

        self._failures: Any = serialx.SerialException
        states = {
            line: serialx.PinState.HIGH if on else serialx.PinState.LOW
            for line, on in on_open.items()
        }
        self._port = serialx.serial_for_url(
            device, rts_on_open=states[SerialLine.RTS], dtr_on_open=states[SerialLine.DTR]
        )

    def open(self) -> None:
        with self._as_os_error():
            self._port.open()

    def close(self) -> None:
        with self._as_os_error():
            self._port.close()

    def set(self, line: SerialLine, on: bool) -> None:
        with self._as_os_error():
            if line is SerialLine.RTS:
                self._port.set_modem_pins(rts=on)
            else:
                self._port.set_modem_pins(dtr=on)

    def state(self, line: SerialLine) -> bool:
        with self._as_os_error():
            # The library hides that a line could not be set; a port that is gone has none.
            return bool(getattr(self._port.get_modem_pins(), line.value).to_bool())

    @contextlib.contextmanager
    def _as_os_error(self) -> Any:
        try:
            yield
        except self._failures as error:
            raise OSError(str(error)) from None
