"""What the operator declares in ``[radio]``, and the switch that outlives the program."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from meshdl.errors import ConfigError, FileUnwritable
from meshdl.ids import Callsign
from meshdl.radio import profiles
from meshdl.radio.declaration import Control, Sideband
from meshdl.station.config import StationConfig
from meshdl.station.radio import switch
from meshdl.station.radio_config import RadioConfig

WHOLE: dict[str, Any] = {
    "rules": "us-part97", "licence_class": "general", "control": "remote", "dial_hz": 14_103_000,
    "sideband": "lsb", "deviation_hz": 3000, "control_operator": "n0bbb-3", "power_w": 20,
    "burst_max_s": 12, "airtime_s_per_hour": 600, "duty_cycle_max": 0.25, "hold_off_s": 90,
    "adif_udp": "2237",
}  # fmt: skip


def parse(**radio: Any) -> RadioConfig:
    document = {"station": {"callsign": "KA1ABC-7"}, "radio": radio}
    table = StationConfig.from_mapping(document).radio
    assert table is not None
    return table


def test_without_the_table_there_is_no_radio() -> None:
    assert StationConfig.from_mapping({"station": {"callsign": "KA1ABC"}}).radio is None


def test_every_setting_becomes_part_of_the_declaration(tmp_path: Path) -> None:
    radio = parse(**WHOLE)
    declared = radio.declaration(Callsign("KA1ABC-7"), tmp_path)
    assert (declared.callsign, declared.in_charge()) == ("KA1ABC", "N0BBB")
    assert declared.identity() == "KA1ABC-7"
    assert (declared.licence_class, declared.control) == ("general", Control.REMOTE)
    assert (declared.dial_hz, declared.sideband) == (14_103_000, Sideband.LSB)
    assert (declared.deviation_hz, declared.power_w) == (3000.0, 20.0)
    assert declared.profile is not None
    assert (declared.profile.name, declared.missing()) == ("us-part97", ())
    limits = radio.limits()
    assert (limits.burst_max_s, limits.airtime_s_per_hour, limits.duty_cycle_max) == (12, 600, 0.25)
    assert radio.hold_off_s == 90.0


def test_an_empty_table_declares_nothing_and_so_receives_only(tmp_path: Path) -> None:
    declared = parse().declaration(Callsign("KA1ABC"), tmp_path)
    assert declared.missing() == (
        "radio.rules", "radio.licence_class", "radio.control", "radio.dial_hz",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("control", "auto", "none of 'local', 'remote', 'automatic'"),
        ("sideband", "am", "none of 'usb', 'lsb', 'fm'"),
        ("licence_class", "A/B", "is no class"),
        ("control_operator", "nobody", "is no callsign"),
        ("dial_hz", 0, "not in 1.."),
        ("dial_hz", 14.1, "must be a whole number"),
        ("deviation_hz", 1, "not in 100.."),
        ("power_w", -1, "not in 0.0.."),
        ("burst_max_s", 121, "not in 1.0..120.0"),
        ("burst_max_s", "30", "must be a number"),
        ("airtime_s_per_hour", 3601, "not in 1.0..3600.0"),
        ("duty_cycle_max", 1.5, "not in 0.01..1.0"),
        ("hold_off_s", -1, "not in 0.0.."),
        ("adif_udp", "somewhere", "is no address"),
        ("adif_udp", "127.0.0.1:70000", "is no address"),
        ("baud", 1200, "no such setting"),
    ],
)
def test_a_wrong_value_is_named(setting: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        parse(**(WHOLE | {setting: value}))
    assert caught.value.setting == f"radio.{setting}"


def test_a_burst_that_the_limits_never_allow_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"radio\.duty_cycle_max"):
        parse(burst_max_s=30, duty_cycle_max=0.04)
    with pytest.raises(ConfigError, match="allow"):
        parse(burst_max_s=30, airtime_s_per_hour=20)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None), ("2237", ("127.0.0.1", 2237)), ("192.0.2.7:2238", ("192.0.2.7", 2238)),
        ("[::1]:2237", ("::1", 2237)), ("logger.local:2237", ("logger.local", 2237)),
    ],
)  # fmt: skip
def test_a_logger_is_on_this_machine_unless_told_otherwise(
    text: str, address: tuple[str, int] | None
) -> None:
    assert parse(adif_udp=text).logger_address() == address


def test_a_country_of_ones_own_is_read_from_the_home(tmp_path: Path) -> None:
    text = files(profiles.__name__).joinpath("us-part97.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('"us-part97"', '"mine"'), encoding="utf-8")
    declared = parse(**(WHOLE | {"rules": "mine.toml"})).declaration(Callsign("KA1ABC"), tmp_path)
    assert declared.profile is not None
    assert declared.profile.name == "mine"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rules": "nowhere"}, "no rules named 'nowhere'"),
        ({"rules": "nowhere.toml"}, "cannot read"),
        ({"licence_class": "full"}, "us-part97 knows no 'full'; there are novice"),
    ],
)
def test_rules_that_are_not_there_are_an_error_and_not_a_guess(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        parse(**(WHOLE | change)).declaration(Callsign("KA1ABC"), tmp_path)


def test_the_switch_outlives_the_program(tmp_path: Path) -> None:
    path = tmp_path / "radio.off"
    assert switch.off_because(path) is None
    switch.remember(path, "KA1ABC: interference")
    assert switch.off_because(path) == "KA1ABC: interference"
    switch.remember(path, None)
    switch.remember(path, None)
    assert switch.off_because(path) is None


def test_a_switch_that_cannot_be_read_is_off(tmp_path: Path) -> None:
    path = tmp_path / "radio.off"
    path.mkdir()
    assert "cannot read" in (switch.off_because(path) or "")
    path.rmdir()
    path.write_bytes(b"")  # the power went while it was written
    assert switch.off_because(path) == "switched off"
    path.write_bytes(b"\xff" * 10_000)
    assert switch.off_because(path)


def test_a_switch_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable, match="on again after a restart"):
        switch.remember(tmp_path / "no" / "radio.off", "now")
