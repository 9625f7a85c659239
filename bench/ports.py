"""Ports for servers of our own that must know theirs before they listen."""

import socket
from random import SystemRandom

PORTS = range(20_000, 32_000)
"""Below those that the system gives away by itself (32768 on, on Linux): one that is free now
is not taken by a connection of somebody else meanwhile. Dire Wolf takes none above 49151."""

_SYSTEM = SystemRandom()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """One of the loopback address that nobody has now."""
    while True:
        port = _SYSTEM.choice(PORTS)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
