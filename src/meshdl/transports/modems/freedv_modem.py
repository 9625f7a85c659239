"""What the modems of FreeDV waveforms have in common: their life, one burst, what is told.

Theory of operation
===================

    LOOKING   devices or directories are opened, again and again   opened -> UP
    UP        bursts go out, frames come in                        a fault -> LOOKING, ModemDown

One task exists while a burst is sent, in the mode that the burst says. Its failure ends the time
for which the modem is up, as every other fault does: then all is closed, the reason is told
once, and it is opened again every few seconds.
"""

import abc
import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

from meshdl.air import BurstEnded, FrameHeard, ModemDown, ModemReport, ModemTraits, ModemUp
from meshdl.errors import LocalProtocolError, MeshdlError
from meshdl.transports.modems.freedv import Heard
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.modem import Burst, Report, check_burst

_log = logging.getLogger(__name__)


class FramesToSend:
    """The frames of a burst, for whoever makes their sound, in a thread of its own.

    Attributes:
        taken: so many have become sound.
    """

    def __init__(self, frames: tuple[bytes, ...]) -> None:
        self._frames = frames
        self._curtailed = False
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for frame in self._frames:
            if self._curtailed:
                return
            self.taken += 1
            yield frame

    def curtail(self) -> None:
        """No more of them."""
        self._curtailed = True

    @property
    def left(self) -> bool:
        """Whether some have not been taken."""
        return self.taken < len(self._frames)


class FreedvModem(abc.ABC):
    """See :class:`meshdl.transports.modems.modem.Modem`.

    Args:
        modes: that it sends in; the first, unless a burst says another.
        listens: the modes that it hears, beside those.
        retry_after_s: what is gone is looked for again so often.
    """

    faults: tuple[type[MeshdlError], ...]
    """What its being up may end with."""

    def __init__(
        self,
        modes: Sequence[FreedvMode],
        listens: Collection[FreedvMode],
        *,
        retry_after_s: float,
    ) -> None:
        self._modes, self._listens = tuple(modes), frozenset(listens) | set(modes)
        self._retry_after_s = retry_after_s
        self._report: Report | None = None
        self._closed = asyncio.Event()
        self._up = self._down_told = False
        self._sending: asyncio.Task[None] | None = None
        self._frames = FramesToSend(())
        self._lost: asyncio.Future[None] | None = None

    @abc.abstractmethod
    def traits_in(self, mode: FreedvMode) -> ModemTraits:
        """Of one of its modes."""

    @abc.abstractmethod
    async def _serve(self, closed: asyncio.Task[bool]) -> None:
        """Be up: open, tell it by :meth:`_is_up`, wait in :meth:`_until_lost`, close."""

    @abc.abstractmethod
    async def _send(self, burst: Burst, frames: FramesToSend, mode: FreedvMode) -> None:
        """Send these frames of a burst; cancelled: no more of it."""

    @property
    def traits(self) -> ModemTraits:
        """Of the mode that it sends in unless it is told another."""
        return self.traits_in(self._modes[0])

    async def run(self, report: Report) -> None:
        """Serve until cancelled or closed."""
        self._report = report
        closed = asyncio.create_task(self._closed.wait())
        try:
            while not self._closed.is_set():
                self._lost = asyncio.get_running_loop().create_future()
                try:
                    await self._serve(closed)
                except self.faults as error:
                    self._go_down(str(error))
                await asyncio.wait([closed], timeout=self._retry_after_s)
        finally:
            self._report = None
            closed.cancel()

    def key(self, burst: Burst) -> None:
        """Send a burst."""
        mode = self._mode_of(burst)
        check_burst(burst, self.traits_in(mode))
        if not self._up or self._sending is not None:
            state = "another is on its way" if self._up else "the modem is down"
            raise LocalProtocolError(f"burst {burst.serial} was keyed while {state}")
        frames = self._frames = FramesToSend(burst.frames)
        self._sending = asyncio.get_running_loop().create_task(self._send(burst, frames, mode))
        self._sending.add_done_callback(partial(self._sent, burst.serial, frames))

    def curtail(self) -> None:
        """End the burst that is on its way behind the frame that has begun."""
        self._frames.curtail()

    def abort(self) -> None:
        """End the burst that is on its way."""
        if self._sending is not None:
            self._sending.cancel()

    def close(self) -> None:
        """Abort, unkey and end ``run``."""
        self._report = None
        self._closed.set()

    def _mode_of(self, burst: Burst) -> FreedvMode:
        if not burst.mode:
            return self._modes[0]
        for mode in self._modes:
            if mode.name == burst.mode:
                return mode
        raise ValueError(f"burst {burst.serial}: this modem does not send in {burst.mode}")

    async def _until_lost(self, closed: asyncio.Task[bool], *tasks: asyncio.Task[None]) -> None:
        """Until it is closed, a burst or one of these tasks fails, or one of them ends."""
        assert self._lost is not None  # it runs
        waited: list[asyncio.Future[Any]] = [closed, self._lost, *tasks]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        for ended in (self._lost, *tasks):
            if ended.done():
                ended.result()

    async def _end_all(self, *tasks: asyncio.Task[None]) -> None:
        """No burst and none of these tasks any more."""
        ending = [*tasks, *([self._sending] if self._sending is not None else [])]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _sent(self, serial: int, frames: FramesToSend, task: asyncio.Task[None]) -> None:
        self._sending = None
        error = None if task.cancelled() else task.exception()
        if error is None:
            if self._up:
                curtailed = frames.left and not task.cancelled()
                self._tell(BurstEnded(serial, frames.taken if curtailed else None))
            return
        # Told twice, because it may be that the radio still transmits, and nobody is listening.
        _log.error("burst %d: %s", serial, error)
        if self._lost is not None and not self._lost.done():
            self._lost.set_exception(error)

    def _is_up(self) -> None:
        self._up, self._down_told = True, False
        self._tell(ModemUp(self.traits, tuple(map(self.traits_in, self._modes[1:]))))

    def _go_down(self, reason: str) -> None:
        if not self._down_told:
            self._down_told = True
            self._tell(ModemDown(reason))

    def _tell_heard(self, heard: Heard) -> None:
        self._tell(
            FrameHeard(
                octets=heard.octets,
                at=asyncio.get_running_loop().time(),
                snr_db=heard.snr_db,
                mode="" if heard.mode is self._modes[0] else heard.mode.name,
            )
        )

    def _tell(self, event: ModemReport) -> None:
        if self._report is not None:
            self._report(event)
