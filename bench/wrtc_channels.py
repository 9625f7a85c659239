"""Data channels of our WebRTC library with nothing around them, from memory to memory.

One process or several send to one. Everything that a station adds (requests, hashes, disk)
is missing: what a station reaches of this is what meshdl costs.
"""

import asyncio
import time
from pathlib import Path

import webrtc

from bench.pairs import MESSAGE_OCTETS, hear, play, tell

MESSAGE = bytes(MESSAGE_OCTETS)
HIGH_WATER_OCTETS, LOW_WATER_OCTETS = 1 << 20, 256 << 10


async def send(octets: int, _directory: Path) -> None:
    """Offer; when all are ready, fill the channel until everything is out."""
    connection = webrtc.RTCPeerConnection()
    channel = connection.create_data_channel("bare")
    channel.buffered_amount_low_threshold = LOW_WATER_OCTETS
    opened = asyncio.Event()
    left = octets // len(MESSAGE)

    def pump(_event: object = None) -> None:
        nonlocal left
        while left and channel.buffered_amount < HIGH_WATER_OCTETS:
            channel.send(MESSAGE)
            left -= 1

    channel.on("open", lambda _event: opened.set())
    all_found = _gathered(connection)
    await connection.set_local_description(await connection.create_offer())
    await all_found.wait()
    tell(_described(connection))
    await connection.set_remote_description(
        webrtc.RTCSessionDescriptionInit(type="answer", sdp=await hear())
    )
    await opened.wait()
    tell("ready")
    await hear()
    channel.on("bufferedamountlow", pump)
    pump()
    await hear()
    connection.close()


async def receive(octets: int, _directory: Path) -> None:
    """Answer everyone, count what arrives."""
    left = octets // len(MESSAGE)
    done = asyncio.Event()
    connections = []

    def heard(_event: webrtc.MessageEvent) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    while (offer := await hear()) is not None:
        connection = webrtc.RTCPeerConnection()
        connections.append(connection)
        connection.on("datachannel", lambda event: event.channel.on("message", heard))
        await connection.set_remote_description(
            webrtc.RTCSessionDescriptionInit(type="offer", sdp=offer)
        )
        all_found = _gathered(connection)
        await connection.set_local_description(await connection.create_answer())
        await all_found.wait()
        tell(_described(connection))
    began = time.perf_counter()
    await done.wait()
    tell(time.perf_counter() - began)
    await hear()
    for connection in connections:
        connection.close()


def _gathered(connection: webrtc.RTCPeerConnection) -> asyncio.Event:
    all_found = asyncio.Event()

    def found(event: webrtc.RTCPeerConnectionIceEvent) -> None:
        if event.candidate is None:
            all_found.set()

    connection.on("icecandidate", found)
    return all_found


def _described(connection: webrtc.RTCPeerConnection) -> str:
    assert connection.local_description is not None
    return str(connection.local_description.sdp)


if __name__ == "__main__":
    play(send, receive)
