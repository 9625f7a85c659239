"""Whose turn it is: identification, emergency, then by precedence, within the limits.

Only the front of the queue matters: what stands behind it has no higher precedence, so it
may not go before it, and a hold-off that stops the front stops all behind.
"""

from dataclasses import dataclass

from meshdl.content.precedence import Precedence
from meshdl.radio.budget import AirtimeBudget, AirtimeLimits
from meshdl.radio.identification import Identification
from meshdl.radio.standing import Standing, urgent
from meshdl.radio.traffic import Traffic
from meshdl.radio.waiting import Queue, Waiting


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to go next.

    Attributes:
        precedence: with which the channel is asked for.
        waiting: the traffic; ``None`` for an identification.
        forced: goes without waiting for a gap.
    """

    precedence: Precedence
    waiting: Waiting | None
    forced: bool = False

    def overtakes(self, traffic: Traffic) -> bool:
        """Whether it is more urgent traffic than this; a callsign waits for the end of a burst."""
        return self.waiting is not None and self.precedence < traffic.precedence


class Turns:
    """Everything that waits, and what holds it back.

    Args:
        limits: of airtime.
        owed: the identification clock.
        hold_off_s: how long routine and welfare traffic waits after emergency traffic.
    """

    def __init__(self, limits: AirtimeLimits, owed: Identification, hold_off_s: float) -> None:
        self.queue = Queue()
        self.budget = AirtimeBudget(limits)
        self.burst_max_s = limits.burst_max_s
        self.hold_off_until = float("-inf")
        self._hold_off_s = hold_off_s
        self._owed = owed

    def limit(self, limits: AirtimeLimits) -> None:
        """Other limits from now on."""
        self.budget.limit(limits)
        self.burst_max_s = limits.burst_max_s

    def set_hold_off(self, hold_off_s: float) -> None:
        """Another silence after emergency traffic; one that holds is not changed."""
        self._hold_off_s = hold_off_s

    def hold_off(self, *, now: float) -> None:
        """Emergency traffic was heard or sent."""
        self.hold_off_until = max(self.hold_off_until, now + self._hold_off_s)

    def held(self, traffic: Traffic, *, now: float) -> bool:
        """Whether it waits because emergency traffic was heard or sent."""
        return traffic.precedence > Precedence.PRIORITY and now < self.hold_off_until

    def next(self, standing: Standing, *, now: float, signing_off: bool) -> Turn | None:
        """What may go now.

        Args:
            standing: whose modem tells how long a burst is.
            now: the instant.
            signing_off: only the identification may go.
        """
        last, due = self._owed.last_moment(), self._owed.due_at()
        if last is not None and now >= last:
            return Turn(Precedence.EMERGENCY, None, forced=True)
        front = None if signing_off else next(iter(self.queue), None)
        if front is not None and urgent(front.traffic):
            return Turn(Precedence.EMERGENCY, front)
        if due is not None and now >= due:
            return Turn(Precedence.PRIORITY, None)
        ready_at = None if front is None else self._ready_at(front, standing, now)
        if front is None or ready_at is None or now < ready_at:
            return None
        return Turn(front.traffic.precedence, front)

    def ready_at(self, standing: Standing, *, now: float) -> float | None:
        """When the front of the queue may go, as things are."""
        front = next(iter(self.queue), None)
        return None if front is None else self._ready_at(front, standing, now)

    def _ready_at(self, front: Waiting, standing: Standing, now: float) -> float | None:
        traits = standing.traits_for(front.traffic)
        if traits is None:
            return None
        burst_s = min(traits.burst_s(map(len, front.remaining())), self.burst_max_s)
        ready_at = self.budget.free_at(burst_s, now=now)
        if self.held(front.traffic, now=now):
            ready_at = max(ready_at, self.hold_off_until)
        return ready_at
