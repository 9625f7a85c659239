"""The long path on which figures rest is as far, slow, short of room and lossy as it says."""

import asyncio
import json
import sys
import time

import pytest
from bench.paths.network import Cable, Network, Passed, network
from bench.players import player
from tests.support.nat import need_program
from tests.support.netns import need_namespaces

pytestmark = pytest.mark.real

FRAME_OCTETS = 1042
"""A datagram of 1000 octets with its headers."""

SEND = """
import contextlib, socket, sys
# What is sent before the other's hardware address is known, the kernel may drop.
with contextlib.suppress(OSError):
    socket.create_connection((sys.argv[1], 9)).close()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    for _ in range(int(sys.argv[2])):
        here.sendto(bytes(1000), (sys.argv[1], 9))
"""

CONNECT = """
import json, socket, sys, time
began = time.monotonic()
socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()
print(json.dumps(time.monotonic() - began))
"""

PORT = 7375


@pytest.fixture(autouse=True)
def _needs() -> None:
    need_namespaces()
    need_program("cc", "gcc")


async def send(made: Network, frames: int) -> list[Passed]:
    """From the far end, as fast as it can; what became of all of them, from time to time."""
    words = made.far[0].words(sys.executable, "-c", SEND, made.near.address, str(frames))
    sending = await asyncio.create_subprocess_exec(*words)
    assert await sending.wait() == 0
    parts: list[Passed] = []
    # What was sent may still stand before the cable.
    while sum(one.frames + one.lost + one.dropped for one in parts) < frames:
        parts.append(await made.passed())
    return parts


def test_a_round_trip_takes_as_long_as_it_says_and_no_more_passes_than_the_rate_allows() -> None:
    cable = Cable(rtt_ms=200.0, rate_octets_per_s=100_000.0)

    async def whole() -> None:
        module = ("-m", "bench.paths.tcp")
        async with network(cable) as made:
            far = made.far[0]
            sending = player(*module, "send", str(PORT), "1.5", where=far.words())
            async with sending as sender:
                assert await sender.answer() == "listening"
                began = time.time()
                receive = (*module, "receive", far.address, str(PORT))
                async with player(*receive, where=made.near.words()) as receiver:
                    told = [line async for line in receiver.answers()]
            at, octets = told[-1]
            assert 0 < octets <= cable.rate_octets_per_s * (at - began)
            listening = player(*module, "send", str(PORT), "0", where=far.words())
            async with listening as sender:
                assert await sender.answer() == "listening"
                words = made.near.words(sys.executable, "-c", CONNECT, far.address, str(PORT))
                asking = await asyncio.create_subprocess_exec(
                    *words, stdout=asyncio.subprocess.PIPE
                )
                took, _ = await asking.communicate()
            assert json.loads(took) >= cable.rtt_ms / 1000

    asyncio.run(whole())


def test_what_finds_no_room_in_the_queue_is_dropped_and_told() -> None:
    queue, frames = 50 * FRAME_OCTETS, 400
    cable = Cable(rtt_ms=10.0, rate_octets_per_s=50_000.0, queue_octets=queue)

    async def whole() -> None:
        async with network(cable) as made:
            parts = await send(made, frames)
            assert sum(one.dropped for one in parts) > 0
            assert sum(one.lost for one in parts) == 0
            longest_s = max(one.queue_p95_s for one in parts)
            assert queue / 2 <= longest_s * cable.rate_octets_per_s <= queue

    asyncio.run(whole())


@pytest.mark.parametrize("percent", [0.0, 10.0])
def test_as_many_frames_are_lost_as_it_says_and_none_of_them_for_want_of_room(
    percent: float,
) -> None:
    frames = 800  # fewer than a kernel keeps for a busy processor
    cable = Cable(rtt_ms=10.0, loss_percent=percent, queue_octets=2 * frames * FRAME_OCTETS)

    async def whole() -> None:
        async with network(cable) as made:
            parts = await send(made, frames)
            assert sum(one.dropped for one in parts) == 0
            lost, expected = sum(one.lost for one in parts), frames * percent / 100
            # Five standard deviations; the seed is always the same.
            assert abs(lost - expected) <= 5 * expected**0.5

    asyncio.run(whole())
