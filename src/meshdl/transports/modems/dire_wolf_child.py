"""One Dire Wolf process: started, spoken to over a pseudo terminal, killed.

Not on Windows, which has no pseudo terminals.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from meshdl.errors import ModemUnavailable
from meshdl.transports.modems import child_guard
from meshdl.transports.modems.dire_wolf_settings import ARGUMENTS, DireWolfSettings

_READ_OCTETS = 4096


class DireWolfChild:
    """A running Dire Wolf.

    Args:
        guard: the process that runs it, see :mod:`.child_guard`.
        line: our end of the pseudo terminal, and its end, kept open so that the line never
            hangs up while it starts.
        hear: is given what comes by the line.
    """

    def __init__(
        self,
        guard: asyncio.subprocess.Process,
        line: tuple[int, int],
        hear: Callable[[bytes], None],
    ) -> None:
        self._guard = guard
        self._ours, self._its = line
        self._hear = hear
        self._unsent = b""
        asyncio.get_running_loop().add_reader(self._ours, self._readable)

    @classmethod
    async def start(
        cls, settings: DireWolfSettings, hear: Callable[[bytes], None]
    ) -> "DireWolfChild":
        """Start one; it is ready when it says so.

        Raises:
            ModemUnavailable: there is no Dire Wolf, or it cannot be started.
        """
        program = shutil.which(settings.program)
        if program is None:
            raise ModemUnavailable(
                f"there is no {settings.program} here; install it (Debian: apt install direwolf)"
            )
        try:
            line, name = _pseudo_terminal()
        except OSError as error:
            raise ModemUnavailable(f"no pseudo terminal for Dire Wolf: {error}") from None
        configuration = settings.configuration(name)
        try:
            guard = await asyncio.create_subprocess_exec(
                sys.executable, "-IS", str(Path(child_guard.__file__)), program, *ARGUMENTS,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                # Not of our process group: a terminal's signals are not for it.
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            _close(line)
            raise ModemUnavailable(f"Dire Wolf cannot be started: {error}") from None
        except BaseException:
            _close(line)
            raise
        assert guard.stdin is not None
        guard.stdin.write(configuration.encode("ascii") + b"\0")
        return cls(guard, line, hear)

    async def printed(self) -> bytes:
        """What it prints next; nothing once it has ended."""
        assert self._guard.stdout is not None
        return await self._guard.stdout.read(_READ_OCTETS)

    def write(self, octets: bytes) -> None:
        """Frames for it; what it does not take yet waits."""
        self._unsent += octets
        self._writable()

    def kill(self) -> None:
        """End it at once; :meth:`ended` follows. Twice is harmless."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()

    async def ended(self) -> int:
        """Wait for its end, and give the line back; its exit status."""
        status = await self._guard.wait()
        if self._ours >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._ours)
            loop.remove_writer(self._ours)
            _close((self._ours, self._its))
            self._ours = -1
        return status

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._hear(os.read(self._ours, _READ_OCTETS))

    def _writable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[os.write(self._ours, self._unsent) :]
        loop = asyncio.get_running_loop()
        if self._unsent:
            loop.add_writer(self._ours, self._writable)
        else:
            loop.remove_writer(self._ours)


def _pseudo_terminal() -> tuple[tuple[int, int], str]:
    """Our end and its end, and the name of the latter."""
    if sys.platform == "win32":
        raise OSError("Windows has none")
    import tty

    ours, its = os.openpty()
    try:
        # Before anybody writes: a terminal echoes, and waits for line ends.
        tty.setraw(its)
        os.set_blocking(ours, False)
        return (ours, its), os.ttyname(its)
    except BaseException:
        _close((ours, its))
        raise


def _close(line: tuple[int, int]) -> None:
    for end in line:
        os.close(end)
