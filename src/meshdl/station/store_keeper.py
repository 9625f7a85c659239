"""Keeps the open stores: does what the swarm core asks of them, and makes it durable.

Theory of operation
===================

One thread, the disk thread, uses the stores, in the order in which the core asked. The
answers are posted to the core. Another, the sync thread, waits for the disk to make a
checkpoint durable, so that nobody else waits with it.

Two things make this fast. What the system has in memory is read at once, in the event
loop; and what is to be written within a few milliseconds is handed over together. Handing over
costs more than reading or writing 64 KiB does.

A checkpoint, a finish and a close of one content are done one at a time, and to their end.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from meshdl.ids import ChunkIndex, ContentHash
from meshdl.station.one_at_a_time import OneAtATime
from meshdl.station.shelf import Shelf, complete
from meshdl.station.store import Checkpoint, ContentStore
from meshdl.station.worker import Worker
from meshdl.swarm import effects, inputs
from meshdl.swarm.inputs import SwarmInput

CHECKPOINT_EVERY_S = 5.0
"""What a power cut may cost of a download; the death of the program costs nothing."""

CHECKPOINT_EVERY_OCTETS = 64 * 1024 * 1024
"""If that is sooner. The last checkpoint is what a finished download waits for: with 5 s of a fast
network behind it, a slow disk would take seconds more."""

HAND_OVER_EVERY_S = 0.005
"""Long enough for several ranges at the rate of a fast network, too short to be noticed."""

Post: TypeAlias = Callable[[SwarmInput], None]


class StoreKeeper:
    """The stores that are open, by content.

    Args:
        tasks: what takes its time runs in there.
        changed: told of a content whose file is no longer what was hashed.
    """

    def __init__(self, tasks: asyncio.TaskGroup, changed: Callable[[ContentHash], None]) -> None:
        self._tasks, self._changed = tasks, changed
        self._loop = asyncio.get_running_loop()
        self._shelf = Shelf()
        self._disk_thread, self._sync_thread = Worker("disk"), Worker("sync")
        self._works = OneAtATime()
        self._to_write: dict[ContentHash, list[effects.WriteRange]] = {}
        self._checkpoint_due: dict[ContentHash, asyncio.TimerHandle] = {}
        self._since_checkpoint_octets: defaultdict[ContentHash, int] = defaultdict(int)
        self._reads_waiting = 0
        self._stopped = False
        self._post: Post = _nowhere

    def connect(self, post: Post) -> None:
        """Say where the core takes its inputs; before anything else is called."""
        self._post = post

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Done with an exception when a thread met a bug of ours."""
        return [self._disk_thread.failure, self._sync_thread.failure]

    # What the core asks for.

    def write(self, effect: effects.WriteRange) -> None:
        """Write; the answer is posted."""
        content = effect.content
        ranges = self._to_write.get(content)
        if ranges is None:
            ranges = self._to_write[content] = []
            self._loop.call_later(HAND_OVER_EVERY_S, self._hand_over, content)
        ranges.append(effect)
        self._since_checkpoint_octets[content] += len(effect.octets)
        timer = self._checkpoint_due.get(content)
        if timer is None:
            self._checkpoint_due[content] = self._loop.call_later(
                CHECKPOINT_EVERY_S, self._checkpoint_soon, content
            )
        elif (
            self._since_checkpoint_octets[content] >= CHECKPOINT_EVERY_OCTETS
            and not self._works.busy(content)  # a slow disk has the last one to do yet
        ):
            timer.cancel()
            self._checkpoint_soon(content)

    def write_leaf_hashes(self, effect: effects.WriteLeafHashes) -> None:
        """Write; only a failure is posted."""
        work = partial(self._shelf.write_leaf_hashes, effect)
        self._disk_thread.submit(work, self._post_failure)

    def read(self, effect: effects.ReadRange) -> None:
        """Read; the answer is posted."""
        # Answers keep their order: what overtakes looks to the peer as if it got lost.
        found = self._shelf.read_cached(effect) if self._reads_waiting == 0 else None
        if found is not None:
            self._post(found)
            return
        self._reads_waiting += 1
        self._disk_thread.submit(
            partial(self._shelf.read, effect), partial(self._was_read, effect.content)
        )

    def read_hashes(self, effect: effects.ReadHashes) -> None:
        """Read; the answer is posted."""
        self._disk_thread.submit(partial(self._shelf.read_hashes, effect), self._post)

    def read_leaf(
        self,
        content: ContentHash,
        chunk: ChunkIndex,
        offset: int,
        octets: int,
        answer: Callable[[bytes | None], None],
    ) -> None:
        """Read octets for the radio; ``None``: they are not here."""
        wanted = effects.ReadRange(0, content, chunk, offset, octets)

        def was_read(found: inputs.RangeRead | inputs.ReadFailed) -> None:
            answer(bytes(found.octets) if isinstance(found, inputs.RangeRead) else None)
            if isinstance(found, inputs.ReadFailed) and found.changed and not self._stopped:
                self._changed(content)

        self._disk_thread.submit(partial(self._shelf.read, wanted), was_read)

    def read_leaf_hashes(
        self, content: ContentHash, chunk: ChunkIndex, answer: Callable[[bytes | None], None]
    ) -> None:
        """Read the leaf hashes of a chunk, joined; ``None``: they are not here."""
        self._disk_thread.submit(partial(self._shelf.leaf_hashes, content, chunk), answer)

    def finish(self, content: ContentHash) -> None:
        """Give a download its own name; the answer is posted."""
        self._tasks.create_task(self._finish(content))

    # What the library asks for.

    def get(self, content: ContentHash) -> ContentStore | None:
        """An open store; only to be asked what never changes."""
        return self._shelf.get(content)

    async def put(self, content: ContentHash, store: ContentStore) -> None:
        """From now on this store answers."""
        await self._disk_thread.call(partial(self._shelf.put, content, store))

    async def take(self, content: ContentHash) -> ContentStore | None:
        """Take a store away; the caller closes or forgets it."""
        self._hand_over(content)
        take = partial(self._disk_thread.call, partial(self._shelf.take, content))
        return await self._works.do(content, take)

    async def close_one(self, content: ContentHash) -> None:
        """Make a content durable and let go of it."""
        self._hand_over(content)
        close = partial(self._disk_thread.call, partial(self._shelf.close, content))
        await self._works.do(content, close)

    async def checkpoint(self, content: ContentHash) -> None:
        """Return when everything written so far is durable; a failure is posted."""
        self._hand_over(content)
        await self._disk_thread.call(_nothing)  # what is queued comes first
        self._post_failure(await self._works.do(content, partial(self._checkpoint, content)))

    async def close(self) -> None:
        """Make everything durable and end the threads. Tasks have ended before."""
        self._stopped = True
        await self._works.close()
        await self._sync_thread.close()
        await self._disk_thread.call(self._shelf.close_all)
        await self._disk_thread.close()

    # How it does that.

    def _hand_over(self, content: ContentHash) -> None:
        # A checkpoint may have taken what the timer was set for.
        ranges = self._to_write.pop(content, None)
        if ranges is not None and not self._stopped:
            self._disk_thread.submit(partial(self._shelf.write, content, ranges), self._post_all)

    def _post_all(self, answers: Sequence[SwarmInput]) -> None:
        for answer in answers:
            self._post(answer)

    def _post_failure(self, failure: inputs.StoreFailed | None) -> None:
        if failure is not None:
            self._post(failure)

    def _was_read(self, content: ContentHash, answer: inputs.RangeRead | inputs.ReadFailed) -> None:
        self._reads_waiting -= 1
        self._post(answer)
        if isinstance(answer, inputs.ReadFailed) and answer.changed and not self._stopped:
            self._changed(content)

    def _checkpoint_soon(self, content: ContentHash) -> None:
        del self._checkpoint_due[content]
        del self._since_checkpoint_octets[content]
        if not self._stopped:
            self._tasks.create_task(self.checkpoint(content))

    async def _finish(self, content: ContentHash) -> None:
        # First by the sync thread, so that the disk thread finds nothing left to wait for.
        await self.checkpoint(content)
        finish = partial(self._disk_thread.call, partial(self._shelf.finish, content))
        self._post(await self._works.do(content, finish))

    async def _checkpoint(self, content: ContentHash) -> inputs.StoreFailed | None:
        begun = await self._disk_thread.call(partial(self._shelf.begin_checkpoint, content))
        if isinstance(begun, Checkpoint):
            return await self._sync_thread.call(partial(complete, content, begun))
        return begun


def _nothing() -> None:
    """Done when everything before it is."""


def _nowhere(_: SwarmInput) -> None:
    raise RuntimeError("the store keeper is not connected to a core")
