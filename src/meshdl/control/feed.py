"""One writer, many readers, and no reader can hold up the writer.

A :class:`Feed` gives each :class:`Subscription` its own bounded queue. A reader that
falls too far behind loses the *subscription*, not single events: a stream with a
hole would show it a state that never was. It subscribes again and reads the whole
state once.
"""

import asyncio
import weakref
from collections import deque
from typing import Generic, Self, TypeVar

EventT = TypeVar("EventT")

QUEUED_EVENTS_MAX = 1_000
"""A minute of four progress events a second for four contents; about 1 MB."""


class Subscription(Generic[EventT]):
    """What one reader still has to read.

    Iterate over it; it ends when

    * the feed ends (the station stops),
    * the reader closed it, or left the ``with`` block,
    * the reader fell behind; then :attr:`overrun` is true.
    """

    def __init__(self, queued_max: int = QUEUED_EVENTS_MAX) -> None:
        self.overrun = False
        self._queued_max = queued_max
        self._queue: deque[EventT] = deque()
        self._ended = False
        self._readable = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Nothing will be queued any more."""
        return self._ended

    def put(self, event: EventT) -> None:
        """Queue one event; called by the feed only."""
        if self._ended:
            return
        if len(self._queue) >= self._queued_max:
            self.overrun = True
            self._queue.clear()
            self.end()
            return
        self._queue.append(event)
        self._readable.set()

    def end(self) -> None:
        """No more events; what is queued can still be read."""
        self._ended = True
        self._readable.set()

    def close(self) -> None:
        """Stop reading."""
        self._queue.clear()
        self.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        while not self._queue:
            if self._ended:
                raise StopAsyncIteration
            self._readable.clear()
            await self._readable.wait()
        return self._queue.popleft()


class Feed(Generic[EventT]):
    """The writer's side. Forgotten subscriptions cost nothing: they are held weakly."""

    def __init__(self, queued_max: int = QUEUED_EVENTS_MAX) -> None:
        self._queued_max = queued_max
        self._subscriptions: weakref.WeakSet[Subscription[EventT]] = weakref.WeakSet()
        self._closed = False

    @property
    def watched(self) -> bool:
        """Somebody reads; the writer may skip the work of describing changes if not."""
        return len(self._subscriptions) > 0

    def subscribe(self) -> Subscription[EventT]:
        """Everything published from now on."""
        subscription: Subscription[EventT] = Subscription(self._queued_max)
        if self._closed:
            subscription.end()
        else:
            self._subscriptions.add(subscription)
        return subscription

    def publish(self, event: EventT) -> None:
        """Hand one event to every reader; never waits."""
        for subscription in tuple(self._subscriptions):
            subscription.put(event)
            if subscription.ended:
                self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription; later ones end at once."""
        self._closed = True
        for subscription in tuple(self._subscriptions):
            subscription.end()
        self._subscriptions.clear()
