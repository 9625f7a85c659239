"""What the doctor says of a radio, and what to do about it."""

import asyncio
from pathlib import Path

import pytest
from tests.support.fake_radio import radio_of
from tests.support.fake_station import FakeStation

from meshdl.control.server import ControlServer
from meshdl.ids import Callsign
from meshdl.station.config import StationConfig
from meshdl.station.finding import Finding, Verdict
from meshdl.station.home import Home
from meshdl.station.radio import doctor as radio_doctor
from meshdl.station.radio import switch as radio_switch
from meshdl.station.radio_config import RadioConfig

LAWFUL = RadioConfig(
    rules="us-part97", licence_class="general", control="local", dial_hz=145_050_000,
    sideband="fm", modem="kiss-tcp:127.0.0.1:9", mode="afsk-1200",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def settings_of(radio: RadioConfig | None) -> StationConfig:
    return StationConfig(callsign=Callsign("KA1ABC"), radio=radio)


def rules(radio: RadioConfig, home: Home) -> Finding:
    return radio_doctor.check_rules(settings_of(radio), radio, home)


def test_a_lawful_radio_is_all_right_and_says_by_which_section(home: Home) -> None:
    finding = rules(LAWFUL, home)
    assert finding.verdict is Verdict.OK
    assert "97.111(b)(2)" in finding.text


def test_what_is_not_stated_is_a_warning_with_the_command(home: Home) -> None:
    finding = rules(RadioConfig(rules="us-part97", modem="freedv"), home)
    assert finding.verdict is Verdict.WARN
    assert "radio.licence_class, radio.control, radio.dial_hz not set" in finding.text
    assert "meshdl radio setup" in finding.text


def test_a_place_where_the_rules_forbid_a_call_is_a_warning(home: Home) -> None:
    phone = RadioConfig(
        rules="us-part97", licence_class="general", control="local", dial_hz=14_310_000,
        modem="freedv",
    )  # fmt: skip
    finding = rules(phone, home)
    assert (finding.verdict, "BLOCKED" in finding.text) == (Verdict.WARN, True)


def test_rules_that_cannot_be_read_fail(home: Home) -> None:
    finding = rules(RadioConfig(rules="mine.toml"), home)
    assert (finding.verdict, "mine.toml" in finding.text) == (Verdict.FAIL, True)


def test_a_switched_off_radio_is_told_once_and_its_rules_still_stand(home: Home) -> None:
    assert radio_doctor.check_switch(home).verdict is Verdict.OK
    radio_switch.remember(home.radio_off_file, "operator: lightning")
    finding = radio_doctor.check_switch(home)
    assert finding.verdict is Verdict.WARN
    assert "lightning" in finding.text
    assert "meshdl radio on" in finding.text
    assert rules(LAWFUL, home).verdict is Verdict.OK


def test_a_running_station_speaks_for_its_modem() -> None:
    there = radio_doctor.check_running_modem(radio_of(silent_because="off: lightning"))
    assert (there.verdict, "lightning" in there.text) == (Verdict.OK, True)
    gone = radio_doctor.check_running_modem(radio_of(modem=None, modem_problem="no TNC at h:1"))
    assert gone == Finding(Verdict.FAIL, "modem", "no TNC at h:1")


def test_a_rig_that_is_elsewhere_or_transmits_is_a_warning() -> None:
    near = radio_doctor.judge_rig(LAWFUL, 145_050_010, keyed=False)
    away = radio_doctor.judge_rig(LAWFUL, 145_050_011, keyed=False)
    keyed = radio_doctor.judge_rig(LAWFUL, 145_050_000, keyed=True)
    assert [one.verdict for one in (near, away, keyed)] == [Verdict.OK, Verdict.WARN, Verdict.WARN]
    assert "radio.dial_hz says 145.050000" in away.text
    assert radio_doctor.judge_rig(RadioConfig(), 7_000_000, keyed=False).verdict is Verdict.OK


def test_a_log_without_room_fails_before_the_transmitter_does() -> None:
    verdicts = [radio_doctor.judge_log_disk(free).verdict for free in (0, 100 << 20, 1 << 30)]
    assert verdicts == [Verdict.FAIL, Verdict.WARN, Verdict.OK]


def test_a_clock_that_nobody_keeps_is_a_warning() -> None:
    verdicts = [radio_doctor.judge_clock(kept).verdict for kept in (True, None, False)]
    assert verdicts == [Verdict.OK, Verdict.OK, Verdict.WARN]


def subjects(home: Home, radio: RadioConfig | None) -> list[str]:
    async def whole() -> list[str]:
        found = radio_doctor.examine_radio(home, settings_of(radio))
        return [finding.subject async for finding in found]

    return asyncio.run(whole())


def test_without_a_radio_nothing_is_said(home: Home) -> None:
    assert subjects(home, None) == []


def test_a_radio_without_a_modem_is_told_what_to_do(home: Home) -> None:
    assert subjects(home, RadioConfig()) == ["rules", "switch", "modem", "log", "utc"]


def test_the_modem_of_a_running_station_is_left_to_it(home: Home) -> None:
    async def whole() -> list[Finding]:
        async with ControlServer(FakeStation(), home=home.directory):
            found = radio_doctor.examine_radio(home, settings_of(LAWFUL))
            return [finding async for finding in found]

    modem = next(one for one in asyncio.run(whole()) if one.subject == "modem")
    assert modem.text == "AFSK 1200, used by the running station"
