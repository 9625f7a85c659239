"""What `make test` runs in: a network and processes of its own, and nothing left of them."""

import os
import secrets
import signal
import subprocess
from pathlib import Path

import pytest
from tests.support.netns import need_namespaces
from tests.support.processes import until

pytestmark = pytest.mark.real

ISOLATED = Path(__file__).parents[2] / "tools" / "isolated"


def isolated(program: str) -> list[str]:
    return [str(ISOLATED), "sh", "-c", program]


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_the_status_is_that_of_the_command() -> None:
    assert subprocess.run(isolated("exit 7"), check=False).returncode == 7


def test_nobody_else_is_there() -> None:
    need_namespaces()
    names = {line.split()[0].partition("@")[0] for line in said("ip -br link").splitlines()}
    assert names == {"lo", "lan", "cable"}
    assert "10.74.0.1/24" in said("ip -br -4 addr")
    processes = [word for word in said("ls /proc").split() if word.isdecimal()]
    assert len(processes) < 5


def said(program: str) -> str:
    return subprocess.run(isolated(program), capture_output=True, text=True, check=True).stdout


def test_nothing_is_left_of_what_is_killed() -> None:
    need_namespaces()
    mark = f"6000.{secrets.randbelow(10**9):09}"
    with subprocess.Popen(isolated(f"sleep {mark} & wait"), start_new_session=True) as running:
        until(lambda: runs(mark), "it has begun")
        running.send_signal(signal.SIGKILL)
    until(lambda: not runs(mark), "all of it is gone")


def runs(mark: str) -> bool:
    return any(b"sleep\0" + mark.encode() in words for words in _words_of_all())


def _words_of_all() -> list[bytes]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes())
        except OSError:
            continue  # it has just ended
    return found
