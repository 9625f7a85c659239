"""Skips in CI, in a pytest of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

SKIPPED = "import pytest\ndef test_it() -> None:\n    pytest.skip('no radio')\n"
MARKED = "import pytest\n@pytest.mark.skipif(True, reason='no radio')\ndef test_it(): ...\n"
WHOLE_MODULE = "import pytest\npytest.skip('no radio', allow_module_level=True)\n"
EXPECTED_TO_FAIL = (
    "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it():\n    assert False\n"
)
PASSING = "import time\ndef test_it():\n    time.sleep(0.02)\n"


def run(directory: Path, test: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(test)
    (directory / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.no_excuses", "-q"],
        cwd=directory, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("test", [SKIPPED, MARKED, WHOLE_MODULE])
def test_a_skip_fails_in_ci_and_says_why(tmp_path: Path, test: str) -> None:
    done = run(tmp_path, test, ci="1")
    assert done.returncode in {1, 2}
    assert "in CI nothing may be skipped" in done.stdout
    assert "no radio" in done.stdout


@pytest.mark.parametrize("test", [SKIPPED, MARKED])
def test_a_skip_is_a_skip_elsewhere(tmp_path: Path, test: str) -> None:
    done = run(tmp_path, test, ci="")
    assert done.returncode == 0
    assert "1 skipped" in done.stdout


def test_an_expected_failure_stays_one(tmp_path: Path) -> None:
    done = run(tmp_path, EXPECTED_TO_FAIL, ci="1")
    assert done.returncode == 0
    assert "1 xfailed" in done.stdout


def test_the_slowest_tests_are_told(tmp_path: Path) -> None:
    assert "slowest 10 durations" in run(tmp_path, PASSING, ci="1").stdout
