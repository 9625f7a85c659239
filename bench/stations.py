"""Real stations in processes of their own, commanded by the control API."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from meshdl.control.client import ControlClient
from meshdl.control.view import ContentChanged, ContentState, ContentStatus
from meshdl.errors import MeshdlError
from meshdl.ids import Callsign, ContentHash

CONTROL_FILE = "control.json"
START_WITHIN_S = 20.0
DOWNLOAD_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Running:
    """A station process and the way to command it."""

    callsign: Callsign
    home: Path
    downloads: Path
    process: asyncio.subprocess.Process
    client: ControlClient

    def kill(self) -> None:
        """As ``kill -9``."""
        self.process.kill()

    def rss_octets(self) -> int:
        """Resident memory now."""
        return _status_octets(self.process.pid, "VmRSS")

    def peak_octets(self) -> int:
        """The most it has been."""
        return _status_octets(self.process.pid, "VmHWM")

    def cpu_s(self) -> float:
        """Processor time used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def station(directory: Path, number: int) -> AsyncIterator[Running]:
    """One station, killed at the latest when the block ends."""
    callsign = Callsign(f"KA{number % 10}A{_letters(number)}")
    home, downloads = directory / f"home{number}", directory / f"downloads{number}"
    environment = dict(os.environ) | {"MESHDL_HOME": str(home)}
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "meshdl", "init", "--callsign", callsign,
        env=environment, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await made.wait():
        raise RuntimeError("meshdl init failed")
    with (home / "stderr").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "meshdl", "up", env=environment, stderr=log
        )
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while not (home / CONTROL_FILE).exists():
                if process.returncode is not None:
                    raise RuntimeError((home / "stderr").read_text())
                await asyncio.sleep(0.02)
        async with ControlClient(home) as client:
            yield Running(callsign, home, downloads, process, client)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()


@asynccontextmanager
async def network(count: int) -> AsyncIterator[list[Running]]:
    """``count`` stations that all have links to each other, in a directory that goes."""
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
        async with AsyncExitStack() as stack:
            running = [
                await stack.enter_async_context(station(Path(name), number))
                for number in range(count)
            ]
            for one in running:
                await until_linked(one, count - 1)
            yield running


async def until_linked(one: Running, peers: int) -> None:
    """Return when a station has so many links."""
    async with asyncio.timeout(60):
        while (await one.client.status()).peers < peers:
            await asyncio.sleep(0.05)


async def share(one: Running, path: Path) -> ContentStatus:
    """Share and return the content."""
    async for step in one.client.share([str(path)]):
        if isinstance(step, ContentStatus):
            return step
    raise MeshdlError(f"{path} was not shared")


async def download(one: Running, content: ContentStatus) -> ContentStatus:
    """Download and return when complete."""
    async with asyncio.timeout(DOWNLOAD_WITHIN_S):
        events = one.client.events()
        await one.client.download(content.link, directory=str(one.downloads))
        async for event in events:
            if isinstance(event, ContentChanged):
                status = event.content
                if status.content_hash == content.content_hash:
                    if status.state is ContentState.COMPLETE:
                        return status
                    if status.state is ContentState.BROKEN:
                        raise MeshdlError(status.error or "broken")
    raise MeshdlError("the station stopped")


def hash_of(content: ContentStatus) -> ContentHash:
    """Its hash as octets."""
    return ContentHash(bytes.fromhex(content.content_hash))


def _letters(number: int) -> str:
    return chr(65 + number // 26 % 26) + chr(65 + number % 26)


def _status_octets(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} of process {pid}")
