"""What a test leaves open on uvloop is told, and does not keep the loop from closing for ever."""

import asyncio
import sys

import pytest
from tests.support import loops

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uvloop has no Windows build")


async def leave_open(servers: list[asyncio.Server]) -> None:
    servers.append(await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0))


async def leave_open_and_fail(servers: list[asyncio.Server]) -> None:
    await leave_open(servers)
    raise ValueError("the test's own failure")


def test_what_is_left_open_fails_the_test_and_the_loop_closes() -> None:
    with pytest.raises(AssertionError, match="unclosed resource"):
        loops.run(leave_open([]))


def test_a_failure_of_the_test_itself_is_what_is_told() -> None:
    with pytest.raises(ValueError, match="own failure"):
        loops.run(leave_open_and_fail([]))
