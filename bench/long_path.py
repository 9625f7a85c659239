"""Stations at the ends of a long path, beside one TCP connection on the same path.

One station downloads, one or several at the far end have the content. A rate is of verified
octets, from ``SETTLE_S`` after the first ones on; the time that frames waited in the queue in
front of the bottleneck is what the path itself counted from then on, and until then.
"""

import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.paths.network import MBIT, Cable, Network, Passed, network
from bench.players import Player, player, server
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
LOSSY_ONE_TIMES = 5


@dataclass(frozen=True, slots=True)
class Course:
    """How a download went once it had settled, and what passed before."""

    octets_per_s: float
    passed: Passed
    before: Passed


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
            waited = course.before.queue_p95_s
            _add(report, f"{name}, queue in the first {SETTLE_S:g} s (p95)", waited, "s")
    for rtt_ms in (20.0, 80.0):
        cable = Cable(rtt_ms=rtt_ms, rate_octets_per_s=RATE, loss_percent=0.1)
        stick = await _beside_tcp(report, cable)
        # Enough to settle, however much better than the stick they are, and not for ever.
        course = await download(cable, 4, octets=int(4 * stick * LOSSY_SECONDS))
        _add(report, f"{rtt_ms:g} ms, 0.1 % loss, 4 sources / TCP", course.octets_per_s / stick,
             "ratio", at_least=LOSSY_FOUR_AT_LEAST)  # fmt: skip
    cable = Cable(rtt_ms=80.0, rate_octets_per_s=RATE, loss_percent=1.0)
    stick = await _beside_tcp(report, cable)
    # It takes seconds to find out that more lanes are worth while; they count.
    course = await download(cable, 1, octets=int(LOSSY_ONE_TIMES * stick * LOSSY_SECONDS))
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
        last = made.far[-1]
        options = ("--host", last.address, "--port", str(SERVER_PORT))
        await stack.enter_async_context(server(*options, where=last.words()))
        url = f"ws://{last.address}:{SERVER_PORT}"
        players = []
        for place, name in zip(places, callsigns(len(places)), strict=True):
            words = ("-m", "bench.paths.role", str(directory), name, url)
            players.append(await stack.enter_async_context(player(*words, where=place.words())))
        for one in players:
            assert await one.answer() == "up"
        near, *far = players
        for one in far:
            link = await one.ask("share", str(content))
        await near.ask("await-links", sources)
        near.tell("get", link)
        return await _course(made, near, until=octets)


async def _course(made: Network, near: Player, *, until: int | None = None) -> Course:
    """Follow what arrives, up to so many octets or to the end."""
    first_at: float | None = None
    settled: tuple[float, int, Passed] | None = None
    at, octets = 0.0, 0
    async for at, octets, *_ in near.answers():
        if octets and first_at is None:
            first_at = at
        if settled is None and first_at is not None and at >= first_at + SETTLE_S:
            settled = (at, octets, await made.passed())
        if until is not None and octets >= until:
            break
    if settled is None or at <= settled[0]:
        raise RuntimeError(f"{octets} octets came before anything had settled; measure with more")
    rate = (octets - settled[1]) / (at - settled[0])
    return Course(rate, await made.passed(), before=settled[2])


# The stick.


async def _beside_tcp(report: Report, cable: Cable) -> float:
    course = await tcp(cable)
    loss = f", {cable.loss_percent:g} % loss" if cable.loss_percent else ""
    _add(report, f"{cable.rtt_ms:g} ms{loss}, TCP / link", course.octets_per_s / RATE, "ratio")
    if not loss:
        waited = course.passed.queue_p95_s
        _add(report, f"{cable.rtt_ms:g} ms, TCP, queue (p95)", waited, "s")
        waited = course.before.queue_p95_s
        name = f"{cable.rtt_ms:g} ms, TCP, queue in the first {SETTLE_S:g} s (p95)"
        _add(report, name, waited, "s")
    return course.octets_per_s


async def tcp(cable: Cable) -> Course:
    """One connection for as long as a download takes."""
    module = ("-m", "bench.paths.tcp")
    async with network(cable) as made:
        far = made.far[0]
        sending = player(*module, "send", str(TCP_PORT), str(SECONDS), where=far.words())
        async with sending as sender:
            assert await sender.answer() == "listening"
            receive = (*module, "receive", far.address, str(TCP_PORT))
            async with player(*receive, where=made.near.words()) as receiver:
                return await _course(made, receiver)
