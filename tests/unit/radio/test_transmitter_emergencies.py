"""Emergency traffic at the transmitter, and what waits for it; the kill switch."""

from dataclasses import replace

import pytest
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, emergency, routine

from meshdl.air import BurstEnded, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.keying import Abort
from meshdl.radio.log_records import RadioEvent
from meshdl.radio.transmitter import STUCK

NAMED = b"DE KA1ABC"


# -- Emergencies and hold-off -------------------------------------------------------------------


def test_emergency_traffic_waits_for_one_burst_at_most() -> None:
    rig = Rig(modem_works=False)
    rig.submit(*[routine(b"%d" % n) for n in range(50)])
    rig.submit(emergency())
    rig.end_burst()
    assert rig.texts() == [b"0", b"help"]


def test_emergency_traffic_overtakes_a_burst_whose_record_is_being_written() -> None:
    rig = Rig(log_works=False)
    rig.submit(routine())
    rig.submit(emergency())
    rig.durable.update({1, 2, 3})
    rig.log_works = True
    rig.give(events.LogCommitted(1))
    rig.give(events.LogCommitted(3))
    assert rig.texts() == [b"help"]
    [not_keyed] = [one for one in rig.logged(RadioEvent.ENDED) if one.burst == 1]
    assert not_keyed.text == "not keyed: something else goes first"
    rig.run(120.0)
    assert rig.texts()[:2] == [b"help", NAMED]
    assert b"chunk" in rig.texts()  # it was not lost


def test_emergency_traffic_ignores_the_budget() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(airtime_s_per_hour=1.0, duty_cycle_max=0.01)})
    rig.submit(routine(b"x" * 256), routine(b"y" * 256))
    rig.run(5.0)
    assert len(rig.on_air) == 1
    rig.submit(emergency())
    assert rig.texts()[1] == b"help"


def test_emergency_traffic_goes_before_an_identification_that_has_time() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.clear = False
    rig.run(60.0)
    rig.submit(emergency())
    wanted = [one.precedence for one in rig.of(events.ChannelWanted)]
    assert wanted[-2:] == [Precedence.PRIORITY, Precedence.EMERGENCY]  # our callsign was due
    rig.give(events.ChannelGranted())
    assert rig.texts() == [b"chunk", b"help"]


@pytest.mark.parametrize("cause", ["sent", "heard"])
def test_routine_and_welfare_traffic_hold_off_after_emergency_traffic(cause: str) -> None:
    rig = Rig(settings={"hold_off_s": 100.0})
    if cause == "sent":
        rig.submit(emergency())
        rig.run(rig.on_air[0][1].burst_s)
    else:
        rig.give(events.EmergencyHeard())
    began = rig.now
    rig.submit(routine(), routine(b"well", precedence=Precedence.WELFARE))
    rig.submit(routine(b"priority", precedence=Precedence.PRIORITY))
    rig.run(20.0)
    assert b"priority" in rig.texts()
    assert not {b"chunk", b"well"} & set(rig.texts())
    rig.run(200.0)
    at = {key.frames[0]: at for at, key in rig.on_air}
    assert at[b"well"] == pytest.approx(began + 100.0)
    assert at[b"chunk"] > at[b"well"]


def test_a_logged_routine_burst_yields_when_emergency_traffic_is_heard() -> None:
    rig = Rig(log_works=False, settings={"hold_off_s": 100.0})
    rig.submit(routine())
    rig.give(events.EmergencyHeard())
    rig.durable.add(1)
    rig.give(events.LogCommitted(1))
    assert rig.on_air == []


def test_an_emergency_is_limited_in_time_and_ended_by_the_operator() -> None:
    rig = Rig()
    rig.give(events.DeclareEmergency("KA1ABC", "flood", 1e9))
    assert rig.core.status().emergency_until == 24 * 3_600.0
    rig.give(events.EndEmergency("KA1ABC"))
    assert rig.core.status().emergency_until is None


# -- The kill switch ------------------------------------------------------------------------------


def test_the_kill_switch_unkeys_first_and_empties_everything() -> None:
    rig = Rig()
    rig.submit(routine(b"x" * 256), routine(b"later"))
    rig.run(1.0)
    before = len(rig.seen)
    rig.give(events.SwitchOff("KA1ABC", "interference"))
    assert rig.seen[before] == Abort("KA1ABC: interference")
    assert rig.seen[before + 1] == events.Switched("KA1ABC: interference")
    assert len(rig.of(Abort)) == 1
    rig.submit(emergency())
    rig.run(3_600.0)
    assert len(rig.on_air) == 1
    assert len(rig.of(events.Dropped)) == 2
    assert "meshdl radio on" in rig.of(events.Refused)[0].verdict.remedy
    [owed] = rig.logged(RadioEvent.UNIDENTIFIED)
    assert "KA1ABC" in owed.text
    rig.give(events.SwitchOn("KA1ABC"))
    told = [one.text for one in rig.logged(RadioEvent.SWITCH)]
    assert told == ["off: KA1ABC: interference", "on: KA1ABC"]


