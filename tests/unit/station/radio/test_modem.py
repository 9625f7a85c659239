"""Which modem the settings name, and what is made of it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import ConfigError
from meshdl.ids import Callsign
from meshdl.station.modem_address import (
    BIT_RATES,
    FREEDV_MODES,
    KISS_MODES,
    DireWolf,
    KissSerial,
    KissTcp,
    LinePtt,
    Recordings,
    RigPtt,
    SoundCard,
    Vox,
    parse_modem,
    parse_ptt,
)
from meshdl.station.radio.modem import WAVEFORMS, modem_of, modes_of, ptt_of, rig_of
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems import kiss_serial, rig_ptt
from meshdl.transports.modems.dire_wolf import DireWolfModem
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.kiss_modem import KissModem
from meshdl.transports.modems.ptt import NoPtt
from meshdl.transports.modems.serial_ptt import SerialPtt
from meshdl.transports.modems.sound_modem import SoundModem
from meshdl.transports.modems.wav_modem import WavModem

CALL = Callsign("KA1ABC-7")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kiss-tcp:127.0.0.1:8001", KissTcp("127.0.0.1", 8001)),
        ("kiss-tcp:[::1]:8001", KissTcp("::1", 8001)),
        ("kiss-serial:/dev/ttyUSB0", KissSerial("/dev/ttyUSB0", 9600)),
        ("kiss-serial:/dev/usb-x@y@57600", KissSerial("/dev/usb-x@y", 57_600)),
        ("kiss-serial:COM3", KissSerial("COM3")),
        ("direwolf", DireWolf()),
        ("freedv", SoundCard()),
        ("wav:/var/spool/air", Recordings(Path("/var/spool/air"))),
    ],
)  # fmt: skip
def test_each_form_of_a_modem_is_understood(text: str, expected: object) -> None:
    assert parse_modem(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "kiss-tcp", "kiss-tcp:", "kiss-tcp:8001", "kiss-tcp:h:0", "kiss-tcp:h:65536",
        "kiss-serial:", "kiss-serial:@9600", "kiss-serial:/dev/x@9601", "kiss-serial:a\nb",
        "freedv:x", "direwolf:x", "wav", "wav:", "wav:relative", "soundmodem",
    ],
)  # fmt: skip
def test_what_is_no_modem_is_an_error_that_names_the_setting(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^radio\.modem: "):
        parse_modem(text)


@given(st.text(max_size=300), st.sampled_from(["", "kiss-tcp:", "kiss-serial:", "wav:", "rts:"]))
def test_no_text_raises_anything_but_a_wrong_setting(text: str, kind: str) -> None:
    for parse in (parse_modem, parse_ptt):
        with suppress(ConfigError):
            parse(kind + text)


def test_each_ptt_is_understood() -> None:
    assert [parse_ptt(one) for one in ("vox", "rigctld", "rts:/dev/ttyS0", "dtr:COM4")] == [
        Vox(), RigPtt(), LinePtt("/dev/ttyS0", "rts"), LinePtt("COM4", "dtr"),
    ]  # fmt: skip
    for wrong in ("", "cat", "rts:", "vox:1"):
        with pytest.raises(ConfigError, match=r"^radio\.ptt: "):
            parse_ptt(wrong)


@pytest.mark.parametrize(
    ("radio", "setting", "words"),
    [
        ({"modem": "kiss-tcp:h:1"}, "radio.mode", "does not tell"),
        ({"modem": "kiss-tcp:h:1", "mode": "datac1"}, "radio.mode", "afsk-1200, g3ruh-9600"),
        ({"modem": "freedv", "mode": "afsk-1200"}, "radio.mode", "datac13"),
        ({"modem": "direwolf", "mode": "datac1"}, "radio.mode", "afsk-1200, g3ruh-9600"),
        ({"modem": "direwolf", "audio_input": "USB Audio"}, "radio.audio_input", "plughw:1,0"),
        (
            {"modem": "direwolf", "audio_output": "x\nPTT GPIO 17"},
            "radio.audio_output",
            "plughw:1,0",
        ),
        ({"mode": "psk31"}, "radio.mode", "no mode of any modem"),
        ({"ptt": "rigctld"}, "radio.rigctld", "radio.ptt needs it"),
        ({"rigctld": "4532"}, "radio.rigctld", "HOST:PORT"),
        ({"frame_octets": 1001}, "radio.frame_octets", "14..1000"),
        ({"persistence": 0.0}, "radio.persistence", "0.01..1"),
        ({"txdelay_ms": 2551}, "radio.txdelay_ms", "0..2550"),
        ({"txtail_ms": -1}, "radio.txtail_ms", "0..2550"),
        ({"slot_time_ms": 9}, "radio.slot_time_ms", "10..2550"),
        ({"kiss_port": 16}, "radio.kiss_port", "0..15"),
    ],
)
def test_wrong_settings_of_a_modem_are_named(
    radio: dict[str, Any], setting: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        RadioConfig(**radio)
    assert caught.value.setting == setting


def test_the_names_in_the_settings_are_those_of_the_modems() -> None:
    assert tuple(one.name.lower() for one in FreedvMode) == FREEDV_MODES
    assert tuple(WAVEFORMS) == KISS_MODES
    assert kiss_serial.BIT_RATES == BIT_RATES


@pytest.mark.parametrize(
    ("radio", "kind", "name"),
    [
        ({"modem": "kiss-tcp:h:1", "mode": "g3ruh-9600"}, KissModem, "G3RUH 9600"),
        ({"modem": "kiss-serial:/dev/x", "mode": "afsk-1200"}, KissModem, "AFSK 1200"),
        ({"modem": "direwolf"}, DireWolfModem, "AFSK 1200"),
        ({"modem": "direwolf", "mode": "g3ruh-9600"}, DireWolfModem, "G3RUH 9600"),
        ({"modem": "freedv"}, SoundModem, "DATAC1"),
        ({"modem": "wav:/tmp", "mode": "datac4"}, WavModem, "DATAC4"),
    ],
)
def test_the_modem_is_of_the_kind_and_mode_that_the_settings_name(
    radio: dict[str, Any], kind: type, name: str
) -> None:
    settings = RadioConfig(**radio)
    address = settings.modem_address()
    assert address is not None
    assert isinstance(modem_of(settings, address, CALL), kind)
    assert modes_of(settings, address).traits.name == name


def test_a_sound_card_chooses_its_mode_unless_one_is_set() -> None:
    chosen, fixed = RadioConfig(modem="freedv"), RadioConfig(modem="freedv", mode="datac3")
    every = [one.name for one in modes_of(chosen, SoundCard()).modes]
    assert every[0] == "DATAC1"
    assert sorted(every) == sorted(one.name for one in FreedvMode)
    assert [one.name for one in modes_of(fixed, SoundCard()).modes] == ["DATAC3"]
    with pytest.raises(ConfigError, match="none of this modem"):
        RadioConfig(modem="wav:/tmp", mode="auto")


def test_every_number_of_a_tnc_comes_from_the_settings() -> None:
    plain = RadioConfig(modem="kiss-tcp:h:1", mode="afsk-1200")
    changed = RadioConfig(
        modem="kiss-tcp:h:1", mode="afsk-1200", frame_octets=100, txdelay_ms=900, txtail_ms=100,
        slot_time_ms=20, persistence=1.0,
    )  # fmt: skip
    before, after = (modes_of(one, KissTcp("h", 1)).traits for one in (plain, changed))
    assert (before.payload_octets_max, after.payload_octets_max) == (256, 100)
    assert after.burst_overhead_s - before.burst_overhead_s == pytest.approx(0.65)
    assert after.access_within_s == pytest.approx(0.02)
    assert after.turnaround_s == pytest.approx(0.1)


def test_an_abort_is_at_once_where_the_key_is_in_our_hands() -> None:
    for modem, at_once in (("kiss-tcp:h:1", False), ("direwolf", True), ("freedv", True)):
        radio = RadioConfig(modem=modem, mode="" if modem == "freedv" else "afsk-1200")
        address = radio.modem_address()
        assert address is not None
        assert modes_of(radio, address).traits.aborts_at_once is at_once


def test_dire_wolf_cannot_be_a_child_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshdl.station.radio_config.os.name", "nt")
    with pytest.raises(ConfigError, match=r"^radio\.modem: .*kiss-tcp:127\.0\.0\.1:8001"):
        RadioConfig(modem="direwolf")


def test_the_ptt_is_the_one_that_the_settings_name() -> None:
    assert isinstance(ptt_of(RadioConfig()), NoPtt)
    rig = RadioConfig(ptt="rigctld", rigctld="[::1]:4599")
    assert isinstance(ptt_of(rig), rig_ptt.RigPtt)
    hamlib = rig_of(rig)
    assert hamlib is not None
    assert (hamlib.host, hamlib.port) == ("::1", 4599)
    assert rig_of(RadioConfig()) is None
    assert isinstance(ptt_of(RadioConfig(ptt="dtr:/dev/ttyS0")), SerialPtt)
