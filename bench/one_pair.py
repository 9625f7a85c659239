"""One station downloads from another, beside the measuring sticks, in turns in one run.

A round is: make a file, share it (hashing), download it (requests, hashes, disk). The
rate is that of the download, from the command to the finished file under its own name.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.baselines import measure_aiortc, measure_libtorrent, measure_wrtc
from bench.free_memory import touch
from bench.report import Figure, MeasureRate, Report, in_turns, make_content
from bench.stations import callsigns, cpu_s
from meshdl.demo.processes import network

OCTETS = 1024**3
FILLS_OCTETS = 3 * OCTETS
"""The content, the copy, and what is on its way."""

AIORTC_OCTETS = 128 * 1024**2
"""Its rate is steady long before this, and a gibibyte would take minutes."""

ROUNDS = 3
ROUNDS_OF_TWO_MORE = 4
"""Of the pair and the bare channel: rounds differ by a tenth, which is more than what the promise
leaves, and their medians by less."""

OF_WRTC_AT_LEAST = 0.8
OF_AIORTC_AT_LEAST = 8.0
"""More than the libraries are apart: docs/decisions/0031-measured-beside-aiortc.md."""


class Pair:
    """Measures, and remembers what it cost.

    Args:
        module: what the stations run.
    """

    def __init__(self, module: str = "meshdl") -> None:
        self._module = module
        self.cpu_s_per_gb: list[tuple[float, float]] = []
        self.duplicate_octets = 0

    async def measure(self, octets: int) -> float:
        """Octets a second of one download."""
        with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
            path = Path(name) / "content.bin"
            make_content(path, octets)
            async with network(callsigns(2), module=self._module) as (seed, leech):
                content = await seed.share(path)
                await asyncio.to_thread(touch, 2 * octets)
                before = cpu_s(seed), cpu_s(leech)
                began = time.perf_counter()
                got = await leech.download(content)
                seconds = time.perf_counter() - began
                gigabytes = octets / 1e9
                self.cpu_s_per_gb.append(
                    ((cpu_s(seed) - before[0]) / gigabytes, (cpu_s(leech) - before[1]) / gigabytes)
                )
                self.duplicate_octets += got.duplicate_octets
        return octets / seconds


async def measure(report: Report) -> None:
    """The pair and the sticks."""
    pair, over_aiortc = Pair(), Pair("bench.aiortc_station")

    async def measure_over_aiortc(_octets: int) -> float:
        return await over_aiortc.measure(AIORTC_OCTETS)

    two: Mapping[str, MeasureRate] = {"wrtc": measure_wrtc, "meshdl": pair.measure}
    others: Mapping[str, MeasureRate] = {
        "over aiortc": measure_over_aiortc,
        "aiortc": measure_aiortc,
        "libtorrent": measure_libtorrent,
    }
    turns = partial(in_turns, octets=OCTETS, fills=FILLS_OCTETS)
    rates = await turns({**two, **others}, rounds=ROUNDS)
    for name, more in (await turns(two, rounds=ROUNDS_OF_TWO_MORE)).items():
        rates[name] += more
    wrtc = report.add_rate("bare wrtc", rates["wrtc"], note="1 GiB, memory to memory")
    ours = report.add_rate("meshdl, one pair", rates["meshdl"], note="1 GiB, disk to disk")
    same = report.add_rate(
        "the same transfer over aiortc", rates["over aiortc"], note="of 128 MiB, disk to disk"
    )
    bare = report.add_rate("bare aiortc", rates["aiortc"], note="of 64 MiB, memory to memory")
    report.add_rate("libtorrent", rates["libtorrent"], note="1 GiB, TCP, disk to disk")
    report.add_ratio("one pair / bare wrtc", ours, wrtc, at_least=OF_WRTC_AT_LEAST)
    report.add_ratio("one pair / over aiortc", ours, same, at_least=OF_AIORTC_AT_LEAST)
    report.add_ratio("bare wrtc / bare aiortc", wrtc, bare)
    for place, side in enumerate(("sender", "receiver")):
        costs = sorted(cost[place] for cost in pair.cpu_s_per_gb)
        report.add(Figure(f"processor, {side}", round(costs[len(costs) // 2], 1), "s/GB"))
    report.add(Figure("duplicates, one pair", pair.duplicate_octets, "octets"))
