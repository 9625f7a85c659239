"""A modem whose air is a pair of directories: bursts leave as recordings, and come as such.

For moving symbols where no radio reaches, by a memory card, a voice mail or a tape; and for
tests. A file that appears in the inbox is decoded, and stays; one that is replaced is decoded
again. Nothing is keyed.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from meshdl.air import ModemTraits
from meshdl.errors import FileUnreadable, FileUnwritable
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender, Heard
from meshdl.transports.modems.freedv_modem import FramesToSend, FreedvModem
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.transports.modems.modem import RETRY_AFTER_S, Burst
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


class WavModem(FreedvModem):
    """See :class:`meshdl.transports.modems.modem.Modem`.

    Args:
        inbox: whose recordings are decoded, by name; ``None`` to hear nothing.
        outbox: where bursts are written, as ``SERIAL.wav``.
        modes: of the bursts; the first, unless a burst says another.
        listens: the modes that it hears, beside those.
        look_every_s: at the inbox.
        retry_after_s: a directory that is gone is looked for again so often.
    """

    faults = (FileUnreadable, FileUnwritable)

    def __init__(
        self,
        inbox: Path | None,
        outbox: Path,
        *,
        modes: Sequence[FreedvMode] = (FreedvMode.DATAC1,),
        listens: Collection[FreedvMode] = tuple(FreedvMode),
        look_every_s: float = LOOK_EVERY_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        super().__init__(modes, listens, retry_after_s=retry_after_s)
        self._inbox, self._outbox, self._look_every_s = inbox, outbox, look_every_s
        self._seen: dict[Path, tuple[int, int]] = {}

    def traits_in(self, mode: FreedvMode) -> ModemTraits:
        """Of one of its modes."""
        return replace(FREEDV_TRAITS[mode], measures_busy=False)

    async def _serve(self, closed: asyncio.Task[bool]) -> None:
        listening = asyncio.create_task(self._listen())
        try:
            await self._until_lost(closed, listening)
        finally:
            self._up = False
            await self._end_all(listening)

    async def _listen(self) -> None:
        while True:
            recordings = await asyncio.to_thread(self._new_recordings)
            if not self._up:
                self._is_up()
            for path in recordings:
                with contextlib.suppress(FileUnreadable):  # not every file is for us
                    for found in await asyncio.to_thread(self._decode, path):
                        self._tell_heard(found.heard)
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

    async def _send(self, burst: Burst, frames: FramesToSend, mode: FreedvMode) -> None:
        path = self._outbox / f"{burst.serial:08d}.wav"
        stopped: list[bool] = []
        writing = asyncio.get_running_loop().run_in_executor(
            None, self._write, path, frames, mode, stopped
        )
        try:
            await asyncio.shield(writing)
        finally:
            stopped.append(True)
            if not writing.done():
                await asyncio.wait([writing])

    def _write(
        self, path: Path, frames: FramesToSend, mode: FreedvMode, stopped: list[bool]
    ) -> None:
        sender = FreedvSender(mode)
        try:
            with contextlib.suppress(_Stopped):
                write_wav(path, _until(stopped, sender.burst(frames)))
        finally:
            sender.close()


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
