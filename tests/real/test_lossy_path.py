"""Real stations at the ends of a long path that loses packets at random."""

import asyncio
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from bench.paths.network import Cable, Place, network
from bench.players import player, server
from tests.support.nat import need_program
from tests.support.netns import need_namespaces
from tests.support.stations import make_file

pytestmark = pytest.mark.real

SERVER_PORT = 7374
LOSSY = Cable(rtt_ms=80.0, loss_percent=2.0)
OCTETS = 8 * 1024**2
"""Over one connection that takes a minute, and some seconds show that there should be more."""


@pytest.fixture(autouse=True)
def _needs() -> None:
    need_namespaces()
    need_program("cc", "gcc")


def sockets(place: Place) -> int:
    """UDP sockets there: each connection has its own."""
    shown = subprocess.run(place.words("ss", "-Huan"), capture_output=True, text=True, check=True)
    return len(shown.stdout.splitlines())


def test_a_source_on_a_lossy_long_path_is_asked_over_several_connections(tmp_path: Path) -> None:
    content = make_file(tmp_path / "content.bin", OCTETS)

    async def whole() -> None:
        async with AsyncExitStack() as stack:
            made = await stack.enter_async_context(network(LOSSY, far=2))
            far, last = made.far
            options = ("--host", last.address, "--port", str(SERVER_PORT))
            await stack.enter_async_context(server(*options, where=last.words()))
            players = []
            for place, call in ((made.near, "KA1AAA"), (far, "KA1BBB")):
                url = f"ws://{last.address}:{SERVER_PORT}"
                words = ("-m", "bench.paths.role", str(tmp_path), call, url)
                one = await stack.enter_async_context(player(*words, where=place.words()))
                assert await one.answer() == "up"
                players.append(one)
            leech, seed = players
            link = await seed.ask("share", str(content))
            await leech.ask("await-links", 1)
            alone = sockets(made.near)
            leech.tell("get", link)
            most = alone
            async for _, octets, _ in leech.answers():
                most = max(most, sockets(made.near))
                if octets == OCTETS:
                    break
            assert most >= alone + 3

    asyncio.run(whole())
