"""Decisions are numbered without gaps, and each has its three parts."""

from pathlib import Path

import pytest

DIRECTORY = Path(__file__).resolve().parents[2] / "docs" / "decisions"
DECISIONS = sorted(DIRECTORY.glob("*.md"))


def test_the_numbers_have_no_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[:3] == ["## Context", "## Decision", "## Consequences"]
