"""``meshdl init``: a home that is whole, and never another's."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from meshdl.cli.main import meshdl
from meshdl.station import config_file, keys


def init(home: Path, *words: str) -> Result:
    return CliRunner().invoke(meshdl, ["--home", str(home), "init", *words])


def test_a_home_is_ready_for_up(tmp_path: Path) -> None:
    home = tmp_path / "station"
    result = init(home, "--callsign", "ka1abc", "--grid", "fn42", "--json")
    assert result.exit_code == 0
    settings = config_file.load(home / "config.toml")
    assert (settings.callsign, settings.grid) == ("KA1ABC", "FN42")
    assert len(keys.public_key(keys.load(home / "station.key"))) == 32
    assert json.loads(result.stdout)["callsign"] == "KA1ABC"


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path, "--callsign", "KA1ABC")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    result = init(tmp_path, "--callsign", "W1AW")
    assert (result.exit_code, "home already" in result.stderr) == (73, True)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}


def test_a_missing_key_is_made_again(tmp_path: Path) -> None:
    init(tmp_path, "--callsign", "KA1ABC")
    (tmp_path / "station.key").unlink()
    result = init(tmp_path)
    assert result.exit_code == 0
    assert "KA1ABC" in result.stdout
    assert (tmp_path / "station.key").exists()


def test_a_callsign_is_needed_and_checked(tmp_path: Path) -> None:
    assert init(tmp_path).exit_code == 64
    result = init(tmp_path, "--callsign", "nobody")
    assert (result.exit_code, "expected a form like KA1ABC" in result.stderr) == (78, True)
    assert init(tmp_path, "--callsign", "KA1ABC", "--grid", "here").exit_code == 78
    assert not (tmp_path / "config.toml").exists()


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    result = init(tmp_path, "--callsign", "KA1ABC")
    secret = (tmp_path / "station.key").read_text().splitlines()[1]
    assert secret not in result.output


def test_up_without_a_home_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(meshdl, ["--home", str(tmp_path), "up"])
    assert (result.exit_code, "meshdl init" in result.stderr) == (78, True)
