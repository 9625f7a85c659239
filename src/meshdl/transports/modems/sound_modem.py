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
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from meshdl.air import CarrierChanged, ModemTraits
from meshdl.errors import AudioUnavailable, ModemError
from meshdl.transports.modems.audio import AudioPort
from meshdl.transports.modems.carrier_sense import CarrierSense
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender
from meshdl.transports.modems.freedv_modem import FramesToSend, FreedvModem
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode, keyed_traits
from meshdl.transports.modems.levels import Level, LevelMeter
from meshdl.transports.modems.modem import RETRY_AFTER_S, Burst
from meshdl.transports.modems.ptt import PushToTalk
from meshdl.transports.modems.undisturbed import undisturbed

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


class SoundModem(FreedvModem):
    """See :class:`meshdl.transports.modems.modem.Modem`.

    Args:
        audio: where sound comes from and goes to.
        ptt: what keys the radio.
        modes: that it sends in; the first, unless a burst says another.
        listens: the modes that it hears, beside those.
        key_up_s: from PTT until the first sound.
        tail_s: from the last sound until PTT is off.
        retry_after_s: a device that is gone is looked for again so often.
    """

    faults = (ModemError,)

    def __init__(
        self,
        audio: AudioPort,
        ptt: PushToTalk,
        *,
        modes: Sequence[FreedvMode] = (FreedvMode.DATAC1,),
        listens: Collection[FreedvMode] = tuple(FreedvMode),
        key_up_s: float = KEY_UP_S,
        tail_s: float = TAIL_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        super().__init__(modes, listens, retry_after_s=retry_after_s)
        self._audio, self._ptt = audio, ptt
        self._key_up_s, self._tail_s = key_up_s, tail_s
        self._meter, self._sense = LevelMeter(), CarrierSense()
        self._busy = False
        self._sounds: asyncio.Queue[Samples] = asyncio.Queue()
        self._backlog = 0

    @property
    def level(self) -> Level:
        """Of what comes in."""
        return self._meter.level

    def traits_in(self, mode: FreedvMode) -> ModemTraits:
        """Of one of its modes."""
        return keyed_traits(mode, key_up_s=self._key_up_s, tail_s=self._tail_s, busy=True)

    async def _serve(self, closed: asyncio.Task[bool]) -> None:
        loop = asyncio.get_running_loop()
        receiver = FreedvReceiver(self._listens)
        thread = ThreadPoolExecutor(1, "modem")
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._audio.open()
            await self._ptt.open()
            self._sounds, self._backlog, self._busy = asyncio.Queue(), 0, False
            self._is_up()
            tasks = [
                loop.create_task(self._audio.listen(self._hear)),
                loop.create_task(self._decode(receiver, thread)),
            ]
            await self._until_lost(closed, *tasks)
        finally:
            self._up = False
            # Whatever happens to us now, PTT is off and the devices are given back.
            await undisturbed(self._give_back(*tasks))
            thread.submit(receiver.close)
            thread.shutdown(wait=False)

    async def _give_back(self, *tasks: asyncio.Task[None]) -> None:
        await self._end_all(*tasks)
        await self._ptt.close()
        await self._audio.close()

    async def _send(self, burst: Burst, frames: FramesToSend, mode: FreedvMode) -> None:
        sender = FreedvSender(mode)
        try:
            lasts_s = self.traits_in(mode).burst_s(map(len, burst.frames))
            await self._ptt.key(within_s=lasts_s)
            await asyncio.sleep(self._key_up_s)
            await self._play(sender, burst, frames)
            await asyncio.sleep(self._tail_s)
        finally:
            # A failure is told even if we are cancelled meanwhile: the radio may still transmit.
            unkeying = asyncio.ensure_future(self._ptt.unkey())
            try:
                await asyncio.shield(unkeying)
            except asyncio.CancelledError:
                await unkeying
                raise
            finally:
                sender.close()

    async def _play(self, sender: FreedvSender, burst: Burst, frames: FramesToSend) -> None:
        sound_s = FREEDV_TRAITS[sender.mode].burst_s(map(len, burst.frames))
        try:
            async with asyncio.timeout(sound_s + PLAY_SPARE_S):
                await self._audio.play(sender.burst(frames))
        except TimeoutError:
            raise AudioUnavailable(
                f"the sound card has not played {sound_s:.1f} s of sound in time; does it still"
                " work?"
            ) from None

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
