"""The measuring stick: a data channel of the WebRTC library with nothing around it.

Two processes, 64 KiB messages from memory, back-pressure by ``buffered_amount``, the
receiver counts octets. Everything that a station adds (requests, hashes, disk) is missing.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable

import webrtc

MESSAGE = bytes(65_536)
HIGH_WATER, LOW_WATER = 1 << 20, 256 << 10


def run(main: Callable[[], "asyncio.Future[None]"]) -> None:
    """On the loop that the stations use."""
    import uvloop

    uvloop.run(main())  # type: ignore[arg-type]


async def measure(octets: int) -> float:
    """Octets a second of one channel between two processes."""
    receiver = await _start("receive", octets)
    sender = await _start("send", octets)
    assert sender.stdout is not None
    assert sender.stdin is not None
    assert receiver.stdout is not None
    assert receiver.stdin is not None
    receiver.stdin.write(await sender.stdout.readline())
    sender.stdin.write(await receiver.stdout.readline())
    seconds = float(await receiver.stdout.readline())
    sender.stdin.write(b"done\n")
    await sender.wait()
    await receiver.wait()
    return octets / seconds


async def _start(role: str, octets: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare_wrtc", role, str(octets),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def _described(connection: webrtc.RTCPeerConnection, kind: str) -> str:
    gathered = asyncio.Event()
    connection.on("icecandidate", lambda event: event.candidate is None and gathered.set())
    make = connection.create_offer if kind == "offer" else connection.create_answer
    await connection.set_local_description(await make())
    await gathered.wait()
    assert connection.local_description is not None
    return str(connection.local_description.sdp)


async def _read_line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


def _print(value: object) -> None:
    print(value if isinstance(value, str) else json.dumps(value), flush=True)


async def _send(octets: int) -> None:
    connection = webrtc.RTCPeerConnection()
    channel = connection.create_data_channel("bare")
    channel.buffered_amount_low_threshold = LOW_WATER
    left = octets // len(MESSAGE)

    def pump(_event: object) -> None:
        nonlocal left
        while left and channel.buffered_amount < HIGH_WATER:
            channel.send(MESSAGE)
            left -= 1

    channel.on("open", pump)
    channel.on("bufferedamountlow", pump)
    _print([await _described(connection, "offer")])
    answer = json.loads(await _read_line())[0]
    await connection.set_remote_description(
        webrtc.RTCSessionDescriptionInit(type="answer", sdp=answer)
    )
    await _read_line()
    connection.close()


async def _receive(octets: int) -> None:
    connection = webrtc.RTCPeerConnection()
    wanted, got, began = octets // len(MESSAGE), 0, 0.0
    done = asyncio.Event()

    def heard(_event: webrtc.MessageEvent) -> None:
        nonlocal got, began
        if not got:
            began = time.perf_counter()
        got += 1
        if got == wanted:
            done.set()

    connection.on("datachannel", lambda event: event.channel.on("message", heard))
    offer = json.loads(await _read_line())[0]
    await connection.set_remote_description(
        webrtc.RTCSessionDescriptionInit(type="offer", sdp=offer)
    )
    _print([await _described(connection, "answer")])
    await done.wait()
    _print(time.perf_counter() - began)
    connection.close()


if __name__ == "__main__":
    role, amount = sys.argv[1], int(sys.argv[2])
    run(lambda: (_send if role == "send" else _receive)(amount))  # type: ignore[arg-type, return-value]
