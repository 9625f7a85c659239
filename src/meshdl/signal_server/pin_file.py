"""Which callsign goes with which key, durable: a text file that only grows.

One line a pin: the callsign, a space, the key in hexadecimal. The last line of a callsign
counts. A line that was cut by a crash is skipped: its station is pinned again when it next
comes. Several pins are written and synced together, in a thread.
"""

import asyncio
import logging
import os
from pathlib import Path

from meshdl.errors import FileUnreadable
from meshdl.ids import Callsign, StationKey, callsign, station_key

_log = logging.getLogger(__name__)


class PinFile:
    """The pins of one server.

    Args:
        path: of the file; ``None``: they are forgotten with the process.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: list[str] = []
        self._news = asyncio.Event()

    def load(self) -> dict[Callsign, StationKey]:
        """What was pinned before.

        Raises:
            FileUnreadable: it is there but cannot be read.
        """
        pins: dict[Callsign, StationKey] = {}
        if self._path is None:
            return pins
        try:
            text = self._path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return pins
        except OSError as error:
            raise FileUnreadable(f"cannot read the pins in {self._path}: {error}") from error
        for line in text.splitlines():
            call, _, key = line.partition(" ")
            try:
                pins[callsign(call)] = station_key(bytes.fromhex(key))
            except ValueError:
                _log.warning("%s has a line that is no pin; it is skipped", self._path)
        return pins

    def add(self, call: Callsign, key: StationKey) -> None:
        """Remember a pin; it is durable a moment later."""
        if self._path is not None:
            self._lines.append(f"{call} {key.hex()}\n")
            self._news.set()

    async def run(self) -> None:
        """Write until cancelled; what is left then is written, too."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await asyncio.to_thread(self._write, self._take())
        finally:
            self._write(self._take())

    def _take(self) -> str:
        text, self._lines = "".join(self._lines), []
        return text

    def _write(self, text: str) -> None:
        if not text or self._path is None:
            return
        try:
            with self._path.open("a+b") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":
                        text = "\n" + text  # a crash cut the line before
                file.write(text.encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            # The pins hold until a restart; refusing everybody would serve nobody.
            _log.error("cannot write the pins to %s: %s", self._path, error)
