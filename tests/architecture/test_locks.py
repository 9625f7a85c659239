"""The lock files fit what pyproject.toml asks for."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tools.release_check import read_lock

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def wanted(group: str) -> list[Requirement]:
    entries: list[Any] = PROJECT["dependency-groups"][group]
    found = []
    for entry in entries:
        found += [Requirement(entry)] if isinstance(entry, str) else wanted(entry["include-group"])
    return found


RUNTIME = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
ASKED = {
    "runtime": RUNTIME,
    "signal": RUNTIME
    + [Requirement(line) for line in PROJECT["project"]["optional-dependencies"]["redis"]],
    "build": wanted("build"),
    "test": RUNTIME + wanted("test"),
    "check": RUNTIME + wanted("check"),
    "bench": RUNTIME + wanted("bench"),
}


def pins(name: str) -> dict[str, str]:
    """Locked versions by normalised name; a second one for other Pythons is left out."""
    found: dict[str, str] = {}
    for one in read_lock((ROOT / "requirements" / f"{name}.txt").read_text()):
        version = str(one.requirement.specifier).removeprefix("==")
        found.setdefault(canonicalize_name(one.requirement.name), version)
    return found


@pytest.mark.parametrize("name", ASKED)
def test_every_dependency_is_locked_within_its_bounds(name: str) -> None:
    locked = pins(name)
    unmet = []
    for asked in ASKED[name]:
        version = locked.get(canonicalize_name(asked.name))
        if version is None or not asked.specifier.contains(version, prereleases=True):
            unmet.append(f"{asked} is locked as {version}; run: make lock")
    assert unmet == []


@pytest.mark.parametrize("name", ["signal", "test", "check", "bench"])
def test_all_environments_run_the_same_versions(name: str) -> None:
    assert pins("runtime").items() <= pins(name).items()


@pytest.mark.parametrize("extra", PROJECT["project"]["optional-dependencies"])
def test_what_is_optional_is_there_when_tests_run(extra: str) -> None:
    tested = {str(one) for one in wanted("test")}
    asked = {str(Requirement(line)) for line in PROJECT["project"]["optional-dependencies"][extra]}
    assert asked <= tested
