"""What is sent on one socket.

A message goes to the transport at once, as a frame of our own making: a coroutine, a task and
a time-out for each would cost more than all the rest of a relay. What the reader has not taken
waits in the transport's buffer, and is watched: a reader that lets too much pile up, or takes
nothing of it for too long, loses its socket. So does whoever lets more pile up while too much waits
for all readers together: hundreds that read nothing would else have the memory of the machine.
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

SEND_WITHIN_S = 20.0
"""A reader that takes nothing of what waits for so long is gone, or means no good."""

CLOSE_WITHIN_S = 2.0

_TEXT = 0x81
"""First octet of a whole text message (RFC 6455, section 5.2)."""

_SHORT_MAX, _LENGTH_16, _LENGTH_64 = 125, 126, 127


def text_frame(text: str) -> bytes:
    """A whole text message as a server sends it: unmasked, in one frame."""
    octets = text.encode()
    size = len(octets)
    if size <= _SHORT_MAX:
        return struct.pack(">BB", _TEXT, size) + octets
    if size < 1 << 16:
        return struct.pack(">BBH", _TEXT, _LENGTH_16, size) + octets
    return struct.pack(">BBQ", _TEXT, _LENGTH_64, size) + octets


class Backlog:
    """What waits for all readers of one server that are watched.

    Attributes:
        octets: of it.
    """

    def __init__(self) -> None:
        self.octets = 0


class Outbox:
    """Sends in order, then closes.

    Args:
        socket: to close; what it sends by itself (pings, closing) are whole frames, too.
        transport: under it.
        start: takes the task that closes, to keep it.
        backlog: of all readers.
    """

    __slots__ = (
        "_backlog", "_closing", "_given", "_noted", "_socket", "_start", "_transport", "_watch"
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
        self._given = 0
        self._closing: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    def put(self, text: str) -> None:
        """Send a text."""
        transport = self._transport
        if self._closing is not None or self._socket.closed or transport.is_closing():
            return
        frame = text_frame(text)
        self._given += len(frame)
        transport.write(frame)
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
