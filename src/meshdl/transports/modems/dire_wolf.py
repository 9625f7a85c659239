"""Dire Wolf as a child of the station: a TNC that tells what it hears and when it keys.

Theory of operation
===================

    STARTING  the child is started, until it says that it is ready   Ready -> UP
    UP        frames go both ways            abort -> STARTING; ended -> STARTING, ModemDown

Dire Wolf prints when it detects a carrier, begins to send, ends. So a carrier is reported, and
a burst is over when it is over. One task lives as long as a burst:

    frames to the child; it says that it keys -> PTT on; it says that it is done -> PTT off,
    BurstEnded

PTT is the station's: Dire Wolf makes the sound and nothing else. An abort kills the child,
which ends the sound, and turns PTT off, at once; another child is started, and a burst that is
keyed meanwhile waits for it. PTT is turned off in a ``finally``, so every failure comes by
there.

What never may last: a channel that stays busy, a child that takes a burst and does not key, one
that keys and does not end, one that keys unasked. Each ends the child, and is told.
"""

import asyncio
import enum
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from meshdl.air import (
    BurstEnded,
    CarrierChanged,
    FrameHeard,
    ModemDown,
    ModemReport,
    ModemTraits,
    ModemUp,
)
from meshdl.errors import LocalProtocolError, ModemError, ModemUnavailable
from meshdl.ids import Callsign
from meshdl.transports.modems.dire_wolf_burst import BurstOnItsWay, Channel
from meshdl.transports.modems.dire_wolf_child import DireWolfChild
from meshdl.transports.modems.dire_wolf_lines import (
    CarrierSensed,
    DireWolfLines,
    Keyed,
    NoSound,
    Ready,
    Said,
)
from meshdl.transports.modems.dire_wolf_settings import DireWolfSettings
from meshdl.transports.modems.kiss_frames import KissFrames
from meshdl.transports.modems.modem import RETRY_AFTER_S, Burst, Report, check_burst
from meshdl.transports.modems.ptt import PushToTalk
from meshdl.transports.modems.undisturbed import undisturbed
from meshdl.wire.capture import Captured

READY_WITHIN_S = 20.0
"""It takes a tenth of a second; a machine that is very busy, or a sound card, takes longer."""

RETRY_FIRST_S = 0.25
"""Doubled after each failure, up to ``RETRY_AFTER_S``."""

_log = logging.getLogger(__name__)


class State(enum.Enum):
    """See the theory of operation."""

    STARTING = enum.auto()
    UP = enum.auto()
    CLOSED = enum.auto()


