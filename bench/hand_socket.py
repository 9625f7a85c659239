"""A WebSocket of which frames are made and read by hand: cheaper than any library."""

import asyncio
import base64
import os
import struct
from typing import cast

# RFC 6455, 5.2: the first octet of a whole text message, and what the second may say.
TEXT, MASKED, LENGTH_16, LENGTH_16_MAX = b"\x81", 0x80, 126, 0xFFFF
PING, PONG = b"\x89", b"\x8a"


class HandSocket(asyncio.Protocol):
    """One socket, from the request to the end; :meth:`heard` takes each text.

    Args:
        host: name of the server, and port.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self._octets = b""
        self._upgraded = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /v1 HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        self._transport.write(head.encode())

    def data_received(self, octets: bytes) -> None:
        """Take whole frames."""
        octets = self._octets + octets
        if not self._upgraded:
            head, found, octets = octets.partition(b"\r\n\r\n")
            if not found:
                self._octets = head
                return
            assert b" 101 " in head, head
            self._upgraded = True
            self.opened()
        at = 0
        while len(octets) - at >= 2:
            length, header = octets[at + 1], 2
            if length == LENGTH_16:
                if len(octets) - at < 4:
                    break
                length, header = int.from_bytes(octets[at + 2 : at + 4], "big"), 4
            end = at + header + length
            if len(octets) < end:
                break
            self._take(octets[at], octets[at + header : end])
            at = end
        self._octets = octets[at:]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == TEXT[0]:
            self.heard(payload)
        elif kind == PING[0]:
            self.write(frame(payload, PONG))

    def opened(self) -> None:
        """The server speaks WebSocket."""

    def heard(self, text: bytes) -> None:
        """Take one text."""
        raise NotImplementedError

    def write(self, octets: bytes) -> None:
        """Send a frame; nobody minds if the other end is gone."""
        if not self._transport.is_closing():
            self._transport.write(octets)

    def is_closing(self) -> bool:
        """Whether it ends, or has ended."""
        return self._transport.is_closing()

    def close(self) -> None:
        """End it."""
        self._transport.close()


def frame(octets: bytes, kind: bytes = TEXT) -> bytes:
    """A text message as a client sends it, masked with zeros; or another frame."""
    size = len(octets)
    assert size <= LENGTH_16_MAX
    short = size < LENGTH_16
    length = bytes([MASKED | size]) if short else struct.pack(">BH", MASKED | LENGTH_16, size)
    return kind + length + bytes(4) + octets
