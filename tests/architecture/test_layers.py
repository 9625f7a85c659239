"""The house stands as its plan says."""

import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "meshdl"


def test_every_import_points_down(capsys: pytest.CaptureFixture[str]) -> None:
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert not broken, capsys.readouterr().out


def test_every_layer_is_there_or_said_to_come() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [contract] = [one for one in settings["tool"]["importlinter"]["contracts"] if "layers" in one]
    rooms = [room.strip() for layer in contract["layers"] for room in layer.split("|")]
    missing = [
        room
        for room in rooms
        if not room.startswith("(")
        and not (PACKAGE / f"{room}.py").exists()
        and not (PACKAGE / room / "__init__.py").exists()
    ]
    assert missing == []
