"""A client of Hamlib's ``rigctld``: dial, mode and PTT of a radio, line by line over TCP.

Every command has a time-out: ``rigctld`` gives no reply at all to what it does not know, and
waits for radios that are switched off. After one the connection is closed, because a late
reply would be taken for that of the next command.

Source: ``man rigctld``, the default protocol. ``RPRT 0`` is success, a negative number one of
Hamlib's errors.
"""

import asyncio
import contextlib
import re
from dataclasses import dataclass

from meshdl.errors import RigRefused, RigUnavailable

PORT = 4532
"""Hamlib's own default."""

REPLY_WITHIN_S = 3.0
"""Slow radios take a second."""

LINE_OCTETS_MAX = 1024
_DONE = "RPRT 0"
_REPORT = re.compile(r"RPRT (-?\d+)")
_CANNOT = {"-4", "-11"}
"""``RIG_ENIMPL`` and ``RIG_ENAVAIL``: not there in Hamlib, or not in this radio."""

_FREQUENCY_MAX_HZ = 300e9
_MODE = re.compile("[A-Z0-9-]{1,16}")


@dataclass(frozen=True, slots=True)
class RigMode:
    """What the radio demodulates.

    Attributes:
        name: as Hamlib writes it: ``PKTUSB``, ``USB``, ``FM``.
        passband_hz: of its filter; 0 where the radio does not tell.
    """

    name: str
    passband_hz: int


class Rigctld:
    """One connection, made when it is needed. One command at a time.

    Args:
        host: where ``rigctld`` runs.
        port: its TCP port.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = PORT) -> None:
        self.host, self.port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def dial_hz(self) -> int:
        """Where the radio's dial is.

        Raises:
            RigUnavailable: as everything here.
        """
        [reply] = await self._ask("f", 1)
        if not reply.isdecimal() or not 0 < int(reply) <= _FREQUENCY_MAX_HZ:
            raise await self._fault(f"{reply!r:.60} is no frequency")
        return int(reply)

    async def tune(self, dial_hz: int) -> None:
        """Turn the dial."""
        await self._tell(f"F {dial_hz}")

    async def mode(self) -> RigMode:
        """What the radio demodulates."""
        name, passband = await self._ask("m", 2)
        if not _MODE.fullmatch(name) or not passband.isdecimal():
            raise await self._fault(f"{name!r:.60} is no mode")
        return RigMode(name, int(passband))

    async def set_mode(self, mode: RigMode) -> None:
        """Choose what the radio demodulates."""
        if not _MODE.fullmatch(mode.name):
            raise ValueError(f"{mode.name!r} is no mode of Hamlib")
        await self._tell(f"M {mode.name} {mode.passband_hz}")

    async def ptt(self) -> bool:
        """Whether the radio transmits."""
        [reply] = await self._ask("t", 1)
        if not reply.isdecimal():
            raise await self._fault(f"{reply!r:.60} is no state of PTT")
        return reply != "0"

    async def set_ptt(self, on: bool) -> None:
        """Key or unkey the radio."""
        await self._tell(f"T {int(on)}")

    async def close(self) -> None:
        """Close the connection. Twice is harmless."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()

    async def _tell(self, command: str) -> None:
        [reply] = await self._ask(command, 1)
        if reply != _DONE:
            raise await self._fault(f"it answered {command!r} with {reply!r:.60}")

    async def _ask(self, command: str, lines: int) -> list[str]:
        async with self._turn:
            try:
                async with asyncio.timeout(REPLY_WITHIN_S):
                    return await self._exchange(command, lines)
            except TimeoutError:
                raise await self._fault(
                    f"no reply to {command!r} in {REPLY_WITHIN_S:g} s"
                ) from None
            except RigUnavailable:
                raise
            except (OSError, ValueError) as error:
                raise await self._fault(str(error)) from None
            except BaseException:
                # Cancelled in the middle: the reply is still to come.
                await self.close()
                raise

    async def _exchange(self, command: str, lines: int) -> list[str]:
        # A connection that was cut meanwhile takes nothing: uvloop raises.
        if self._streams is None or self._streams[1].is_closing():
            self._streams = await asyncio.open_connection(
                self.host, self.port, limit=LINE_OCTETS_MAX
            )
        reader, writer = self._streams
        writer.write(command.encode("ascii") + b"\n")
        await writer.drain()
        replies = []
        for _ in range(lines):
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise ConnectionResetError("it closed the connection")
            reply = line.decode("ascii", errors="replace").strip()
            if (report := _REPORT.fullmatch(reply)) and reply != _DONE:
                kind = RigRefused if report[1] in _CANNOT else RigUnavailable
                raise kind(
                    f"rigctld at {self.host}:{self.port} refused {command!r} with Hamlib's error"
                    f" {report[1]}; can this radio do it? For PTT: rigctld -P RIG"
                )
            replies.append(reply)
        return replies

    async def _fault(self, problem: str) -> RigUnavailable:
        await self.close()
        return RigUnavailable(
            f"rigctld at {self.host}:{self.port}: {problem}; is it running, and the radio on?"
        )
