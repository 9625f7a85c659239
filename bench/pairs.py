"""Processes that move octets to one of them, and the parent that introduces them.

Each sender describes itself in a line, which the receiver gets; the receiver answers in a
line, which the sender gets. The receiver says when everything has arrived, and how many
seconds that took. Of several, none sends before all are introduced: the parent then gives
each a line. Lines are JSON.
"""

import asyncio
import json
import sys
from asyncio import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

END_WITHIN_S = 600.0
MESSAGE_OCTETS = 64 * 1024
"""What the sticks send at a time: the length of our ranges."""

LINE_OCTETS_MAX = 1 << 20
"""A session description with many candidates has a few thousand octets."""

Role: TypeAlias = Callable[[int, Path], Awaitable[None]]


async def measure_pair(module: str, octets: int, directory: Path) -> float:
    """Let a module's two roles move ``octets``; octets a second.

    Args:
        module: run as ``python -m``; calls :func:`play`.
        octets: to move.
        directory: theirs to use.
    """
    receiver = await _start(module, "receive", octets, directory)
    sender = await _start(module, "send", octets, directory)
    try:
        async with asyncio.timeout(END_WITHIN_S):
            _write(receiver, await _read(sender, module))
            _write(sender, await _read(receiver, module))
            seconds: float = json.loads(await _read(receiver, module))
            for one in (sender, receiver):
                _write(one, b"null\n")
                await one.wait()
    finally:
        await _end(receiver, sender)
    return octets / seconds


async def measure_star(module: str, senders: int, octets: int, directory: Path) -> float:
    """As :func:`measure_pair`, with several senders that share ``octets``; octets a second.

    Each sender is told its part, in whole messages, and the receiver the sum of the parts.
    """
    part = octets // senders // MESSAGE_OCTETS * MESSAGE_OCTETS
    receiver = await _start(module, "receive", part * senders, directory)
    sources = [await _start(module, "send", part, directory) for _ in range(senders)]
    try:
        async with asyncio.timeout(END_WITHIN_S):
            for one in sources:
                _write(receiver, await _read(one, module))
                _write(one, await _read(receiver, module))
            for one in sources:
                await _read(one, module)
            _write(receiver, b"null\n")
            for one in sources:
                _write(one, b"null\n")
            seconds: float = json.loads(await _read(receiver, module))
            for one in (*sources, receiver):
                _write(one, b"null\n")
                await one.wait()
    finally:
        await _end(receiver, *sources)
    return part * senders / seconds


def play(send: Role, receive: Role) -> None:
    """In the child: be what the parent asks for, on the loop that stations use."""
    import uvloop

    role, octets, directory = sys.argv[1:]
    uvloop.run(_played((send if role == "send" else receive)(int(octets), Path(directory))))


def tell(value: object) -> None:
    """In the child: one line to the other."""
    print(json.dumps(value), flush=True)


async def hear() -> Any:
    """In the child: one line from the other."""
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


async def _played(role: Awaitable[None]) -> None:
    await role


async def _start(module: str, role: str, octets: int, directory: Path) -> subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, role, str(octets), str(directory),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=LINE_OCTETS_MAX,
    )  # fmt: skip


async def _end(*processes: subprocess.Process) -> None:
    for one in processes:
        if one.returncode is None:
            with suppress(ProcessLookupError):  # it has just ended by itself
                one.kill()
            await one.wait()


async def _read(process: subprocess.Process, module: str) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"{module} ended with {await process.wait()}")
    return line


def _write(process: subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
