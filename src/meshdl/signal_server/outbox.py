"""What is sent on one socket.

A message goes to the transport as a frame of our own making: a coroutine, a task and a time-out
for each would cost more than all the rest of a relay. Nor does each have a system call of its own,
which would be a third of a relay: what is put into an outbox in one turn of the event loop goes to
its transport at the end of the turn, in one piece.

What the reader has not taken waits in the transport's buffer, and is watched: a reader that lets
too much pile up, or takes nothing of it for too long, loses its socket. So does whoever lets more
pile up while too much waits for all readers together: hundreds that read nothing would else have
the memory of the machine.
"""

import asyncio
import struct
from collections.abc import Callable

from aiohttp import WSCloseCode, web

OUTBOX_MAX = 4 * 1024 * 1024
"""Octets that may wait: some hundred descriptions, or all members of many rooms."""

WATCHED_FROM = 64 * 1024
"""Octets that may wait unwatched: the longest message is on its way to a slow reader."""

BACKLOG_MAX = 128 * 1024 * 1024
"""Octets that may wait for all readers together, of which those count that are watched."""

GATHERED_MAX = 256 * 1024
"""Octets for all readers together that wait for the end of a turn: some milliseconds' work."""

SEND_WITHIN_S = 20.0
"""A reader that takes nothing of what waits for so long is gone, or means no good."""

CLOSE_WITHIN_S = 2.0

_TEXT = 0x81
"""First octet of a whole text message (RFC 6455, section 5.2)."""

_SHORT_MAX, _LENGTH_16, _LENGTH_64 = 125, 126, 127
_head_16, _head_64 = struct.Struct(">BBH").pack, struct.Struct(">BBQ").pack


def text_frame(text: str) -> bytes:
    """A whole text message as a server sends it: unmasked, in one frame."""
    octets = text.encode()
    size = len(octets)
    if size <= _SHORT_MAX:
        return bytes((_TEXT, size)) + octets
    if size < 1 << 16:
        return _head_16(_TEXT, _LENGTH_16, size) + octets
    return _head_64(_TEXT, _LENGTH_64, size) + octets


class Backlog:
    """What waits for all readers of one server.

    Attributes:
        octets: in the transports of those that are watched.
    """

    def __init__(self) -> None:
        self.octets = 0
        self._gathering: dict[Outbox, None] = {}
        self._gathered_octets = 0

    def gather(self, box: "Outbox", octets: int) -> None:
        """So many more are in an outbox: it sends them before the loop waits for anything."""
        if not self._gathering:
            asyncio.get_running_loop().call_soon(self.send)
        self._gathering[box] = None
        self._gathered_octets += octets
        if self._gathered_octets > GATHERED_MAX:
            self.send()

    def send(self) -> None:
        """Have all send what they gathered."""
        gathering, self._gathering, self._gathered_octets = self._gathering, {}, 0
        for box in gathering:
            box.send()


class Outbox:
    """Sends in order, then closes.

    Args:
        socket: to close; what it sends by itself (pings, closing) are whole frames, too.
        transport: under it.
        start: takes the task that closes, to keep it.
        backlog: of all readers.
    """

    __slots__ = (
        "_backlog", "_closing", "_frames", "_given", "_noted", "_socket", "_start", "_transport",
        "_watch",
    )  # fmt: skip

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        start: Callable[["asyncio.Task[None]"], object],
        backlog: Backlog,
    ) -> None:
        self._backlog, self._noted = backlog, 0
        self._socket, self._transport, self._start = socket, transport, start
        self._frames: list[bytes] = []
        self._given = 0
        self._closing: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    def put(self, text: str) -> None:
        """Send a text, at the end of this turn at the latest."""
        if self._closing is None:
            frame = text_frame(text)
            self._frames.append(frame)
            self._backlog.gather(self, len(frame))

    def send(self) -> None:
        """Give the transport what was put in."""
        transport, frames = self._transport, self._frames
        self._frames = []
        if not frames or self._socket.closed or transport.is_closing():
            return
        octets = b"".join(frames)
        self._given += len(octets)
        transport.write(octets)
        waiting = transport.get_write_buffer_size()
        if waiting <= WATCHED_FROM and not self._noted:
            return  # as nearly always
        self._note(waiting)
        if waiting > OUTBOX_MAX or (self._noted and self._backlog.octets > BACKLOG_MAX):
            self._abort()
        elif self._noted and self._watch is None:
            self._look_again(waiting)

    def close(self, reason: str) -> None:
        """Close behind what waits."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(reason))
            self._start(self._closing)

    async def settled(self) -> None:
        """Return when it is closed, if it is being closed.

        Whoever ends the connection sooner, while the other end still sends, takes from it what
        it was told last: why (TCP answers with a reset).
        """
        if self._closing is not None:
            await asyncio.wait({self._closing})
        self._forget()

    def _note(self, waiting: int) -> None:
        """Keep count of what waits, if it is worth watching."""
        watched = waiting if waiting > WATCHED_FROM else 0
        self._backlog.octets += watched - self._noted
        self._noted = watched

    def _forget(self) -> None:
        self._note(0)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _abort(self) -> None:
        self._forget()
        self._transport.abort()

    def _look_again(self, waiting: int) -> None:
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(SEND_WITHIN_S, self._look, self._given - waiting)

    def _look(self, taken_before: int) -> None:
        self._watch = None
        waiting = self._transport.get_write_buffer_size()
        self._note(waiting)
        if self._transport.is_closing() or waiting == 0:
            return
        if self._given - waiting <= taken_before:
            self._abort()
        else:
            self._look_again(waiting)

    async def _close(self, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                message = reason.encode()[:100]
                await self._socket.close(code=WSCloseCode.GOING_AWAY, message=message)
        except (ConnectionError, TimeoutError):
            self._abort()
