"""The transmitter says who it is: in time, in plain words, whatever else happens."""

from dataclasses import replace

import pytest
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, DATAC13, HF, VHF, emergency, routine, traffic

from meshdl.air import CarrierChanged, ModemDown, ModemUp
from meshdl.ids import Callsign
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.keying import Abort
from meshdl.radio.log_records import RadioEvent
from meshdl.radio.transmitter import STUCK
from meshdl.wire.onair import frames

NAMED = b"DE KA1ABC"


# -- Identification ---------------------------------------------------------------------------


def test_a_communication_ends_with_identification_in_plain_ascii() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(100.0)
    assert rig.texts() == [b"chunk", NAMED]
    ended_at = rig.on_air[0][0] + rig.on_air[0][1].burst_s
    assert rig.on_air[1][0] == pytest.approx(ended_at + 30.0)
    rig.run(3_600.0)
    assert rig.texts() == [b"chunk", NAMED]


@pytest.mark.parametrize("ago_s", [0.0, 20.0, 100.0, 599.0])
def test_what_an_earlier_run_owed_is_said_by_the_next(ago_s: float) -> None:
    rig = Rig()
    rig.give(ModemDown("not there yet"))
    rig.give(events.Remember(unidentified_for_s=ago_s))
    assert rig.core.status().owed
    rig.run(1.0)
    assert rig.on_air == []
    rig.give(ModemUp(AFSK))
    rig.run(30.0)
    assert rig.texts() == [NAMED]
    assert rig.on_air[0][0] == pytest.approx(max(1.0, 30.0 - ago_s))
    rig.run(3_600.0)
    assert rig.texts() == [NAMED]


def test_what_this_run_sent_before_it_remembered_is_owed_from_the_earlier_one_on() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.give(events.Remember(unidentified_for_s=570.0))
    rig.clear = False
    rig.run(20.0)
    assert rig.texts() == [b"chunk", NAMED]  # at the last moment of the earlier one


def test_who_has_not_transmitted_says_nothing() -> None:
    rig = Rig()
    rig.run(3_600.0)
    rig.give(events.ShutDown())
    assert (rig.on_air, rig.of(events.Finished)) == ([], [events.Finished()])


def test_during_a_long_communication_the_callsign_rides_along() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(airtime_s_per_hour=3_600, duty_cycle_max=1.0)})
    for _ in range(200):
        rig.submit(routine(b"x" * 200))
        rig.run(10.0)
    rig.run(40.0)
    named_at = [at for at, key in rig.on_air if NAMED in key.frames]
    assert all(key.frames[-1] == NAMED for _, key in rig.on_air if NAMED in key.frames)
    gaps = [later - earlier for earlier, later in zip([0.0, *named_at], named_at, strict=False)]
    assert max(gaps) <= 600.0
    assert len([key for _, key in rig.on_air if key.frames == (NAMED,)]) == 1  # the last


def test_frames_beside_which_the_callsign_rides_are_each_sent_once() -> None:
    # Five frames last 9.7 s, and 9.9 s with the callsign.
    limits = AirtimeLimits(burst_max_s=9.8, airtime_s_per_hour=3_600, duty_cycle_max=1.0)
    rig = Rig(settings={"limits": limits})
    for _ in range(20):  # so that the callsign is due in the midst of what follows
        rig.submit(routine())
        rig.run(25.0)
    frames = tuple(bytes([n]) * 256 for n in range(60))
    rig.submit(traffic(*frames))
    rig.run(200.0)
    assert any(NAMED in key.frames and len(key.frames) == 5 for _, key in rig.on_air)
    assert all(key.burst_s <= 9.8 for _, key in rig.on_air)
    assert tuple(one for one in rig.texts() if len(one) == 256) == frames


def test_a_station_that_is_being_answered_is_not_at_the_end_of_its_communication() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(25.0)
    rig.give(events.ExchangeGoesOn())
    rig.run(29.0)
    assert rig.texts() == [b"chunk"]
    rig.run(2.0)
    assert rig.texts() == [b"chunk", NAMED]


