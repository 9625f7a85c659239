"""How many of the sources that have everything are asked at once, and whose turn it is.

Theory of operation
===================

Where our own end is full, more sources bring no more: each then sends a few packets at a
time, and every one of them costs both ends a waking. A few that send long runs cost less,
and if they take turns the load is spread as evenly in the end. Where the sources are the
bound (slow uplinks, slow disks, a radio network), all of them are needed. Which of the two it
is cannot be seen from the sources, so it is tried (:class:`ActiveCount`): several times as
many are asked for a moment, or half as many::

    few, for a period --> many, for a period --> few again
                          a good deal more than before and after: so many from now on

What was tried in vain is tried again after a rest, longer each time, and at once when much
less comes than before.

A turn (:class:`Turns`) is a time and not an amount: a slow source cannot hold it. What a
source was asked for in its turn it may deliver later; one that is so slow that this lasts
until its next turn is skipped, and has always something to do. Whoever waits longest is
next.

Times are seconds on the caller's clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from meshdl.ids import LinkId

FEW = 2
"""Of so many none waits for a turn."""

LEAST = 1
"""Active at the least. One fills most ends; where it does not, the trial tells."""

FIRST = 4
"""Active at first: a step from all twenty, and a step from few."""

GROWTH = 5
"""So many times more are tried, or half as many."""

TURN_S = 0.1
"""Long beside a round trip on a local network, short beside a transfer."""

PERIOD_S = 0.2
"""Of a measurement; some turns. Small files are there before the first one ends."""

SETTLE_S = 0.05
"""After a change, before what comes is counted: windows grow."""

EMPTY_S = 0.2
"""With fewer sources than before, it takes longer: slow ones still owe something."""

PAUSED_S = 1.0
"""Who did not look for so long did not ask anybody either: this says nothing."""

WORTH = 1.15
"""More sources must bring so much more."""

CLEAR = 2.5
"""So much more needs no second look; where the sources are the bound it is more still."""

MISSED = 1.07
"""Fewer are enough unless so much more came before and afterwards."""

LESS = 0.6
"""Of what came before: something has changed, and more are tried at once."""

MORE_REST_S = 1.0
FEWER_REST_S = 2.0
REST_MAX_S = 30.0
"""After an experiment that changed nothing; doubled each time. One with fewer may cost half of
a period."""


@dataclass(slots=True)
class _Trial:
    """Another number of sources, for a period.

    Attributes:
        count: of sources.
        before: octets a second in the period before it.
        tried: in its own period; ``None`` as long as it lasts.
    """

    count: int
    before: float
    tried: float | None = None


class ActiveCount:
    """How many sources are to be asked at once.

    Attributes:
        active: sources, now; another number than usual while it is tried.
    """

    def __init__(self, *, now: float) -> None:
        self.active = self._usual = FIRST
        self._trial: _Trial | None = None
        self._usual_rate = 0.0
        self._more_rest_s, self._fewer_rest_s = MORE_REST_S, FEWER_REST_S
        self._more_at = self._fewer_at = now
        self._octets = 0
        self._counts_from = now + SETTLE_S

    def delivered(self, octets: int, *, now: float) -> None:
        """Any of the sources sent something."""
        if now >= self._counts_from:
            self._octets += octets

    def judge(self, sources: int, *, now: float) -> int:
        """Look at what came; how many to ask. To be asked some times in a period.

        Args:
            sources: that there are.
            now: on the caller's clock.
        """
        elapsed_s = now - self._counts_from
        if elapsed_s < PERIOD_S:
            return self.active
        before = self.active
        if elapsed_s < PAUSED_S:
            self._end_period(self._octets / elapsed_s, sources, now)
        self._octets = 0
        self._counts_from = now
        if self.active != before:
            self._counts_from += SETTLE_S if self.active > before else EMPTY_S
        return self.active

    def _end_period(self, rate: float, sources: int, now: float) -> None:
        trial = self._trial
        if trial is None:
            self._begin_trial(rate, sources, now)
        elif trial.tried is not None:
            self._conclude(trial, trial.tried, rate, now)
        elif rate >= CLEAR * trial.before:
            self._conclude(trial, rate, trial.before, now)
        else:
            trial.tried = rate
            self.active = self._usual

    def _begin_trial(self, rate: float, sources: int, now: float) -> None:
        if rate < LESS * self._usual_rate:
            self._usual_rate = rate
            self._more_at = now
        self._usual_rate = (self._usual_rate + rate) / 2 if self._usual_rate else rate
        if self._usual < sources and now >= self._more_at:
            self.active = min(GROWTH * self._usual, sources)
        elif self._usual > LEAST and now >= self._fewer_at:
            self.active = max(min(self._usual, sources) // 2, LEAST)
        else:
            return
        self._trial = _Trial(self.active, rate)

    def _conclude(self, trial: _Trial, tried: float, after: float, now: float) -> None:
        self._trial = None
        more = trial.count > self._usual
        # Drifting windows and a busy machine must look twice as if more were better.
        if more:
            worth = tried >= WORTH * max(trial.before, after)
        else:
            worth = min(trial.before, after) >= MISSED * tried
        if more is worth:
            self._usual, self._usual_rate = trial.count, tried
        # In the direction that was right there may be more to gain; the other one waits.
        if more:
            self._more_rest_s = MORE_REST_S if worth else min(2 * self._more_rest_s, REST_MAX_S)
            self._more_at = now if worth else now + self._more_rest_s
            if worth:
                self._fewer_at = now + self._fewer_rest_s
        else:
            self._fewer_rest_s = min(2 * self._fewer_rest_s, REST_MAX_S) if worth else FEWER_REST_S
            self._fewer_at = now + self._fewer_rest_s if worth else now
            self._more_at = max(self._more_at, now + self._more_rest_s)
        self.active = self._usual


class Turns:
    """Which sources are active.

    Attributes:
        count: of those that are to be.
    """

    def __init__(self, *, now: float) -> None:
        self.count = ActiveCount(now=now)
        self._since: dict[LinkId, float] = {}
        self._rested_at: dict[LinkId, float] = {}
        self._next_at = now

    def admits(self, source: LinkId) -> bool:
        """Whether it is this source's turn."""
        return source in self._since

    def due(self, *, now: float) -> bool:
        """Whether it is time for :meth:`pass_on`."""
        return now >= self._next_at

    def pass_on(
        self, sources: Mapping[LinkId, bool], *, now: float
    ) -> tuple[list[LinkId], list[LinkId]]:
        """End turns and begin others; those that began, and those that ended.

        Args:
            sources: all that have everything and may be asked, and whether each has room
                for more.
            now: on the caller's clock.
        """
        self._next_at = now + TURN_S / 2
        count = self.count.judge(len(sources), now=now)
        active = [one for one in self._since if one in sources]  # the longest active first
        surplus = active[: max(len(active) - count, 0)]
        kept = active[len(surplus) :]
        waiting = [one for one, room in sources.items() if room and one not in self._since]
        waiting.sort(key=lambda one: self._rested_at.get(one, 0.0))
        over = [one for one in kept if now - self._since[one] >= TURN_S]
        replaced = over[: max(len(waiting) - (count - len(kept)), 0)]
        ended = [one for one in self._since if one not in sources] + surplus + replaced
        for one in ended:
            del self._since[one]
        self._rested_at = {one: at for one, at in self._rested_at.items() if one in sources}
        self._rested_at |= dict.fromkeys(surplus + replaced, now)
        begun = waiting[: count - len(self._since)]
        self._since |= dict.fromkeys(begun, now)
        return begun, ended
