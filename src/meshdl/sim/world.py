"""Virtual time: runs sans-I/O cores deterministically. There is no decision in this file.

One seed gives one history: ties in time are broken by the order of scheduling, and the
only random source is :attr:`World.rng`.
"""

import heapq
from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from meshdl.core import Core

InputT = TypeVar("InputT")
EffectT = TypeVar("EffectT")

MAX_EVENTS_PER_INSTANT = 100_000


class Livelock(AssertionError):
    """A core keeps asking to be called again at a time that never passes."""


class World:
    """The event queue. ``now`` is seconds since the run began."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.rng = Random(seed)  # noqa: S311 - one seed gives one history
        self.trace: list[tuple[float, str, str]] | None = None
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run ``action`` ``delay_s`` seconds from now."""
        self._serial += 1
        heapq.heappush(self._agenda, (self.now + delay_s, self._serial, action))

    def run(self, until_s: float, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Advance to ``until_s``, or to the first instant at which ``stop`` holds."""
        events_this_instant = 0
        while self._agenda and self._agenda[0][0] <= until_s:
            at_s, _, action = heapq.heappop(self._agenda)
            events_this_instant = events_this_instant + 1 if at_s == self.now else 0
            if events_this_instant > MAX_EVENTS_PER_INSTANT:
                raise Livelock(f"time stands still at {at_s} s")
            self.now = at_s
            action()
            if stop():
                return
        self.now = until_s


class Host(Generic[InputT, EffectT]):
    """The simulated twin of :class:`meshdl.driver.Driver`."""

    def __init__(
        self,
        world: World,
        name: str,
        core: Core[InputT, EffectT],
        perform: Callable[[EffectT], None],
    ) -> None:
        self.world, self.name, self.core, self._perform = world, name, core, perform
        self._armed: float | None = None
        self._dead = False

    def post(self, event: InputT) -> None:
        """Put one input in and do what follows from it."""
        if self._dead:
            return
        self.core.receive(event, now=self.world.now)
        self._settle()

    def kill(self) -> None:
        """Nothing more happens here, as after ``kill -9``."""
        self._dead = True

    def _expire(self) -> None:
        self._armed = None
        if not self._dead:
            self.core.expire(now=self.world.now)
            self._settle()

    def _settle(self) -> None:
        for effect in self.core.effects():
            if self.world.trace is not None:
                self.world.trace.append((self.world.now, self.name, repr(effect)))
            self._perform(effect)
        due = self.core.deadline()
        if due is not None and (self._armed is None or due < self._armed):
            self._armed = due
            self.world.after(max(0.0, due - self.world.now), self._expire)
