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
from typing import NamedTuple

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
ROUNDS = 3
OF_ONE_AT_LEAST = 0.8
DUPLICATES_AT_MOST = 0.01


class _Download(NamedTuple):
    """One download: octets a second, and what the station says of it."""

    rate: float
    got: ContentStatus


async def measure(report: Report) -> None:
    """All counts in turns, for the machine drifts; then bare channels, then light seeds."""
    downloads: dict[int, list[_Download]] = {count: [] for count in COUNTS}
    for _ in range(ROUNDS):
        for count, done in downloads.items():
            done.append(await _download(count))
    rates = {count: _report(count, done, report) for count, done in downloads.items()}
    bare = {count: await measure_wrtc(BARE_OCTETS, senders=count) for count in COUNTS}
    for count, rate in bare.items():
        report.add_rate(f"bare wrtc from {count}", [rate], note="memory to memory")
    for count in COUNTS[1:]:
        report.add_ratio(f"{count} sources / one", rates[count], rates[1], at_least=OF_ONE_AT_LEAST)
        report.add_ratio(f"bare wrtc, {count} sources / one", bare[count], bare[1])
    light = {count: (await measure_from(count, report, processes=1))[0] for count in COUNTS}
    for count in COUNTS[1:]:
        report.add_ratio(f"{count} sources in one process / one", light[count], light[1])


async def _download(count: int) -> _Download:
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
    return _Download(OCTETS / seconds, got)


def _report(count: int, downloads: list[_Download], report: Report) -> float:
    rate = report.add_rate(
        f"from {count}", [one.rate for one in downloads], note=_shares(downloads[-1].got)
    )
    duplicates = max(one.got.duplicate_octets for one in downloads)
    report.add(
        Figure(
            f"duplicates from {count}",
            round(duplicates / OCTETS, 4),
            "of the content",
            at_most=DUPLICATES_AT_MOST,
        )
    )
    return rate


def _shares(got: ContentStatus) -> str:
    parts = sorted((one.octets / OCTETS * 100 for one in got.sources), reverse=True)
    return "shares " + " ".join(f"{part:.0f}" for part in parts) + " %"
