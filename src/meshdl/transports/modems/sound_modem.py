"""A modem of sound: FreeDV waveforms through an audio port, keyed by push-to-talk.

Theory of operation
===================

While the devices are there, three tasks run: one takes sound from the audio port, one gives
it to the receiver in a thread of its own, and a third exists only while a burst is sent:

    key --> PTT on, wait key_up_s, play, wait tail_s, PTT off --> BurstEnded

PTT is turned off in a ``finally``, so an abort, a failure and a cancelled ``run`` all come by
there; the task is awaited before ``run`` returns. What is heard while a burst is sent is our
own, and thrown away.

When a device fails everything is closed, ``ModemDown`` is told with the reason, and it is
opened again every few seconds.
"""

import asyncio
import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from meshdl.air import (
    BurstEnded,
    CarrierChanged,
    FrameHeard,
    ModemDown,
    ModemReport,
    ModemTraits,
    ModemUp,
)
from meshdl.errors import AudioUnavailable, LocalProtocolError, ModemError
from meshdl.transports.modems.audio import AudioPort
from meshdl.transports.modems.carrier_sense import CarrierSense
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender, Heard
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode, keyed_traits
from meshdl.transports.modems.levels import Level, LevelMeter
from meshdl.transports.modems.modem import RETRY_AFTER_S, Burst, Report, check_burst
from meshdl.transports.modems.ptt import PushToTalk

KEY_UP_S = 0.3
"""From PTT until the radio's power is there; relays and rigctld take most of it."""

TAIL_S = 0.05
"""So that the last sample is not cut off."""

PLAY_SPARE_S = 2.0
"""A sound card that needs so much longer than the sound lasts is stuck, with PTT on."""

BACKLOG_S = 10.0
"""Of sound that the receiver has not looked at. A machine that is slower for so long loses
some, and says so."""

_log = logging.getLogger(__name__)


