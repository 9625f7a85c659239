"""One whole station that downloads from light seeds: what its own end carries.

Many whole stations on a small machine measure the machine: each sends out of a process of its
own. Light seeds share a few processes, as sources elsewhere would leave this machine's cores alone.
"""

import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.light_seeds import OCTETS
from bench.players import player
from bench.report import Report
from bench.stations import callsigns, cpu_s, peak_octets
from meshdl.control.content_status import ContentState
from meshdl.demo.processes import Running, station, until_linked


async def measure_from(count: int, report: Report, *, processes: int) -> tuple[float, int]:
    """Octets a second, and peak memory, of a station that downloads from so many light seeds."""
    each = count // processes
    settings = f"[lan]\nallow_loopback = true\nmax_links = {2 * count}\n"
    async with AsyncExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="meshdl-bench-"))
        [own] = callsigns(count + 1)[count:]
        leech = await stack.enter_async_context(station(Path(name), own, settings=settings))
        players = []
        for number in range(processes):
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
    report.add_rate(f"from {count} light seeds", [rate], note=note)
    return rate, peak


async def _get(leech: Running, content_hash: str) -> None:
    begun = await leech.client.download(content_hash, directory=str(leech.downloads))
    got = await leech.complete(begun)
    assert got.state is ContentState.COMPLETE
