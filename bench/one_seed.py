"""Eight downloaders and one seed: how often does the seed upload the content?"""

import asyncio
import tempfile
import time
from pathlib import Path

from bench.report import Figure, Report, make_content
from bench.stations import callsigns
from meshdl.demo.processes import network

OCTETS = 128 * 1024**2
LEECHES = 8
COPIES_AT_MOST = 1.3


async def measure(report: Report) -> None:
    """All begin at once."""
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
        path = Path(name) / "content.bin"
        make_content(path, OCTETS)
        async with network(callsigns(LEECHES + 1)) as (seed, *leeches):
            content = await seed.share(path)
            began = time.perf_counter()
            got = await asyncio.gather(*(one.download(content) for one in leeches))
            seconds = time.perf_counter() - began
            sent = sum(peer.octets_sent for peer in await seed.client.peers())
    report.add_rate("8 from 1, all together", [LEECHES * OCTETS / seconds])
    report.add(
        Figure("copies that the seed uploads", round(sent / OCTETS, 2), "", at_most=COPIES_AT_MOST)
    )
    duplicates = sum(one.duplicate_octets for one in got) / (LEECHES * OCTETS)
    report.add(Figure("duplicates, 8 from 1", round(duplicates, 4), "of what was moved"))
