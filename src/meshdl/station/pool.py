"""Threads for what may take minutes: hashing, opening, making and forgetting contents.

Each kind of work has threads of its own. A folder that is shared or verified may take hours, and
a download that begins meanwhile, or a bulletin that is shared, must not wait behind it.
"""

import asyncio
import enum
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from meshdl.errors import MeshdlError


class Work(enum.Enum):
    """Kinds of work; the value names the threads, for whoever looks at a stack dump."""

    BRIEF = "brief"
    """Reading what a content is, and forgetting one: seconds at most."""
    MAKING = "making"
    """The stores of downloads; they are hashed only where a crashed try left something."""
    OPENING = "opening"
    """Contents that are opened, verified or moved."""
    SHARING = "sharing"
    """What is hashed to be shared."""


THREADS = {Work.BRIEF: 4, Work.MAKING: 4, Work.OPENING: 4, Work.SHARING: 8}
"""So much of a kind is done at the same time. Of what is shared more: four archives must leave
room for a bulletin."""

ResultT = TypeVar("ResultT")


class Pool:
    """The threads, and whether they are still wanted.

    Attributes:
        stopping: long work looks at it now and then, and gives up by an error of ours.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = {
            kind: ThreadPoolExecutor(count, thread_name_prefix=kind.value)
            for kind, count in THREADS.items()
        }
        self.stopping = False

    async def run(self, work: Callable[[], ResultT], kind: Work = Work.BRIEF) -> ResultT:
        """Do ``work`` in one of the threads; its result, or what it raises.

        Raises:
            CancelledError: the station stops.
        """
        if self.stopping:
            raise asyncio.CancelledError
        try:
            return await self._loop.run_in_executor(self._threads[kind], work)
        except MeshdlError:
            if self.stopping:
                raise asyncio.CancelledError from None
            raise

    def stop(self) -> None:
        """Begin nothing any more, and let what was begun end soon."""
        self.stopping = True
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    async def close(self) -> None:
        """Return when the threads have ended."""
        for threads in self._threads.values():
            await asyncio.to_thread(threads.shutdown)
