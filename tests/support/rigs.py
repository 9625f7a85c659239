"""Hamlib's dummy rig behind the real ``rigctld``."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from bench.ports import free_port
from tests.support.processes import until

RIGCTLD = shutil.which("rigctld")
needs_rigctld = pytest.mark.skipif(
    RIGCTLD is None, reason="rigctld is missing; on Debian: apt-get install libhamlib-utils"
)

ANSWERS_WITHIN_S = 20.0


@contextmanager
def dummy_rig(*, ptt: bool = True, port: int | None = None) -> Iterator[int]:
    """Run one, at a port of its own if none is given; yields it.

    Without ``ptt`` it refuses to be keyed.
    """
    assert RIGCTLD is not None
    port = port or free_port()
    options = ["-P", "RIG"] if ptt else []
    with (
        subprocess.Popen([RIGCTLD, "-m", "1", *options, "-T", "127.0.0.1", "-t", str(port)]) as rig,
        ExitStack() as held,
    ):
        try:
            # One of us stays: when the last one leaves, rigctld closes the rig, and hangs up
            # on who comes meanwhile.
            until(lambda: _stays(port, held), "rigctld answers")
            yield port
        finally:
            rig.kill()


def _stays(port: int, held: ExitStack) -> bool:
    """Whether it has answered on a connection that is now held open."""
    try:
        connection = held.enter_context(_connected(port))
        return _said(connection, b"f\n") != b""
    except ConnectionError:
        return False


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), ANSWERS_WITHIN_S)


def _said(connection: socket.socket, command: bytes) -> bytes:
    """Its answer of one line; nothing if it has hung up."""
    answer = b""
    try:
        connection.sendall(command)
        while not answer.endswith(b"\n") and (octets := connection.recv(64)):
            answer += octets
    except ConnectionError:
        return b""
    return answer


def keyed(port: int) -> bool:
    """Whether the rig transmits, asked over a connection of our own.

    Asked again where rigctld hangs up: it does so when it meets a client that was killed.
    """
    answer = b""

    def answered() -> bool:
        nonlocal answer
        with _connected(port) as connection:
            answer = _said(connection, b"t\n")
        return answer != b""

    until(answered, "rigctld answers")
    assert answer in {b"0\n", b"1\n"}
    return answer == b"1\n"
