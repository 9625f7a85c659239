"""When the channel may be taken: p-persistent CSMA (KISS, AX.25 2.2 section 6.4.2).

Theory of operation
===================

Somebody wants the channel (:class:`Wanted`). While it is busy nothing happens. When it has
been free for one slot, every slot the dice decide: with probability *p* the channel is
:class:`Granted`, otherwise one more slot is waited for. Stations that waited for the same
burst to end so rarely begin at the same moment.

- *p* depends on precedence: emergency traffic takes the first slot there is.
- The slot is as long as it takes to notice another station's burst: the modem's turnaround
  and the beginning of a frame.
- A modem that does not tell when it hears a carrier tells only whole frames. After each the
  channel counts as busy for one more frame, for a burst has more of them.
- A modem that does all this itself (``access_within_s``) is granted the channel at once.

Somebody who asks may give the channel to the one that shall answer (:class:`Reserved`):
that one takes the first slot there is, all others wait until his time is over. Emergency
traffic waits for nobody but a carrier.

Our own burst makes us deaf; what follows it, unless it is an emergency's, waits for the
turnaround and some slots more, in which others get a word in.
"""

from dataclasses import dataclass
from random import Random
from typing import TypeAlias, assert_never

from meshdl.air import (
    BurstEnded,
    CarrierChanged,
    FrameHeard,
    ModemDown,
    ModemTraits,
    ModemUp,
)
from meshdl.content.precedence import Precedence

PERSISTENCE = {
    Precedence.EMERGENCY: 1.0,
    Precedence.PRIORITY: 0.5,
    Precedence.WELFARE: 0.25,
    Precedence.ROUTINE: 0.25,
}
"""A quarter is what TNCs come with (KISS: 63 of 255)."""

SLOT_S_MIN = 0.1
"""What TNCs come with; a carrier is noticed within that time."""

CARRIER_NOTICED_S = 0.05
"""From the first sample of a carrier to its report."""


RESERVED_S_MAX = 40.0
"""Whoever gives turns can keep us silent for one burst and the way to it, and no longer."""

LISTEN_SLOTS = 3
"""Between two bursts of ours. It costs three parts of a hundred of a long answer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A moment is wanted for traffic of this precedence; ``None``: no more."""

    precedence: Precedence | None


@dataclass(frozen=True, slots=True)
class Reserved:
    """The channel is one station's until then.

    Attributes:
        ours: that station is this one.
    """

    until: float
    ours: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """Now."""


AccessInput: TypeAlias = (
    Wanted | Reserved | CarrierChanged | FrameHeard | BurstEnded | ModemUp | ModemDown
)


class ChannelAccess:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs.

    Args:
        rng: the dice.
        persistence: *p* of routine traffic; others take at least theirs.
    """

    def __init__(self, rng: Random, *, persistence: float = 0.25) -> None:
        self._rng, self._persistence = rng, persistence
        self._traits: ModemTraits | None = None
        self._wanted: Precedence | None = None
        self._carrier = False
        self._busy_until = self._listen_until = float("-inf")
        self._others_until = self._ours_until = float("-inf")
        self._decide_at: float | None = None
        self._effects: list[Granted] = []

    def receive(self, event: AccessInput, *, now: float) -> None:  # noqa: C901 - one flat match
        """Take one input."""
        match event:
            case Wanted(precedence):
                began = self._wanted is None
                self._wanted = precedence
                if began or precedence is None:
                    self._decide_at = None
            case Reserved(until, ours):
                self._reserved(until, ours=ours, now=now)
            case CarrierChanged(busy):
                self._carrier = busy
                self._decide_at = None
            case FrameHeard(octets=octets):
                self._frame_heard(len(octets), now)
            case BurstEnded():
                self._after_our_own(now)
            case ModemUp(traits):
                self._traits, self._carrier, self._busy_until = traits, False, now
                self._decide_at = None
            case ModemDown():
                self._traits = self._decide_at = None
            case _:
                assert_never(event)
        self._arm(now)

    def expire(self, *, now: float) -> None:
        """Throw the dice, if that is due."""
        if self._decide_at is None or now < self._decide_at or self._wanted is None:
            return
        if self._traits is not None and self._traits.access_within_s > 0:
            self._grant()  # it throws its own dice
            return
        if now < self._ours_until or self._rng.random() < self._p(self._wanted):
            self._grant()
        else:
            self._decide_at = now + self.slot_s

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        return self._decide_at

    def effects(self) -> list[Granted]:
        """Drain what follows."""
        drained, self._effects = self._effects, []
        return drained

    @property
    def slot_s(self) -> float:
        """Length of a slot."""
        turnaround_s = self._traits.turnaround_s if self._traits is not None else 0.0
        return max(SLOT_S_MIN, turnaround_s + CARRIER_NOTICED_S)

    def _arm(self, now: float) -> None:
        traits = self._traits
        if traits is None or self._wanted is None or self._carrier or self._decide_at is not None:
            return
        urgent = self._wanted is Precedence.EMERGENCY
        free_at = now if urgent else max(now, self._others_until)
        if traits.access_within_s > 0:
            if free_at > now:
                self._decide_at = free_at
            else:
                self._grant()
            return
        free_at = max(free_at, self._busy_until)
        if not urgent:
            free_at = max(free_at, self._listen_until)
        self._decide_at = free_at + self.slot_s

    def _reserved(self, until: float, *, ours: bool, now: float) -> None:
        if ours:
            self._ours_until = max(self._ours_until, until)
        else:
            self._others_until = max(self._others_until, min(until, now + RESERVED_S_MAX))
            self._decide_at = None

    def _frame_heard(self, octets: int, now: float) -> None:
        traits = self._traits
        if traits is None or traits.measures_busy:
            return
        more_s = traits.frame_s(min(octets, traits.payload_octets_max)) + traits.burst_overhead_s
        self._busy_until = now + more_s
        self._decide_at = None

    def _after_our_own(self, now: float) -> None:
        if self._traits is not None:
            self._busy_until = max(self._busy_until, now + self._traits.turnaround_s)
            self._listen_until = self._busy_until + LISTEN_SLOTS * self.slot_s
            self._decide_at = None

    def _grant(self) -> None:
        self._wanted = self._decide_at = None
        self._effects.append(Granted())

    def _p(self, precedence: Precedence) -> float:
        return max(PERSISTENCE[precedence], self._persistence)
