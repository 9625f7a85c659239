"""``meshdl key``: the operator sees and replaces the station key, and never its private half."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshdl.cli.main import meshdl
from meshdl.station.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    assert run(tmp_path, "init", "--callsign", "KA1ABC").exit_code == 0
    return Home(tmp_path)


def run(directory: Path, *words: str) -> Result:
    return CliRunner().invoke(meshdl, ["--home", str(directory), *words])


def test_a_new_key_makes_another_station_of_the_same_callsign(home: Home) -> None:
    before = json.loads(run(home.directory, "key", "show", "--json").stdout)
    assert (before["callsign"], before["rotations"]) == ("KA1ABC", 0)
    assert len(before["station_key"]) == 64
    done = json.loads(run(home.directory, "key", "rotate", "--json").stdout)
    after = json.loads(run(home.directory, "key", "show", "--json").stdout)
    assert done["old_station_id"] == before["station_id"] != after["station_id"]
    assert (after["station_id"], after["rotations"]) == (done["station_id"], 1)


def test_people_read_which_station_it_is_now(home: Home) -> None:
    told = run(home.directory, "key", "rotate")
    assert told.exit_code == 0
    shown = run(home.directory, "key", "show")
    station_id = shown.stdout.split("(")[1].split(")")[0]
    assert f"KA1ABC is {station_id} from now on" in told.stdout
    assert "Rotations 1" in shown.stdout
    private = home.key_file.read_text().splitlines()[1]
    assert private not in told.stdout + shown.stdout


def test_a_running_station_keeps_its_key(home: Home) -> None:
    with home.lock():
        assert run(home.directory, "key", "rotate").exit_code == 75
    assert not home.rotations_file.exists()


def test_without_a_key_there_is_nothing_to_sign_with(home: Home) -> None:
    home.key_file.unlink()
    result = run(home.directory, "key", "rotate")
    assert (result.exit_code, "meshdl init" in result.stderr) == (78, True)
