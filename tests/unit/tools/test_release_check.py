"""What a lock file means on each platform, without a package index."""

from pathlib import Path

import pytest
from tools.release_check import LOCK, PLATFORMS, Platform, missing_wheel, read_lock

TEXT = """\
one==1.2 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
two==3 ; sys_platform != 'win32' \\
    --hash=sha256:cc
three==4 ; python_full_version < '3.12' \\
    --hash=sha256:dd
"""


def platform(sys_platform: str) -> Platform:
    [found] = [one for one in PLATFORMS if one.markers["sys_platform"] == sys_platform]
    return found


def test_a_line_keeps_its_pin_and_hashes_and_loses_its_marker() -> None:
    assert [one.line() for one in read_lock(TEXT)] == [
        "one==1.2 --hash=sha256:aa --hash=sha256:bb",
        "two==3 --hash=sha256:cc",
        "three==4 --hash=sha256:dd",
    ]


@pytest.mark.parametrize(
    ("sys_platform", "python", "names"),
    [
        ("win32", "3.11", ["one", "three"]),
        ("win32", "3.12", ["one"]),
        ("darwin", "3.11", ["one", "two", "three"]),
    ],
)
def test_a_marker_is_asked_of_the_platform_and_not_of_this_machine(
    sys_platform: str, python: str, names: list[str]
) -> None:
    locked = read_lock(TEXT)
    there = [one for one in locked if one.applies_to(platform(sys_platform), python)]
    assert [one.requirement.name for one in there] == names


def test_every_locked_dependency_has_a_pin_and_a_hash() -> None:
    locked = read_lock(LOCK.read_text())
    assert {"wrtc", "aiohttp", "uvloop"} <= {one.requirement.name for one in locked}
    for one in locked:
        assert str(one.requirement.specifier).startswith("=="), one
        assert one.hashes, one
        assert all(len(digest) == len("sha256:") + 64 for digest in one.hashes), one


def test_a_dependency_without_a_wheel_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said = missing_wheel(platform("darwin"), "3.11", read_lock(TEXT), tmp_path)
    assert said == "ERROR: No matching distribution found for one==1.2"
