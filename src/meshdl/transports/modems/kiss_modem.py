"""A TNC behind a stream of octets: the modem that most stations own already.

Theory of operation
===================

    LOOKING   the line is opened, again and again          opened -> UP
    UP        settings are said, frames go both ways       lost   -> LOOKING, ModemDown

KISS tells nothing back: not when the TNC keys, nor what it still has to send. So a burst is
over when its computed airtime is, the wait for a clear channel included. A burst is given
to the TNC whole, or it would be several (:mod:`.pacing`). What the TNC has goes out, for
nothing in KISS takes it back: an abort is over when that must be on the air, at most one
burst later. Whoever needs a key that drops at once must have it in his own hands.

A TNC that stops reading is one that is gone: its line is closed, and what was not taken is
forgotten. A line that is lost is looked for at once, then after growing pauses.
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from meshdl.air import BurstEnded, FrameHeard, ModemDown, ModemUp
from meshdl.errors import LocalProtocolError
from meshdl.ids import Callsign
from meshdl.transports.modems.kiss_frames import KissFrames
from meshdl.transports.modems.modem import RETRY_AFTER_S, Burst, Report
from meshdl.transports.modems.pacing import Pacing
from meshdl.transports.modems.tnc import TncSettings
from meshdl.wire.capture import Captured

OPEN_WITHIN_S = 10.0
RETRY_FIRST_S = 0.25
"""Doubled after each failure, up to ``RETRY_AFTER_S``."""

UNTAKEN_FOR_S = 3.0
"""How long after a burst's end a TNC may still be taking it."""

LOOK_AGAIN_S = 0.1

_READ_OCTETS = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """A way to a TNC.

    Attributes:
        name: for people: ``localhost:8001``, ``/dev/ttyUSB0``.
        open: opens it anew.
        faults: what opening, reading and writing raise when it is gone.
    """

    name: str
    open: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
    faults: tuple[type[Exception], ...] = (OSError,)


class State(enum.Enum):
    """See the theory of operation."""

    LOOKING = enum.auto()
    UP = enum.auto()
    CLOSED = enum.auto()


@dataclass(slots=True)
class _OnItsWay:
    """A burst between ``key`` and its end."""

    serial: int
    pacing: Pacing
    timer: asyncio.TimerHandle | None = None
    curtailed: bool = False


