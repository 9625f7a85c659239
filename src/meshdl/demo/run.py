"""The story that the demo tells, on real stations.

Alfa shares a folder; Bravo and Charlie download it at once. As soon as the two hold
every chunk between them, Alfa is killed. They finish from each other.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from meshdl.content.bitfield import Bitfield
from meshdl.control.content_status import ContentState, ContentStatus
from meshdl.control.log_entry import LogQuery
from meshdl.demo.files import digests, make_folder
from meshdl.demo.processes import Running, hash_of, network
from meshdl.errors import FileChanged
from meshdl.ids import Callsign

CALLSIGNS = (Callsign("KA1AAA"), Callsign("KA1BBB"), Callsign("KA1CCC"))
LOOK_EVERY_S = 0.1

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Received:
    """What one downloader got.

    Attributes:
        octets_from: verified octets by the callsign they came from.
        seconds: from asking to complete.
    """

    callsign: Callsign
    octets_from: dict[Callsign, int]
    seconds: float
    duplicate_octets: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went.

    Attributes:
        killed_midway: whether the first station was killed before the others had all.
    """

    octets: int
    chunks: int
    files: int
    received: tuple[Received, ...]
    killed_midway: bool


async def run(octets: int, say: Say) -> Outcome:
    """Tell the story with a folder of about ``octets``.

    Raises:
        FileChanged: a copy is not the original.
        MeshdlError: a station failed.
        TimeoutError: it took far too long.
    """
    with tempfile.TemporaryDirectory(prefix="meshdl-demo-") as name:
        folder = Path(name) / "County emergency net"
        await asyncio.to_thread(make_folder, folder, octets)
        originals = await asyncio.to_thread(digests, folder)
        say(f"Starting three stations: {', '.join(CALLSIGNS)}. No server, no Internet.")
        async with network(CALLSIGNS) as (alfa, *others):
            content = await alfa.share(folder)
            size = f"{len(originals)} files, {_megabytes(content.octets or 0)}"
            say(f"{alfa.callsign} shares {folder.name!r}: {size}, {content.chunks} chunks.")
            say(f"{' and '.join(one.callsign for one in others)} download it at once.")
            began = time.monotonic()
            for one in others:
                await one.begin(content)
            async with asyncio.TaskGroup() as tasks:
                downloads = [tasks.create_task(_complete(one, content, began)) for one in others]
                midway = await _kill_when_dispensable(alfa, others, content, say)
            received = [task.result() for task in downloads]
            for one in others:
                copy = await asyncio.to_thread(digests, one.downloads / folder.name)
                if copy != originals:
                    raise FileChanged(f"the copy of {one.callsign} is not the original")
            say("Both copies are verified against the original, file by file.")
        return Outcome(
            octets=content.octets or 0,
            chunks=content.chunks or 0,
            files=len(originals),
            received=tuple(received),
            killed_midway=midway,
        )


async def _complete(one: Running, content: ContentStatus, began: float) -> Received:
    status = await one.complete(content)
    seconds = time.monotonic() - began
    octets_from: dict[Callsign, int] = {}
    async for entry in one.client.log(LogQuery(kind="transfer")):
        if entry.direction == "received" and entry.callsign is not None:
            call = Callsign(entry.callsign)
            octets_from[call] = octets_from.get(call, 0) + (entry.octets or 0)
    return Received(one.callsign, octets_from, seconds, status.duplicate_octets)


async def _kill_when_dispensable(
    alfa: Running, others: Sequence[Running], content: ContentStatus, say: Say
) -> bool:
    """Kill the first station when one full copy is out; whether that was midway."""
    while True:
        maps = [await one.client.chunks(hash_of(content)) for one in others]
        held = [Bitfield.from_octets(one.count, one.have).bits for one in maps if one.count]
        if len(held) == len(others) and (held[0] | held[1]).bit_count() == content.chunks:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    states = [await one.client.content(hash_of(content)) for one in others]
    alfa.kill()
    await alfa.process.wait()
    midway = any(state.state is not ContentState.COMPLETE for state in states)
    shares = ", ".join(f"{one.chunks_done}/{one.chunks}" for one in states)
    say(f"One full copy is out (chunks held: {shares}): {alfa.callsign} is killed.")
    return midway


def _megabytes(octets: int) -> str:
    return f"{octets / 1e6:.1f} MB"
