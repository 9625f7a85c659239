"""How the less urgent makes way on a slow uplink.

Theory of operation
===================

Every message to be sent is chosen by precedence (:mod:`meshdl.policy.slots`), but what is
sent to several peers far away shares an uplink that the station does not see: each
connection has a congestion control of its own, and they share alike. A routine transfer to
one peer then takes half of what an emergency transfer to another needs.

So while something more urgent is sent to far peers, the less urgent yields: it may have one
sixteenth of what the more urgent had, so that it does not starve however long that takes.
Only on a slow uplink: where all together goes at more than ``SLOW_OCTETS_PER_S``, precedence
among the waiting is enough, and a peer that itself is slow must not idle a fast uplink.
"""

from meshdl.content.precedence import Precedence

SLOW_OCTETS_PER_S = 1024 * 1024
"""8 Mbit/s: a bulletin or a picture takes seconds there even if it has only a share."""

RATE_OVER_S = 2.0
"""Time constant of the rate that is compared with it."""

URGENT_FOR_S = 3.0
"""After the last urgent request: on a slow and long path they come seconds apart."""

SHARE = 1 / 16
CREDIT_MAX_OCTETS = 64 * 1024
"""The longest range of a long path."""


class Yielding:
    """What far peers may be sent of which precedence. Times are on the caller's clock."""

    def __init__(self, *, now: float) -> None:
        self._urgent: Precedence = Precedence.ROUTINE
        self._urgent_until = now
        self._credit_octets = 0.0
        self._level_octets = 0.0
        self._level_at = now

    def asked(self, precedence: Precedence, *, now: float) -> None:
        """A far peer asks for something of this precedence."""
        if now >= self._urgent_until:
            self._urgent, self._credit_octets = Precedence.ROUTINE, 0.0
        if precedence <= self._urgent and precedence is not Precedence.ROUTINE:
            self._urgent, self._urgent_until = precedence, now + URGENT_FOR_S

    def sent(self, octets: int, precedence: Precedence, *, now: float) -> None:
        """Octets left for a far peer."""
        self._level_octets = self._level(now) + octets
        self._level_at = now
        if precedence <= self._urgent:
            credit = self._credit_octets + octets * SHARE
            self._credit_octets = min(credit, CREDIT_MAX_OCTETS)

    def in_force(self, precedence: Precedence, *, now: float) -> bool:
        """Whether what is of this precedence makes way just now."""
        return precedence > self._urgent and now < self._urgent_until

    def admits(self, octets: int, precedence: Precedence, *, now: float) -> bool:
        """Whether a request of a far peer may be answered; it then counts as its share."""
        if not self.in_force(precedence, now=now):
            return True
        if self._level(now) >= SLOW_OCTETS_PER_S * RATE_OVER_S:
            return True
        if self._credit_octets <= 0:
            return False
        self._credit_octets -= octets
        return True

    def _level(self, now: float) -> float:
        passed_s = max(0.0, now - self._level_at)
        return self._level_octets * max(0.0, 1 - passed_s / RATE_OVER_S)
