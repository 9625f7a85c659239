"""Settings are right, or named."""

import re
import tomllib
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import ConfigError, FileUnreadable
from meshdl.ids import Callsign
from meshdl.station import config_file
from meshdl.station.config import (
    LAN_PORT_DEFAULT,
    ControlConfig,
    InternetConfig,
    LanConfig,
    LimitsConfig,
    StationConfig,
)
from meshdl.station.radio_config import RadioConfig

MINIMAL: dict[str, Any] = {"station": {"callsign": "KA1ABC"}}


def parse(**tables: dict[str, Any]) -> StationConfig:
    return StationConfig.from_mapping(MINIMAL | tables)


def test_a_callsign_is_enough() -> None:
    settings = parse()
    assert settings == StationConfig(callsign=Callsign("KA1ABC"))
    assert settings.download_directory == Path("~/Meshdl").expanduser()
    assert (settings.lan.enabled, settings.lan.port) == (True, None)


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    settings = StationConfig.from_mapping(
        {
            "station": {
                "callsign": "ka1abc-7",
                "grid": "fn42ab",
                "download_directory": str(tmp_path),
            },
            "lan": {
                "enabled": False,
                "port": 8000,
                "interfaces": ["eth0"],
                "max_links": 3,
                "allow_loopback": True,
            },
            "internet": {
                "servers": ["wss://signal.example.org"],
                "rooms": ["county-net"],
                "max_links": 5,
            },
            "limits": {
                "upload_octets_per_s": 5000,
                "download_octets_per_s": 6000,
                "upload_slots": 2,
            },
            "control": {"port": 9000},
        }
    )
    assert settings == StationConfig(
        callsign=Callsign("KA1ABC-7"),
        grid="FN42AB",
        download_directory=tmp_path,
        lan=LanConfig(
            enabled=False, port=8000, interfaces=("eth0",), max_links=3, allow_loopback=True
        ),
        internet=InternetConfig(
            servers=("wss://signal.example.org",), rooms=("county-net",), max_links=5
        ),
        limits=LimitsConfig(upload_octets_per_s=5000, download_octets_per_s=6000, upload_slots=2),
        control=ControlConfig(port=9000),
    )


