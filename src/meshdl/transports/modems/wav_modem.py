"""A modem whose air is a pair of directories: bursts leave as recordings, and come as such.

For moving symbols where no radio reaches, by a memory card, a voice mail or a tape; and for
tests. A file that appears in the inbox is decoded, and stays; one that is replaced is decoded
again. Nothing is keyed.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from meshdl.air import BurstEnded, FrameHeard, ModemDown, ModemReport, ModemTraits, ModemUp
from meshdl.errors import FileUnreadable, FileUnwritable, LocalProtocolError
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender, Heard
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.transports.modems.modem import RETRY_AFTER_S, Burst, Report, check_burst
from meshdl.transports.modems.wav_files import PIECE_S, read_wav, write_wav

LOOK_EVERY_S = 0.5
"""For new recordings."""

FILES_MAX = 10_000
"""In the inbox; the names of more are not remembered."""

SILENCE_S = 0.5
"""Before and after a burst in a recording, as a player's first words may be swallowed."""


@dataclass(frozen=True, slots=True)
class HeardAt:
    """One frame of a recording.

    Attributes:
        at_s: when it was known, from the beginning of the recording: up to 0.3 s after its end.
        heard: the frame.
    """

    at_s: float
    heard: Heard


def decode_wav(path: Path, modes: Collection[FreedvMode] = tuple(FreedvMode)) -> Iterator[HeardAt]:
    """The frames of a recording, as they come.

    Raises:
        FileUnreadable: it is no WAV file that is understood.
        ModemUnavailable: FreeDV is not installed.
    """
    receiver = FreedvReceiver(modes)
    fed = 0
    try:
        for piece in itertools.chain(read_wav(path), [_silence(PIECE_S)] * 10):
            fed += len(piece)
            for heard in receiver.feed(piece):
                yield HeardAt(fed / SAMPLE_RATE_HZ, heard)
    finally:
        receiver.close()