def test_silence_is_counted_from_the_end_of_a_burst_however_long_it_took() -> None:
    rig = Rig(modem_works=False)
    rig.submit(routine())
    rig.now = 4.0  # computed were 0.6 s
    rig.modem_works = True
    rig.end_burst()
    rig.run(29.5)
    assert rig.texts() == [b"chunk"]
    rig.run(1.0)
    assert rig.texts() == [b"chunk", NAMED]


def test_at_the_last_moment_it_no_longer_waits_for_a_gap() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.clear = False  # and busy for an hour
    rig.give(CarrierChanged(busy=True))
    rig.run(3_600.0)
    assert rig.texts() == [b"chunk", NAMED]
    assert rig.on_air[1][0] + rig.on_air[1][1].burst_s <= 600.0


def test_at_the_last_moment_it_overtakes_a_burst_that_waits_for_a_gap() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(burst_max_s=1.0)})
    rig.submit(routine())
    rig.run(5.0)
    rig.clear = rig.log_works = False
    rig.give(CarrierChanged(busy=True))
    rig.submit(routine(b"later"))
    rig.give(events.ChannelGranted())  # but while the record is written it is busy again
    serial = len(rig.records)
    rig.log_works = True
    rig.durable.add(serial)
    rig.give(events.LogCommitted(serial))
    assert rig.texts() == [b"chunk"]
    rig.run(595.0)
    assert rig.texts()[:2] == [b"chunk", NAMED]
    assert rig.on_air[1][0] + rig.on_air[1][1].burst_s <= 600.0


def test_an_aborted_transfer_is_signed_off_at_once() -> None:
    rig = Rig()
    rig.submit(routine(b"x" * 256, withdraw_key="get"))
    rig.run(1.0)
    rig.give(events.Withdraw("get", "the operator paused it"))
    rig.run(1.0)
    assert rig.of(Abort) == [Abort("the operator paused it")]
    assert rig.on_air[1][1].frames == (NAMED,)
    [dropped] = rig.of(events.Dropped)
    assert dropped.reason == "the operator paused it"


def test_a_burst_that_was_cut_short_has_identified_nobody() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(29.0 + rig.on_air[0][1].burst_s + 1.5)
    assert rig.on_air[-1][1].frames == (NAMED,)
    rig.give(ModemDown("unplugged"))
    rig.key, rig.ends_at = None, None
    assert rig.core.status().owed
    rig.give(ModemUp(AFSK))
    assert rig.on_air[-1][1].frames == (NAMED,)


def test_shutting_down_cuts_short_and_signs_off() -> None:
    rig = Rig()
    rig.submit(routine(b"x" * 256), routine(b"later"))
    rig.run(1.0)
    rig.give(events.ShutDown())
    assert rig.of(events.Finished) == []
    rig.run(10.0)
    assert rig.texts()[1:] == [NAMED]
    assert rig.of(Abort) == [Abort("the station is shutting down")]
    assert rig.of(events.Finished) == [events.Finished()]
    rig.submit(routine())
    assert rig.of(events.Refused)[-1].verdict.reason == "the station is shutting down"


def test_shutting_down_does_not_cut_the_signing_off_short() -> None:
    rig = Rig(modem_works=False)
    rig.submit(routine())
    rig.end_burst()
    rig.give(events.ShutDown())
    assert rig.texts()[1:] == [NAMED]
    rig.give(events.ShutDown())  # somebody is impatient
    assert rig.of(Abort) == []
    rig.end_burst()
    assert rig.of(events.Finished) == [events.Finished()]


def test_shutting_down_on_a_busy_channel_still_signs_off() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.clear = False
    rig.give(events.ShutDown())
    rig.run(60.0)
    assert rig.texts() == [b"chunk", NAMED]
    assert rig.of(events.Finished) == [events.Finished()]


