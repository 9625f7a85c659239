"""How many links to keep with one source on a long path that loses packets at random.

Theory of operation
===================

A link's rate on a path that loses packets is bounded by the losses and the round trip, and
not by what the path could carry: about ``1.2 x packet / (trip x sqrt(loss))`` (Mathis,
Semke, Mahdavi and Ott 1997). Several links to the same source, *lanes*, each have a rate
of their own, and add up. Where nothing is lost, a second one only gets in the first one's
way. So three questions are asked, one after the other:

*Is it far below what paths can carry?* Only where a lane has little under way, its rate times
the round trip, can losses be the bound: 32 KiB are what losses of 0.2 % leave.

*Is anything lost?* A lost packet holds up the answer that it is a part of, and all that
stand behind it, for a round trip, and others come without delay. :class:`HoldUps` counts
the answers that took most of a round trip longer than the quickest of late. A queue, or a
slow path, delays all of them alike.

*Does it help?* When both are so, several lanes take the place of each. If all sources
together then deliver a good deal more, they stay, and others may follow; if not, the step is
taken back and not tried again for a while, longer each time. What one source gains and the
others lose is no gain: then a queue overflows that they share. For the same reason there is
one trial at a time, and the lanes are divided among the sources that are asked at once:
several sources add up as several lanes do.

    SETTLING --> MEASURING --little, held up--> OPENING --all up--> SETTLING --> MEASURING
    MEASURING --no better than with fewer--> as many as before

Lanes are halved, too, when for some time hardly any answer was held up or each had a lot
under way, and closed all but the first when nothing was on request for a while. Only who
asks opens lanes, and only who opened one closes it.
"""

from collections import deque
from dataclasses import dataclass

LANES_MAX = 8
"""Links with one station. Eight carry five times what one TCP connection does with 1 % loss
at 80 ms; a station that has more takes more of a shared path than is decent."""

LANES_SHARE = 3 / 4
"""Of the links that a station may have: beyond this part of them no lane is opened or taken,
so that other stations find room."""

RECENT = 32
"""Answers among which the quickest is looked for: every path has one that nothing held up."""

HELD_UP_PART = 0.75
"""Of the round trip. The sender hears of a loss after one, the busy event loops of both ends
may seem to be quicker."""

HELD_UP_MIN_S = 0.025
"""Less is the jitter of event loops and of other traffic."""

LOSSY = 0.15
"""Share of held up answers. With 1 % loss at 80 ms it is above three quarters."""

LOSSY_MEASURES = 3
"""In a row before there is a second lane: a queue that has overflown looks as lossy, once."""

LITTLE_OCTETS = 32 * 1024
A_LOT_OCTETS = 128 * 1024
"""Under way on a lane: its rate times the round trip."""

CALM = 0.01
CALM_MEASURES = 10
"""In a row: ten seconds without a loss are no luck."""

MEASURE_S = 1.0
ANSWERS_MIN = 6
"""Fewer tell neither a share nor a rate: on a slow path measuring takes longer."""

SETTLE_S = 0.75
"""New lanes find their rate in some round trips."""

FIRST_SETTLE_S = 2.0
"""The slow start of a source may overshoot the path's queue, and takes so long to recover."""

OPEN_WITHIN_S = 6.0
"""After that those that are up are all there will be."""

GROWTH = 4
"""Lanes in place of each one. Those who wait for a file on such a path wait long enough."""

WORTH = 1.4
"""More lanes must deliver so much more. At least twice as much where losses are the bound,
nothing where the path is; in between lies the noise of what is counted in so short a time."""

REST_FIRST_S = 30.0
REST_MAX_S = 600.0
IDLE_S = 5.0


class HoldUps:
    """Tells which answers of one link were held up."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)

    def held_up(self, took_s: float, *, round_trip_s: float) -> bool:
        """Whether an answer took so much longer than others that something was lost.

        Args:
            took_s: from the request to the answer.
            round_trip_s: of the path without a queue.
        """
        self._recent.append(took_s)
        late_s = max(HELD_UP_PART * round_trip_s, HELD_UP_MIN_S)
        return took_s - min(self._recent) >= late_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is of one source.

    Attributes:
        lanes: that are up.
        asked: those of them on which something is on request.
        most: as many as both ends allow.
        all_octets: delivered by all sources on long paths, since ever.
        round_trip_s: of the path without a queue.
    """

    lanes: int
    asked: int
    most: int
    all_octets: int
    round_trip_s: float


