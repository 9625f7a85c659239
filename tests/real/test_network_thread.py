"""The real engine's network thread: how late its timers may be."""

import subprocess
import sys
from pathlib import Path

import pytest

from meshdl.transports.network_thread import LATE_NS_MAX

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="timers of Linux alone can wait"),
]

PROGRAM = """
import os
from meshdl.transports import network_thread

def late_ns(name):
    for task in os.scandir("/proc/self/task"):
        if open(f"{task.path}/comm").read().strip() == name:
            return int(open(f"/proc/{task.name}/timerslack_ns").read())
    raise SystemExit(f"there is no thread {name}")

for _ in range(2):  # without a connection the engine has no threads
    connection = network_thread.connection()
    print(late_ns("wrtc-network"))
    connection.close()
    del connection
"""


def test_the_engine_begins_its_network_thread_such_that_it_may_be_late() -> None:
    if not _may_look_at_threads():
        pytest.skip("the system tells it root only (CAP_SYS_NICE)")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(LATE_NS_MAX)] * 2


def _may_look_at_threads() -> bool:
    try:
        Path("/proc/1/timerslack_ns").read_text()
    except PermissionError:
        return False
    return True
