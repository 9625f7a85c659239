"""A real Chromium without a window, driven over its DevTools protocol."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE_S = 120.0
"""A cold start on a busy machine reads some hundred megabytes from the disk."""

MESSAGE_OCTETS_MAX = 64 * 1024 * 1024


def missing() -> str:
    """Why there is no Chromium here; empty when there is."""
    return "" if shutil.which("chromium") else "chromium is not installed"


class Page:
    """One page of it."""

    def __init__(self, devtools: aiohttp.ClientWebSocketResponse) -> None:
        self._devtools = devtools
        self._serials = itertools.count(1)
        self._loaded = False

    async def visit(self, url: str) -> None:
        """Return when the document of ``url`` is there.

        Raises:
            AssertionError: it cannot be loaded.
        """
        await self._ask("Page.enable")
        self._loaded = False
        visited = await self._ask("Page.navigate", url=url)
        assert "errorText" not in visited, f"{url}: {visited['errorText']}"
        async with asyncio.timeout(PATIENCE_S):
            while not self._loaded:
                await self._hear()

    async def run(self, script: str) -> Any:
        """The value of an expression in the page, a promise's when it is kept.

        Raises:
            AssertionError: it throws.
        """
        answer = await self._ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        serial = next(self._serials)
        await self._devtools.send_json({"id": serial, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE_S):
            while (told := await self._hear()).get("id") != serial:
                pass
        assert "error" not in told, f"{method}: {told['error']}"
        result: dict[str, Any] = told["result"]
        return result

    async def _hear(self) -> dict[str, Any]:
        told: dict[str, Any] = await self._devtools.receive_json()
        if told.get("method") == "Page.loadEventFired":
            self._loaded = True
        return told


@asynccontextmanager
async def chromium(profile: Path, *options: str) -> AsyncIterator[Page]:
    """An empty page of a browser that is new and ends with the block."""
    process = await asyncio.create_subprocess_exec(
        "chromium",
        "--headless",
        "--no-sandbox",  # root has none
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={profile}",
        "--remote-debugging-port=0",
        *options,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    drained: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            browser = await _listens_at(process.stderr)
        drained = asyncio.create_task(process.stderr.read())  # a full pipe would halt it
        host = browser.removeprefix("ws://").partition("/")[0]
        async with aiohttp.ClientSession() as http:
            async with http.put(f"http://{host}/json/new?about:blank") as answer:
                address = (await answer.json())["webSocketDebuggerUrl"]
            async with http.ws_connect(address, max_msg_size=MESSAGE_OCTETS_MAX) as devtools:
                yield Page(devtools)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if drained is not None:
            await drained


async def _listens_at(stderr: asyncio.StreamReader) -> str:
    said = b""
    while line := await stderr.readline():
        said += line
        if line.startswith(b"DevTools listening on "):
            return line.split()[-1].decode()
    raise AssertionError(f"chromium ended: {said.decode(errors='replace')}")
