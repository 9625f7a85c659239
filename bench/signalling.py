"""A signalling server under ten thousand idle stations, and under as many messages as it takes.

The server is ``meshdl signal`` with its own limits, in a process of its own; the stations are
those of :mod:`bench.crowd` in another.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.players import Player, player, server
from bench.report import Figure, Report
from bench.stations import resident_octets

IDLE, BUSY = 10_000, 1_000
IDLE_MB_AT_MOST = 250
RELAYS_AT_LEAST = 20_000
PACED = 5_000
LATENCY_MS_AT_MOST = 20
SECONDS = 6.0
CAME_WITHIN_S = 120.0

OPTIONS = ("--port", "0")
ALL_FILES = "ulimit -n $(ulimit -Hn)"


async def measure(report: Report) -> None:
    """Idle, then busy, each with a server of its own."""
    async with server(*OPTIONS, shell=ALL_FILES) as (process, port):
        before = resident_octets(process.pid)
        async with _crowd(port, IDLE):
            octets = resident_octets(process.pid)
        name, note = f"server with {IDLE} stations", f"{before / 1e6:.0f} MB before they came"
        report.add(Figure(name, round(octets / 1e6), "MB", at_most=IDLE_MB_AT_MOST, note=note))
    async with server(*OPTIONS, shell=ALL_FILES) as (_, port), _crowd(port, BUSY) as crowd:
        _, median_s, late_s = await crowd.ask("relay", PACED, SECONDS)
        name = f"relay latency at {PACED}/s"
        report.add(Figure(f"{name}, median", round(median_s * 1e3, 2), "ms"))
        late_ms = round(late_s * 1e3, 2)
        report.add(Figure(f"{name}, p95", late_ms, "ms", at_most=LATENCY_MS_AT_MOST))
        rate, *_ = await crowd.ask("relay", 0, SECONDS)
        report.add(Figure("messages relayed", round(rate), "1/s", at_least=RELAYS_AT_LEAST))


@asynccontextmanager
async def _crowd(port: int, count: int) -> AsyncIterator[Player]:
    async with player("-m", "bench.crowd", str(port), str(count)) as crowd:
        async with asyncio.timeout(CAME_WITHIN_S):
            assert await crowd.answer() == "ready"
        yield crowd
