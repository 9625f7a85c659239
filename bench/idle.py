"""What a station costs that has a neighbour, ten shared files and nothing to do."""

import asyncio
import tempfile
from pathlib import Path

from bench.report import Figure, Report, make_content
from bench.stations import callsigns, cpu_s, resident_octets
from meshdl.demo.processes import network

CONTENTS = 10
SETTLE_S = 3.0
MEASURE_S = 30.0
CORE_AT_MOST = 0.01


async def measure(report: Report) -> None:
    """Half a minute of nothing."""
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
        async with network(callsigns(2)) as (one, _other):
            for number in range(CONTENTS):
                path = Path(name) / f"{number}.bin"
                make_content(path, 1_000_000)
                await one.share(path)
            await asyncio.sleep(SETTLE_S)
            before = cpu_s(one)
            await asyncio.sleep(MEASURE_S)
            share = (cpu_s(one) - before) / MEASURE_S
            memory = resident_octets(one.process.pid)
    report.add(Figure("idle station", round(share, 4), "of a core", at_most=CORE_AT_MOST))
    report.add(Figure("memory, idle station", round(memory / 1e6), "MB", note="VmRSS"))
