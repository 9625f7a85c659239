"""The line to a TNC that speaks KISS over TCP: Dire Wolf, and many others."""

import asyncio
import socket

from meshdl.transports.modems.kiss_modem import Line

UNANSWERED_MS = 20_000
"""A host that vanished, noticed by octets it does not acknowledge."""

KEEPALIVE_AFTER_S = 30
KEEPALIVE_EVERY_S = 5
KEEPALIVES = 3
"""A host that vanished while nothing is sent."""

SEND_BUFFER_OCTETS = 4096
"""The kernel shall not hide from us that a TNC has stopped reading."""


def tcp_line(host: str, port: int) -> Line:
    """A line to ``host``; a name is looked up again each time."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(host, port)
        _prepare(writer.get_extra_info("socket"))
        return reader, writer

    return Line(f"{host}:{port}", connect)


def _prepare(connected: socket.socket) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_OCTETS)
    # Not every system has all of these.
    for name, value in (
        ("TCP_USER_TIMEOUT", UNANSWERED_MS),
        ("TCP_KEEPIDLE", KEEPALIVE_AFTER_S),
        ("TCP_KEEPINTVL", KEEPALIVE_EVERY_S),
        ("TCP_KEEPCNT", KEEPALIVES),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
