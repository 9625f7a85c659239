"""Real stations in processes of their own, commanded by the control API.

The demo runs on them, and the benchmarks. They live in a directory that is gone
afterwards, and whatever happens their processes end with the block.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from meshdl.control.address import CONTROL_FILE
from meshdl.control.changes import ContentChanged
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentState, ContentStatus
from meshdl.discovery.interfaces import own_addresses
from meshdl.errors import LinkError, StationNotRunning, StorageError
from meshdl.ids import Callsign, ContentHash
from meshdl.station.home import HOME_VARIABLE

START_WITHIN_S = 30.0
STOP_WITHIN_S = 5.0
LINK_WITHIN_S = 60.0
DOWNLOAD_WITHIN_S = 300.0
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """A station process and the way to command it."""

    callsign: Callsign
    home: Path
    downloads: Path
    process: asyncio.subprocess.Process
    client: ControlClient

    def kill(self) -> None:
        """As ``kill -9``: nobody is told goodbye."""
        self.process.kill()

    async def share(self, path: Path) -> ContentStatus:
        """Share a file or folder; the content when its hash is known."""
        async for step in self.client.share([str(path)]):
            if isinstance(step, ContentStatus):
                return step
        raise LinkError(f"{self.callsign} did not share {path}: it stops")

    async def begin(self, content: ContentStatus) -> ContentStatus:
        """Begin a download."""
        return await self.client.download(content.link, directory=str(self.downloads))

    async def download(self, content: ContentStatus) -> ContentStatus:
        """Begin a download and return when it is complete."""
        await self.begin(content)
        return await self.complete(content)

    async def complete(self, content: ContentStatus) -> ContentStatus:
        """Return when a download is complete.

        Raises:
            StorageError: it is broken.
            TimeoutError: it takes longer than any demo or benchmark may.
        """
        async with asyncio.timeout(DOWNLOAD_WITHIN_S):
            async for event in self.client.events():
                if not isinstance(event, ContentChanged):
                    continue
                status = event.content
                if status.content_hash != content.content_hash:
                    continue
                if status.state is ContentState.COMPLETE:
                    return status
                if status.state is ContentState.BROKEN:
                    raise StorageError(f"{self.callsign}: {status.error}")
        raise LinkError(f"{self.callsign} stopped")


def hash_of(content: ContentStatus) -> ContentHash:
    """Its hash as octets."""
    return ContentHash(bytes.fromhex(content.content_hash))


@asynccontextmanager
async def station(
    directory: Path, callsign: Callsign, *, settings: str = "", module: str = "meshdl"
) -> AsyncIterator[Running]:
    """One station, stopped at the latest when the block ends.

    Args:
        directory: for its home and its downloads.
        callsign: of the station.
        settings: lines of TOML behind the callsign.
        module: what Python runs; whatever it is, it takes meshdl's commands.

    Raises:
        StationNotRunning: it did not come up; the message has what it said.
    """
    home, downloads = directory / callsign / "home", directory / callsign / "downloads"
    environment = dict(os.environ) | {HOME_VARIABLE: str(home)}
    home.mkdir(parents=True, exist_ok=True)
    (home / CONTROL_FILE).unlink(missing_ok=True)  # of one that was killed
    (home / "config.toml").write_text(f'[station]\ncallsign = "{callsign}"\n{settings}')
    with (home / "stderr").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "up", env=environment, stderr=log
        )
    try:
        await _until_up(home, process)
        async with ControlClient(home) as client:
            yield Running(callsign, home, downloads, process, client)
    finally:
        await _stop(process)


@asynccontextmanager
async def network(
    callsigns: Sequence[Callsign], *, module: str = "meshdl"
) -> AsyncIterator[list[Running]]:
    """Stations that all have links to each other, in a directory that goes.

    Args:
        callsigns: one a station.
        module: as for :func:`station`.
    """
    # A machine that has no network can still talk to itself.
    settings = "" if own_addresses() else "[lan]\nallow_loopback = true\n"
    with tempfile.TemporaryDirectory(prefix="meshdl-") as name:
        async with AsyncExitStack() as stack:
            starting = [
                station(Path(name), one, settings=settings, module=module) for one in callsigns
            ]
            running = [await stack.enter_async_context(one) for one in starting]
            for one in running:
                await until_linked(one, len(callsigns) - 1)
            yield running


async def until_linked(one: Running, peers: int) -> None:
    """Return when a station has so many links."""
    async with asyncio.timeout(LINK_WITHIN_S):
        while (await one.client.status()).peers < peers:  # noqa: ASYNC110 - another process
            await asyncio.sleep(LOOK_EVERY_S)


async def _until_up(home: Path, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_WITHIN_S):
        while not (home / CONTROL_FILE).exists():
            if process.returncode is not None:
                said = (home / "stderr").read_text(errors="replace")
                raise StationNotRunning(f"a station did not come up: {said.strip()}")
            await asyncio.sleep(LOOK_EVERY_S)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
