"""The rules are judged by the dial that the rig has when it is keyed."""

from dataclasses import replace

import pytest
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, VHF, emergency, routine, traffic

from meshdl.air import CarrierChanged
from meshdl.radio import transmitter_events as events
from meshdl.radio.burst import RIG_ANSWERS_WITHIN_S
from meshdl.radio.declaration import Sideband
from meshdl.radio.keying import Abort
from meshdl.radio.log_records import RadioEvent

LAWFUL_HZ, ELSEWHERE_HZ, FORBIDDEN_HZ = 145_010_000, 146_010_000, 150_010_000
FOLLOWING = replace(VHF, rig=True, dial_hz=None)


def following(dial_hz: int | None = LAWFUL_HZ) -> Rig:
    """A station whose rig has told its dial."""
    rig = Rig(declaration=FOLLOWING, dial_hz=dial_hz)
    if dial_hz is not None:
        rig.give(events.RigRead(dial_hz))
    return rig


def test_until_the_rig_has_told_its_dial_everything_waits_and_the_status_says_why() -> None:
    rig = following(None)
    rig.submit(routine())
    assert rig.on_air == []
    assert rig.of(events.Refused) == []
    assert rig.core.silent_because() == "the rig's dial is not known: it has not answered yet"
    rig.dial_hz = LAWFUL_HZ
    rig.give(events.RigRead(LAWFUL_HZ))
    assert rig.texts() == [b"chunk"]
    assert rig.core.silent_because() == ""


def test_a_setting_is_no_dial_once_the_rig_is_to_tell_it() -> None:
    rig = Rig(declaration=replace(VHF, rig=True))
    rig.submit(routine())
    assert rig.on_air == []


def test_the_rig_is_asked_for_every_burst_and_the_record_has_what_it_said() -> None:
    rig = following()
    rig.dial_hz = ELSEWHERE_HZ
    rig.give(events.RigRead(ELSEWHERE_HZ))
    rig.submit(routine())
    rig.run(5.0)
    rig.submit(routine())
    assert len(rig.of(events.ReadRig)) == 2
    assert [one.dial_hz for one in rig.logged(RadioEvent.TRANSMISSION)] == [ELSEWHERE_HZ] * 2


def test_nothing_is_keyed_before_the_rig_has_answered() -> None:
    rig = following()
    rig.dial_hz = None
    rig.submit(routine())
    [asked] = rig.of(events.ReadRig)
    assert rig.on_air == []
    # The answer to another question is none.
    rig.give(events.RigRead(LAWFUL_HZ))
    assert rig.on_air == []
    rig.give(events.RigRead(LAWFUL_HZ, serial=asked.serial))
    assert rig.texts() == [b"chunk"]


def test_an_answer_that_comes_before_the_log_is_durable_keys_nothing() -> None:
    rig = following()
    rig.log_works = False
    rig.submit(routine())
    assert rig.on_air == []
    [asked] = rig.of(events.ReadRig)
    rig.durable.add(asked.serial)
    rig.give(events.LogCommitted(asked.serial))
    assert rig.texts() == [b"chunk"]


def test_a_knob_turned_between_verdict_and_key_costs_the_burst_its_record() -> None:
    rig = following()
    rig.dial_hz = ELSEWHERE_HZ  # turned while nobody looked
    rig.submit(routine())
    assert rig.texts() == [b"chunk"]
    first, second = rig.logged(RadioEvent.TRANSMISSION)
    assert (first.dial_hz, second.dial_hz) == (LAWFUL_HZ, ELSEWHERE_HZ)
    assert rig.logged(RadioEvent.ENDED)[0].text == "not keyed: the rig was tuned elsewhere"
    assert rig.on_air[0][1].serial == second.burst


def test_a_rig_turned_to_where_nobody_may_transmit_blocks_with_the_section() -> None:
    rig = following()
    rig.dial_hz = FORBIDDEN_HZ
    rig.submit(routine())
    assert rig.on_air == []
    [refused] = rig.of(events.Refused)
    assert refused.verdict.section.startswith("97.301")
    # And is told when it may go on.
    rig.dial_hz = LAWFUL_HZ
    rig.give(events.RigRead(LAWFUL_HZ))
    assert rig.of(events.Tuned)[-1] == events.Tuned(LAWFUL_HZ)
    rig.submit(routine())
    assert rig.texts() == [b"chunk"]


def test_a_burst_on_the_air_is_cut_short_when_the_rig_goes_where_it_may_not() -> None:
    rig = following()
    rig.submit(routine())
    rig.give(events.RigRead(ELSEWHERE_HZ))
    assert rig.of(Abort) == []
    rig.give(events.RigRead(FORBIDDEN_HZ))
    [abort] = rig.of(Abort)
    assert "97.301" in abort.reason


@pytest.mark.parametrize("state", ["idle", "asking", "logging"])
def test_a_rig_that_does_not_answer_is_silence_until_it_does(state: str) -> None:
    rig = following()
    rig.clear = state != "asking"
    rig.dial_hz = None
    if state != "idle":
        rig.submit(routine())
    rig.give(events.RigSilent("no reply"))
    if state == "idle":
        rig.submit(routine())
    rig.clear = True
    rig.run(60.0)
    assert rig.on_air == []
    assert rig.core.silent_because() == "the rig's dial is not known: no reply"
    assert rig.core.verdict(routine()).reason == "the rig's dial is not known: no reply"
    rig.dial_hz = LAWFUL_HZ
    rig.give(events.RigRead(LAWFUL_HZ))
    assert rig.texts() == [b"chunk"]


