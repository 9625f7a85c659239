"""A thread for what blocks: one thing after the other, results back in the event loop.

Handing a job over costs two thread switches. When jobs come faster than that, they queue
up and are done in one go, and their results come back in one wake-up of the loop.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class _Job(Generic[ResultT]):
    """What to do in the thread, and what to do with the result in the loop."""

    work: Callable[[], ResultT]
    done: Callable[[ResultT], None]
    failed: Callable[[BaseException], None]
    result: ResultT | None = None
    error: BaseException | None = None

    def deliver(self) -> None:
        """Runs in the loop."""
        if self.error is not None:
            self.failed(self.error)
        else:
            self.done(self.result)  # type: ignore[arg-type] # done means there is a result


class Worker:
    """One thread of the running event loop.

    Args:
        name: of the thread, for whoever looks at a stack dump.

    Attributes:
        failure: done, with the exception, when a submitted job has failed.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._finished: deque[_Job[object]] = deque()
        self._woken = False
        self._closed = False
        self.failure: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], ResultT], done: Callable[[ResultT], None]) -> None:
        """Do ``work`` in the thread, then ``done`` with its result in the loop.

        A job handles the errors it expects; any other is a bug and ends up in
        :attr:`failure`. Jobs run in the order of submission, and so do their ``done``.
        """
        self._put(_Job(work, done, self._fail))

    async def call(self, work: Callable[[], ResultT]) -> ResultT:
        """Do ``work`` in the thread; its result, or the exception that it raises.

        Cancelling the caller does not stop the work.
        """
        future: asyncio.Future[ResultT] = self._loop.create_future()

        def done(result: ResultT) -> None:
            if not future.done():
                future.set_result(result)

        def failed(error: BaseException) -> None:
            if not future.done():
                future.set_exception(error)

        self._put(_Job(work, done, failed))
        return await future

    async def close(self) -> None:
        """Return when everything submitted is done and the thread has ended."""
        if not self._closed:
            await self.call(lambda: None)
            self._closed = True
            self._jobs.put(None)
        if not self.failure.done():
            self.failure.cancel()
        self._thread.join()

    def _put(self, job: _Job[ResultT]) -> None:
        if self._closed:
            raise RuntimeError(f"the {self._thread.name} thread has ended")
        self._jobs.put(job)  # type: ignore[arg-type] # a job takes care of its own type

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.result = job.work()
            except BaseException as error:  # noqa: BLE001 - it is raised where it can be handled
                job.error = error
            self._finished.append(job)
            if not self._woken:
                self._woken = True
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Before looking: a job that finishes later wakes the loop again.
        self._woken = False
        finished = self._finished
        while finished:
            finished.popleft().deliver()
