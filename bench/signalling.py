"""A signalling server under ten thousand idle stations, and under as many messages as it takes.

The server is ``meshdl signal`` with its own limits, in a process of its own, or in two with a
Redis between them; the stations are those of :mod:`bench.crowd` and :mod:`bench.returning` in
another.

Servers, stations and Redis share the cores of one machine. So what two processes carry is told
twice: as messages a second, and as messages for each second of processor time that the servers
took. The second tells what two processes carry that have a core each; the promise is for that.

How fast the machine is tells :mod:`bench.bare_relay`, in turns with the server and under as many
stations: the ratio of the two is the same on a fast day and a slow one.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from bench.players import Player, player, server
from bench.redis_child import RedisChild
from bench.report import Figure, Report
from bench.stations import cpu_s_of, resident_octets

# So many are busy that none sends faster than a station may, however fast the server is.
IDLE, BUSY, RETURNING = 10_000, 2_000, 1_000
IDLE_MB_AT_MOST = 250
RELAYS_AT_LEAST = 20_000
OF_BARE_AT_LEAST = 0.75
"""Checks and accounts cost at most a third of what carrying costs, on any machine."""

TWO_AT_LEAST = 1.6
BACK_S_AT_MOST = 5.0
PACED = 5_000
LATENCY_MS_AT_MOST = 20
SECONDS = 6.0
WARM_UP_S = 1.0
CAME_WITHIN_S = 120.0
ROUNDS = 3

OPTIONS = ("--port", "0")
ALL_FILES = "ulimit -n $(ulimit -Hn)"


async def measure(report: Report) -> None:
    """Idle, then busy, then restarted, then two; each with servers of its own."""
    await _measure_idle(report)
    await _measure_busy(report)
    await _measure_restart(report)
    await _measure_two(report)


async def _measure_idle(report: Report) -> None:
    async with server(*OPTIONS, shell=ALL_FILES) as (process, port):
        before = resident_octets(process.pid)
        async with _crowd(IDLE, port):
            octets = resident_octets(process.pid)
        name, note = f"server with {IDLE} stations", f"{before / 1e6:.0f} MB before they came"
        report.add(Figure(name, round(octets / 1e6), "MB", at_most=IDLE_MB_AT_MOST, note=note))


async def _measure_busy(report: Report) -> None:
    async with AsyncExitStack() as stack:
        crowds = {}
        for name, options, module in (
            ("ours", OPTIONS, ("meshdl", "signal")),
            ("bare", (), ("bench.bare_relay",)),
        ):
            begun = server(*options, shell=ALL_FILES, module=module)
            process, port = await stack.enter_async_context(begun)
            crowd = await stack.enter_async_context(_crowd(BUSY, port))
            crowds[name] = crowd, [process.pid]
        _, median_s, late_s, _ = await crowds["ours"][0].ask("relay", PACED, SECONDS)
        *_, bare_s, _ = await crowds["bare"][0].ask("relay", PACED, SECONDS)
        rates = await _saturate_in_turns(crowds)
    name = f"relay latency at {PACED}/s"
    report.add(Figure(f"{name}, median", round(median_s * 1e3, 2), "ms"))
    late_ms, note = round(late_s * 1e3, 2), f"{bare_s * 1e3:.2f} ms by the bare relay"
    report.add(Figure(f"{name}, p95", late_ms, "ms", at_most=LATENCY_MS_AT_MOST, note=note))
    rate, per_cpu_s = _medians(rates["ours"])
    bare_rate, bare_per_cpu_s = _medians(rates["bare"])
    note = f"{bare_rate:,.0f} by the bare relay"
    rounds = tuple(round(each) for each, _ in rates["ours"])
    relayed = Figure(
        "messages relayed", round(rate), "1/s", at_least=RELAYS_AT_LEAST, note=note, rounds=rounds
    )
    report.add(relayed)
    name, note = "messages relayed for a second of processor time", f"{bare_per_cpu_s:,.0f} by it"
    report.add(Figure(name, round(per_cpu_s), "1/s", note=note))
    name = "the same, of the bare relay's"
    report.add_ratio(name, per_cpu_s, bare_per_cpu_s, at_least=OF_BARE_AT_LEAST)


async def _measure_restart(report: Report) -> None:
    """From the end of one server until the next one knows again who has what."""
    words = "-m", "bench.returning", str(RETURNING)
    async with AsyncExitStack() as stack:
        async with server(*OPTIONS, shell=ALL_FILES) as (_, port):
            stations = await stack.enter_async_context(player(*words, str(port)))
            async with asyncio.timeout(CAME_WITHIN_S):
                assert await stations.answer() == "ready"
            ended = time.perf_counter()
        options = ("--port", str(port))
        await stack.enter_async_context(server(*options, shell=ALL_FILES))
        down_s = time.perf_counter() - ended
        async with asyncio.timeout(CAME_WITHIN_S):
            back_s = await stations.ask("look")
        name = f"{RETURNING} stations have announced again after a restart"
        note = f"the server was away for {down_s:.1f} s, which is not counted"
        report.add(Figure(name, round(back_s, 2), "s", at_most=BACK_S_AT_MOST, note=note))


async def _measure_two(report: Report) -> None:
    redis = RedisChild("bench")
    redis.start()
    try:
        async with AsyncExitStack() as stack:
            crowds = {}
            for count in (1, 2):
                options = (*OPTIONS, "--redis", redis.url) if count > 1 else OPTIONS
                begun = [
                    await stack.enter_async_context(server(*options, shell=ALL_FILES))
                    for _ in range(count)
                ]
                crowd = await stack.enter_async_context(_crowd(BUSY, *(port for _, port in begun)))
                crowds[f"{count}"] = crowd, [process.pid for process, _ in begun]
            rates = await _saturate_in_turns(crowds)
    finally:
        redis.kill()
    one, two = _medians(rates["1"]), _medians(rates["2"])
    report.add(Figure("messages relayed by two with Redis", round(two[0]), "1/s"))
    name = "the same, for a second of processor time of both"
    note = f"{one[1]:,.0f} by one without Redis; half of the messages cross"
    report.add(Figure(name, round(two[1]), "1/s", note=note))
    report.add_ratio("two on a core each, to one", 2 * two[1], one[1], at_least=TWO_AT_LEAST)
    report.add_ratio("two on this machine's cores, to one", two[0], one[0])


async def _saturate_in_turns(
    crowds: Mapping[str, tuple[Player, list[int]]],
) -> dict[str, list[tuple[float, float]]]:
    """Messages a second, and for a second of the servers' processor time, of several rounds."""
    for crowd, _ in crowds.values():
        await crowd.ask("relay", 0, WARM_UP_S)
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in crowds}
    for _ in range(ROUNDS):
        for name, (crowd, pids) in crowds.items():
            before = sum(map(cpu_s_of, pids))
            rate, _, _, relayed = await crowd.ask("relay", 0, SECONDS)
            rates[name].append((rate, relayed / (sum(map(cpu_s_of, pids)) - before)))
    return rates


def _medians(rates: list[tuple[float, float]]) -> tuple[float, float]:
    """Of both."""
    each, for_cpu_s = zip(*rates, strict=True)
    return statistics.median(each), statistics.median(for_cpu_s)


@asynccontextmanager
async def _crowd(count: int, *ports: int) -> AsyncIterator[Player]:
    async with player("-m", "bench.crowd", str(count), *map(str, ports)) as crowd:
        async with asyncio.timeout(CAME_WITHIN_S):
            assert await crowd.answer() == "ready"
        yield crowd
