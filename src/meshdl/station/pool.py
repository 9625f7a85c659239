"""A few threads for what may take minutes: hashing, opening and forgetting contents."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from meshdl.errors import MeshdlError

POOL_THREADS = 4
"""Contents that are opened or verified at the same time."""

ResultT = TypeVar("ResultT")


class Pool:
    """The threads, and whether they are still wanted.

    Attributes:
        stopping: long work looks at it now and then, and gives up by an error of ours.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="opening")
        self.stopping = False

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """Do ``work`` in one of the threads; its result, or what it raises.

        Raises:
            CancelledError: the station stops.
        """
        if self.stopping:
            raise asyncio.CancelledError
        try:
            return await self._loop.run_in_executor(self._threads, work)
        except MeshdlError:
            if self.stopping:
                raise asyncio.CancelledError from None
            raise

    def stop(self) -> None:
        """Begin nothing any more, and let what was begun end soon."""
        self.stopping = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def close(self) -> None:
        """Return when the threads have ended."""
        await asyncio.to_thread(self._threads.shutdown)
