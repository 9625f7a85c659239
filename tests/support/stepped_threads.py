"""Threads that go on when a test lets them, up to their next disk operation: every interleaving.

A station's pool and workers hand jobs to threads of their own, and where one of them stands when
another begins is chance. Here the test chooses: one thread at a time runs, until its next disk
operation or its end, and a seed says which is next. One seed is one history.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from meshdl.sim.disk import FaultyDisk
from meshdl.station import entries, pool, store_keeper

ResultT = TypeVar("ResultT")

PATIENCE_S = 60.0
"""A job that does not come to its next disk operation within this time hangs."""

TURNS_OF_THE_LOOP = 12
"""So many times the loop goes round after every step: more than any result takes on its way."""


class _Job:
    """Something to do in a thread, and where its result goes."""

    def __init__(
        self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]
    ) -> None:
        self._work, self._done = work, done
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._outcome: tuple[Any, BaseException | None] | None = None
        self._thread: threading.Thread | None = None

    def step(self, jobs: dict[threading.Thread, "_Job"]) -> bool:
        """Go on to the next disk operation; whether it has ended."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            jobs[self._thread] = self
            self._thread.start()
        self._go.release()
        assert self._stands.acquire(timeout=PATIENCE_S), "a job hangs"
        if self._outcome is None:
            return False
        self._thread.join()
        del jobs[self._thread]
        self._done(*self._outcome)
        return True

    def pause(self) -> None:
        """Called in its thread."""
        self._stands.release()
        self._go.acquire()

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._outcome = self._work(), None
        except BaseException as error:  # noqa: BLE001 - it goes to who waits for it
            self._outcome = None, error
        self._stands.release()


class SteppedThreads:
    """All threads of a station, and the one thing that decides which is next.

    Args:
        disk: before each of its operations a thread stands still.
        rng: chooses.
    """

    def __init__(self, disk: FaultyDisk, rng: Random) -> None:
        self._rng = rng
        self._queues: list[tuple[deque[_Job], int]] = []
        self._jobs: dict[threading.Thread, _Job] = {}
        disk.before = self._stand

    def replace(self, patch: pytest.MonkeyPatch) -> None:
        """From now on the library has these threads."""
        patch.setattr(entries, "Worker", self._worker)
        patch.setattr(store_keeper, "Worker", self._worker)
        patch.setattr(pool, "ThreadPoolExecutor", self._executor)

    async def step(self) -> bool:
        """Let one thread go on; whether there was any."""
        ready = [(jobs, at) for jobs, width in self._queues for at in range(min(width, len(jobs)))]
        if ready:
            jobs, at = self._rng.choice(ready)
            if jobs[at].step(self._jobs):
                del jobs[at]
        for _ in range(TURNS_OF_THE_LOOP):
            await asyncio.sleep(0)
        return bool(ready)

    async def settle(self) -> None:
        """Go on until no thread has anything to do."""
        await self.step()  # what was only just asked for reaches the threads
        while await self.step():
            pass

    async def until(self, ended: Awaitable[ResultT]) -> ResultT:
        """Go on until something has ended."""
        task = asyncio.ensure_future(ended)
        while not task.done():
            await self.step()
        return task.result()

    def queue(self, width: int) -> deque[_Job]:
        """What threads have to do; the first ``width`` at the same time."""
        jobs: deque[_Job] = deque()
        self._queues.append((jobs, width))
        return jobs

    def _stand(self, _operation: str, _path: Path) -> None:
        job = self._jobs.get(threading.current_thread())
        if job is not None:
            job.pause()

    def _worker(self, name: str) -> "_SteppedWorker":
        return _SteppedWorker(self.queue(1), name)

    def _executor(self, threads: int, **_: Any) -> "_SteppedExecutor":
        return _SteppedExecutor(self.queue(threads))


class _SteppedWorker:
    """As :class:`meshdl.station.worker.Worker`."""

    def __init__(self, jobs: deque[_Job], name: str) -> None:
        self._jobs, self._name = jobs, name
        self._closed = False
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        def finished(result: Any, error: BaseException | None) -> None:
            if error is None:
                done(result)
            elif not self.failure.done():
                self.failure.set_exception(error)

        self._put(work, finished)

    async def call(self, work: Callable[[], ResultT]) -> ResultT:
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()

        def finished(result: ResultT, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._put(work, finished)
        return await future

    async def close(self) -> None:
        if not self._closed:
            await self.call(lambda: None)
            self._closed = True
        if not self.failure.done():
            self.failure.cancel()

    def _put(
        self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]
    ) -> None:
        if self._closed:
            raise RuntimeError(f"the {self._name} thread has ended")
        self._jobs.append(_Job(work, done))


class _SteppedExecutor(Executor):
    """As the pool of the standard library, but its end is not waited for."""

    def __init__(self, jobs: deque[_Job]) -> None:
        self._jobs = jobs
        self._futures: list[Future[Any]] = []
        self._ended = False

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        if self._ended:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()

        def begin() -> Any:
            return work(*args, **more) if future.set_running_or_notify_cancel() else None

        def finished(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._futures.append(future)
        self._jobs.append(_Job(begin, finished))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._ended = True
        for future in self._futures if cancel_futures else ():
            future.cancel()