def test_a_shell_that_never_answers_is_a_rig_that_does_not() -> None:
    rig = following()
    rig.dial_hz = None
    rig.submit(routine())
    rig.run(RIG_ANSWERS_WITHIN_S + 0.1)
    assert "it has not answered within 8 s" in rig.core.silent_because()
    assert rig.on_air == []


def test_a_burst_that_lost_its_moment_asks_the_rig_again() -> None:
    rig = following()
    rig.dial_hz = None
    rig.submit(routine())
    rig.give(CarrierChanged(busy=True))
    rig.clear = False
    rig.give(events.RigRead(LAWFUL_HZ, serial=rig.of(events.ReadRig)[0].serial))
    assert rig.on_air == []
    rig.give(CarrierChanged(busy=False))
    rig.give(events.ChannelGranted())
    assert len(rig.of(events.ReadRig)) == 2
    rig.give(events.RigRead(LAWFUL_HZ, serial=rig.of(events.ReadRig)[1].serial))
    assert rig.texts() == [b"chunk"]
    assert len(rig.logged(RadioEvent.TRANSMISSION)) == 1


def test_what_is_owed_on_the_old_dial_is_told_in_the_log_and_not_paid_on_the_new_one() -> None:
    rig = following()
    rig.submit(routine())
    rig.run(3.0)
    assert rig.core.status().owed
    rig.dial_hz = ELSEWHERE_HZ
    rig.give(events.RigRead(ELSEWHERE_HZ))
    assert not rig.core.status().owed
    [owed] = rig.logged(RadioEvent.UNIDENTIFIED)
    assert "tuned elsewhere" in owed.text
    rig.run(100.0)
    assert rig.texts() == [b"chunk"]


def test_a_knob_that_moved_by_less_than_the_signal_is_wide_owes_what_it_owed() -> None:
    rig = following()
    rig.submit(routine())
    rig.run(3.0)
    rig.dial_hz = LAWFUL_HZ + 500
    rig.give(events.RigRead(LAWFUL_HZ + 500))
    rig.run(100.0)
    assert rig.texts() == [b"chunk", b"DE KA1ABC"]
    assert rig.logged(RadioEvent.UNIDENTIFIED) == []


def test_a_callsign_that_may_not_be_sent_any_more_is_told_once() -> None:
    edge_hz = 147_990_000  # the signal ends 2.5 kHz below 148 MHz
    rig = following(edge_hz)
    rig.submit(routine())
    rig.run(3.0)
    rig.dial_hz = edge_hz + 4_000  # nearly the same channel, and it crosses the edge
    rig.give(events.RigRead(rig.dial_hz))
    assert rig.core.status().owed
    rig.run(3_600.0)
    assert rig.texts() == [b"chunk"]
    [owed] = rig.logged(RadioEvent.UNIDENTIFIED)
    assert "outside the privileges" in owed.text
    assert not rig.core.status().owed


def test_the_callsign_at_its_last_moment_asks_the_rig_too() -> None:
    rig = following()
    rig.submit(routine())
    rig.run(3.0)
    rig.clear = False
    rig.give(CarrierChanged(busy=True))
    rig.run(60.0)
    assert rig.texts() == [b"chunk"]
    rig.run(540.0)
    assert rig.texts() == [b"chunk", b"DE KA1ABC"]
    assert len(rig.of(events.ReadRig)) == 2


def test_the_sideband_that_the_rig_has_is_judged_too() -> None:
    rig = following()
    before = rig.core.declaration.occupied(AFSK)
    rig.give(events.RigRead(LAWFUL_HZ, Sideband.USB))
    assert rig.core.declaration.sideband is Sideband.USB
    assert rig.core.declaration.occupied(AFSK) != before
    rig.give(events.RigRead(LAWFUL_HZ, None))
    assert rig.core.declaration.sideband is Sideband.USB


def test_an_emergency_overtakes_a_burst_whose_rig_is_being_asked() -> None:
    rig = following()
    rig.dial_hz = None
    rig.submit(routine(), emergency())
    rig.dial_hz = LAWFUL_HZ
    rig.give(events.RigRead(LAWFUL_HZ, serial=rig.of(events.ReadRig)[0].serial))
    assert rig.texts() == [b"help"]


def test_a_reading_of_a_rig_that_is_not_followed_any_more_changes_nothing() -> None:
    rig = Rig()
    rig.give(events.RigRead(FORBIDDEN_HZ))
    rig.give(events.RigSilent("no reply"))
    rig.submit(traffic())
    assert len(rig.on_air) == 1


def test_what_an_earlier_run_owes_is_not_paid_where_the_rig_is_now() -> None:
    rig = Rig(declaration=replace(VHF, rig=True), dial_hz=ELSEWHERE_HZ)
    rig.give(events.Remember(((10.0, 2.0),), 10.0))
    rig.give(events.RigRead(ELSEWHERE_HZ))
    rig.run(600.0)
    assert rig.on_air == []
    [owed] = rig.logged(RadioEvent.UNIDENTIFIED)
    assert "tuned elsewhere" in owed.text


def test_a_rig_that_was_silent_and_comes_back_elsewhere_owes_nothing_there() -> None:
    rig = following()
    rig.submit(routine())
    rig.run(3.0)
    rig.give(events.RigSilent("no reply"))
    rig.dial_hz = ELSEWHERE_HZ
    rig.give(events.RigRead(ELSEWHERE_HZ))
    rig.run(600.0)
    assert rig.texts() == [b"chunk"]
    assert len(rig.logged(RadioEvent.UNIDENTIFIED)) == 1
