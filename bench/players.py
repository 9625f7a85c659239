"""Children that are commanded by lines of JSON: a command in, an answer out.

A child that ends, or says what is no answer, is an error of the measurement.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

END_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Player:
    """One child."""

    process: Process

    async def ask(self, *command: object) -> Any:
        """Its answer to a command."""
        self.tell(*command)
        return await self.answer()

    def tell(self, *command: object) -> None:
        """Give it a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def answer(self) -> Any:
        """What it says next.

        Raises:
            RuntimeError: it ended.
        """
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a child ended with {await self.process.wait()}")
        return json.loads(line)

    async def answers(self) -> AsyncIterator[Any]:
        """All it says until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            yield json.loads(line)


@asynccontextmanager
async def player(*words: str, where: Sequence[str] = ()) -> AsyncIterator[Player]:
    """Python with these words, until the block ends; it ends when its input does.

    Args:
        words: as behind ``python``.
        where: what stands before the command, to run it elsewhere.
    """
    process = await asyncio.create_subprocess_exec(
        *where, sys.executable, *words, stdin=PIPE, stdout=PIPE
    )
    try:
        yield Player(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await end(process)


@asynccontextmanager
async def server(
    *options: str,
    where: Sequence[str] = (),
    shell: str = "",
    module: Sequence[str] = ("meshdl", "signal"),
) -> AsyncIterator[tuple[Process, int]]:
    """``meshdl signal`` with these options, listening; the process and its port.

    Args:
        options: of the command.
        where: what stands before the command, to run it elsewhere.
        shell: what a shell does before it becomes the server.
        module: another server, which says where it listens as ours does.
    """
    words = (sys.executable, "-m", *module, *options)
    if shell:
        words = ("sh", "-c", f'{shell}; exec "$@"', "sh", *words)
    process = await asyncio.create_subprocess_exec(*where, *words, stderr=PIPE)
    assert process.stderr is not None
    said = b""
    while b"listening at" not in said:
        said = await process.stderr.readline()
        if not said:
            raise RuntimeError(f"the server ended with {await process.wait()}")
    port = said.decode().rpartition(":")[2]
    # It would wait for whoever reads its log.
    draining = asyncio.create_task(_drain(process.stderr))
    try:
        yield process, int(port)
    finally:
        process.terminate()
        await end(process)
        await draining


async def end(process: Process) -> None:
    """Return when it has ended, killed if it does not end by itself."""
    try:
        await asyncio.wait_for(process.wait(), END_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(1 << 16):
        pass
