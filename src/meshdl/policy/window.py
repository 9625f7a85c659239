"""How much to have on request from one source: bandwidth times delay, no more.

Theory of operation
===================

A source delivers at some rate R over a path whose round trip takes at least D when no
queue stands in it. R x D octets on request keep the path busy; everything above waits in a
queue, delays urgent traffic, and overflows it: a data channel whose packets are dropped in
dozens crawls for seconds (at 20 ms and 100 Mbit/s a fixed 4 MiB window carries 3 % of what
TCP does). So

    window = R x (gain x D + queue) + most of a range

with R the largest rate of the last rounds, on long paths the second largest: one round that
took in what had waited must not push several windows over the edge at once. Where R is what
the path can do, gain 1 makes the window settle with ``queue`` seconds of it waiting, however
many sources share the path: each puts only its share there. Most of a range more, because
what is asked for in pieces arrives in pieces, and room for less than a piece is not asked for.
Pieces are smaller where the window is (:attr:`RequestWindow.range_octets`), but not more than
need be: whatever its length, each costs an event loop the same. On a local network that carries
30 MB/s and more, where the event loops are what is scarce, they are the longest.

*Finding the rate.* At first, with a gain above 1, every round brings more than the one
before. When three rounds did not, the path is full and the gain becomes 1. What becomes free
later is found by the queue's share: while nothing waits, each round asks for more.

*Knowing the delay.* D is the smallest round trip of the last two epochs. An epoch is a
quarter of a minute of the caller's clock, and begins with a round at half the window, in
all windows at once: the queue empties, and D is seen again even if other traffic or our
own had hidden it, or a path has become longer. A D that never forgot would starve a path
that has become longer; one that forgot without looking would take our own queue in.

*Late answers.* A busy event loop comes round late, and answers wait for it as they would in a
queue; D, the smallest round trip, knows nothing of that. A window that lasts for less brings
less each round, and is smaller for it, down to its floor. What tells a late loop from a queue
is that it is punctual now and then: a queue delays every answer, so the usual answer of late
is as much later than the quickest of late as the loops are. The window lasts for so much
longer, as long as the quickest found less than the queue's share before it: then the path
still idles at times. On short paths such lateness is most of the round trip; there the
queue's share is the largest from the beginning.

On a local network there is no queue worth keeping short, and no time to find it: the
rounds are shorter than the event loops at both ends are punctual. There the gain stays
above 1 and D is never forgotten (:data:`LOCAL`).

*Many sources.* A window cannot be smaller than a range, and two are needed to keep a slow path
busy: one on its way, one asked for. Where more than a few long-path sources are asked at once
(:meth:`RequestWindow.share`), they keep the path busy together: there one range each is
enough, and they share what a few would begin with, and what a few would have more than rate
times delay.

A round ends when everything has arrived that was on request when it began.
"""

from collections import deque
from dataclasses import dataclass

MESSAGE_OCTETS = 64 * 1024
"""The longest range, but for a fast local network: what one request asks for where the window is
large enough."""

RANGE_OCTETS_MIN = 16 * 1024
"""A leaf: the shortest range that can be verified."""

MAX_OCTETS = 8 * 1024 * 1024
"""More than 10 Gbit/s x 5 ms or 500 Mbit/s x 125 ms; bounds memory per source."""

ROUND_MIN_S = 0.005
"""Rates over less time measure the event loop's bursts, not the path."""

FEW_SOURCES = 4
"""So many may each have a range more: 64 KiB together, 5 ms of 100 Mbit/s."""

EPOCH_S = 15.0
QUEUE_MAX_S = 0.030
"""The longest queue to leave, and so the latest that event loops may be for windows to last."""

SHORT_S = 0.005
"""A round trip that is shorter may last several times as long because an event loop is late."""

ANSWERS = 16
"""Of late: so many hold a punctual one, and are soon replaced."""

MORE = 1.1
"""A round brought more than the one before: by this factor."""

FULL_AFTER_ROUNDS = 3