@pytest.mark.parametrize(
    ("tables", "setting", "hint"),
    [
        ({"lna": {}}, "lna", "did you mean lan?"),
        ({"lan": {"prot": 1}}, "lan.prot", "did you mean lan.port?"),
        ({"lan": {"zzz": 1}}, "lan.zzz", "known are: enabled, port"),
        ({"station": {"callsign": "KA1ABC", "gird": "FN42"}}, "station.gird", "station.grid?"),
        ({"limits": {"upload_slot": 1}}, "limits.upload_slot", "limits.upload_slots?"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(
    tables: dict[str, Any], setting: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(hint)) as caught:
        parse(**tables)
    assert caught.value.setting == setting


@pytest.mark.parametrize(
    ("tables", "setting", "words"),
    [
        ({"lan": 7}, "lan", "must be a table, not a whole number (7)"),
        ({"lan": {"port": "7373"}}, "lan.port", "must be a whole number, not a text"),
        ({"lan": {"port": True}}, "lan.port", "must be a whole number, not true or false"),
        ({"lan": {"enabled": 1}}, "lan.enabled", "must be true or false"),
        ({"lan": {"interfaces": "eth0"}}, "lan.interfaces", "must be a list of texts"),
        ({"lan": {"interfaces": [1]}}, "lan.interfaces", "must be a list of texts"),
        ({"lan": {"port": 0}}, "lan.port", "not in 1..65535"),
        ({"lan": {"max_links": 0}}, "lan.max_links", "not in 1.."),
        ({"lan": {"interfaces": ["x"] * 65}}, "lan.interfaces", "at most 64"),
        ({"limits": {"upload_octets_per_s": 5}}, "limits.upload_octets_per_s", "not in"),
        ({"limits": {"upload_slots": 0}}, "limits.upload_slots", "not in"),
        ({"control": {"port": -1}}, "control.port", "not in"),
        ({"station": {}}, "station.callsign", "is missing"),
        ({"station": {"callsign": "nobody"}}, "station.callsign", "no callsign"),
        ({"station": {"callsign": 7}}, "station.callsign", "must be a text"),
        ({"station": {"callsign": "KA1ABC", "grid": "ZZ99"}}, "station.grid", "no Maidenhead"),
        (
            {"station": {"callsign": "KA1ABC", "download_directory": "here"}},
            "station.download_directory",
            "must be absolute",
        ),
        (
            {"station": {"callsign": "KA1ABC", "download_directory": "~nobody-here/x"}},
            "station.download_directory",
            "home directory",
        ),
    ],
)
def test_a_wrong_value_is_named(tables: dict[str, Any], setting: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        parse(**tables)
    assert caught.value.setting == setting


tables = st.dictionaries(
    st.sampled_from(["station", "lan", "limits", "control", "other"]),
    st.one_of(
        st.integers(),
        st.dictionaries(
            st.sampled_from(
                [f.name for kind in (StationConfig, LanConfig, LimitsConfig) for f in fields(kind)]
            ),
            st.one_of(
                st.none(),
                st.sampled_from(["KA1ABC", "FN42", "~nobody/here", "/\0"]),
                st.booleans(),
                st.integers(),
                st.text(),
                st.lists(st.text()),
                st.floats(),
            ),
        ),
    ),
)


@given(tables)
def test_no_document_raises_anything_but_its_error(document: dict[str, Any]) -> None:
    with suppress(ConfigError):
        StationConfig.from_mapping(document)


def test_the_file_that_init_writes_is_right_and_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(config_file.template(call=Callsign("KA1ABC"), grid="fn42"), encoding="utf-8")
    assert config_file.load(path) == StationConfig(callsign=Callsign("KA1ABC"), grid="FN42")


def test_the_comments_of_that_file_show_the_defaults() -> None:
    text = config_file.template(call=Callsign("KA1ABC"), grid=None)
    uncommented = re.sub(r"(?m)^# (\w+ = |\[\w+\]$)", r"\1", text)
    settings = StationConfig.from_mapping(tomllib.loads(uncommented))
    default = StationConfig(
        callsign=Callsign("KA1ABC"),
        grid="FN42",
        lan=LanConfig(port=LAN_PORT_DEFAULT),
        radio=RadioConfig(),
    )
    assert settings == default


def test_every_key_stands_in_that_file() -> None:
    text = config_file.template(call=Callsign("KA1ABC"), grid=None)
    named = set(re.findall(r"(?m)^(?:# +)?(\w+) = ", text))
    tables = (LanConfig, InternetConfig, RadioConfig, LimitsConfig, ControlConfig)
    known = {f.name for f in fields(StationConfig)} - {kind.table for kind in tables}
    known |= {f.name for kind in tables for f in fields(kind)}
    assert named == known


def test_a_wrong_locator_is_not_written() -> None:
    with pytest.raises(ConfigError, match=r"station\.grid"):
        config_file.template(call=Callsign("KA1ABC"), grid="here")


def test_a_wrong_setting_is_told_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for text, said in (
        ("prot = 7", "lan.prot: no such setting; did you mean lan.port?"),
        ('port = "7"', "lan.port: must be a whole number, not a text in quotes ('7')"),
    ):
        path.write_text(f'[station]\ncallsign = "KA1ABC"\n[lan]\n{text}\n')
        with pytest.raises(ConfigError) as wrong:
            config_file.load(path)
        assert str(wrong.value) == f"{said} (in {path})"


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="meshdl init"):
        config_file.load(tmp_path / "config.toml")


@pytest.mark.parametrize(
    "octets", [b"[station", b"\xff\xfe", b"#" * (config_file.CONFIG_MAX_OCTETS + 1)]
)
def test_what_is_no_toml_is_refused(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(octets)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        config_file.load(path)


def test_a_directory_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="cannot read"):
        config_file.load(tmp_path)