def test_shutting_down_with_a_failed_log_ends_and_says_so() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.give(events.LogFailed(1, "disk full"))
    rig.give(events.ShutDown())
    assert rig.texts() == [b"chunk"]
    assert rig.of(events.Finished) == [events.Finished()]
    [owed] = rig.logged(RadioEvent.UNIDENTIFIED)
    assert "give KA1ABC on the air by hand" in owed.text


def test_a_third_partys_message_abroad_adds_the_other_call() -> None:
    rig = Rig()
    rig.submit(routine(to=Callsign("VE3ABC-7"), third_party=True))
    rig.run(60.0)
    assert rig.texts() == [b"chunk", NAMED + b" TO VE3ABC"]
    rig.submit(routine(to=Callsign("W1ABC"), third_party=True))
    rig.run(60.0)
    assert rig.texts()[2:] == [b"chunk", NAMED]


def test_a_foreign_station_is_named_once_and_not_too_many_are() -> None:
    rig = Rig()
    for number in (1, 1, 1, 2):
        rig.submit(routine(to=Callsign(f"VE{number}ABC"), third_party=True))
    rig.run(60.0)
    assert rig.texts()[-1] == NAMED + b" TO VE1ABC VE2ABC"
    for number in range(10):
        rig.submit(routine(to=Callsign(f"VE{number}ABC"), third_party=True))
    rig.run(60.0)
    assert rig.texts()[-1].split() == [
        b"DE", b"KA1ABC", b"TO", *(b"VE%dABC" % number for number in range(2, 10))
    ]  # fmt: skip


def test_where_frames_are_short_the_other_call_has_one_of_its_own() -> None:
    rig = Rig(declaration=HF, traits=DATAC13)
    rig.submit(routine(to=Callsign("VE3ABC-7"), third_party=True))
    rig.run(60.0)
    assert rig.texts() == [b"chunk", b"TO VE3ABC", NAMED]


def test_the_ssid_is_said_too_and_other_programs_read_it() -> None:
    rig = Rig(declaration=replace(VHF, air_callsign=Callsign("KA1ABC-7")))
    rig.submit(routine())
    rig.run(60.0)
    assert frames.decode(rig.texts()[1]) == frames.Identification(Callsign("KA1ABC-7"))
    assert rig.logged(RadioEvent.TRANSMISSION)[1].callsign == "KA1ABC"


def test_a_modem_that_cannot_carry_the_callsign_sends_nothing() -> None:
    rig = Rig(declaration=HF, traits=replace(DATAC13, payload_octets_max=8))
    rig.submit(routine())
    [refused] = rig.of(events.Refused)
    assert (refused.verdict.section, rig.on_air) == ("97.119(a)", [])


def test_what_was_sent_in_an_emergency_is_identified_after_it() -> None:
    rig = Rig(declaration=replace(VHF, dial_hz=144_050_000))
    rig.give(events.DeclareEmergency("KA1ABC", "flood", 10.0))
    rig.submit(emergency())
    rig.run(60.0)
    assert rig.texts() == [b"help", NAMED]
    [declared, ran_out] = rig.logged(RadioEvent.EMERGENCY)
    assert (declared.text, ran_out.text) == ("declared by KA1ABC: flood", "ran out")


# -- Clock jumps ----------------------------------------------------------------------------------


def test_a_clock_that_jumps_back_shortens_no_identification() -> None:
    rig = Rig()
    rig.now = 1_000.0
    rig.submit(routine())
    rig.now = 0.0
    rig.core.expire(now=rig.now)
    rig.end_burst()
    rig.run(1_100.0)
    assert rig.texts() == [b"chunk", NAMED]
    assert rig.on_air[1][0] >= 1_030.0


def test_after_a_long_sleep_a_burst_counts_as_stuck() -> None:
    rig = Rig(modem_works=False)
    rig.submit(routine())
    rig.now += 7_200.0
    rig.core.expire(now=rig.now)
    rig._settle()
    assert rig.of(Abort) == [Abort(STUCK)]