class WavModem:
    """See :class:`meshdl.transports.modems.modem.Modem`.

    Args:
        inbox: whose recordings are decoded, by name; ``None`` to hear nothing.
        outbox: where bursts are written, as ``SERIAL.wav``.
        mode: of the bursts.
        listens: the modes that it hears.
        look_every_s: at the inbox.
        retry_after_s: a directory that is gone is looked for again so often.
    """

    def __init__(
        self,
        inbox: Path | None,
        outbox: Path,
        *,
        mode: FreedvMode = FreedvMode.DATAC1,
        listens: Collection[FreedvMode] = tuple(FreedvMode),
        look_every_s: float = LOOK_EVERY_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        self._inbox, self._outbox, self._mode = inbox, outbox, mode
        self._listens = frozenset(listens)
        self._look_every_s, self._retry_after_s = look_every_s, retry_after_s
        self._report: Report | None = None
        self._closed = asyncio.Event()
        self._up = self._down_told = False
        self._sending: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] | None = None
        self._seen: dict[Path, tuple[int, int]] = {}

    @property
    def traits(self) -> ModemTraits:
        """Of the mode that it writes."""
        return replace(FREEDV_TRAITS[self._mode], measures_busy=False)

    async def run(self, report: Report) -> None:
        """Serve until cancelled or closed."""
        self._report = report
        closed = asyncio.create_task(self._closed.wait())
        try:
            while not self._closed.is_set():
                try:
                    await self._serve(closed)
                except (FileUnreadable, FileUnwritable) as error:
                    self._go_down(str(error))
                await asyncio.wait([closed], timeout=self._retry_after_s)
        finally:
            self._report = None
            closed.cancel()

    def key(self, burst: Burst) -> None:
        """Write a burst."""
        check_burst(burst, self.traits)
        if not self._up or self._sending is not None:
            state = "another is on its way" if self._up else "the modem is down"
            raise LocalProtocolError(f"burst {burst.serial} was keyed while {state}")
        self._sending = asyncio.get_running_loop().create_task(self._send(burst))
        self._sending.add_done_callback(lambda task: self._sent(burst.serial, task))

    def abort(self) -> None:
        """Write no more of it."""
        if self._sending is not None:
            self._sending.cancel()

    def close(self) -> None:
        """Abort and end ``run``."""
        self._report = None
        self._closed.set()

    async def _serve(self, closed: asyncio.Task[bool]) -> None:
        self._lost = asyncio.get_running_loop().create_future()
        listening = asyncio.create_task(self._listen())
        try:
            waited: list[asyncio.Future[Any]] = [closed, self._lost, listening]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for ended in (self._lost, listening):
                if ended.done():
                    ended.result()
        finally:
            self._up = False
            tasks = [listening, *([self._sending] if self._sending is not None else [])]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _listen(self) -> None:
        while True:
            recordings = await asyncio.to_thread(self._new_recordings)
            if not self._up:
                self._up, self._down_told = True, False
                self._tell(ModemUp(self.traits))
            for path in recordings:
                with contextlib.suppress(FileUnreadable):  # not every file is for us
                    for found in await asyncio.to_thread(self._decode, path):
                        self._hear(found.heard)
            await asyncio.sleep(self._look_every_s)

    def _decode(self, path: Path) -> list[HeardAt]:
        return list(decode_wav(path, self._listens))

    def _new_recordings(self) -> list[Path]:
        if not self._outbox.is_dir():
            raise FileUnwritable(
                f"the directory {self._outbox} for bursts is not there; make it, or mount its disk"
            )
        if self._inbox is None:
            return []
        new = []
        try:
            for path in sorted(self._inbox.glob("[!.]*.wav"))[:FILES_MAX]:
                status = path.stat()
                stamp = (status.st_size, status.st_mtime_ns)
                if self._seen.get(path) != stamp:
                    self._seen[path] = stamp
                    new.append(path)
        except OSError as error:
            raise FileUnreadable(f"the inbox {self._inbox} cannot be read: {error}") from None
        if not self._inbox.is_dir():
            raise FileUnreadable(
                f"the directory {self._inbox} for recordings is not there; make it, or mount its "
                "disk"
            )
        return new

    async def _send(self, burst: Burst) -> None:
        path = self._outbox / f"{burst.serial:08d}.wav"
        stopped: list[bool] = []
        writing = asyncio.get_running_loop().run_in_executor(
            None, self._write, path, burst, stopped
        )
        try:
            await asyncio.shield(writing)
        finally:
            stopped.append(True)
            if not writing.done():
                await asyncio.wait([writing])

    def _write(self, path: Path, burst: Burst, stopped: list[bool]) -> None:
        sender = FreedvSender(self._mode)
        try:
            with contextlib.suppress(_Stopped):
                write_wav(path, _until(stopped, sender.burst(burst.frames)))
        finally:
            sender.close()

    def _sent(self, serial: int, task: asyncio.Task[None]) -> None:
        self._sending = None
        error = None if task.cancelled() else task.exception()
        if error is None:
            if self._up:
                self._tell(BurstEnded(serial))
        elif self._lost is not None and not self._lost.done():
            self._lost.set_exception(error)

    def _hear(self, heard: Heard) -> None:
        self._tell(
            FrameHeard(
                octets=heard.octets,
                at=asyncio.get_running_loop().time(),
                snr_db=heard.snr_db,
                mode="" if heard.mode is self._mode else heard.mode.name,
            )
        )

    def _go_down(self, reason: str) -> None:
        if not self._down_told:
            self._down_told = True
            self._tell(ModemDown(reason))

    def _tell(self, event: ModemReport) -> None:
        if self._report is not None:
            self._report(event)


class _Stopped(Exception):
    """The burst that is being written is not wanted any more."""


def _until(stopped: list[bool], pieces: Iterator[Samples]) -> Iterator[Samples]:
    yield _silence(SILENCE_S)
    for piece in pieces:
        if stopped:
            raise _Stopped
        yield piece
    yield _silence(SILENCE_S)


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE_HZ), np.int16)
