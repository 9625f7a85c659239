"""A station on a host of its own, commanded through its standard input.

``python -m bench.paths.role DIRECTORY CALLSIGN SERVER`` starts it in that directory, at that
signalling server, and writes ``"up"``. Each line on its standard input is a command, a JSON
array; each line on its standard output an answer. ``["share", PATH]`` is answered by a link,
``["await-links", COUNT]`` by the number of links, and ``["get", LINK]`` by ``[seconds since
1970, octets verified, octets in all]`` again and again until it is complete;
``["first-chunk", LINK]`` by the seconds until the first chunk is verified. The station ends
with the input.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from meshdl.control.changes import ContentChanged
from meshdl.control.content_status import ContentState
from meshdl.demo.processes import Running, station, until_linked
from meshdl.ids import Callsign


async def play(directory: Path, callsign: Callsign, server: str) -> None:
    """Take commands until there are no more."""
    settings = f'[lan]\nenabled = false\n[internet]\nservers = ["{server}"]\n'
    async with station(directory, callsign, settings=settings) as running:
        _tell("up")
        while line := await asyncio.to_thread(sys.stdin.readline):
            await _obey(running, *json.loads(line))


async def _obey(running: Running, verb: str, word: str | int) -> None:
    match verb, word:
        case "share", str(path):
            _tell((await running.share(Path(path))).link)
        case "await-links", int(count):
            await until_linked(running, count)
            _tell(count)
        case "first-chunk", str(link):
            _tell(await _first_chunk(running, link))
        case "get", str(link):
            await _get(running, link)
        case _:
            raise ValueError(f"no such command: {verb} {word}")


async def _get(running: Running, link: str) -> None:
    begun = await running.client.download(link, directory=str(running.downloads))
    async for event in running.client.events():
        if isinstance(event, ContentChanged) and event.content.content_hash == begun.content_hash:
            content = event.content
            _tell([time.time(), content.octets_done, content.octets])
            if content.state in (ContentState.COMPLETE, ContentState.BROKEN):
                return


async def _first_chunk(running: Running, link: str) -> float:
    began = time.perf_counter()
    begun = await running.client.download(link, directory=str(running.downloads))
    async for event in running.client.events():
        if not isinstance(event, ContentChanged):
            continue
        content = event.content
        if content.content_hash == begun.content_hash and content.chunks_done:
            return time.perf_counter() - began
    raise RuntimeError("the station stopped")


def _tell(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(play(Path(sys.argv[1]), Callsign(sys.argv[2]), sys.argv[3]))
