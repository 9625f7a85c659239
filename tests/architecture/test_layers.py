"""The house stands as its plan says."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "meshdl"


def test_every_import_points_down() -> None:
    # In a process of its own: it turns off every logger that there is.
    command = (
        "import sys; from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(no_cache=True, no_logo=True))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


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
