"""PTT by ``rigctld``, with a guard that drops it when this process cannot any more.

Theory of operation
===================

The station keys and unkeys by its own connection. Before it keys, it tells the guard, a child
process (:mod:`.ptt_guard`); after it has unkeyed, it tells the guard again. So between "may
be on" and "is off" there is always somebody who will turn it off:

- an exception, an abort, a shutdown: this process, in ``unkey``;
- this process killed: the pipe to the guard ends, and the guard turns PTT off;
- this process stuck: the burst's own time is over, and the guard turns PTT off.

Both killed at once is what the radio's own time-out timer is for.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from meshdl.errors import RigUnavailable
from meshdl.transports.modems import ptt_guard
from meshdl.transports.modems.rigctld import Rigctld

GUARD_SPARE_S = 2.0
"""After a burst should have ended: the station may be slow without being stuck."""

GUARD_STARTS_WITHIN_S = 15.0
GUARD_ENDS_WITHIN_S = 5.0
UNKEY_TRIES = 3


class RigPtt:
    """See :class:`meshdl.transports.modems.ptt.PushToTalk`.

    Args:
        rig: whose PTT it is. It is closed with this.
    """

    def __init__(self, rig: Rigctld) -> None:
        self._rig = rig
        self._guard: asyncio.subprocess.Process | None = None
        self._on = False

    async def open(self) -> None:
        """Start the guard, and turn off whatever an earlier station left on."""
        if self._guard is None or self._guard.returncode is not None:
            self._guard = await self._start_guard()
        self._on = True
        await self.unkey()

    async def key(self, *, within_s: float) -> None:
        """Tell the guard, then key."""
        # Before the command: it may be obeyed even if its reply never comes.
        self._on = True
        await self._tell_guard(f"key {within_s + GUARD_SPARE_S:.3f}")
        await self._rig.set_ptt(True)

    async def unkey(self) -> None:
        """Unkey, then tell the guard."""
        if not self._on:
            return
        for left in reversed(range(UNKEY_TRIES)):
            try:
                await self._rig.set_ptt(False)
                break
            except RigUnavailable as error:
                if not left:
                    raise RigUnavailable(
                        f"PTT MAY STILL BE ON, switch the transmitter off by hand: {error}"
                    ) from None
        self._on = False
        with contextlib.suppress(RigUnavailable):
            await self._tell_guard("unkey")

    async def close(self) -> None:
        """Unkey; then the guard ends, because its pipe does."""
        with contextlib.suppress(RigUnavailable):
            await self.unkey()
        await self._rig.close()
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        guard.stdin.close()
        # If PTT may be on it still tries: it is left to do so.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(guard.wait(), GUARD_ENDS_WITHIN_S)

    async def _start_guard(self) -> asyncio.subprocess.Process:
        program = str(Path(ptt_guard.__file__))
        guard = await asyncio.create_subprocess_exec(
            sys.executable, "-I", program, self._rig.host, str(self._rig.port),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            # Not of our process group: a terminal's signals are not for it.
            start_new_session=True,
        )  # fmt: skip
        assert guard.stdout is not None
        started = b""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GUARD_STARTS_WITHIN_S):
                    started = await guard.stdout.readline()
        finally:
            # Whoever is cancelled meanwhile would leave it behind.
            if not started:
                with contextlib.suppress(ProcessLookupError):
                    guard.kill()
                await guard.wait()
        if not started:
            raise RigUnavailable("the guard that drops PTT does not start; nothing is keyed")
        return guard

    async def _tell_guard(self, line: str) -> None:
        if self._guard is None or self._guard.stdin is None:
            raise RigUnavailable("PTT is not open")
        try:
            if self._guard.stdin.is_closing():  # then uvloop raises RuntimeError
                raise ConnectionResetError
            self._guard.stdin.write(f"{line}\n".encode("ascii"))
            await self._guard.stdin.drain()
        except ConnectionError:
            raise RigUnavailable("the guard that drops PTT is gone; nothing is keyed") from None
