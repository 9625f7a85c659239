"""A burst goes out in the mode that its frames were made for, and is judged and logged in it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import DATAC1, DATAC13, HF, N0AAA, traffic

from meshdl.air import ModemUp
from meshdl.errors import LocalProtocolError
from meshdl.radio import transmitter_events as events
from meshdl.radio.declaration import Control
from meshdl.radio.log_records import RadioEvent

FAST = replace(DATAC1, needs_snr_db=6.0)
ROBUST = replace(DATAC13, needs_snr_db=-3.0)
# 14.0 MHz: data, and outside the segments where a station may be automatic.
AUTOMATIC = replace(HF, control=Control.AUTOMATIC, dial_hz=14_080_000)


def rig(**facts: Any) -> Rig:
    made = Rig(**{"declaration": HF, "traits": FAST, **facts})
    made.give(ModemUp(FAST, (ROBUST,)))
    return made


def test_each_traffic_is_keyed_and_logged_in_its_mode() -> None:
    made = rig()
    made.submit(traffic(b"a" * 500), traffic(b"b" * 14, mode="DATAC13"))
    made.run(20.0)
    keys = [key for _, key in made.on_air]
    assert [key.mode for key in keys] == ["DATAC1", "DATAC13"]
    assert [key.burst_s for key in keys] == [FAST.burst_s([500]), ROBUST.burst_s([14])]
    logged = made.logged(RadioEvent.TRANSMISSION)
    assert [(one.modem, one.width_hz) for one in logged] == [("DATAC1", 1680.0), ("DATAC13", 262.0)]


def test_frames_must_fit_the_mode_that_they_are_for() -> None:
    made = rig()
    with pytest.raises(LocalProtocolError, match="takes 14 octets"):
        made.submit(traffic(b"a" * 15, mode="DATAC13"))
    with pytest.raises(LocalProtocolError, match="has no mode DATAC3"):
        made.submit(traffic(b"a", mode="DATAC3"))


def test_a_communication_is_identified_in_a_mode_that_is_as_robust_and_short() -> None:
    made = rig()
    made.submit(traffic(b"a" * 500))
    made.run(60.0)
    [_, (_, identification)] = made.on_air
    assert identification.frames == (b"DE KA1ABC",)
    assert identification.mode == "DATAC13"


def test_a_communication_in_the_robust_mode_is_not_identified_in_the_other() -> None:
    # Though the other one would take less time.
    quick = replace(FAST, payload_bps=50_000.0)
    made = Rig(declaration=HF, traits=quick)
    made.give(ModemUp(quick, (ROBUST,)))
    made.submit(traffic(b"a", mode="DATAC13"))
    made.run(60.0)
    assert [key.mode for _, key in made.on_air] == ["DATAC13", "DATAC13"]


def test_only_modes_that_the_rules_allow_are_permitted() -> None:
    assert [one.name for one in rig().core.permitted()] == ["DATAC1", "DATAC13"]
    automatic = rig(declaration=AUTOMATIC)
    assert [one.name for one in automatic.core.permitted()] == ["DATAC13"]
    answer: dict[str, Any] = {"to": None, "asked_by": N0AAA, "asker_attended": True}
    automatic.submit(traffic(b"a", **answer), traffic(b"b", mode="DATAC13", **answer))
    automatic.run(20.0)
    assert [key.mode for _, key in automatic.on_air] == ["DATAC13"]
    [refused] = automatic.of(events.Refused)
    assert refused.verdict.section.startswith("97.221")
    silent = rig(declaration=replace(HF, dial_hz=None))
    assert silent.core.permitted() == ()
