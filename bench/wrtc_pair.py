"""A data channel of our WebRTC library with nothing around it, from memory to memory.

Everything that a station adds (requests, hashes, disk) is missing: what a station reaches
of this is what meshdl costs.
"""

import asyncio
import time
from pathlib import Path

import webrtc

from bench.pairs import MESSAGE_OCTETS, hear, play, tell

MESSAGE = bytes(MESSAGE_OCTETS)
HIGH_WATER_OCTETS, LOW_WATER_OCTETS = 1 << 20, 256 << 10


async def send(octets: int, _directory: Path) -> None:
    """Offer, fill the channel until everything is out."""
    connection = webrtc.RTCPeerConnection()
    channel = connection.create_data_channel("bare")
    channel.buffered_amount_low_threshold = LOW_WATER_OCTETS
    left = octets // len(MESSAGE)

    def pump(_event: object) -> None:
        nonlocal left
        while left and channel.buffered_amount < HIGH_WATER_OCTETS:
            channel.send(MESSAGE)
            left -= 1

    channel.on("open", pump)
    channel.on("bufferedamountlow", pump)
    all_found = gathered(connection)
    await connection.set_local_description(await connection.create_offer())
    await all_found.wait()
    tell(session_description(connection))
    await connection.set_remote_description(
        webrtc.RTCSessionDescriptionInit(type="answer", sdp=await hear())
    )
    await hear()
    connection.close()


async def receive(octets: int, _directory: Path) -> None:
    """Answer, count what arrives."""
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
    await connection.set_remote_description(
        webrtc.RTCSessionDescriptionInit(type="offer", sdp=await hear())
    )
    all_found = gathered(connection)
    await connection.set_local_description(await connection.create_answer())
    await all_found.wait()
    tell(session_description(connection))
    await done.wait()
    tell(time.perf_counter() - began)
    await hear()
    connection.close()


def gathered(connection: webrtc.RTCPeerConnection) -> asyncio.Event:
    """Set when all candidates are found."""
    all_found = asyncio.Event()

    def found(event: webrtc.RTCPeerConnectionIceEvent) -> None:
        if event.candidate is None:
            all_found.set()

    connection.on("icecandidate", found)
    return all_found


def session_description(connection: webrtc.RTCPeerConnection) -> str:
    """Ours, with what was gathered."""
    assert connection.local_description is not None
    return str(connection.local_description.sdp)


if __name__ == "__main__":
    play(send, receive)
