"""The event loop that a station has: uvloop where it exists."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A fresh one."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def run(body: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run until ``body`` returns."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(body)
