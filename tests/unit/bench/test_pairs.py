"""The parent of two processes, with children that keep to the rules or not."""

import asyncio
from pathlib import Path

import pytest
from bench.pairs import measure_pair

ROLES = """
import json, sys
role, octets, directory = sys.argv[1:]
def hear(): return json.loads(sys.stdin.readline())
def tell(value): print(json.dumps(value), flush=True)
if role == "send":
    tell(["offer"]); assert hear() == ["answer"]; hear()
else:
    assert hear() == ["offer"]; tell(["answer"]); SECONDS; hear()
"""


def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> str:
    (tmp_path / "roles.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "roles"


def test_the_rate_is_of_the_receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = module(tmp_path, monkeypatch, ROLES.replace("SECONDS", "tell(0.5)"))
    assert asyncio.run(measure_pair(name, 1000, tmp_path)) == 2000.0


def test_a_child_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = module(tmp_path, monkeypatch, ROLES.replace("SECONDS", "sys.exit(3)"))
    with pytest.raises(RuntimeError, match="roles ended with 3"):
        asyncio.run(measure_pair(name, 1000, tmp_path))
