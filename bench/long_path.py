"""Stations at the ends of a long path, beside one TCP connection on the same path.

One station downloads, one or several at the far end have the content. A rate is of verified
octets, from ``SETTLE_S`` after the first ones on; the time that frames waited in the queue in
front of the bottleneck is what the path itself counted from then on.
"""

import asyncio
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.paths.network import MBIT, Cable, Network, Passed, Place, network
from bench.report import Figure, Report, make_content
from bench.stations import callsigns

RATE = 100 * MBIT
SETTLE_S = 3.0
SECONDS = 20.0
LOSSY_SECONDS = 20.0
SERVER_PORT, TCP_PORT = 7374, 7375

OF_LINK_AT_LEAST = {1: 0.8, 4: 0.9}
QUEUE_AT_MOST_S = 0.050
LOSSY_FOUR_AT_LEAST = 1.5
LOSSY_ONE_AT_LEAST = 2.0


@dataclass(frozen=True, slots=True)
class Course:
    """How a download went once it had settled."""

    octets_per_s: float
    passed: Passed
    first_s: float


async def measure(report: Report) -> None:
    """The paths that were promised something."""
    for rtt_ms in (20.0, 80.0):
        cable = Cable(rtt_ms=rtt_ms, rate_octets_per_s=RATE)
        await _beside_tcp(report, cable)
        for sources in (1, 4):
            course = await download(cable, sources)
            name = f"{rtt_ms:g} ms, {_count(sources)}"
            share = course.octets_per_s / RATE
            _add(report, f"{name} / link", share, "ratio", at_least=OF_LINK_AT_LEAST[sources])
            waited = course.passed.queue_p95_s
            _add(report, f"{name}, queue (p95)", waited, "s", at_most=QUEUE_AT_MOST_S)
    for rtt_ms in (20.0, 80.0):
        cable = Cable(rtt_ms=rtt_ms, rate_octets_per_s=RATE, loss_percent=0.1)
        stick = await _beside_tcp(report, cable)
        # Of a size that takes some ten seconds at what such paths carry.
        course = await download(cable, 4, octets=int(4 * stick * LOSSY_SECONDS))
        _add(report, f"{rtt_ms:g} ms, 0.1 % loss, 4 sources / TCP", course.octets_per_s / stick,
             "ratio", at_least=LOSSY_FOUR_AT_LEAST)  # fmt: skip
    cable = Cable(rtt_ms=80.0, rate_octets_per_s=RATE, loss_percent=1.0)
    stick = await _beside_tcp(report, cable)
    course = await download(cable, 1, octets=int(stick * LOSSY_SECONDS))
    _add(report, "80 ms, 1 % loss, 1 source / TCP", course.octets_per_s / stick,
         "ratio", at_least=LOSSY_ONE_AT_LEAST)  # fmt: skip


def _count(sources: int) -> str:
    return f"{sources} source{'s' if sources > 1 else ''}"


def _add(
    report: Report,
    name: str,
    value: float,
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    report.add(Figure(name, round(value, 3), unit, at_least=at_least, at_most=at_most))


# Stations.


async def download(cable: Cable, sources: int, *, octets: int | None = None) -> Course:
    """One download from so many stations at the far end."""
    octets = octets or int(cable.rate_octets_per_s * SECONDS)
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshdl-bench-")))
        content = directory / "content.bin"
        make_content(content, octets)
        # The signalling server has a host of its own at the far end.
        made = await stack.enter_async_context(network(cable, far=sources + 1))
        places = [made.near, *made.far[:-1]]
        server = await stack.enter_async_context(_server(made.far[-1]))
        names = callsigns(len(places))
        players = [
            await stack.enter_async_context(_player(place, directory, name, server))
            for place, name in zip(places, names, strict=True)
        ]
        near, *far = players
        for one in far:
            link = await _ask(one, "share", str(content))
        await _ask(near, "await-links", sources)
        await _tell(near, "get", link)
        return await _course(made, _samples(near), until=octets)


async def _course(made: Network, samples: AsyncIterator[tuple[float, int]], until: int) -> Course:
    asked_at = time.time()
    first_at, settled = 0.0, (0.0, 0)
    last = (0.0, 0)
    async for at, octets in samples:
        if octets and not first_at:
            first_at = at
        if first_at and not settled[1] and at >= first_at + SETTLE_S:
            settled = (at, octets)
            await made.passed()
        last = (at, octets)
        if octets >= until:
            break
    passed = await made.passed()
    rate = (last[1] - settled[1]) / (last[0] - settled[0])
    return Course(rate, passed, first_at - asked_at)


async def _samples(near: Process) -> AsyncIterator[tuple[float, int]]:
    async for line in near.stdout:  # type: ignore[union-attr] # a pipe
        at, octets, *_ = json.loads(line)
        yield at, octets


@asynccontextmanager
async def _player(
    place: Place, directory: Path, callsign: str, server: str
) -> AsyncIterator[Process]:
    words = ("-m", "bench.paths.role", str(directory), callsign, server)
    async with _process(place, *words) as process:
        assert await _answer(process) == "up"
        yield process


@asynccontextmanager
async def _server(place: Place) -> AsyncIterator[str]:
    words = ("-m", "meshdl", "signal", "--host", place.address, "--port", str(SERVER_PORT))
    async with _process(place, *words, stderr=PIPE) as process:
        assert process.stderr is not None
        await process.stderr.readline()
        yield f"ws://{place.address}:{SERVER_PORT}"
        process.terminate()
        await process.communicate()


# The stick.


async def _beside_tcp(report: Report, cable: Cable) -> float:
    course = await tcp(cable)
    loss = f", {cable.loss_percent:g} % loss" if cable.loss_percent else ""
    _add(report, f"{cable.rtt_ms:g} ms{loss}, TCP / link", course.octets_per_s / RATE, "ratio")
    if not loss:
        waited = course.passed.queue_p95_s
        _add(report, f"{cable.rtt_ms:g} ms, TCP, queue (p95)", waited, "s")
    return course.octets_per_s


async def tcp(cable: Cable) -> Course:
    """One connection for as long as a download takes."""
    async with network(cable) as made:
        far = made.far[0]
        words = ("-m", "bench.paths.tcp")
        async with _process(far, *words, "send", str(TCP_PORT), str(SECONDS)) as sender:
            assert sender.stdout is not None
            await sender.stdout.readline()
            receive = (*words, "receive", far.address, str(TCP_PORT))
            async with _process(made.near, *receive) as receiver:
                return await _course(made, _samples(receiver), until=1 << 62)


# Processes on hosts.


@asynccontextmanager
async def _process(place: Place, *words: str, stderr: int | None = None) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *place.words(sys.executable, *words), stdin=PIPE, stdout=PIPE, stderr=stderr
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _ask(process: Process, verb: str, word: str | int) -> Any:
    await _tell(process, verb, word)
    return await _answer(process)


async def _tell(process: Process, verb: str, word: str | int) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps([verb, word]).encode() + b"\n")
    await process.stdin.drain()


async def _answer(process: Process) -> Any:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a station ended with {await process.wait()}")
    return json.loads(line)