@pytest.mark.parametrize("state", ["asking", "logging"])
def test_the_kill_switch_holds_in_every_state(state: str) -> None:
    rig = Rig(clear=state != "asking", log_works=state != "logging")
    rig.submit(routine())
    rig.give(events.SwitchOff("KA1ABC", "now"))
    rig.clear = rig.log_works = True
    if state == "logging":
        rig.give(events.LogCommitted(1))
    rig.give(events.ChannelGranted())
    rig.run(3_600.0)
    assert rig.on_air == []


def test_switched_on_again_the_station_identifies_what_it_owes_and_goes_on() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.give(events.SwitchOff("KA1ABC", "now"))
    rig.run(5.0)
    rig.give(events.SwitchOn("KA1ABC"))
    assert rig.of(events.Switched)[-1] == events.Switched(None)
    assert rig.texts() == [b"chunk", NAMED]
    rig.run(10.0)
    rig.submit(routine(b"again"))
    assert rig.texts()[-1] == b"again"


def test_a_station_that_was_off_stays_off_after_a_restart() -> None:
    rig = Rig(settings={"off_because": "KA1ABC: interference"})
    rig.submit(emergency())
    assert rig.on_air == []
    rig.give(events.SwitchOn("KA1ABC"))
    rig.submit(emergency())
    assert rig.texts() == [b"help"]


def test_a_stuck_transmitter_is_switched_off_and_said_so() -> None:
    rig = Rig(modem_works=False)
    rig.submit(routine(), routine(b"later"))
    rig.run(3_600.0)
    assert rig.texts() == [b"chunk"]
    assert rig.of(Abort) == [Abort(STUCK)]
    assert rig.of(events.Switched) == [events.Switched(STUCK)]
    assert STUCK in rig.core.status().silent_because
    assert [one.text for one in rig.logged(RadioEvent.ENDED)] == [f"cut short: {STUCK}"]
    told = [(one.traffic.frames, one.reason) for one in rig.of(events.Dropped)]
    assert told == [((b"chunk",), STUCK), ((b"later",), STUCK)]
    serial = rig.on_air[0][1].serial
    rig.give(BurstEnded(serial))  # at last; it changes nothing
    assert STUCK in rig.core.status().silent_because


@pytest.mark.parametrize("freed", ["the burst ends", "the modem starts anew"])
def test_a_modem_that_still_sends_a_stuck_burst_is_not_keyed_again(freed: str) -> None:
    rig = Rig(modem_works=False)
    rig.submit(routine())
    rig.run(3_600.0)
    rig.give(events.SwitchOn("KA1ABC"))
    rig.submit(routine(b"again"), emergency())
    rig.give(BurstEnded(rig.on_air[0][1].serial + 1))  # of no burst
    rig.run(1_000.0)
    assert rig.texts() == [b"chunk"]
    assert "still sends burst" in rig.core.status().silent_because
    rig.modem_works = True
    if freed == "the burst ends":
        rig.end_burst()
    else:
        rig.key = None
        rig.give(ModemUp(AFSK))
    rig.submit(emergency())
    rig.run(60.0)
    assert rig.core.status().silent_because == ""
    assert rig.texts()[:3] == [b"chunk", b"DE KA1ABC", b"help"]  # what is owed is overdue


def test_a_modem_that_waits_for_the_channel_itself_is_given_the_time_for_it() -> None:
    rig = Rig(traits=replace(AFSK, access_within_s=600.0), modem_works=False)
    rig.submit(routine())
    rig.run(599.0)
    assert rig.of(Abort) == []
    rig.run(20.0)
    assert rig.of(Abort) == [Abort(STUCK)]


def test_a_burst_that_does_not_obey_the_kill_switch_is_stuck() -> None:
    rig = Rig(modem_works=False)
    rig.submit(routine())
    rig.give(events.SwitchOff("KA1ABC", "now"))
    rig.run(6.0)
    assert STUCK in rig.core.status().silent_because


def test_a_modem_that_comes_with_another_mode_gets_no_old_frames() -> None:
    rig = Rig(clear=False)
    rig.submit(routine())
    rig.give(ModemUp(replace(AFSK, name="9600", payload_bps=9_600.0)))
    [dropped] = rig.of(events.Dropped)
    assert "started anew" in dropped.reason
