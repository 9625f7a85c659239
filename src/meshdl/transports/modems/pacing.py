"""When a TNC is given the frames of a burst: by computed airtime, for KISS tells nothing back.

Usually all at once: a TNC unkeys when it has nothing left, and Dire Wolf takes frames long
before they are on the air, so whatever comes later may be a second key-down. A TNC that is
known to take frames while it sends can be given them bit by bit; then an abort leaves less
to go out.
"""

from collections import deque
from collections.abc import Iterable

AHEAD_FRAMES_MIN = 2
"""However long they are: one goes out, one waits."""


class Pacing:
    """One burst on its way to the air.

    Args:
        frames: each with its airtime in seconds.
        ahead_s: airtime that the TNC is given in advance; infinite: the whole burst.
        first_at: when the first frame begins on the air, at the latest.
        tail_s: airtime behind the last frame.

    Attributes:
        given: how many frames were handed over.
        forgotten: how many never will be.
    """

    def __init__(
        self,
        frames: Iterable[tuple[bytes, float]],
        *,
        ahead_s: float,
        first_at: float,
        tail_s: float,
    ) -> None:
        self._waiting = deque(frames)
        self._ahead_s = ahead_s
        self._ahead_until = first_at
        self._tail_s = tail_s
        # When each handed frame that may still be going out is over.
        self._ends: deque[float] = deque()
        self.forgotten = 0
        self.given = 0

    def hand_over(self, *, now: float) -> list[bytes]:
        """Frames that the TNC must have by now."""
        given = []
        while self._ends and self._ends[0] <= now:
            self._ends.popleft()
        while self._waiting and (
            len(self._ends) < AHEAD_FRAMES_MIN or self._ahead_until - self._ahead_s <= now
        ):
            frame, airtime_s = self._waiting.popleft()
            self._ahead_until = max(self._ahead_until, now) + airtime_s
            self._ends.append(self._ahead_until)
            given.append(frame)
        self.given += len(given)
        return given

    def abort(self) -> None:
        """Forget what was not handed over."""
        self.forgotten += len(self._waiting)
        self._waiting.clear()

    def due_at(self) -> float:
        """When to hand over more, or, if nothing waits, when the burst is over.

        Ask after :meth:`hand_over`, not before.
        """
        if not self._waiting:
            return self._ahead_until + self._tail_s
        # After hand_over there are always so many ahead while others wait.
        return min(self._ahead_until - self._ahead_s, self._ends[-AHEAD_FRAMES_MIN])

    @property
    def whole(self) -> bool:
        """Whether everything was handed over."""
        return not self._waiting
