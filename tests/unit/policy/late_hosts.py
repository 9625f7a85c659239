"""A long path between hosts whose event loops come round late.

A loop that has something to do waits for the processor, for a while that is drawn, and then
takes all that has arrived meanwhile. A source's answer takes two such waits, one before it
reads the disk and one after it; the downloader's request one. The queue in front of the
bottleneck has no end: how long it became is what is looked at.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from meshdl.policy.window import LONG, RequestWindow


@dataclass
class Clock:
    """What happens next; times are seconds."""

    now: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)

    def at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = until


@dataclass
class Loop:
    """An event loop that comes round ``late_s`` late on average, most often sooner."""

    clock: Clock
    rng: Random
    late_s: float
    _waiting: list[Callable[[], None]] = field(default_factory=list)

    def soon(self, work: Callable[[], None]) -> None:
        if not self._waiting:
            late_s = self.rng.expovariate(1 / self.late_s) if self.late_s else 0.0
            self.clock.at(self.clock.now + late_s, self._come_round)
        self._waiting.append(work)

    def _come_round(self) -> None:
        works, self._waiting = self._waiting, []
        for work in works:
            work()


@dataclass
class Source:
    """A far station, and the window that is kept for it."""

    loop: Loop
    disk: Loop
    window: RequestWindow
    asked_octets: int = 0


@dataclass
class LatePath:
    """A downloader and its sources, behind one bottleneck.

    Attributes:
        delay_s: there and back, without a queue and with punctual loops.
        waited_s: in the queue, one for each range since this was cleared.
        received: octets.
    """

    rate_octets_per_s: float
    delay_s: float
    sources_count: int
    late_s: float
    seed: int
    waited_s: list[float] = field(default_factory=list)
    received: int = 0

    def __post_init__(self) -> None:
        self.clock = Clock()
        rng = Random(self.seed)
        self._downloader = Loop(self.clock, rng, self.late_s)
        self._free_at = 0.0
        self.sources = [
            Source(
                Loop(self.clock, rng, self.late_s),
                Loop(self.clock, rng, self.late_s),
                RequestWindow(LONG, now=0.0),
            )
            for _ in range(self.sources_count)
        ]
        for source in self.sources:
            source.window.share(self.sources_count)
            source.window.answered(self.delay_s + self.late_s)  # by the handshake
            self._ask(source)

    def run(self, seconds: float) -> float:
        """For so long; the rate that came of it."""
        before = self.received
        self.waited_s.clear()
        self.clock.run(self.clock.now + seconds)
        return (self.received - before) / seconds

    def be_late(self, late_s: float) -> None:
        """All loops, from now on, by so much on average."""
        self._downloader.late_s = late_s
        for source in self.sources:
            source.loop.late_s = source.disk.late_s = late_s

    def _ask(self, source: Source) -> None:
        octets = source.window.range_octets
        while source.window.octets - source.asked_octets >= octets or not source.asked_octets:
            if not source.asked_octets:
                source.window.idled(now=self.clock.now)
            source.asked_octets += octets
            self._request(source, octets, self.clock.now)

    def _request(self, source: Source, octets: int, asked_at: float) -> None:
        def sent() -> None:
            self._send(octets, lambda: self._arrived(source, octets, asked_at))

        def reached() -> None:
            source.loop.soon(lambda: source.disk.soon(sent))

        self.clock.at(asked_at + self.delay_s / 2, reached)

    def _send(self, octets: int, arrived: Callable[[], None]) -> None:
        begin = max(self._free_at, self.clock.now)
        self.waited_s.append(begin - self.clock.now)
        self._free_at = begin + octets / self.rate_octets_per_s
        far = self._free_at + self.delay_s / 2
        self.clock.at(far, lambda: self._downloader.soon(arrived))

    def _arrived(self, source: Source, octets: int, asked_at: float) -> None:
        now = self.clock.now
        source.asked_octets -= octets
        self.received += octets
        source.window.delivered(
            octets,
            round_trip_s=now - asked_at,
            outstanding_octets=source.asked_octets,
            now=now,
        )
        self._ask(source)
