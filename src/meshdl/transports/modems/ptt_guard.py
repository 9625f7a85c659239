"""A child process that drops PTT when the station cannot: killed, or stuck with it on.

Run as a program; it imports nothing of meshdl, so that it is small and starts at once. Its
standard input is a pipe whose other end only the station holds:

    key SECONDS     the transmitter is on, and will be off within so many seconds
    unkey           it is off

When the pipe ends while PTT is on, or the time is over, the guard sends ``T 0`` to
``rigctld`` over a connection of its own, until that says yes. It ignores the signals of a
terminal and of a polite end: they are for the station, whose end it waits for.
"""

import queue
import signal
import socket
import sys
import threading
import time

TRIES = 20
TRY_EVERY_S = 0.5
REPLY_WITHIN_S = 3.0
_REPLY_OCTETS_MAX = 64


def drop_ptt(host: str, port: int) -> bool:
    """Send ``T 0`` until it is done; whether it was."""
    for _ in range(TRIES):
        try:
            with socket.create_connection((host, port), REPLY_WITHIN_S) as connection:
                connection.settimeout(REPLY_WITHIN_S)
                connection.sendall(b"T 0\n")
                if connection.recv(_REPLY_OCTETS_MAX).startswith(b"RPRT 0"):
                    return True
        except OSError:
            pass
        time.sleep(TRY_EVERY_S)
    return False


def _read(lines: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put("")


def main(host: str, port: int) -> int:
    """Guard until the pipe ends; 1 when PTT may still be on."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    # The station waits for this: signals are ignored from here on.
    print("ready", flush=True)  # noqa: T201 - a program's answer
    off_at: float | None = None
    while True:
        try:
            left_s = None if off_at is None else max(0.0, off_at - time.monotonic())
            line = lines.get(timeout=left_s)
        except queue.Empty:
            line, off_at = "overdue", None
            drop_ptt(host, port)
        word, _, seconds = line.partition(" ")
        match word.strip():
            case "key":
                off_at = time.monotonic() + float(seconds)
            case "unkey":
                off_at = None
            case "":
                return 0 if off_at is None or drop_ptt(host, port) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
