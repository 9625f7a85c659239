"""Tasks in the background of a block, which ends when one of them fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class _Stopped(Exception):
    """The station stops: what runs in the background is cancelled."""


@asynccontextmanager
async def background() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks that end with the block; one that fails ends the block with its exception.

    Unlike a bare task group it does not wait for them, and lets an exception of the
    block pass as it is.
    """
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                yield tasks
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - it is raised below
                failure = error
            raise _Stopped  # noqa: TRY301 - a group is ended by an exception only
    except* _Stopped:
        pass
    if failure is not None:
        raise failure


async def watch(failure: asyncio.Future[None]) -> None:
    """A task that fails as this future does."""
    with suppress(asyncio.CancelledError):
        await failure
