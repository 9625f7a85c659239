"""Every module can be lived in: it has a name, says what it is for, and is short."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LINES_MAX = 350

NAMELESS = {
    "base", "common", "data", "engine", "handler", "helper", "helpers", "impl", "info",
    "manager", "misc", "processor", "service", "util", "utils",
}  # fmt: skip
"""Rooms that anything could be thrown into."""

BASE_ALLOWED = "src/meshdl/transports/base.py"


def tracked(pattern: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", pattern],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


MODULES = tracked("*.py")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_is_for(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("src/")])
def test_a_module_is_short(name: str) -> None:
    lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_MAX


def test_no_module_has_a_name_that_means_nothing() -> None:
    nameless = [
        name
        for name in MODULES
        if name != BASE_ALLOWED and NAMELESS & set(Path(name).with_suffix("").parts[1:])
    ]
    assert nameless == []
