"""When a station comes back to a server that it has lost.

Theory of operation
===================

A server that was restarted shall have its stations again within seconds, and is away for
less than a minute as a rule. So for a minute from the loss a station tries about as often
as it may be late, and only then ever more seldom:

    first pause       0.2 to 2 s     a socket was lost, or a server that is back at once
    for a minute      1.5 to 3 s     a restart, an update, a machine that boots
    after that        each up to twice as long as the one before, up to 30 s

Every pause is taken by chance, the first one over the widest range: those who were thrown
out in one instant do not come back in one. From 1,000 stations a server hears some 450 a
second, an attempt each, whether it listens or not.

An attempt ends, too, when nothing answers. A machine that boots does not refuse, it says
nothing; the system then sends its question again after 1 s and after 3 s, and after that too
seldom. In the first minute a new attempt is made instead.
"""

from random import Random

FIRST_MIN_S, FIRST_MAX_S = 0.2, 2.0
QUICK_MIN_S, QUICK_MAX_S = 1.5, 3.0
"""With two seconds for a thousand stations to be let in: all are back within five."""

QUICK_FOR_S = 60.0
BACK_OFF_MAX_S = 30.0

ATTEMPT_QUICK_S = 4.0
"""By then the question went out at 0, 1 and 3 s (RFC 6298, 2.1 and 5.5)."""

ATTEMPT_S = 10.0
"""A name, TCP, TLS and the WebSocket on a slow path."""


class BackOff:
    """The pauses between attempts at one server. Times are seconds on the caller's clock."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._out_since: float | None = None
        self._limit_s = QUICK_MAX_S

    def settle(self) -> None:
        """The server has us, or all is new: whatever is lost next is lost for the first time."""
        self._out_since = None

    def attempt_s(self, *, now: float) -> float:
        """How long the attempt that begins now may take until the socket is open."""
        quick = self._out_since is not None and now < self._out_since + QUICK_FOR_S
        return ATTEMPT_QUICK_S if quick else ATTEMPT_S

    def pause_s(self, *, now: float) -> float:
        """An attempt failed, or the socket is gone: how long to wait until the next one."""
        if self._out_since is None:
            self._out_since, self._limit_s = now, QUICK_MAX_S
            return self._rng.uniform(FIRST_MIN_S, FIRST_MAX_S)
        if now < self._out_since + QUICK_FOR_S:
            return self._rng.uniform(QUICK_MIN_S, QUICK_MAX_S)
        self._limit_s = min(2 * self._limit_s, BACK_OFF_MAX_S)
        return self._limit_s * self._rng.uniform(0.5, 1.0)
