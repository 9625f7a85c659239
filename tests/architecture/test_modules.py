"""Every module can be lived in: it has a name, says what it is for, and is short."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LINES_MAX = 350

LONGER = {
    "src/meshdl/station/store.py": 500,
}
"""Modules that are still too long, and how long they may be. It only ever shrinks."""

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
    assert lines <= LONGER.get(name, LINES_MAX)


@pytest.mark.parametrize("name", sorted(LONGER))
def test_what_has_become_short_leaves_the_list(name: str) -> None:
    assert (ROOT / name).exists()
    lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
    assert lines > max(LINES_MAX, LONGER[name] - 100), "lower or remove its entry in LONGER"


def test_no_module_has_a_name_that_means_nothing() -> None:
    nameless = [
        name
        for name in MODULES
        if name != BASE_ALLOWED and NAMELESS & set(Path(name).with_suffix("").parts[1:])
    ]
    assert nameless == []
