"""The most memory that a station takes while it moves a small and a large content."""

import tempfile
from pathlib import Path

from bench.report import Figure, Report, make_content
from bench.stations import callsigns, peak_octets
from meshdl.demo.processes import network

SIZES = (256 * 1024**2, 4 * 1024**3)
MEGABYTES_AT_MOST = 150.0


async def measure(report: Report) -> None:
    """Sender and receiver of each."""
    for octets in SIZES:
        with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
            path = Path(name) / "content.bin"
            make_content(path, octets)
            async with network(callsigns(2)) as (seed, leech):
                await leech.download(await seed.share(path))
                peaks = {"sender": peak_octets(seed), "receiver": peak_octets(leech)}
        for side, peak in peaks.items():
            report.add(
                Figure(
                    f"memory, {side} of {octets / 1024**3:g} GiB",
                    round(peak / 1e6),
                    "MB",
                    at_most=MEGABYTES_AT_MOST,
                    note="VmHWM",
                )
            )