LONGER = 1.5
"""The delay has grown by so much between two epochs: the path is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What suits a kind of path.

    Attributes:
        start_octets: the window before anything is known.
        floor_octets: what a window has at least, and beyond rate times delay.
        range_octets: the shortest range, and the step to longer ones.
        range_octets_max: the longest.
        ranges: so many at least in a window, unless they would be shorter than the shortest. With
            more, event loops that are busy with pieces come round late, see
            docs/decisions/0006-request-window.md.
        finding_gain: of the delay, until the rate is found.
        gain: of the delay, from then on.
        queue_s: what is left waiting in the path, at least.
        queue_part: the same as a part of the delay; ``QUEUE_MAX_S`` at the most.
        growth: of one round, at the most.
        rounds: whose rates are remembered.
        outliers: so many of the largest rates are not believed, once the rate is found.
        probes: whether the path itself decides, and not the event loops: rounds last a round
            trip, the window does not shrink while the rate is looked for, and the delay is
            looked for again in every epoch.
    """

    start_octets: int
    floor_octets: int
    range_octets: int
    range_octets_max: int
    ranges: int
    finding_gain: float
    gain: float
    queue_s: float
    queue_part: float
    growth: float
    rounds: int
    outliers: int
    probes: bool


LOCAL = Tuning(
    start_octets=4 * MESSAGE_OCTETS,
    floor_octets=2 * MESSAGE_OCTETS,
    range_octets=MESSAGE_OCTETS,
    range_octets_max=2 * MESSAGE_OCTETS,
    ranges=8,
    finding_gain=1.25,
    gain=1.25,
    queue_s=QUEUE_MAX_S,
    queue_part=0.0,
    growth=1.5,
    rounds=8,
    outliers=0,
    probes=False,
)
"""The queue's share pays for two busy event loops that come round late; it is time, so it costs
a slow path few octets and gives a fast one many. A switch whose queue it overruns loses no rate
by it (measured: docs/decisions/0006-request-window.md)."""

LONG = Tuning(
    start_octets=8 * RANGE_OCTETS_MIN,
    floor_octets=RANGE_OCTETS_MIN,
    range_octets=RANGE_OCTETS_MIN,
    range_octets_max=MESSAGE_OCTETS,
    ranges=3,
    finding_gain=1.4,
    gain=1.0,
    queue_s=0.010,
    queue_part=0.2,
    growth=2.0,
    rounds=4,
    outliers=1,
    probes=True,
)