class LaneCount:
    """How many lanes one source should have. Times are seconds on the caller's clock.

    Attributes:
        wanted: lanes; only :meth:`judge` changes it.
        delivered_octets: by this source, since ever.
    """

    def __init__(self, *, now: float) -> None:
        self.wanted = 1
        self.delivered_octets = 0
        self._octets = self._answers = self._held_up = 0
        self._begun_at = now
        self._all_octets = 0
        self._settle_s = FIRST_SETTLE_S
        self._stepped_at: float | None = now
        self._all_up_at: float | None = None
        self._calm_measures = self._lossy_measures = 0
        self._before: tuple[float, float] | None = None
        self._lanes_before = 1
        self._asked_at = now
        self._rest_until = now
        self._rest_s = REST_FIRST_S

    @property
    def trying(self) -> bool:
        """Whether more lanes than before are being tried."""
        return self._before is not None

    def delivered(self, octets: int, *, held_up: bool) -> None:
        """An answer came, on any of the lanes."""
        self.delivered_octets += octets
        self._octets += octets
        self._answers += 1
        self._held_up += held_up

    def judge(self, seen: Seen, *, now: float) -> int:
        """Look at what came; how many lanes there should be. To be asked a few times a second."""
        if seen.asked:
            self._asked_at = now
        elif now - self._asked_at >= IDLE_S:
            self._before = None
            self._step(1, now)
            self._stepped_at, self._settle_s = now, FIRST_SETTLE_S
        if self._stepped_at is None and seen.lanes < self.wanted:
            self._stepped_at = now  # one was lost, or is not allowed any more
        if self._stepped_at is not None:
            self._await_lanes(seen, self._stepped_at, now)
        elif now - self._begun_at >= MEASURE_S and self._answers >= ANSWERS_MIN:
            self._conclude(seen, now)
        return self.wanted

    def _await_lanes(self, seen: Seen, stepped_at: float, now: float) -> None:
        if seen.lanes < self.wanted:
            self._all_up_at = None
            if now - stepped_at < OPEN_WITHIN_S:
                return
            self.wanted = max(seen.lanes, 1)
            self._rest(now)
        if self._all_up_at is None:
            self._all_up_at = now
        elif now - self._all_up_at >= self._settle_s:
            self._settle_s = SETTLE_S
            self._stepped_at = self._all_up_at = None
            self._measure_anew(seen, now)

    def _conclude(self, seen: Seen, now: float) -> None:
        seconds = now - self._begun_at
        rate = self._octets / seconds
        together = (seen.all_octets - self._all_octets) / seconds
        held_up = self._held_up / self._answers
        under_way = rate / max(seen.lanes, 1) * seen.round_trip_s
        most = min(seen.most, LANES_MAX)
        before, self._before = self._before, None
        calm = held_up <= CALM or under_way >= A_LOT_OCTETS
        self._calm_measures = self._calm_measures + 1 if calm else 0
        lossy = held_up >= LOSSY and under_way <= LITTLE_OCTETS
        self._lossy_measures = self._lossy_measures + 1 if lossy else 0
        enough = self._lossy_measures >= (LOSSY_MEASURES if self.wanted == 1 else 1)
        self._measure_anew(seen, now)
        if before is not None and together - before[1] < (WORTH - 1) * before[0]:
            self._rest(now)
            self._step(self._lanes_before, now)
        elif enough and self.wanted < most and now >= self._rest_until:
            self._before, self._lanes_before = (rate, together), self.wanted
            self._step(min(GROWTH * self.wanted, most), now)
        elif self._calm_measures >= CALM_MEASURES:
            self._step(self.wanted // 2, now)

    def _step(self, lanes: int, now: float) -> None:
        lanes = max(lanes, 1)
        self._calm_measures = 0
        if lanes != self.wanted:
            self.wanted = lanes
            self._stepped_at, self._all_up_at = now, None

    def _rest(self, now: float) -> None:
        self._before = None
        self._rest_until = now + self._rest_s
        self._rest_s = min(2 * self._rest_s, REST_MAX_S)

    def _measure_anew(self, seen: Seen, now: float) -> None:
        self._begun_at = now
        self._all_octets = seen.all_octets
        self._octets = self._answers = self._held_up = 0
