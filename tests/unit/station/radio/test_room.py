"""What in a file of settings differs from what a station was started with."""

from dataclasses import replace

from meshdl.ids import Callsign
from meshdl.station.config import LimitsConfig, StationConfig
from meshdl.station.radio.room import differences
from meshdl.station.radio_config import RadioConfig

BEFORE = StationConfig(callsign=Callsign("KA1ABC"), radio=RadioConfig())


def test_every_setting_is_named_as_in_the_file() -> None:
    after = replace(
        BEFORE, callsign=Callsign("KA1ABC-7"), grid="FN42", limits=LimitsConfig(upload_slots=3)
    )
    assert differences("", BEFORE, after) == (
        "station.callsign", "station.grid", "limits.upload_slots",
    )  # fmt: skip
    assert differences("", BEFORE, BEFORE) == ()


def test_the_radio_is_looked_at_on_its_own() -> None:
    after = replace(BEFORE, radio=RadioConfig(dial_hz=145_050_000))
    assert differences("", BEFORE, after) == ()
    assert differences("radio.", BEFORE.radio, after.radio) == ("radio.dial_hz",)
    assert differences("radio.", BEFORE.radio, None) == ()