class SoundModem:
    """See :class:`meshdl.transports.modems.modem.Modem`.

    Args:
        audio: where sound comes from and goes to.
        ptt: what keys the radio.
        mode: that it sends in, see :meth:`choose`.
        listens: the modes that it hears, and may send in.
        key_up_s: from PTT until the first sound.
        tail_s: from the last sound until PTT is off.
        retry_after_s: a device that is gone is looked for again so often.
    """

    def __init__(
        self,
        audio: AudioPort,
        ptt: PushToTalk,
        *,
        mode: FreedvMode = FreedvMode.DATAC1,
        listens: Collection[FreedvMode] = tuple(FreedvMode),
        key_up_s: float = KEY_UP_S,
        tail_s: float = TAIL_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        self._audio, self._ptt = audio, ptt
        self._mode, self._listens = mode, frozenset(listens) | {mode}
        self._key_up_s, self._tail_s, self._retry_after_s = key_up_s, tail_s, retry_after_s
        self._report: Report | None = None
        self._closed = asyncio.Event()
        self._up = self._down_told = False
        self._sending: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] | None = None
        self._meter, self._sense = LevelMeter(), CarrierSense()
        self._busy = False
        self._sounds: asyncio.Queue[Samples] = asyncio.Queue()
        self._backlog = 0

    @property
    def traits(self) -> ModemTraits:
        """Of the mode that it sends in."""
        return keyed_traits(self._mode, key_up_s=self._key_up_s, tail_s=self._tail_s, busy=True)

    @property
    def level(self) -> Level:
        """Of what comes in."""
        return self._meter.level

    def choose(self, mode: FreedvMode) -> None:
        """Send in this mode from the next burst on; ``ModemUp`` tells its traits.

        Raises:
            ValueError: it does not listen in that mode, so it would hear no answer.
            LocalProtocolError: a burst is on its way.
        """
        if mode not in self._listens:
            raise ValueError(f"this modem does not listen in {mode.name}")
        if self._sending is not None:
            raise LocalProtocolError("the mode was changed while a burst is on its way")
        if mode is not self._mode:
            self._mode = mode
            if self._up:
                asyncio.get_running_loop().call_soon(self._tell_traits)

    async def run(self, report: Report) -> None:
        """Serve until cancelled or closed."""
        self._report = report
        closed = asyncio.create_task(self._closed.wait())
        try:
            while not self._closed.is_set():
                try:
                    await self._serve(closed)
                except ModemError as error:
                    self._go_down(str(error))
                await asyncio.wait([closed], timeout=self._retry_after_s)
        finally:
            self._report = None
            closed.cancel()

    def key(self, burst: Burst) -> None:
        """Send a burst."""
        check_burst(burst, self.traits)
        if not self._up or self._sending is not None:
            state = "another is on its way" if self._up else "the modem is down"
            raise LocalProtocolError(f"burst {burst.serial} was keyed while {state}")
        self._sending = asyncio.get_running_loop().create_task(self._send(burst))
        self._sending.add_done_callback(partial(self._sent, burst.serial))

    def abort(self) -> None:
        """End the burst that is on its way."""
        if self._sending is not None:
            self._sending.cancel()

    def close(self) -> None:
        """Abort, unkey and end ``run``."""
        self._report = None
        self._closed.set()

    async def _serve(self, closed: asyncio.Task[bool]) -> None:
        loop = asyncio.get_running_loop()
        receiver = FreedvReceiver(self._listens)
        thread = ThreadPoolExecutor(1, "modem")
        tasks: list[asyncio.Task[None]] = []
        self._lost = loop.create_future()
        try:
            await self._audio.open()
            await self._ptt.open()
            self._sounds, self._backlog = asyncio.Queue(), 0
            self._up, self._down_told = True, False
            self._tell_traits()
            tasks = [
                loop.create_task(self._audio.listen(self._hear)),
                loop.create_task(self._decode(receiver, thread)),
            ]
            waited: list[asyncio.Future[Any]] = [closed, self._lost, *tasks]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for ended in (self._lost, *tasks):
                if ended.done():
                    ended.result()
        finally:
            self._up = False
            await self._end(tasks)
            thread.submit(receiver.close)
            thread.shutdown(wait=False)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Whatever happens to us now, PTT is off and the devices are given back."""
        sending = [self._sending] if self._sending is not None else []
        ending = asyncio.ensure_future(self._end_all([*sending, *tasks]))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise

    async def _end_all(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._ptt.close()
        await self._audio.close()

    async def _send(self, burst: Burst) -> None:
        traits = self.traits
        sender = FreedvSender(self._mode)
        try:
            await self._ptt.key(within_s=traits.burst_s(map(len, burst.frames)))
            await asyncio.sleep(self._key_up_s)
            await self._play(sender, burst)
            await asyncio.sleep(self._tail_s)
        finally:
            unkeying = asyncio.ensure_future(self._ptt.unkey())
            try:
                await asyncio.shield(unkeying)
            except asyncio.CancelledError:
                await unkeying
                raise
            finally:
                sender.close()

    async def _play(self, sender: FreedvSender, burst: Burst) -> None:
        sound_s = FREEDV_TRAITS[self._mode].burst_s(map(len, burst.frames))
        try:
            async with asyncio.timeout(sound_s + PLAY_SPARE_S):
                await self._audio.play(sender.burst(burst.frames))
        except TimeoutError:
            raise AudioUnavailable(
                f"the sound card has not played {sound_s:.1f} s of sound in time; does it still"
                " work?"
            ) from None

    def _sent(self, serial: int, task: asyncio.Task[None]) -> None:
        self._sending = None
        error = None if task.cancelled() else task.exception()
        if error is None:
            if self._up:
                self._tell(BurstEnded(serial))
            return
        # Told twice, because it may be that the radio still transmits, and nobody is listening.
        _log.error("burst %d: %s", serial, error)
        if self._lost is not None and not self._lost.done():
            self._lost.set_exception(error)

    def _hear(self, sound: Samples) -> None:
        if self._sending is not None:
            return
        if self._meter.feed(sound):
            _log.warning("level of the radio's audio: %s", self._meter.level.verdict.value)
        if self._backlog > BACKLOG_S * SAMPLE_RATE_HZ:
            self._sounds, self._backlog = asyncio.Queue(), 0
            _log.warning("%g s of sound were not looked at: this machine is too busy", BACKLOG_S)
        self._backlog += len(sound)
        self._sounds.put_nowait(sound)

    async def _decode(self, receiver: FreedvReceiver, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sound = await self._sounds.get()
            self._backlog -= len(sound)
            for heard in await loop.run_in_executor(thread, receiver.feed, sound):
                self._tell_heard(heard)
            self._sense.feed(sound)
            busy = receiver.busy or self._sense.busy
            if busy is not self._busy:
                self._busy = busy
                self._tell(CarrierChanged(busy))

    def _tell_heard(self, heard: Heard) -> None:
        self._tell(
            FrameHeard(
                octets=heard.octets,
                at=asyncio.get_running_loop().time(),
                snr_db=heard.snr_db,
                mode="" if heard.mode is self._mode else heard.mode.name,
            )
        )

    def _tell_traits(self) -> None:
        if self._up:
            self._tell(ModemUp(self.traits))

    def _go_down(self, reason: str) -> None:
        self._busy = False
        if not self._down_told:
            self._down_told = True
            self._tell(ModemDown(reason))

    def _tell(self, event: ModemReport) -> None:
        if self._report is not None:
            self._report(event)
