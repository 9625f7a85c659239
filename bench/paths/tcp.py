"""The measuring stick: one TCP connection with the cubic congestion control.

``python -m bench.paths.tcp send PORT SECONDS`` writes ``"listening"``, then sends to whoever
connects; ``… receive ADDRESS PORT`` writes one JSON line ``[seconds since 1970, octets so
far]`` for every tenth of a second in which something came.
"""

import json
import socket
import sys
import time

BLOCK = bytes(65536)
EVERY_S = 0.1


def send(port: int, seconds: float) -> None:
    """Serve one connection for so long."""
    with socket.create_server(("", port)) as server:
        print(json.dumps("listening"), flush=True)
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                connection.sendall(BLOCK)


def receive(address: str, port: int) -> None:
    """Take it all."""
    octets, told_at = 0, time.time()
    with socket.create_connection((address, port)) as connection:
        while block := connection.recv(1 << 20):
            octets += len(block)
            if (at := time.time()) - told_at >= EVERY_S:
                told_at = at
                print(json.dumps([at, octets]), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(int(sys.argv[2]), float(sys.argv[3]))
    else:
        receive(sys.argv[2], int(sys.argv[3]))
