"""The air between several Dire Wolf processes: what one sends, the others hear, 20 ms at a time.

Run as a program, in a process of its own so that nothing else delays it:

    air_mixer.py DIRECTORY NOISE SPEED NAME:PORT... [-- DEAF:TO ...]

Each NAME sends into the FIFO ``DIRECTORY/NAME.fifo`` and hears datagrams at PORT. A station
that sends hears nothing (half duplex); a DEAF one never hears TO. What a NAME has not sent when
its process ends is never sent, as with a sound card. On a busy machine the air waits for who
is behind with hearing, but for one called ``ear``: datagrams would be lost. What it was held up
itself it makes up for a little only: who sends has no more than a FIFO ahead of it, and a gap
would be heard. NOISE is the
amplitude of white noise beside signals of 2317. SPEED is how many seconds pass here in one of
the world's.
"""

import os
import socket
import sys
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
BLOCK = 960
GAIN = 0.1
"""Leaves room for noise."""

BACKLOG_OCTETS_MAX = 8 * 1024 * 1024

BEHIND_BLOCKS_MAX = 10
"""A third of what a FIFO holds."""

EAR = "ear"
UNHEARD_OCTETS_MAX = 64 * 1024
"""In a socket, with what the kernel adds: a third of what it takes."""

SOCKETS = Path("/proc/net/udp")


class Pace:
    """When the next block is due, on any clock.

    Args:
        block_s: from one to the next.
        now: the first one's time.
    """

    def __init__(self, block_s: float, *, now: float) -> None:
        self._block_s = block_s
        self._due = now

    def wait_s(self, *, now: float) -> float:
        """How long to wait with the next block, after this one."""
        self._due = max(self._due, now - BEHIND_BLOCKS_MAX * self._block_s) + self._block_s
        return max(0.0, self._due - now)


def main(arguments: list[str]) -> None:
    """Mix until killed."""
    directory, noise, speed, *others = arguments
    named, _, deaf = " ".join(others).partition("--")
    ports = {name: int(port) for name, port in (word.split(":") for word in named.split())}
    cannot_hear = {tuple(pair.split(":")) for pair in deaf.split()}
    fifos = {
        name: os.open(Path(directory) / f"{name}.fifo", os.O_RDONLY | os.O_NONBLOCK)
        for name in ports
    }
    backlog = dict.fromkeys(ports, b"")
    rng = np.random.default_rng(1)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sys.stdout.write("mixing\n")
    sys.stdout.flush()
    waited_for = {port for name, port in ports.items() if name != EAR}
    block_s = BLOCK / RATE_HZ / float(speed)
    pace = Pace(block_s, now=time.monotonic())
    while True:
        for name in ports:
            found, ended = _read(fifos[name], BACKLOG_OCTETS_MAX - len(backlog[name]))
            backlog[name] = b"" if ended else backlog[name] + found
        sent = {name: _next_block(backlog, name) for name in ports if backlog[name]}
        while _unheard(waited_for) > UNHEARD_OCTETS_MAX:
            time.sleep(block_s / 4)
        for name, port in ports.items():
            heard = float(noise) * rng.standard_normal(BLOCK, np.float32)
            audible = [one for one in sent if name not in sent and (name, one) not in cannot_hear]
            for other in audible:
                heard += GAIN * sent[other]
            samples = heard.clip(-32768, 32767).astype("<i2").tobytes()
            sender.sendto(samples, ("127.0.0.1", port))
        time.sleep(pace.wait_s(now=time.monotonic()))


def _unheard(ports: Collection[int]) -> int:
    """What waits in the socket at one of these ports, the most."""
    waiting = 0
    for line in SOCKETS.read_text(encoding="ascii").splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) in ports:
            waiting = max(waiting, int(queues.rpartition(":")[2], 16))
    return waiting


def _next_block(backlog: dict[str, bytes], name: str) -> npt.NDArray[np.float64]:
    octets, backlog[name] = backlog[name][: 2 * BLOCK], backlog[name][2 * BLOCK :]
    samples = np.frombuffer(octets[: len(octets) // 2 * 2], dtype="<i2").astype(float)
    return np.pad(samples, (0, BLOCK - len(samples)))


def _read(fifo: int, room: int) -> tuple[bytes, bool]:
    """What there is, and whether nobody is there to send more."""
    found = b""
    try:
        while len(found) < room:
            octets = os.read(fifo, 1 << 16)
            if not octets:
                return found, True
            found += octets
    except BlockingIOError:
        pass
    return found, False


if __name__ == "__main__":
    main(sys.argv[1:])
