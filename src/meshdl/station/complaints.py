"""What servers and stations far away do wrong, told to the operator and to the log within bounds.

Whoever means no good can give cause for as many complaints as it likes, each in other words.
"""

import logging
from collections.abc import Callable

from meshdl.policy.bucket import TokenBucket

LINES_PER_S, LINES_AT_ONCE = 0.1, 100
"""In the log."""

WARNINGS_MAX = 100
"""That the operator is shown, each once: a server that refuses us does so every few minutes."""

_log = logging.getLogger(__name__)


class Complaints:
    """All of one station.

    Args:
        warn: shows a sentence to the operator.
        now: the caller's clock, seconds.
    """

    def __init__(self, warn: Callable[[str], None], *, now: float) -> None:
        self._warn = warn
        self._said: set[str] = set()
        self._lines = TokenBucket(LINES_PER_S, burst_octets=LINES_AT_ONCE, now=now)

    def tell(self, text: str, *, now: float) -> None:
        """Something is wrong."""
        if self._lines.take_if_available(1, now=now):
            _log.info("%s", text)
        if text not in self._said and len(self._said) < WARNINGS_MAX:
            self._said.add(text)
            self._warn(text)