class KissModem:
    """See :class:`meshdl.transports.modems.modem.Modem`.

    Args:
        line: to the TNC.
        settings: of the port that is used.
        station: whose address our frames have.
        overhear: is given every AX.25 frame of the port, others' too, at Unix time.
        unix_time: for ``overhear``.

    Attributes:
        state: whether the TNC is there.
        trouble: why it is not, for people.
    """

    def __init__(
        self,
        line: Line,
        settings: TncSettings,
        station: Callsign,
        *,
        overhear: Callable[[Captured], None] | None = None,
        unix_time: Callable[[], float] | None = None,
    ) -> None:
        self._line, self._settings = line, settings
        self._frames = KissFrames(
            station, port=settings.port, overhear=overhear, unix_time=unix_time
        )
        self._traits = replace(settings.traits, carries_sender=self._frames.carries_sender)
        self._report: Report = _unheard
        self._writer: asyncio.StreamWriter | None = None
        self._way: _OnItsWay | None = None
        self._serving: asyncio.Task[None] | None = None
        self.state = State.LOOKING
        self.trouble = ""

    async def run(self, report: Report) -> None:
        """Serve until cancelled or closed."""
        self._report = report
        if self.state is State.CLOSED:
            return
        self._serving = asyncio.ensure_future(self._look_and_serve())
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
        traits = self._traits
        airtimes = [traits.frame_s(len(frame)) for frame in burst.frames]
        if not airtimes:
            raise ValueError("a burst without frames is none")
        if self.state is not State.UP:
            raise LocalProtocolError(f"the TNC at {self._line.name} is not up")
        if self._way is not None:
            raise LocalProtocolError(f"burst {self._way.serial} is on its way")
        ready = [self._frames.encode(payload) for payload in burst.frames]
        tail_s = self._settings.txtail_ms / 1000
        pacing = Pacing(
            zip(ready, airtimes, strict=True),
            ahead_s=self._settings.ahead_s,
            first_at=self._now() + traits.access_within_s + traits.burst_overhead_s - tail_s,
            tail_s=tail_s,
        )
        self._way = _OnItsWay(burst.serial, pacing)
        self._advance(self._way)

    def curtail(self) -> None:
        """Forget what the TNC does not have yet: nothing, where a burst is given whole."""
        if self._way is not None:
            self._way.curtailed = True
            self.abort()

    def abort(self) -> None:
        """Forget what the TNC does not have yet; ``BurstEnded`` follows what it has."""
        way = self._way
        if way is not None:
            way.pacing.abort()
            self._arm(way)

    def close(self) -> None:
        """End ``run``; nothing is reported any more."""
        self.state = State.CLOSED
        self._report = _unheard
        self._forget_burst()
        self._hang_up()
        if self._serving is not None:
            self._serving.cancel()

    async def _look_and_serve(self) -> None:
        pause_s = RETRY_FIRST_S
        while True:
            began_at = self._now()
            reader = await self._opened()
            if reader is not None:
                self._lost(await self._serve(reader))
                # A TNC that takes us and hangs up at once is treated like one that is absent.
                if self._now() - began_at > RETRY_AFTER_S:
                    pause_s = RETRY_FIRST_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_AFTER_S)

    async def _opened(self) -> asyncio.StreamReader | None:
        absent: tuple[type[Exception], ...] = (TimeoutError, *self._line.faults)
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                reader, self._writer = await self._line.open()
        except absent as error:
            why = str(error) or "no answer"
            self.trouble = f"no TNC at {self._line.name} ({why}); it is looked for again"
            return None
        return reader

    async def _serve(self, reader: asyncio.StreamReader) -> str:
        """Carry until the line is lost; returns why."""
        self._frames.restart()
        self.state, self.trouble = State.UP, ""
        try:
            self._write(self._settings.commands())
            self._report(ModemUp(self._traits))
            while octets := await reader.read(_READ_OCTETS):
                for payload, sender in self._frames.feed(octets):
                    self._report(FrameHeard(octets=payload, at=self._now(), sender=sender))
        except self._line.faults as error:
            return str(error) or type(error).__name__
        return self.trouble or "it hung up"

    def _advance(self, way: _OnItsWay) -> None:
        """Give the TNC what it needs by now; when it has everything on the air, say so."""
        now = self._now()
        if way.pacing.whole and now >= way.pacing.due_at():
            self._ended(way)
            return
        for frame in way.pacing.hand_over(now=now):
            self._write(frame)
        self._arm(way)

    def _arm(self, way: _OnItsWay) -> None:
        if way.timer is not None:
            way.timer.cancel()
        due = way.pacing.due_at()
        way.timer = asyncio.get_running_loop().call_at(due, self._advance, way)

    def _ended(self, way: _OnItsWay) -> None:
        if self._untaken():
            # A serial line may be slower than the air; nothing at all is another matter.
            if self._now() >= way.pacing.due_at() + UNTAKEN_FOR_S:
                self._give_up()
            else:
                loop = asyncio.get_running_loop()
                way.timer = loop.call_later(LOOK_AGAIN_S, self._advance, way)
            return
        self._way = None
        fewer = way.curtailed and way.pacing.forgotten
        self._report(BurstEnded(way.serial, way.pacing.given if fewer else None))

    def _write(self, octets: bytes) -> None:
        # One burst at a time, so no more than that can wait here. A connection that was cut takes
        # nothing (uvloop raises), and the reader is about to say so.
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(octets)

    def _untaken(self) -> int:
        return 0 if self._writer is None else self._writer.transport.get_write_buffer_size()

    def _give_up(self) -> None:
        self.trouble = "it takes no more octets; restart it"
        if self._writer is not None:
            self._writer.transport.abort()

    def _lost(self, reason: str) -> None:
        self._hang_up()
        self._forget_burst()
        self.state = State.LOOKING
        self.trouble = f"the TNC at {self._line.name} is gone: {reason}"
        self._report(ModemDown(self.trouble))

    def _forget_burst(self) -> None:
        if self._way is not None and self._way.timer is not None:
            self._way.timer.cancel()
        self._way = None

    def _hang_up(self) -> None:
        if self._writer is not None:
            # Not close: that would wait for a TNC that takes nothing.
            self._writer.transport.abort()
        self._writer = None

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _unheard(_report: object) -> None:
    """Nobody listens."""
