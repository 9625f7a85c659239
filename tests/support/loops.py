"""The event loop that a station has: uvloop where it exists."""

import asyncio
import sys
import warnings
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
    """Run until ``body`` returns; what it leaves open fails."""
    runner = asyncio.Runner(loop_factory=new_event_loop)
    try:
        result = runner.run(body)
    except BaseException:
        _left_open(runner)  # it was interrupted: what it leaves is no news
        raise
    left_open = _left_open(runner)
    assert not left_open, left_open
    return result


def _left_open(runner: asyncio.Runner) -> list[str]:
    """Close the loop; what was open then."""
    # uvloop warns of an open handle before it closes it. Where warnings are errors, it stays open,
    # and the loop that is being closed waits for it for ever.
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        runner.close()
    return [str(one.message) for one in told if issubclass(one.category, ResourceWarning)]
