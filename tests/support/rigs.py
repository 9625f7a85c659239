"""Hamlib's dummy rig behind the real ``rigctld``."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.support.processes import until

RIGCTLD = shutil.which("rigctld")
needs_rigctld = pytest.mark.skipif(
    RIGCTLD is None, reason="rigctld is missing; on Debian: apt-get install libhamlib-utils"
)


def free_port() -> int:
    """A TCP port of the loopback address that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def dummy_rig(*, ptt: bool = True, port: int | None = None) -> Iterator[int]:
    """Run one, at a port of its own if none is given; yields it.

    Without ``ptt`` it refuses to be keyed.
    """
    assert RIGCTLD is not None
    port = port or free_port()
    options = ["-P", "RIG"] if ptt else []
    with subprocess.Popen(
        [RIGCTLD, "-m", "1", *options, "-T", "127.0.0.1", "-t", str(port)]
    ) as rig:
        try:
            until(lambda: answers(port), "rigctld listens")
            yield port
        finally:
            rig.kill()


def answers(port: int) -> bool:
    """Whether something listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def keyed(port: int) -> bool:
    """Whether the rig transmits, asked over a connection of our own."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"t\n")
        return connection.recv(64).strip() == b"1"
