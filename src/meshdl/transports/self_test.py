"""Does WebRTC work on this machine at all? Two connections in one process try it.

For ``meshdl doctor``: it tells a broken installation or a firewall between a machine
and itself from a network where there is merely nobody.
"""

import asyncio

import webrtc

from meshdl.errors import LinkError
from meshdl.transports import warp

SELF_TEST_TIMEOUT_S = 5.0
"""It takes 70 ms on a desktop; a Raspberry Pi under load gets a minute's worth of that."""

_GREETING = "meshdl self-test"


async def exchange_a_message(*, loopback: bool = False) -> float:
    """Connect to ourselves over a data channel, send a message and get it back.

    Args:
        loopback: use 127.0.0.1 too. Decided once in a process, by the first connection.

    Returns:
        How long it took, in seconds.

    Raises:
        LinkError: no message came back; the text says what to look at.
    """
    warp.set_up(loopback=loopback)
    started_at = asyncio.get_running_loop().time()
    dialler, answerer = webrtc.RTCPeerConnection(), webrtc.RTCPeerConnection()
    try:
        async with asyncio.timeout(SELF_TEST_TIMEOUT_S):
            await _echo(dialler, answerer)
    except TimeoutError as error:
        raise LinkError(
            f"two connections on this machine did not meet within {SELF_TEST_TIMEOUT_S:g} s; "
            "let UDP from this machine to its own addresses through the firewall"
        ) from error
    except webrtc.RTCError as error:
        raise LinkError(f"the WebRTC library failed ({error}); reinstall meshdl") from error
    finally:
        dialler.close()
        answerer.close()
    return asyncio.get_running_loop().time() - started_at


async def _echo(dialler: webrtc.RTCPeerConnection, answerer: webrtc.RTCPeerConnection) -> None:
    back: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(event: webrtc.MessageEvent) -> None:
        if event.data == _GREETING and not back.done():
            back.set_result(None)

    def joined(event: webrtc.RTCDataChannelEvent) -> None:
        channel = event.channel
        channel.on("message", lambda message: channel.send(message.data))

    answerer.on("datachannel", joined)
    channel = dialler.create_data_channel("self-test")
    channel.on("message", heard)
    channel.on("open", lambda _: channel.send(_GREETING))
    await _gathered(dialler, await dialler.create_offer())
    assert dialler.local_description is not None
    await answerer.set_remote_description(dialler.local_description)
    await _gathered(answerer, await answerer.create_answer())
    assert answerer.local_description is not None
    await dialler.set_remote_description(answerer.local_description)
    await back


async def _gathered(
    connection: webrtc.RTCPeerConnection, description: webrtc.RTCSessionDescriptionInit
) -> None:
    """Set the local description, and wait until it has all its candidates."""
    complete = asyncio.Event()

    def candidate_found(event: webrtc.RTCPeerConnectionIceEvent) -> None:
        if event.candidate is None:
            complete.set()

    connection.on("icecandidate", candidate_found)
    await connection.set_local_description(description)
    await complete.wait()
