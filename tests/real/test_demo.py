"""The demo, which is the first thing that anybody runs: told to its end, and nothing left."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

WITHIN_S = 250.0
MARK = "MESHDL_TEST_OF_THE_DEMO"


def test_the_demo_tells_who_gave_what_and_leaves_nothing(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "meshdl", "demo", "--size", "30"],
        env=os.environ | {"TMPDIR": str(tmp_path), MARK: str(tmp_path)},
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    steps = [
        "Starting three stations: KA1AAA, KA1BBB, KA1CCC. No server, no Internet.",
        "KA1AAA shares 'County emergency net'",
        "KA1AAA is killed.",
        "Both copies are verified against the original, file by file.",
    ]
    places = [ran.stdout.index(step) for step in steps]
    assert places == sorted(places)
    heading, *rows = ran.stdout[places[-1] :].partition("STATION")[2].splitlines()
    assert re.search(r"FROM KA1AAA .*RATE +DUPLICATES", heading)
    assert [row.split()[0] for row in rows[:2]] == ["KA1BBB", "KA1CCC"]
    assert list(tmp_path.iterdir()) == []
    assert still_running(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_demo_that_is_ended_leaves_nothing_either(number: str, tmp_path: Path) -> None:
    ends_by = signal.Signals[number]
    with subprocess.Popen(
        [sys.executable, "-m", "meshdl", "demo", "--size", "30"],
        env=os.environ | {"TMPDIR": str(tmp_path), MARK: str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as ran:  # fmt: skip
        assert ran.stdout is not None
        try:
            assert any("KA1AAA shares" in line for line in ran.stdout)
            assert len(still_running(tmp_path)) >= 4
            ran.send_signal(ends_by)
            _, said = ran.communicate(timeout=WITHIN_S)
        finally:
            ran.kill()
    assert (ran.returncode, said) == (128 + ends_by, "")
    assert list(tmp_path.iterdir()) == []
    assert still_running(tmp_path) == []


def still_running(mark: Path) -> list[str]:
    """Processes that have our mark in their environment."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (directory / "environ").read_bytes().split(b"\0"):
                found.append((directory / "cmdline").read_text())
        except OSError:
            continue  # it has ended meanwhile, or is another user's
    return found
