"""An event loop whose clock runs faster than the world's, for parts that do so too.

Everything that waits by the loop (a modem's pacing, a core's deadlines, a time-out) waits by
the loop's clock, and never looks at another one. So a simulated air that runs five times as
fast as real time needs no other code above it: its seconds are the loop's.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class _QuickSelector(selectors.DefaultSelector):
    """Waits for a fraction of what it is told."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / self._speed)


class QuickLoop(asyncio.SelectorEventLoop):
    """Its seconds are shorter."""

    def __init__(self, speed: float) -> None:
        super().__init__(_QuickSelector(speed))
        self._speed = speed

    def time(self) -> float:
        return time.monotonic() * self._speed


def run(body: Coroutine[Any, Any, ResultT], *, speed: float) -> ResultT:
    """Run until ``body`` returns, on a clock so many times as fast as the world's."""
    with asyncio.Runner(loop_factory=lambda: QuickLoop(speed)) as runner:
        return runner.run(body)
