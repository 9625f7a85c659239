"""Runs a program that must not outlive the station, whatever becomes of the station.

Run as a program; it imports nothing of meshdl, so that it is small and starts at once:

    child_guard.py PROGRAM ARGUMENT...

Its standard input is a pipe whose other end only the station holds. Up to the first NUL comes
what the program gets on its own standard input. When the pipe ends, because the station has
closed it, was killed, or has crashed, the program is killed. On Linux the program is killed
with this guard, too. It ignores the signals of a terminal and of a polite end: they are for
the station, whose end it waits for.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_PR_SET_PDEATHSIG = 1
_READ_OCTETS = 4096


def _in_the_child() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:  # the guard died before that
        os._exit(1)


def _told() -> bytes:
    octets = b""
    while not octets.endswith(b"\0"):
        more = os.read(0, _READ_OCTETS)
        if not more:
            sys.exit(0)
        octets += more
    return octets[:-1]


def _outlive(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, _READ_OCTETS):
        pass
    child.kill()


def main(words: list[str]) -> int:
    """Guard until the program ends; its exit status."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    told = _told()
    # Its own thread is the only one yet, so that code may run between fork and exec.
    child = subprocess.Popen(  # noqa: S603 - the station's own words
        words,
        stdin=subprocess.PIPE,
        preexec_fn=_in_the_child,  # noqa: PLW1509
    )
    threading.Thread(target=_outlive, args=(child,), daemon=True).start()
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(told)
        child.stdin.close()
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
