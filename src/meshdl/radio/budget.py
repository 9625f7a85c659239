"""How much airtime is left: so many seconds an hour, and a share of the last ten minutes.

The first is courtesy (a channel is shared), the second protects the final stage. Both are
the operator's settings. Emergency traffic and identification are not held back by them.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

HOUR_S = 3_600.0

DUTY_WINDOW_S = 600.0
"""Long enough for a burst or two, short enough that a final stage stays cool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirtimeLimits:
    """The operator's limits.

    Attributes:
        burst_max_s: longest burst, key-down to key-up.
        airtime_s_per_hour: in any hour.
        duty_cycle_max: share of any ten minutes, 0 to 1.
    """

    burst_max_s: float = 30.0
    airtime_s_per_hour: float = 900.0
    duty_cycle_max: float = 0.5


class AirtimeBudget:
    """Remembers bursts for an hour."""

    def __init__(self, limits: AirtimeLimits) -> None:
        self._bursts: deque[tuple[float, float]] = deque()
        self.limit(limits)

    def limit(self, limits: AirtimeLimits) -> None:
        """Other limits from now on; what was spent is spent."""
        self._windows = (
            (HOUR_S, limits.airtime_s_per_hour),
            (DUTY_WINDOW_S, limits.duty_cycle_max * DUTY_WINDOW_S),
        )

    def spend(self, burst_s: float, *, now: float) -> None:
        """A burst of this length begins."""
        self._bursts.append((now, burst_s))
        while self._bursts[0][0] <= now - HOUR_S:
            self._bursts.popleft()

    def ended_after(self, burst_s: float) -> None:
        """The last burst was so long, not as long as was meant."""
        began_at, spent = self._bursts[-1]
        self._bursts[-1] = began_at, min(spent, burst_s)

    def remember(self, bursts: Sequence[tuple[float, float]], *, now: float) -> None:
        """Bursts of an earlier run: how long ago each began, and its length, s."""
        self._bursts.extendleft((now - ago_s, burst_s) for ago_s, burst_s in reversed(bursts))

    def spent_s(self, *, now: float) -> float:
        """Airtime of the last hour."""
        return self._spent(HOUR_S, now)

    def free_at(self, burst_s: float, *, now: float) -> float:
        """When a burst of this length fits all limits: ``now``, or later.

        A burst longer than a limit fits when nothing else has been sent in its window,
        so that a limit can slow the station down but not stop it.
        """
        return max(self._free_at(*window, burst_s, now) for window in self._windows)

    def _free_at(self, window_s: float, limit_s: float, burst_s: float, now: float) -> float:
        excess = self._spent(window_s, now) + burst_s - limit_s
        if excess <= 0:
            return now
        for began_at, spent in self._bursts:
            if began_at <= now - window_s:
                continue
            excess -= spent
            if excess <= 0:
                return began_at + window_s
        return max(now, self._bursts[-1][0] + window_s) if self._bursts else now

    def _spent(self, window_s: float, now: float) -> float:
        return sum(spent for began_at, spent in self._bursts if began_at > now - window_s)