class RequestWindow:
    """The window of one source. Times are seconds on the caller's clock.

    Attributes:
        octets: to have on request.
    """

    def __init__(self, tuning: Tuning, *, now: float) -> None:
        self.octets = tuning.start_octets
        self._sharing = 1
        self._tuning = tuning
        self._rates: deque[float] = deque(maxlen=tuning.rounds)
        self._trips_s: deque[float] = deque(maxlen=ANSWERS)
        self._finding = True
        self._rounds_without_more = 0
        self._best_rate = 0.0
        self._epoch = _epoch(now)
        self._recent_trip_s: float | None = None
        self._older_trip_s: float | None = None
        self._round_began_at = now
        self._round_octets = 0
        self._round_left_octets = 0

    @property
    def rate_octets_per_s(self) -> float:
        """Largest delivery rate of the last rounds; 0 before the first ends."""
        return max(self._rates, default=0.0)

    @property
    def round_trip_s(self) -> float | None:
        """Smallest time from request to answer, ``None`` before the first."""
        recent_s, older_s = self._recent_trip_s, self._older_trip_s
        if recent_s is None or older_s is None:
            return older_s if recent_s is None else recent_s
        return min(recent_s, older_s)

    @property
    def range_octets(self) -> int:
        """How much to ask for at a time; whole leaves."""
        tuning = self._tuning
        part = self.octets // tuning.ranges // tuning.range_octets * tuning.range_octets
        return min(max(part, tuning.range_octets), tuning.range_octets_max)

    def share(self, sources: int) -> None:
        """So many long-path sources are asked at once, this one included."""
        self._sharing = max(sources, 1)
        if self._tuning.probes and not self._rates and self._sharing > FEW_SOURCES:
            part = self._tuning.start_octets * FEW_SOURCES // self._sharing
            self.octets = min(self.octets, max(part, self._least_octets()))

    def answered(self, round_trip_s: float) -> None:
        """A short message was answered: the path is not longer than that."""
        if self._recent_trip_s is None or round_trip_s < self._recent_trip_s:
            self._recent_trip_s = round_trip_s

    def delivered(
        self, octets: int, *, round_trip_s: float | None, outstanding_octets: int, now: float
    ) -> None:
        """A range arrived.

        Args:
            octets: its length.
            round_trip_s: since its request was sent, ``None`` when that cannot be told.
            outstanding_octets: still on request from this source after it.
            now: when it arrived.
        """
        if round_trip_s is not None:
            self.answered(round_trip_s)
            self._trips_s.append(round_trip_s)
        self._round_octets += octets
        self._round_left_octets -= octets
        elapsed_s = now - self._round_began_at
        if self._round_left_octets > 0 or elapsed_s < self._round_min_s():
            return
        self._end_round(self._round_octets / elapsed_s, now)
        self._round_began_at = now
        self._round_octets = 0
        self._round_left_octets = outstanding_octets

    def idled(self, *, now: float) -> None:
        """Nothing was on request: the time until now says nothing about the path."""
        self._round_began_at = now
        self._round_octets = 0
        self._round_left_octets = 0

    def stalled(self, *, now: float) -> None:
        """The source kept us waiting: begin anew, carefully."""
        self.octets = self._tuning.floor_octets
        self._rates.clear()
        self._trips_s.clear()
        self._find_rate()
        self.idled(now=now)

    def _end_round(self, rate: float, now: float) -> None:
        tuning = self._tuning
        self._rates.append(rate)
        self._rounds_without_more = (
            0 if rate >= self._best_rate * MORE else self._rounds_without_more + 1
        )
        self._best_rate = max(self._best_rate, rate)
        if self._rounds_without_more >= FULL_AFTER_ROUNDS:
            self._finding = False
        trip_s = self.round_trip_s
        if trip_s is None:
            return
        gain = tuning.finding_gain if self._finding else tuning.gain
        target = self._believed_rate() * (gain * trip_s + self._queue_s(trip_s))
        target = min(max(target + self._more_octets(), self._least_octets()), MAX_OCTETS)
        if tuning.probes and self._finding:
            # A round that a slow start at the other end held up says nothing of the path.
            target = max(target, self.octets)
        self.octets = int(min(target, self.octets * tuning.growth))
        if tuning.probes and _epoch(now) != self._epoch:
            self._begin_epoch(_epoch(now))

    def _more_octets(self) -> int:
        more = max(self._tuning.floor_octets, self.range_octets * 3 // 4)
        if self._tuning.probes and self._sharing > FEW_SOURCES:
            more = more * FEW_SOURCES // self._sharing
        return more

    def _queue_s(self, trip_s: float) -> float:
        tuning = self._tuning
        if trip_s < SHORT_S:
            return QUEUE_MAX_S
        queue_s = max(tuning.queue_s, min(tuning.queue_part * trip_s, QUEUE_MAX_S))
        if not tuning.probes or self._finding:
            return queue_s  # or the gain finds it anyway
        return queue_s + self._late_s(trip_s, queue_s)

    def _late_s(self, trip_s: float, queue_s: float) -> float:
        trips_s = sorted(self._trips_s)
        if not trips_s:
            return 0.0
        usual_s, quickest_s = trips_s[len(trips_s) // 2], trips_s[0]
        # Where even the quickest stood behind the queue's share, the path is busy.
        return max(min(usual_s - quickest_s, trip_s + queue_s - quickest_s), 0.0)

    def _least_octets(self) -> int:
        tuning = self._tuning
        if tuning.probes and self._sharing <= FEW_SOURCES:
            return 2 * tuning.range_octets
        return tuning.floor_octets

    def _round_min_s(self) -> float:
        # What was asked for at once comes at once: only over a whole round trip is it a rate.
        trip_s = self.round_trip_s if self._tuning.probes else None
        return max(ROUND_MIN_S, trip_s or 0.0)

    def _begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        before, self._older_trip_s = self._older_trip_s, self._recent_trip_s
        self._recent_trip_s = None
        if self._finding:
            return
        self.octets = max(self.octets // 2, self._tuning.floor_octets)
        if before is not None and (self._older_trip_s or before) > LONGER * before:
            self._find_rate()

    def _find_rate(self) -> None:
        self._finding, self._rounds_without_more, self._best_rate = True, 0, 0.0

    def _believed_rate(self) -> float:
        full = len(self._rates) == self._tuning.rounds
        outliers = self._tuning.outliers if full and not self._finding else 0
        return sorted(self._rates)[-1 - outliers]


def _epoch(now: float) -> int:
    return int(now // EPOCH_S)
