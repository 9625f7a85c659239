"""``meshdl room`` as an operator types it: from making a room to being in it."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meshdl.cli.main import meshdl
from meshdl.ids import Callsign
from meshdl.station import keys
from meshdl.station.catalogue import Catalogue
from meshdl.station.home import Home


def run(home: Path, *words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(meshdl, ["--home", str(home), *words], input=stdin)


def told(home: Path, *words: str) -> Any:
    result = run(home, *words, "--json")
    assert result.exit_code == 0, result.stderr
    [line] = result.stdout.splitlines()
    return json.loads(line)


@pytest.fixture
def keeper(tmp_path: Path) -> Path:
    run(tmp_path / "keeper", "init", "--callsign", "KA1AAA")
    assert run(tmp_path / "keeper", "room", "create", "county-net").exit_code == 0
    return tmp_path / "keeper"


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    run(tmp_path / "guest", "init", "--callsign", "KB2DEF")
    return tmp_path / "guest"


def test_an_invitation_brings_two_stations_into_one_room(keeper: Path, guest: Path) -> None:
    made = told(keeper, "room", "invite", "county-net", "--days", "2")
    joined = told(guest, "room", "join", made["link"])
    assert (joined["room"], joined["expires_at"]) == ("county-net", made["expires_at"])
    ours, theirs = ({one["room"]: one for one in told(home, "room", "ls")}
                    for home in (keeper, guest))  # fmt: skip
    assert ours["county-net"]["whole_name"] == theirs["county-net"]["whole_name"]
    assert (ours["county-net"]["entry"], theirs["county-net"]["entry"]) == ("key", "invitation")
    assert ours["cq"]["entry"] == "open"


def test_a_secret_is_shown_only_to_who_asked_for_it(keeper: Path, guest: Path) -> None:
    link = run(keeper, "room", "invite", "county-net").stdout.strip()
    seed = link.split("seed=")[1][:64]
    joined = run(guest, "room", "join", link)
    listed = [run(guest, "room", "ls", *words) for words in ((), ("--json",))]
    key = (keeper / "rooms" / "county-net.key").read_text().splitlines()[1]
    made = run(keeper, "room", "ls", "--json")
    for result in (joined, *listed, made):
        assert result.exit_code == 0
        assert seed not in result.output
        assert key not in result.output


def test_it_can_be_for_a_station_that_is_named_by_key_or_callsign(
    keeper: Path, guest: Path
) -> None:
    shown = told(guest, "key", "show")
    by_key = told(keeper, "room", "invite", "county-net", "--for", shown["station_key"])
    assert by_key["station_id"] == shown["station_id"]
    assert run(keeper, "room", "join", by_key["link"]).exit_code == 65
    unknown = run(keeper, "room", "invite", "county-net", "--for", "KB2DEF")
    assert (unknown.exit_code, "meshdl key show" in unknown.stderr) == (78, True)
    catalogue = Catalogue(Home(keeper).catalogue_file)
    guest_key = keys.public_key(keys.load(Home(guest).key_file))
    catalogue.pins.pin(Callsign("KB2DEF"), guest_key, now=1.0)
    catalogue.close()
    by_callsign = told(keeper, "room", "invite", "county-net", "--for", "kb2def")
    assert by_callsign["station_id"] == shown["station_id"]
    assert run(guest, "room", "join", by_callsign["link"]).exit_code == 0
    assert run(keeper, "room", "invite", "county-net", "--for", "nobody").exit_code == 64


def test_it_travels_in_a_file_or_through_a_pipe(keeper: Path, guest: Path, tmp_path: Path) -> None:
    file = tmp_path / "for-the-guest"
    made = told(keeper, "room", "invite", "county-net", "-o", str(file))
    assert (made["link"], made["file"]) == (None, str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run(guest, "room", "join", str(file)).exit_code == 0
    assert run(guest, "room", "leave", "county-net").exit_code == 0
    assert run(guest, "room", "join", "-", stdin=file.read_text()).exit_code == 0
    assert run(guest, "room", "join", str(tmp_path / "nowhere")).exit_code == 66
    assert run(guest, "room", "join", "meshdl-room:garbage").exit_code == 65


def test_one_for_whoever_has_it_is_short_lived(keeper: Path) -> None:
    result = run(keeper, "room", "invite", "county-net", "--days", "91")
    assert (result.exit_code, "--for" in result.stderr) == (64, True)


def test_a_room_of_ones_own_is_left_on_purpose_only(keeper: Path) -> None:
    assert run(keeper, "room", "leave", "county-net").exit_code == 78
    assert told(keeper, "room", "leave", "county-net", "--delete-key")["left"] is True
    assert [one["room"] for one in told(keeper, "room", "ls")] == ["cq"]
    assert run(keeper, "room", "create", "County").exit_code == 78


def test_a_new_station_key_asks_for_the_invitations_that_it_loses(
    keeper: Path, guest: Path
) -> None:
    key = told(guest, "key", "show")["station_key"]
    made = told(keeper, "room", "invite", "county-net", "--for", key)
    run(guest, "room", "join", made["link"])
    assert told(guest, "key", "rotate")["rooms_lost"] == ["county-net"]
    (problem,) = [one["problem"] for one in told(guest, "room", "ls") if one["room"] != "cq"]
    assert "ask for another one" in problem
