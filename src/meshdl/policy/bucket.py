"""Rate limits by token bucket."""

from typing import Self

UNLIMITED = float("inf")

LIMIT_BURST_S = 0.5
"""A limit may be overrun for this long at a time: two ticks of the swarm's timer."""

BURST_MIN_OCTETS = 64 * 1024
"""One message, or a slow limit would never let one pass."""


class TokenBucket:
    """Allows ``rate_octets_per_s`` on the long run and ``burst_octets`` at once.

    A take may overdraw the bucket once; the next one then waits until the debt is paid.
    So a message is never split to fit a limit, and the long-run rate holds exactly.
    """

    def __init__(self, rate_octets_per_s: float, *, burst_octets: float, now: float) -> None:
        if rate_octets_per_s <= 0 or burst_octets <= 0:
            raise ValueError("rate and burst must be above 0; for no limit pass UNLIMITED")
        self.rate_octets_per_s = rate_octets_per_s
        self._burst_octets = burst_octets
        self._level_octets = burst_octets
        self._filled_at = now

    @classmethod
    def for_limit(cls, rate_octets_per_s: float, *, now: float) -> Self:
        """The bucket that keeps an operator's limit, :data:`UNLIMITED` included."""
        burst = max(rate_octets_per_s * LIMIT_BURST_S, BURST_MIN_OCTETS)
        return cls(rate_octets_per_s, burst_octets=burst, now=now)

    def available(self, *, now: float) -> bool:
        """Whether something may be taken now."""
        self._fill(now)
        return self._level_octets > 0

    def take_if_available(self, octets: int, *, now: float) -> bool:
        """Spend unless nothing may be taken; whether it was spent."""
        # Filled here without a call: a server asks this three times for every message.
        level, elapsed_s = self._level_octets, now - self._filled_at
        rate, burst = self.rate_octets_per_s, self._burst_octets
        self._filled_at = now
        if rate == UNLIMITED:
            self._level_octets = burst
            return True
        if elapsed_s > 0.0:
            level += elapsed_s * rate
            level = level if level < burst else burst  # noqa: FURB136 # min() is a call, too
        if level <= 0:
            self._level_octets = level
            return False
        self._level_octets = level - octets
        return True

    def take(self, octets: int, *, now: float) -> None:
        """Spend; the bucket may go into debt."""
        self._fill(now)
        if self.rate_octets_per_s != UNLIMITED:
            self._level_octets -= octets

    def available_at(self, *, now: float) -> float:
        """When :meth:`available` turns true, ``now`` when it is."""
        self._fill(now)
        if self._level_octets > 0:
            return now
        return now + (1 - self._level_octets) / self.rate_octets_per_s

    def _fill(self, now: float) -> None:
        elapsed_s = now - self._filled_at
        self._filled_at = now
        if self.rate_octets_per_s == UNLIMITED:
            self._level_octets = self._burst_octets
        elif elapsed_s > 0.0:  # a clock that jumps back must not drain the bucket
            level = self._level_octets + elapsed_s * self.rate_octets_per_s
            self._level_octets = min(level, self._burst_octets)
