"""A signalling server under ten thousand idle stations, and under as many messages as it takes.

The server is ``meshdl signal`` with its own limits, in a process of its own; the stations are
those of :mod:`bench.crowd` in another.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.report import Figure, Report

IDLE, BUSY = 10_000, 1_000
IDLE_OCTETS_AT_MOST = 250_000_000
RELAYS_AT_LEAST = 20_000
PACED = 5_000
LATENCY_AT_MOST_S = 0.020
SECONDS = 6.0
CAME_WITHIN_S = 120.0
ULIMIT = 'ulimit -n $(ulimit -Hn); exec "$@"'


async def measure(report: Report) -> None:
    """Idle, then busy, each with a server of its own."""
    async with _server() as (server, port):
        before = _resident_octets(server)
        async with _crowd(port, IDLE):
            octets = _resident_octets(server)
        megabytes = IDLE_OCTETS_AT_MOST / 1e6
        note = f"{before / 1e6:.0f} MB before they came"
        report.add(Figure(f"server with {IDLE} stations", round(octets / 1e6, 1), "MB",
                          at_most=megabytes, note=note))  # fmt: skip
    async with _server() as (_, port), _crowd(port, BUSY) as crowd:
        _, median, late = await _ask(crowd, "relay", PACED, SECONDS)
        report.add(Figure(f"latency at {PACED}/s, median", round(median * 1e3, 2), "ms"))
        report.add(Figure(f"latency at {PACED}/s, 95 %", round(late * 1e3, 2), "ms",
                          at_most=LATENCY_AT_MOST_S * 1e3))  # fmt: skip
        rate, *_ = await _ask(crowd, "relay", 0, SECONDS)
        report.add(Figure("messages relayed", round(rate), "1/s", at_least=RELAYS_AT_LEAST))


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[Process, int]]:
    words = (sys.executable, "-m", "meshdl", "signal", "--port", "0")
    process = await asyncio.create_subprocess_exec("sh", "-c", ULIMIT, "sh", *words, stderr=PIPE)
    assert process.stderr is not None
    line = (await process.stderr.readline()).decode()
    # It would wait for whoever reads its log.
    draining = asyncio.create_task(_drain(process))
    try:
        yield process, int(line.rpartition(":")[2])
    finally:
        draining.cancel()
        process.kill()
        await process.wait()


@asynccontextmanager
async def _crowd(port: int, count: int) -> AsyncIterator[Process]:
    words = (sys.executable, "-m", "bench.crowd", str(port), str(count))
    process = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE)
    try:
        async with asyncio.timeout(CAME_WITHIN_S):
            assert await _answer(process) == "ready"
        yield process
    finally:
        process.kill()
        await process.wait()


async def _ask(process: Process, *command: object) -> Any:
    assert process.stdin is not None
    process.stdin.write(json.dumps(command).encode() + b"\n")
    return await _answer(process)


async def _drain(process: Process) -> None:
    assert process.stderr is not None
    while await process.stderr.read(1 << 16):
        pass


async def _answer(process: Process) -> Any:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the crowd went away")
    return json.loads(line)


def _resident_octets(process: Process) -> int:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell how much memory the server has")
