"""How soon a station that has just come up holds the first verified chunk across the Internet.

The clock starts when its control API answers and the download is begun: it is in no room
yet. The signalling server and the source are at the far end of a long path.
"""

import asyncio
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench.paths.network import Cable, Place, network
from bench.players import player, server
from bench.report import Figure, Report, make_content
from bench.stations import callsigns

ROUNDS = 5
OCTETS = 50_000_000
RTTS_MS = (20.0, 80.0)
SERVER_PORT = 7374
SECONDS_AT_MOST = 2.0


async def measure(report: Report) -> None:
    """A new station each time."""
    for rtt_ms in RTTS_MS:
        seconds = await first_chunks(Cable(rtt_ms=rtt_ms), ROUNDS)
        report.add(
            Figure(
                f"cold get to first chunk, {rtt_ms:g} ms",
                round(statistics.median(seconds), 2),
                "s",
                at_most=SECONDS_AT_MOST,
                rounds=tuple(round(one, 2) for one in seconds),
            )
        )


async def first_chunks(cable: Cable, rounds: int) -> list[float]:
    """Seconds of so many stations, one after the other."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshdl-bench-")))
        content = directory / "content.bin"
        make_content(content, OCTETS)
        made = await stack.enter_async_context(network(cable, far=2))
        source, last = made.far
        options = ("--host", last.address, "--port", str(SERVER_PORT))
        await stack.enter_async_context(server(*options, where=last.words()))
        url = f"ws://{last.address}:{SERVER_PORT}"
        role = ("-m", "bench.paths.role", str(directory))
        alfa, *others = callsigns(rounds + 1)
        seed = await stack.enter_async_context(player(*role, alfa, url, where=source.words()))
        assert await seed.answer() == "up"
        link = await seed.ask("share", str(content))
        for place in made.far:
            await _resolve(made.near, place)
        seconds = []
        for call in others:  # a callsign that comes with another key is refused
            async with player(*role, call, url, where=made.near.words()) as leech:
                assert await leech.answer() == "up"
                seconds.append(await leech.ask("first-chunk", link))
        return seconds


async def _resolve(near: Place, far: Place) -> None:
    """Let both ends know each other's hardware addresses, as the routers of a real path do."""
    program = (
        "import contextlib, socket, sys\n"
        "with contextlib.suppress(OSError):\n"
        f"    socket.create_connection((sys.argv[1], {SERVER_PORT}), 10).close()\n"
    )
    words = near.words(sys.executable, "-c", program, far.address)
    asking = await asyncio.create_subprocess_exec(*words)
    await asking.wait()
