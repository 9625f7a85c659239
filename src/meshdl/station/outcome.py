"""How a download, or anything else that is waited for, ends for an embedding program."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from meshdl.control.changes import ContentChanged, ContentRemoved
from meshdl.control.content_status import ContentState, ContentStatus
from meshdl.control.view import StationView
from meshdl.errors import ContentUnknown, StationNotRunning, StorageError
from meshdl.ids import ContentHash

_WHOLE = frozenset({ContentState.COMPLETE, ContentState.SHARING})


async def outcome(view: StationView, content: ContentHash) -> ContentStatus:
    """Return when a content is whole, however much happens at the station meanwhile.

    Raises:
        StorageError: it is broken.
        ContentUnknown: it was removed, perhaps meanwhile.
        StationNotRunning: the station stops.
    """
    while True:
        with view.events() as events:
            # After it was subscribed to, so that nothing falls between.
            status = await view.content(content)
            if _is_over(status):
                return status
            async for event in events:
                match event:
                    case ContentChanged(now) if now.content_hash == status.content_hash:
                        if _is_over(now):
                            return now
                    case ContentRemoved(status.content_hash):
                        raise ContentUnknown(f"{status.title} was removed meanwhile")
            if not events.overrun:
                raise StationNotRunning(
                    f"the station stops; {status.title} goes on when it is started again"
                )
        # Too much happened at once: it is looked at anew.


@asynccontextmanager
async def unless_stopped(wanted: str) -> AsyncIterator[None]:
    """What a station that stops cancels is an error for who asked, and no end of their task.

    Raises:
        StationNotRunning: the station stops; ``wanted`` says what was not done.
    """
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise StationNotRunning(f"{wanted}: the station stops") from None


def _is_over(status: ContentStatus) -> bool:
    if status.state is ContentState.BROKEN:
        raise StorageError(f"{status.title}: {status.error}")
    return status.state in _WHOLE
