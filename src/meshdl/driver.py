"""Runs a sans-I/O core on asyncio; contains no decision.

Theory of operation
===================

One input goes into the core, its effects are performed in order, the timer is set to
the core's next deadline. Performing an effect may post further inputs; they wait until
the effects before them are done, so a core never sees an input in the middle of another.

The timer is lazy: a deadline that moves later leaves it where it is, and when it rings
too early it is set anew. A core whose deadline moves with every message then costs no
timer operation a message.

An exception that leaves a core or an effect is a bug of ours. The state may be anything
then, so the driver stops and :attr:`Driver.failure` carries the exception to whoever
runs the station.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from meshdl.core import Core

InputT = TypeVar("InputT")
EffectT = TypeVar("EffectT")


class Driver(Generic[InputT, EffectT]):
    """Drives one core in the running event loop.

    Args:
        core: to drive.
        perform: does what one effect says. Must not block.

    Attributes:
        failure: done, with the exception, when the core or an effect has failed.
    """

    def __init__(self, core: Core[InputT, EffectT], perform: Callable[[EffectT], None]) -> None:
        self._core = core
        self._perform = perform
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[InputT] = deque()
        self._running = False
        self._stopped = False
        self._timer: asyncio.Handle | None = None
        self._rings_at = 0.0
        self.failure: asyncio.Future[None] = self._loop.create_future()

    def post(self, event: InputT) -> None:
        """Put one input in and do what follows from it."""
        self._waiting.append(event)
        if not self._running and not self._stopped:
            self._run()

    def stop(self) -> None:
        """Inputs are dropped from now on and nothing is performed any more."""
        self._stopped = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.failure.done():
            self.failure.cancel()

    def _run(self) -> None:
        core, now = self._core, self._loop.time()
        self._running = True
        try:
            while self._waiting:
                core.receive(self._waiting.popleft(), now=now)
                for effect in core.effects():
                    self._perform(effect)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._running = False
        self._set_timer()

    def _set_timer(self) -> None:
        deadline = self._core.deadline()
        if deadline is None or self._stopped:
            return
        if self._timer is not None:
            if self._rings_at <= deadline:
                return
            self._timer.cancel()
        self._rings_at = deadline
        self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        deadline, now = self._core.deadline(), self._loop.time()
        if deadline is not None and deadline <= now:
            self._running = True
            try:
                self._core.expire(now=now)
                for effect in self._core.effects():
                    self._perform(effect)
            except BaseException as error:
                self._fail(error)
                raise
            finally:
                self._running = False
            if self._waiting:
                self._run()
        self._set_timer()

    def _fail(self, error: BaseException) -> None:
        failure = self.failure
        self._stopped = True
        if not failure.done():
            failure.set_exception(error)
