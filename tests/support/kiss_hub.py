"""TNCs on one channel: a TCP server that passes KISS frames between its clients.

A frame takes its airtime, one at a time, and is heard by everybody else at its end. There are
no collisions: whoever comes second waits. What went over the channel is kept.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from meshdl.transports.modems.tnc import Waveform
from meshdl.wire import kiss

FAST = Waveform(name="fast packet", baud=921_600, audio_low_hz=0, audio_high_hz=4800)
"""What a whole station takes for its TNC: the real one of 9600 baud takes 20 s for 16 KiB."""


GONE_WITHIN_S = 10.0


class KissHub:
    """The channel.

    Attributes:
        port: on 127.0.0.1.
        heard: AX.25 frames in the order in which they ended.
        loses: whether a frame gets lost for everybody.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.loses: Callable[[bytes], bool] = lambda _: False
        self.port = 0
        self._clients: set[asyncio.StreamWriter] = set()
        self._sent: asyncio.Queue[tuple[asyncio.StreamWriter, bytes]] = asyncio.Queue()

    @property
    def clients(self) -> int:
        """How many TNCs are connected."""
        return len(self._clients)

    @property
    def airtime_s(self) -> float:
        """Of everything that was heard."""
        return sum(8 * len(frame) / FAST.baud for frame in self.heard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TNC."""
        self._clients.add(writer)
        decoder = kiss.Decoder(port=0)
        try:
            while octets := await reader.read(4096):
                for frame in decoder.feed(octets):
                    self._sent.put_nowait((writer, frame))
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
            self._clients.discard(writer)

    async def carry(self) -> None:
        """The air."""
        while True:
            sender, frame = await self._sent.get()
            await asyncio.sleep(8 * len(frame) / FAST.baud)
            self.heard.append(frame)
            if not self.loses(frame):
                self._send(self._clients - {sender}, frame)
            self._sent.task_done()

    async def silence(self) -> None:
        """Return when all have gone and what they sent has been on the air."""
        async with asyncio.timeout(GONE_WITHIN_S):
            while self._clients:
                await asyncio.sleep(0.005)
            await self._sent.join()

    def say(self, frame: bytes) -> None:
        """Somebody who is no client sends an AX.25 frame."""
        self._send(self._clients, frame)

    def _send(self, clients: Iterable[asyncio.StreamWriter], frame: bytes) -> None:
        for client in clients:
            # uvloop raises for a connection that was cut and is still in the set.
            if not client.is_closing():
                client.write(kiss.encode(frame))

    def hang_up(self) -> None:
        """All TNCs are switched off and on."""
        for client in self._clients:
            client.transport.abort()


@asynccontextmanager
async def kiss_hub() -> AsyncIterator[KissHub]:
    """A channel for as long as the block runs."""
    hub = KissHub()
    server = await asyncio.start_server(hub.serve, "127.0.0.1", 0)
    hub.port = server.sockets[0].getsockname()[1]
    carrying = asyncio.create_task(hub.carry())
    try:
        yield hub
    finally:
        # First of all: a server that stays open keeps uvloop from closing, and nobody sees why.
        server.close()
        carrying.cancel()
        with suppress(asyncio.CancelledError):
            await carrying
        # The stations have gone; a connection that is half open would outlive the loop.
        async with asyncio.timeout(GONE_WITHIN_S):
            while hub.clients:
                await asyncio.sleep(0.005)
