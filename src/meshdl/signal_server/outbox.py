"""What waits to be sent on one socket.

Sending may block on a slow reader, so each socket has an outbox, and a task only while
there is something in it: ten thousand idle sockets need no task. A reader that lets too much
pile up loses its socket.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import ClientConnectionResetError, WSCloseCode, web

OUTBOX_MAX = 4 * 1024 * 1024
"""Characters that may wait: some hundred descriptions, or all members of many rooms."""

SEND_WITHIN_S = 20.0
"""For one message: a reader that takes none for so long is gone, or means no good."""

CLOSE_WITHIN_S = 2.0


class Outbox:
    """Sends in order, then closes.

    Args:
        socket: to send on.
        transport: under it.
        start: takes each task, to keep it.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        start: Callable[["asyncio.Task[None]"], object],
    ) -> None:
        self._socket, self._transport, self._start = socket, transport, start
        self._texts: deque[str] = deque()
        self._waiting = 0
        self._sending: asyncio.Task[None] | None = None
        self._closing: str | None = None

    def put(self, text: str) -> None:
        """Send a text, now or later."""
        if self._closing is not None:
            return
        self._waiting += len(text)
        if self._waiting > OUTBOX_MAX:
            # Words would wait behind the rest.
            self._closing = "it does not read what is sent to it"
            self._texts.clear()
            self._transport.abort()
            return
        self._texts.append(text)
        self._wake()

    def close(self, reason: str) -> None:
        """Send what waits, then close."""
        if self._closing is None:
            self._closing = reason
            self._wake()

    def _wake(self) -> None:
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())
            self._start(self._sending)

    async def _send(self) -> None:
        try:
            while self._texts:
                text = self._texts.popleft()
                self._waiting -= len(text)
                async with asyncio.timeout(SEND_WITHIN_S):
                    await self._socket.send_str(text)
            if self._closing is not None:
                reason = self._closing.encode()[:100]
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await self._socket.close(code=WSCloseCode.GOING_AWAY, message=reason)
        except (ClientConnectionResetError, ConnectionError, TimeoutError):
            self._texts.clear()
            self._transport.abort()
        finally:
            self._sending = None
