"""Work on the contents of a station: for each content one thing at a time, and to its end.

What is done with a content takes several steps, in threads and in the loop: opening it, moving
its files, forgetting it. Two of them at once would pull away each other's files, and one that is
given up half way would leave a thread at work on something that nobody knows of.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from meshdl.ids import ContentHash

ResultT = TypeVar("ResultT")


class OneAtATime:
    """For each content a queue of works, done in the order of asking.

    No work may ask for another of the same content and wait for it: that would wait for this.
    """

    def __init__(self) -> None:
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[ContentHash, asyncio.Lock] = WeakValueDictionary()
        self._works: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        """Contents that are worked on."""
        return len(self._locks)

    async def do(self, content: ContentHash, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Do ``work`` when nothing else is done with the content; returns and raises what it does.

        Cancelling the caller does not stop the work.

        Raises:
            CancelledError: :meth:`close` was called; it is not done.
        """
        task = asyncio.create_task(self._do(content, work))
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return await asyncio.shield(task)

    def busy(self, content: ContentHash) -> bool:
        """Whether something is done with the content."""
        lock = self._locks.get(content)
        return lock is not None and lock.locked()

    async def close(self) -> None:
        """Begin nothing any more, and return when everything has ended that was begun."""
        self._closed = True
        if self._works:
            await asyncio.wait(self._works)

    async def _do(self, content: ContentHash, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        lock = self._locks.get(content)
        if lock is None:
            lock = self._locks[content] = asyncio.Lock()
        async with lock:
            if self._closed:
                raise asyncio.CancelledError
            return await work()
