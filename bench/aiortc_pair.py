"""A data channel of aiortc, WebRTC in Python, with nothing around it."""

import asyncio
import time
from pathlib import Path

from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from bench.pairs import hear, play, tell

MESSAGE = bytes(65_536)
HIGH_WATER_OCTETS, LOW_WATER_OCTETS = 1 << 20, 256 << 10


async def send(octets: int, _directory: Path) -> None:
    """Offer, fill the channel until everything is out."""
    connection = RTCPeerConnection()
    channel = connection.createDataChannel("bare")
    channel.bufferedAmountLowThreshold = LOW_WATER_OCTETS
    left = octets // len(MESSAGE)

    def pump() -> None:
        nonlocal left
        while left and channel.bufferedAmount < HIGH_WATER_OCTETS:
            channel.send(MESSAGE)
            left -= 1

    channel.on("open", pump)
    channel.on("bufferedamountlow", pump)
    await connection.setLocalDescription(await connection.createOffer())
    tell(connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(await hear(), "answer"))
    await hear()
    await connection.close()


async def receive(octets: int, _directory: Path) -> None:
    """Answer, count what arrives."""
    connection = RTCPeerConnection()
    wanted, got, began = octets // len(MESSAGE), 0, 0.0
    done = asyncio.Event()

    def heard(_message: bytes) -> None:
        nonlocal got, began
        if not got:
            began = time.perf_counter()
        got += 1
        if got == wanted:
            done.set()

    def opened(channel: RTCDataChannel) -> None:
        channel.on("message", heard)

    connection.on("datachannel", opened)
    await connection.setRemoteDescription(RTCSessionDescription(await hear(), "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    tell(connection.localDescription.sdp)
    await done.wait()
    tell(time.perf_counter() - began)
    await hear()
    await connection.close()


if __name__ == "__main__":
    play(send, receive)
