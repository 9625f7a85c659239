"""One downloader, and 1, 4, 10, 20 stations that have everything.

Beside it as many bare channels, each out of a process of its own: so many processes share
one machine's cores, which costs the bare library more than it costs us. Then the same from
light seeds, all in one process: what is left of the difference is the downloader's.
"""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from bench.baselines import measure_wrtc
from bench.free_memory import touch
from bench.from_light_seeds import measure_from
from bench.report import Figure, Report, make_content
from bench.stations import callsigns
from meshdl.control.content_status import ContentStatus
from meshdl.demo.processes import network

OCTETS = 1024**3
"""As for one pair: how many sources are best is found by trials, which take a second or two."""
BARE_OCTETS = 256 * 1024**2
COUNTS = (1, 4, 10, 20)
OF_ONE_AT_LEAST = 0.8
DUPLICATES_AT_MOST = 0.01


async def measure(report: Report) -> None:
    """Every count once; a pair before and after, because the machine drifts."""
    rates, bare = {}, {}
    for count in COUNTS:
        rates[count] = await _measure(count, report)
        bare[count] = await measure_wrtc(BARE_OCTETS, senders=count)
        report.add_rate(f"bare wrtc from {count}", [bare[count]], note="memory to memory")
    alone = (rates[1] + await _measure(1, report)) / 2
    for count in COUNTS[1:]:
        report.add_ratio(f"{count} sources / one", rates[count], alone, at_least=OF_ONE_AT_LEAST)
        report.add_ratio(f"bare wrtc, {count} sources / one", bare[count], bare[1])
    light = {count: (await measure_from(count, report, processes=1))[0] for count in COUNTS}
    for count in COUNTS[1:]:
        report.add_ratio(f"{count} sources in one process / one", light[count], light[1])


async def _measure(count: int, report: Report) -> float:
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
        path = Path(name) / "content.bin"
        make_content(path, OCTETS)
        async with network(callsigns(count + 1)) as (leech, *seeds):
            for seed in seeds:
                content = await seed.share(path)
            await asyncio.to_thread(touch, 2 * OCTETS)
            began = time.perf_counter()
            got = await leech.download(content)
            seconds = time.perf_counter() - began
            shutil.rmtree(leech.downloads, ignore_errors=True)
    rate = OCTETS / seconds
    report.add_rate(f"from {count}", [rate], note=_shares(got))
    report.add(
        Figure(
            f"duplicates from {count}",
            round(got.duplicate_octets / OCTETS, 4),
            "of the content",
            at_most=DUPLICATES_AT_MOST,
        )
    )
    return rate


def _shares(got: ContentStatus) -> str:
    parts = sorted((one.octets / OCTETS * 100 for one in got.sources), reverse=True)
    return "shares " + " ".join(f"{part:.0f}" for part in parts) + " %"
