"""How `make test` runs tests side by side: none hears another, and one result at the end."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.netns import need_namespaces

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.name != "posix", reason="a shell script"),
]

RUN_TESTS = Path(__file__).parents[2] / "tools" / "run-tests"

WORLDS = """\
import os, pytest

@pytest.mark.parametrize("number", range(40))
def test_world(number, tmp_path_factory):
    world = tmp_path_factory.getbasetemp() / "world"
    world.write_text(os.readlink("/proc/self/ns/net"))
"""

ENDS_ITS_WORKER = "import os, signal\ndef test_end(): os.kill(os.getpid(), signal.SIGKILL)\n"


def test_each_worker_has_a_network_of_its_own(tmp_path: Path) -> None:
    need_namespaces()
    (tmp_path / "test_worlds.py").write_text(WORLDS)
    ran = run_tests(tmp_path, "--basetemp=base")
    assert (ran.returncode, "= 40 passed in" in ran.stdout) == (0, True), ran.stdout
    worlds = {path.read_text() for path in tmp_path.glob("base/*/world")}
    assert len(worlds) == len(os.sched_getaffinity(0)) * 3 // 2
    assert str(Path("/proc/self/ns/net").readlink()) not in worlds


@pytest.mark.parametrize(
    ("tests", "status", "closing"),
    [
        ("def test_it(): pass\n" + ENDS_ITS_WORKER, 1, "= 1 failed, 1 passed in"),
        ("", 5, "= no tests ran in"),
    ],
    ids=["a worker ends", "no tests"],
)  # fmt: skip
def test_the_result_is_that_of_all_workers(
    tmp_path: Path, tests: str, status: int, closing: str
) -> None:
    need_namespaces()
    (tmp_path / "test_some.py").write_text(tests)
    ran = run_tests(tmp_path)
    assert (ran.returncode, closing in ran.stdout) == (status, True), ran.stdout


def test_where_none_can_be_isolated_they_run_one_after_another(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text("def test_it(): pass")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "id", "nproc"):  # not ip
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    ran = run_tests(tmp_path, path=str(programs))
    assert (ran.returncode, "= 1 passed in" in ran.stdout) == (0, True), ran.stdout
    assert "workers" not in ran.stdout


def run_tests(
    directory: Path, *words: str, path: str = os.environ["PATH"]
) -> subprocess.CompletedProcess[str]:
    """Run what is in a directory by the script; what pytest has been told here it is not told."""
    environment = {name: of for name, of in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [str(RUN_TESTS), sys.executable, *words],
        cwd=directory, env=environment | {"PATH": path, "COLUMNS": "100"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
