"""How much to have on request from one source: bandwidth times delay, no more.

Theory of operation
===================

A source delivers at some rate R over a path whose round trip takes at least D when no
queue stands in it. R x D octets on request keep the path busy; everything above waits
in a queue, delays urgent traffic, and on data channels provokes the collapse measured
at 20 ms and 100 Mbit/s (a fixed 4 MiB window carries 3 % of what TCP does). So

    window = GAIN x R x (D + QUEUE_ALLOWANCE) + FLOOR

with R the largest rate of the last rounds and D the smallest round trip ever seen on
this link. (A D that forgets would take in the queue that our own window made, and the
window would then grow with the queue without end.) GAIN above 1 probes for more: if the
path has more to give, R rises and the window with it; if not, R stays and so does the
window. QUEUE_ALLOWANCE pays for the jitter of two busy event loops; it is time, so it
costs a slow path few octets and gives a fast one many. The window grows by at most
``GROWTH`` a round. A round ends when everything has arrived that was on request when it
began.
"""

from collections import deque

MESSAGE_OCTETS = 64 * 1024
"""What one request asks for."""

GAIN = 1.25
GROWTH = 1.5
QUEUE_ALLOWANCE_S = 0.010
FLOOR_OCTETS = 2 * MESSAGE_OCTETS
START_OCTETS = 4 * MESSAGE_OCTETS
MAX_OCTETS = 8 * 1024 * 1024
"""More than 10 Gbit/s x 5 ms or 500 Mbit/s x 125 ms; bounds memory per source."""

ROUNDS_REMEMBERED = 8
ROUND_MIN_S = 0.005
"""Rates over less time measure the event loop's bursts, not the path."""


class RequestWindow:
    """The window of one source. Times are seconds on the caller's clock."""

    def __init__(self, *, now: float) -> None:
        self.octets = START_OCTETS
        self._rates: deque[float] = deque(maxlen=ROUNDS_REMEMBERED)
        self._round_trip_s: float | None = None
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
        return self._round_trip_s

    def delivered(
        self, octets: int, *, round_trip_s: float | None, outstanding_octets: int, now: float
    ) -> None:
        """An answer arrived.

        Args:
            octets: its length.
            round_trip_s: since its request was sent, ``None`` when that cannot be told.
            outstanding_octets: still on request from this source after it.
            now: when it arrived.
        """
        if round_trip_s is not None:
            self._round_trip_s = min(round_trip_s, self._round_trip_s or round_trip_s)
        self._round_octets += octets
        self._round_left_octets -= octets
        elapsed_s = now - self._round_began_at
        if self._round_left_octets > 0 or elapsed_s < ROUND_MIN_S:
            return
        self._rates.append(self._round_octets / elapsed_s)
        if self._round_trip_s is not None:
            self._settle(self._round_trip_s)
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
        self.octets = FLOOR_OCTETS
        self._rates.clear()
        self.idled(now=now)

    def _settle(self, round_trip_s: float) -> None:
        delay_s = round_trip_s + QUEUE_ALLOWANCE_S
        target = GAIN * self.rate_octets_per_s * delay_s + FLOOR_OCTETS
        self.octets = int(min(target, self.octets * GROWTH, MAX_OCTETS))
