"""Two networks with a long path between them.

::

    near host .1 --.                                       .-- far host .101
                   |-- bridge == rate, delay, loss == bridge --
                                                           '-- far host .102 ...

The addresses are those that RFC 2544 sets aside for measurements: a station takes them for
the Internet's. The cable is ``path.c``, compiled when it is needed; it needs Linux, root, a
C compiler and iproute2.
"""

import asyncio
import json
import os
import secrets
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.paths.namespaces import make_bridge, namespace, plug_in, run

MBIT = 1_000_000 / 8
FIRST_FAR = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """What lies between the networks, the same in both directions.

    Attributes:
        rtt_ms: there and back.
        rate_octets_per_s: of whole Ethernet frames.
        loss_percent: at random, of frames.
        queue_octets: waiting for the rate; ``None``: rate times round trip.
    """

    rtt_ms: float
    rate_octets_per_s: float = 100 * MBIT
    loss_percent: float = 0.0
    queue_octets: float | None = None

    def words(self) -> list[str]:
        """As ``path.c`` takes them."""
        queue = self.queue_octets
        if queue is None:
            queue = self.rate_octets_per_s * self.rtt_ms / 1000
        numbers = (self.rtt_ms, self.rate_octets_per_s, queue, self.loss_percent)
        return [f"{number:.12g}" for number in numbers]


@dataclass(frozen=True, slots=True)
class Passed:
    """What went towards the near network for a while.

    Attributes:
        octets: of frames that passed.
        lost: frames, at random.
        dropped: frames, because the queue was full.
        queue_p50_s, queue_p95_s: how long data frames waited in the queue.
    """

    octets: int
    frames: int
    lost: int
    dropped: int
    queue_p50_s: float
    queue_p95_s: float


@dataclass(frozen=True, slots=True)
class Place:
    """A host."""

    namespace: str
    address: str

    def words(self, *command: str) -> list[str]:
        """The command that runs ``command`` there."""
        return ["ip", "netns", "exec", self.namespace, *command]


@dataclass(frozen=True, slots=True)
class Network:
    """Both networks, while the block runs."""

    near: Place
    far: tuple[Place, ...]
    cable: Process

    async def passed(self) -> Passed:
        """Since this was last asked."""
        assert self.cable.stdin is not None
        assert self.cable.stdout is not None
        self.cable.stdin.write(b"\n")
        return Passed(**json.loads(await self.cable.stdout.readline()))


@asynccontextmanager
async def network(cable: Cable, *, far: int = 1, seed: int = 1) -> AsyncIterator[Network]:
    """Make it, for the block.

    Args:
        cable: between the networks.
        far: number of hosts at the far end.
        seed: of the losses.

    Raises:
        RuntimeError: this machine cannot.
    """
    for program in ("ip", "cc"):
        if shutil.which(program) is None:
            raise RuntimeError(f"long paths need the program {program}; install it")
    family = f"bench-{os.getpid()}-{secrets.token_hex(2)}"
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="meshdl-bench-")))
        bridges = [stack.enter_context(namespace(f"{family}-{end}")) for end in ("near", "far")]
        for bridge in bridges:
            make_bridge(bridge)
        places = []
        for number in (1, *range(FIRST_FAR, FIRST_FAR + far)):
            name = stack.enter_context(namespace(f"{family}-{number}"))
            address = f"198.18.0.{number}"
            bridge = bridges[number >= FIRST_FAR]
            plug_in(name, bridge, port=f"port{number}", address=f"{address}/24")
            places.append(Place(name, address))
        running = await stack.enter_async_context(_cable(directory, cable, seed, bridges))
        for bridge in bridges:
            # More than the cable ever lets wait: only its own queue drops frames.
            run("ip", "-n", bridge, "link", "set", "path", "txqueuelen", "20000", "master", "br0")
            run("ip", "-n", bridge, "link", "set", "path", "up")
        yield Network(places[0], tuple(places[1:]), running)


@asynccontextmanager
async def _cable(
    directory: Path, cable: Cable, seed: int, bridges: list[str]
) -> AsyncIterator[Process]:
    program = directory / "path"
    source = Path(__file__).with_name("path.c")
    compiling = await asyncio.create_subprocess_exec("cc", "-O2", "-o", program, source)
    if await compiling.wait():
        raise RuntimeError(f"{source} does not compile")
    running = await asyncio.create_subprocess_exec(
        program, *cable.words(), str(seed), *bridges, stdin=PIPE, stdout=PIPE, preexec_fn=_hurry
    )
    try:
        assert running.stdout is not None
        if await running.stdout.readline() != b"up\n":
            raise RuntimeError("the long path did not come up; it needs root and /dev/net/tun")
        yield running
    finally:
        assert running.stdin is not None
        running.stdin.close()
        await running.wait()


def _hurry() -> None:
    """A cable does not wait for a processor."""
    os.nice(-10)
