"""A place where one thing runs at a time, and another may take its place.

The next one begins when the one before it has let go of its devices: of a serial port, a sound
card, a child process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar


class Closes(Protocol):
    """What can be told to end."""

    def close(self) -> None:
        """End whatever runs."""


ThingT = TypeVar("ThingT", bound=Closes)


class Slot(Generic[ThingT]):
    """See above.

    Args:
        serve: runs a thing until it is closed.
        thing: the first one; ``None``: the place is empty.

    Attributes:
        thing: what is here now.
    """

    def __init__(self, serve: Callable[[ThingT], Awaitable[None]], thing: ThingT | None) -> None:
        self._serve, self.thing = serve, thing
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, thing: ThingT | None) -> None:
        """Close what is here; the next thing is run when it has ended."""
        before, self.thing = self.thing, thing
        if before is not None:
            before.close()
        self._changed.set()

    def close(self) -> None:
        """Close what is here, and end :meth:`run`. Twice is harmless."""
        self._closed = True
        if self.thing is not None:
            self.thing.close()
        self._changed.set()

    async def run(self) -> None:
        """Run one thing after the other until closed or cancelled."""
        while not self._closed:
            self._changed.clear()
            if self.thing is not None:
                await self._serve(self.thing)
            await self._changed.wait()
