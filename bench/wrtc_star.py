"""Bare data channels from several processes into one, from memory to memory.

The stick beside one downloader and many stations: what the WebRTC library and the kernel
make of so many sending processes on one machine, with nothing of ours around them.
"""

import asyncio
import time
from pathlib import Path

import webrtc

from bench.pairs import hear, play, tell
from bench.wrtc_pair import (
    HIGH_WATER_OCTETS,
    LOW_WATER_OCTETS,
    MESSAGE,
    gathered,
    session_description,
)


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
    all_found = gathered(connection)
    await connection.set_local_description(await connection.create_offer())
    await all_found.wait()
    tell(session_description(connection))
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
        all_found = gathered(connection)
        await connection.set_local_description(await connection.create_answer())
        await all_found.wait()
        tell(session_description(connection))
    began = time.perf_counter()
    await done.wait()
    tell(time.perf_counter() - began)
    await hear()
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    play(send, receive)
