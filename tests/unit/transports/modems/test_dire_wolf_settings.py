"""What a Dire Wolf of ours is told."""

import pytest

from meshdl.transports.modems.dire_wolf_settings import DireWolfSettings
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings


def lines_of(settings: DireWolfSettings) -> list[str]:
    return settings.configuration("/dev/pts/7").splitlines()


def test_every_setting_is_said_in_dire_wolfs_units() -> None:
    lines = lines_of(
        DireWolfSettings(
            tnc=TncSettings(
                waveform=G3RUH_9600, txdelay_ms=250, txtail_ms=40, slot_time_ms=60, persistence=0.1
            ),
            audio_input="plughw:CARD=Device,DEV=0",
            audio_output="plughw:1,0",
        )
    )
    for line in (
        "ADEVICE plughw:CARD=Device,DEV=0 plughw:1,0", "MODEM 9600", "TXDELAY 25", "TXTAIL 4",
        "SLOTTIME 6", "SERIALKISS /dev/pts/7",
    ):  # fmt: skip
        assert line in lines
    assert "MODEM 1200" in lines_of(DireWolfSettings(tnc=TncSettings(waveform=AFSK_1200)))


def test_it_listens_at_no_port_keys_nothing_itself_and_guesses_nothing() -> None:
    lines = lines_of(DireWolfSettings())
    assert {"AGWPORT 0", "KISSPORT 0", "DNSSD 0", "FIX_BITS 0"} <= set(lines)
    assert not [line for line in lines if line.startswith(("PTT", "DIGIPEAT", "PBEACON"))]


def test_when_to_key_is_left_to_the_station() -> None:
    settings = DireWolfSettings(tnc=TncSettings(persistence=0.1))
    assert "PERSIST 255" in lines_of(settings)
    assert settings.traits.access_within_s == 0
    assert settings.traits.measures_busy


def test_an_abort_of_a_plain_tnc_is_not_at_once_and_one_of_ours_is() -> None:
    settings = DireWolfSettings()
    assert settings.traits.aborts_at_once
    assert not settings.tnc.traits.aborts_at_once


@pytest.mark.parametrize(
    "device", ["", "a b", "x\nPTT GPIO 17", 'a"b', "a'b", "\x7f", "ü", "x" * 201]
)
def test_a_device_that_would_say_something_else_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match="is no sound device"):
        DireWolfSettings(audio_input=device)
    with pytest.raises(ValueError, match="is no sound device"):
        DireWolfSettings(audio_output=device)
