"""The process that ends a program when nobody wants it any more."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.processes import until

from meshdl.transports.modems import child_guard

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform == "win32", reason="Dire Wolf is no child on Windows"),
]

TELL_ITS_PID = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600)"


@contextmanager
def guarded(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-IS", child_guard.__file__, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guard:
        try:
            yield guard
        finally:
            guard.kill()


def sleeper(guard: subprocess.Popen[bytes]) -> int:
    assert guard.stdin is not None
    assert guard.stdout is not None
    guard.stdin.write(b"\0")
    guard.stdin.flush()
    return int(guard.stdout.readline())


def runs(pid: int) -> bool:
    if Path("/proc/self").exists():
        try:
            # One that has ended and is not yet waited for has no words.
            return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_program_gets_what_it_is_told_and_its_status_is_the_guard_s() -> None:
    echo = "import sys; print(sys.stdin.read()); sys.exit(7)"
    with guarded(sys.executable, "-c", echo) as guard:
        assert guard.stdin is not None
        assert guard.stdout is not None
        guard.stdin.write(b"two\nlines\0")
        guard.stdin.flush()
        assert guard.stdout.read() == b"two\nlines\n"
        assert guard.wait(20) == 7


def test_the_program_is_killed_when_the_pipe_ends() -> None:
    with guarded(sys.executable, "-c", TELL_ITS_PID) as guard:
        pid = sleeper(guard)
        assert guard.stdin is not None
        guard.stdin.close()
        assert guard.wait(20) == 128 + signal.SIGKILL
        assert not runs(pid)


def test_polite_signals_are_for_the_station() -> None:
    with guarded(sys.executable, "-c", TELL_ITS_PID) as guard:
        pid = sleeper(guard)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            guard.send_signal(number)
        assert guard.poll() is None
        assert runs(pid)
        assert guard.stdin is not None
        guard.stdin.close()
        assert guard.wait(20) == 128 + signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of that")
def test_the_program_is_killed_with_the_guard() -> None:
    with guarded(sys.executable, "-c", TELL_ITS_PID) as guard:
        pid = sleeper(guard)
        guard.kill()
        guard.wait(20)
        until(lambda: not runs(pid), "the program is gone")


def test_a_station_that_is_gone_before_it_said_anything_starts_nothing() -> None:
    with guarded(sys.executable, "-c", TELL_ITS_PID) as guard:
        output, _ = guard.communicate(timeout=20)
        assert (output, guard.returncode) == (b"", 0)
