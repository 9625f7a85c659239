"""One station with 10 and with 50 peers at once: how fast, and how much memory a link takes.

The station is a process of its own; its peers share two others (:mod:`bench.light_seeds`),
for fifty whole stations would take more of a small machine than what is measured.
"""

import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.light_seeds import OCTETS
from bench.players import player
from bench.report import Figure, Report
from bench.stations import callsigns, cpu_s, peak_octets
from meshdl.control.view import ContentState
from meshdl.demo.processes import Running, station, until_linked

FEW, MANY = 10, 50
PROCESSES = 2
OF_FEW_AT_LEAST = 0.8
MEGABYTES_A_LINK_AT_MOST = 2.0


async def measure(report: Report) -> None:
    """Few before and after many, because the machine drifts."""
    few, few_peak = await _measure(FEW, report)
    many, many_peak = await _measure(MANY, report)
    again, again_peak = await _measure(FEW, report)
    report.add_ratio(f"{MANY} peers / {FEW}", many, (few + again) / 2, at_least=OF_FEW_AT_LEAST)
    a_link = (many_peak - (few_peak + again_peak) / 2) / (MANY - FEW) / 1e6
    report.add(
        Figure(
            "memory a link",
            round(a_link, 2),
            "MB",
            at_most=MEGABYTES_A_LINK_AT_MOST,
            note=f"VmHWM with {MANY} peers less that with {FEW}",
        )
    )


async def _measure(count: int, report: Report) -> tuple[float, int]:
    """Octets a second and peak memory of a station that downloads from so many."""
    each = count // PROCESSES
    settings = f"[lan]\nallow_loopback = true\nmax_links = {2 * count}\n"
    async with AsyncExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="meshdl-bench-"))
        [own] = callsigns(count + 1)[count:]
        leech = await stack.enter_async_context(station(Path(name), own, settings=settings))
        players = []
        for number in range(PROCESSES):
            words = ("-m", "bench.light_seeds", str(number * each), str(each))
            players.append(await stack.enter_async_context(player(*words)))
        described = [await one.answer() for one in players]
        status = await leech.client.status()
        host = status.lan.addresses[0] if status.lan.addresses else "127.0.0.1"
        for one in players:
            one.tell(status.station_id, own, host, status.lan.port)
        for one in players:
            await one.answer()
        await until_linked(leech, count)
        used = cpu_s(leech)
        began = time.perf_counter()
        await _get(leech, described[0][0])
        rate = OCTETS / (time.perf_counter() - began)
        used = cpu_s(leech) - used
        peak = peak_octets(leech)
    note = f"{used / OCTETS * 1e9:.1f} s of processor a GB, peak {peak / 1e6:.0f} MB"
    report.add_rate(f"from {count} peers", [rate], note=note)
    return rate, peak


async def _get(leech: Running, content_hash: str) -> None:
    begun = await leech.client.download(content_hash, directory=str(leech.downloads))
    got = await leech.complete(begun)
    assert got.state is ContentState.COMPLETE
