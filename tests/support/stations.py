"""Whole stations for the tests, in this process or in their own."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from tests.support import loops

from meshdl.control.content_status import ContentState, ContentStatus
from meshdl.discovery.interfaces import own_addresses
from meshdl.ids import Callsign, ContentHash
from meshdl.station.config import LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.station import Station

ResultT = TypeVar("ResultT")

PATIENCE_S = 150.0
LOOK_EVERY_S = 0.02


def run(scenario: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run on the loop that stations use."""

    async def bounded() -> ResultT:
        async with asyncio.timeout(PATIENCE_S):
            return await scenario

    return loops.run(bounded())


def station(directory: Path, call: str, **lan: Any) -> Station:
    """A station whose home and downloads are below ``directory``."""
    lan.setdefault("allow_loopback", not own_addresses())
    config = StationConfig(
        callsign=Callsign(call),
        download_directory=directory / call / "downloads",
        lan=LanConfig(**lan),
    )
    (directory / call).mkdir(exist_ok=True)
    return Station(config, home=Home(directory / call / "home"))


def make_file(path: Path, octets: int) -> Path:
    """A file of random octets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(octets))
    return path


def hash_of(status: ContentStatus) -> ContentHash:
    """Its hash as octets."""
    return ContentHash(bytes.fromhex(status.content_hash))


async def until(
    condition: Callable[[], Awaitable[bool]], *, patience_s: float = PATIENCE_S / 3
) -> None:
    """Return when something that only another part can bring about is so."""
    async with asyncio.timeout(patience_s):
        while not await condition():
            await asyncio.sleep(LOOK_EVERY_S)


async def until_linked(one: Station, peers: int = 1) -> None:
    """Return when a station has so many links."""

    async def linked() -> bool:
        return (await one.view.status()).peers >= peers

    await until(linked)


async def until_state(one: Station, content: ContentHash, *states: ContentState) -> ContentStatus:
    """Return when a content is in one of these states."""

    async def reached() -> bool:
        return (await one.view.content(content)).state in states

    await until(reached)
    return await one.view.content(content)
