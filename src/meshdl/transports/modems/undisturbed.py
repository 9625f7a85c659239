"""Work that a cancellation must wait for: turning PTT off, starting what must be ended."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from meshdl.errors import ModemError


async def undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Await it to its end, and only then be cancelled.

    Raises:
        ModemError: as the work does, unless cancelled meanwhile.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        # Whoever cancels does not care for a device that fails.
        with contextlib.suppress(ModemError):
            await task
        raise
