"""Every verdict says what was found, and what to do unless all is well."""

import asyncio
import socket
from pathlib import Path

import pytest
from tests.support.fake_station import FakeStation

from meshdl.control.server import ControlServer
from meshdl.control.station_status import LanStatus, StationStatus
from meshdl.ids import Callsign, StationId
from meshdl.station import config_file, doctor, keys
from meshdl.station.config import LanConfig
from meshdl.station.finding import Verdict
from meshdl.station.home import Home

NOW = 1_790_000_000.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.create()
    made.config_file.write_text(config_file.template(call=Callsign("KA1ABC"), grid=None))
    keys.create(made.key_file)
    return made


def status_on(port: int | None) -> StationStatus:
    return StationStatus(
        callsign=Callsign("KA1ABC"),
        station_id=StationId("0" * 16),
        version="0",
        pid=1,
        home="",
        lan=LanStatus(enabled=True, addresses=(), port=port, state=""),
        started_at=0.0,
        peers=0,
        downloads=0,
        upload_octets_per_s=0.0,
        download_octets_per_s=0.0,
    )


def test_a_home_that_init_made_is_all_right(home: Home) -> None:
    assert doctor.check_home(home).verdict is Verdict.OK
    settings, finding = doctor.check_config(home)
    assert finding.verdict is Verdict.OK
    assert settings is not None
    assert doctor.check_key(home).verdict is Verdict.OK
    assert list(home.directory.glob("tmp*")) == []


def test_a_missing_home_fails_and_says_init(tmp_path: Path) -> None:
    home = Home(tmp_path / "nowhere")
    for finding in (
        doctor.check_home(home),
        doctor.check_config(home)[1],
        doctor.check_key(home),
    ):
        assert finding.verdict is Verdict.FAIL
        assert "meshdl init" in finding.text


def test_a_wrong_setting_fails_by_name(home: Home) -> None:
    home.config_file.write_text('[station]\ncallsign = "KA1ABC"\n[lan]\nprot = 1\n')
    settings, finding = doctor.check_config(home)
    assert (settings, finding.verdict) == (None, Verdict.FAIL)
    assert "lan.prot" in finding.text


def test_a_key_that_others_can_read_is_a_warning(home: Home) -> None:
    home.key_file.chmod(0o644)
    finding = doctor.check_key(home)
    assert finding.verdict is Verdict.WARN
    assert f"chmod 600 {home.key_file}" in finding.text


@pytest.mark.parametrize(
    ("free_octets", "verdict"),
    [
        (0, Verdict.FAIL),
        (doctor.FREE_OCTETS_FAIL, Verdict.WARN),
        (doctor.FREE_OCTETS_WARN, Verdict.OK),
    ],
)
def test_room_on_the_disk_is_judged(free_octets: int, verdict: Verdict) -> None:
    assert doctor.judge_disk(Path("/d"), free_octets).verdict is verdict


def test_a_download_directory_is_measured_before_it_exists(tmp_path: Path) -> None:
    assert doctor.check_disk(tmp_path / "not" / "yet").subject == "disk"


def test_few_open_files_are_a_warning() -> None:
    assert doctor.judge_open_files(256).verdict is Verdict.WARN
    assert doctor.judge_open_files(1024).verdict is Verdict.OK


def test_no_network_fails_unless_loopback_is_wanted() -> None:
    assert doctor.check_interfaces(("192.0.2.7",), LanConfig()).verdict is Verdict.OK
    alone = doctor.check_interfaces((), LanConfig())
    assert (alone.verdict, "plug in a cable" in alone.text) == (Verdict.FAIL, True)
    assert doctor.check_interfaces((), LanConfig(allow_loopback=True)).verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("now", "drift_s", "verdict"),
    [
        (NOW, 0.001, Verdict.OK),
        (0.0, 0.0, Verdict.FAIL),
        (5e9, 0.0, Verdict.FAIL),
        (NOW, 3600.0, Verdict.WARN),
        (NOW, -1.0, Verdict.WARN),
    ],
)
def test_a_clock_that_cannot_be_is_told(now: float, drift_s: float, verdict: Verdict) -> None:
    assert doctor.check_clock(now=now, drift_s=drift_s).verdict is verdict


def test_a_port_that_another_program_has_fails_only_when_it_was_configured() -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        finding = doctor.check_lan_port(LanConfig(port=port), None)
        assert finding.verdict is Verdict.FAIL
        assert "set another lan.port" in finding.text
    assert doctor.check_lan_port(LanConfig(port=port), None).verdict is Verdict.OK


def test_our_own_port_is_not_another_programs() -> None:
    finding = doctor.check_lan_port(LanConfig(port=7373), status_on(7373))
    assert (finding.verdict, "taken by this station" in finding.text) == (Verdict.OK, True)


def test_a_network_that_is_switched_off_is_a_warning() -> None:
    assert doctor.check_lan_port(LanConfig(enabled=False), None).verdict is Verdict.WARN


def test_a_running_station_is_found_and_its_absence_is_no_failure(home: Home) -> None:
    async def scenario() -> None:
        async with ControlServer(FakeStation(), home=home.directory):
            status, finding = await doctor.check_station(home)
            assert status is not None
            assert finding.verdict is Verdict.OK
        status, finding = await doctor.check_station(home)
        assert (status, finding.verdict) == (None, Verdict.WARN)
        assert "meshdl up" in finding.text

    asyncio.run(scenario())
