"""Traffic that waits for its turn: by precedence, then in the order of arrival."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from meshdl.content.precedence import Precedence
from meshdl.radio.traffic import Traffic

WAITING_MAX = 256
"""Traffics. An hour of work at the slowest mode; whoever wants more asks again later."""

WAITING_S_MAX = 600.0
"""After ten minutes nobody waits for a symbol or an answer any more. Emergency traffic stays."""


@dataclass(slots=True, order=True)
class Waiting:
    """One traffic in the queue, and how far it has come.

    Attributes:
        rank: precedence, then order of arrival.
        since: when it came.
        sent_frames: frames of it that have been on the air.
    """

    rank: tuple[int, int]
    traffic: Traffic = field(compare=False)
    since: float = field(compare=False)
    sent_frames: int = field(default=0, compare=False)

    def remaining(self) -> tuple[bytes, ...]:
        """Frames that are still to be sent."""
        return self.traffic.frames[self.sent_frames :]

    def expires_at(self) -> float | None:
        """When nobody wants it any more."""
        urgent = self.traffic.precedence is Precedence.EMERGENCY
        return None if urgent else self.since + WAITING_S_MAX


class Queue:
    """At most :data:`WAITING_MAX`; small enough that looking through it costs nothing."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._arrivals = 0

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, traffic: Traffic, *, now: float) -> Traffic | None:
        """Take it in; which traffic had to go for it, possibly itself, if the queue was full."""
        self._arrivals += 1
        self.put(Waiting((int(traffic.precedence), self._arrivals), traffic, now))
        return self._waiting.pop().traffic if len(self._waiting) > WAITING_MAX else None

    def put(self, one: Waiting) -> None:
        """Put one at its place, perhaps again."""
        self._waiting.append(one)
        self._waiting.sort()

    def remove(self, one: Waiting) -> None:
        """Take this one out."""
        self._waiting.remove(one)

    def sweep(self, goes: Callable[[Waiting], bool]) -> list[Traffic]:
        """Take out all for which ``goes`` holds."""
        gone = [one.traffic for one in self._waiting if goes(one)]
        self._waiting = [one for one in self._waiting if not goes(one)]
        return gone