class DireWolfModem:
    """See :class:`meshdl.transports.modems.modem.Modem`.

    Args:
        settings: of the child.
        station: whose address our frames have.
        ptt: what keys the radio.
        overhear: is given every AX.25 frame, others' too, at Unix time.
        unix_time: for ``overhear``.

    Attributes:
        state: whether the child is ready.
        trouble: why it is not, for people.
    """

    def __init__(
        self,
        settings: DireWolfSettings,
        station: Callsign,
        ptt: PushToTalk,
        *,
        overhear: Callable[[Captured], None] | None = None,
        unix_time: Callable[[], float] | None = None,
    ) -> None:
        self._settings, self._ptt = settings, ptt
        self._frames = KissFrames(station, overhear=overhear, unix_time=unix_time)
        self._report: Report | None = None
        self._serving: asyncio.Task[None] | None = None
        self._child: DireWolfChild | None = None
        self._ready = asyncio.Event()
        self._lines = DireWolfLines()
        self._way: BurstOnItsWay | None = None
        self._usable = self._down_told = False
        self._channel, self._busy_told = Channel(), False
        self._fault = ""
        self.state = State.STARTING
        self.trouble = ""

    @property
    def traits(self) -> ModemTraits:
        """Of the mode that it is set to."""
        return replace(self._settings.traits, carries_sender=self._frames.carries_sender)

    async def run(self, report: Report) -> None:
        """Serve until cancelled or closed."""
        if self.state is State.CLOSED:
            return
        self._report = report
        self._serving = asyncio.ensure_future(self._serve())
        try:
            # Not awaited itself: then a cancelled run and a closed modem would look the same.
            await asyncio.wait([self._serving])
        finally:
            self.close()
            await asyncio.wait([self._serving])
        if not self._serving.cancelled():
            self._serving.result()

    def key(self, burst: Burst) -> None:
        """Send a burst; see :class:`~meshdl.transports.modems.modem.Modem`."""
        traits = self.traits
        check_burst(burst, traits)
        if not self._usable or self._way is not None:
            state = "another is on its way" if self._usable else "the modem is down"
            raise LocalProtocolError(f"burst {burst.serial} was keyed while {state}")
        octets = b"".join(map(self._frames.encode, burst.frames))
        way = self._way = BurstOnItsWay.of(burst, octets, self._settings.tnc)
        way.task = asyncio.get_running_loop().create_task(self._send(way))

    def curtail(self) -> None:
        """End the burst that is on its way: it has all frames, so only an abort takes them back."""
        way = self._way
        if way is not None and not way.aborted and way.curtail():
            self.abort()

    def abort(self) -> None:
        """End the burst that is on its way: its sound by killing the child, and PTT."""
        way = self._way
        if way is None or way.aborted:
            return
        way.aborted = True
        if self._child is not None:
            self._child.kill()
        else:
            # Between two children nobody has it, so no child's end ends it.
            self._way = None
            ended = BurstEnded(way.serial, way.sent)
            asyncio.get_running_loop().call_soon(self._tell, ended)
        if way.task is not None:
            way.task.cancel()

    def close(self) -> None:
        """Kill the child, unkey and end ``run``; nothing is reported any more."""
        self.state = State.CLOSED
        self._report, self._usable = None, False
        if self._child is not None:
            self._child.kill()
        if self._serving is not None:
            self._serving.cancel()

    async def _serve(self) -> None:
        try:
            await self._keep_one()
        finally:
            await undisturbed(self._ptt.close())

    async def _keep_one(self) -> None:
        pause_s = RETRY_FIRST_S
        while True:
            began_at = self._now()
            try:
                await self._one_life()
            except ModemError as error:
                self._down(str(error))
            else:
                continue  # an abort ended it
            if self._now() - began_at > RETRY_AFTER_S:
                pause_s = RETRY_FIRST_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_AFTER_S)

    async def _one_life(self) -> None:
        """Of one child; returns when an abort has ended it.

        Raises:
            ModemError: something else has.
        """
        self._frames.restart()
        self._lines = DireWolfLines()
        try:
            # A process that is being started when we are cancelled would be nobody's.
            await undisturbed(self._begin_life())
            assert self._child is not None
            await self._until_ready(self._child)
            await self._follow(self._child, until=lambda: False)
        finally:
            await undisturbed(self._end_life())
        way, self._way = self._way, None
        fault, self._fault = self._fault, ""
        if fault:
            raise ModemUnavailable(fault)
        if way is None or not way.aborted:
            raise ModemUnavailable(f"Dire Wolf has ended: {self._last_words()}")
        self._tell(BurstEnded(way.serial, way.sent))

    async def _begin_life(self) -> None:
        await self._ptt.open()
        self._child = await DireWolfChild.start(self._settings, self._hear)
        if self._fault or self.state is State.CLOSED:
            self._child.kill()

    async def _follow(self, child: DireWolfChild, *, until: Callable[[], bool]) -> None:
        while not until() and (octets := await child.printed()):
            for said in self._lines.feed(octets):
                self._take(said)

    async def _until_ready(self, child: DireWolfChild) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._follow(child, until=self._ready.is_set)
        except TimeoutError:
            raise ModemUnavailable(
                f"Dire Wolf was not ready in {READY_WITHIN_S:g} s: {self._last_words()}"
            ) from None

    async def _end_life(self) -> None:
        """Whatever has happened: no child, no sound, no PTT."""
        self._ready.clear()
        if self.state is State.UP:
            self.state = State.STARTING
        child, self._child = self._child, None
        if child is not None:
            child.kill()
        way = self._way
        if way is not None and way.task is not None:
            way.task.cancel()
            await asyncio.wait([way.task])
        if child is not None:
            await child.ended()
        self._channel.forget()
        self._tell_carrier()

    async def _send(self, way: BurstOnItsWay) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._ready.wait()
            assert self._child is not None
            self._child.write(way.octets)
            way.given = True
            await way.until_keyed(self._channel)
            await self._ptt.key(within_s=way.limit_s)
            await way.until_unkeyed()
        except TimeoutError:
            self._break("Dire Wolf does not come back after an abort")
        except ModemError as error:
            self._break(str(error))
        finally:
            await undisturbed(self._unkey())
        if not self._fault and not way.aborted:
            self._way = None
            self._tell(BurstEnded(way.serial))

    async def _unkey(self) -> None:
        try:
            await self._ptt.unkey()
        except ModemError as error:
            # Told twice, because it may be that the radio still transmits, and nobody is listening.
            _log.error("%s", error)
            self._break(str(error))

    def _take(self, said: Said) -> None:
        match said:
            case Ready():
                self._is_ready()
            case CarrierSensed(busy):
                self._channel.sensed(busy)
                self._tell_carrier()
            case NoSound():
                self._break(f"Dire Wolf has no sound: {self._last_words()}")
            case Keyed(on):
                self._channel.sending = on
                self._tell_carrier()
                self._keyed(on)
            case _:
                assert_never(said)

    def _is_ready(self) -> None:
        if self.state is not State.STARTING:
            return
        self.state, self.trouble = State.UP, ""
        self._ready.set()
        if not self._usable:
            self._usable, self._down_told = True, False
            self._tell(ModemUp(self.traits))

    def _keyed(self, on: bool) -> None:
        way = self._way
        if not on:
            if way is not None:
                way.unkeyed()
        elif way is None or not (way.aborted or way.keyed()):
            # A second key-down of one burst is none of its record in the log either.
            self._break("Dire Wolf began to send what it was not told to; nothing was keyed")

    def _hear(self, octets: bytes) -> None:
        for payload, sender in self._frames.feed(octets):
            self._tell(FrameHeard(octets=payload, at=self._now(), sender=sender))

    def _break(self, fault: str) -> None:
        self._fault = self._fault or fault
        if self._child is not None:
            self._child.kill()

    def _down(self, reason: str) -> None:
        self.trouble, self._usable, self._way = reason, False, None
        if not self._down_told:
            self._down_told = True
            self._tell(ModemDown(reason))

    def _last_words(self) -> str:
        return self._lines.last_words or "it said nothing"

    def _tell_carrier(self) -> None:
        busy = self._channel.busy
        if busy is not self._busy_told:
            self._busy_told = busy
            self._tell(CarrierChanged(busy))

    def _tell(self, event: ModemReport) -> None:
        if self._report is not None:
            self._report(event)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
