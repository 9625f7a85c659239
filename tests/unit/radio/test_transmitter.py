"""The transmitter without disk, radio, loop or sleep."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, DATAC13, HF, VHF, traffic

from meshdl.air import BurstEnded, CarrierChanged, ModemDown, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.errors import LocalProtocolError
from meshdl.ids import Callsign
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.keying import Abort, Key
from meshdl.radio.log_records import RadioEvent
from meshdl.radio.rules import Level
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.transmitter import STUCK
from meshdl.radio.waiting import WAITING_MAX
from meshdl.wire.onair import frames

NAMED = b"DE KA1ABC"


def routine(text: bytes = b"chunk", **facts: Any) -> Traffic:
    return traffic(text, **facts)


def emergency(text: bytes = b"help", **facts: Any) -> Traffic:
    return traffic(text, precedence=Precedence.EMERGENCY, **facts)


# -- The order ------------------------------------------------------------------------------


def test_nothing_is_keyed_before_its_record_is_durable() -> None:
    rig = Rig(log_works=False)
    rig.submit(routine())
    assert rig.on_air == []
    [record] = rig.records
    assert (record.event, record.frames) == (RadioEvent.TRANSMISSION, (b"chunk",))
    rig.durable.add(1)
    rig.give(events.LogCommitted(1))
    assert rig.texts() == [b"chunk"]


def test_nothing_is_logged_or_keyed_before_channel_access_agrees() -> None:
    rig = Rig(clear=False)
    rig.submit(routine())
    assert (rig.wanted, rig.records, rig.on_air) == (Precedence.ROUTINE, [], [])
    rig.give(events.ChannelGranted())
    assert rig.texts() == [b"chunk"]


def test_a_record_tells_everything_about_the_burst() -> None:
    rig = Rig(declaration=replace(VHF, control_operator=Callsign("N0BBB"), power_w=5.0))
    rig.submit(
        routine(b"x" * 100, octets_before=300, octets_after=100, chunks=(3, 4), note="symbols 0-9")
    )
    [record] = rig.logged(RadioEvent.TRANSMISSION)
    assert (record.callsign, record.to, record.control_operator) == ("KA1ABC", "N0AAA", "N0BBB")
    assert (record.dial_hz, record.modem, record.width_hz) == (145_010_000, "AFSK 1200", 15_000)
    assert (record.chunks, record.octets_before, record.octets_after) == ((3, 4), 300, 100)
    assert (record.verdict, record.text, record.power_w) == ("LEGAL", "symbols 0-9", 5.0)
    assert record.duration_s == pytest.approx(AFSK.burst_s([100]))
    assert "97.111(a)(1)" in record.section
    rig.run(10.0)
    [ended] = rig.logged(RadioEvent.ENDED)
    assert (ended.burst, ended.text, ended.duration_s) == (record.burst, "sent", record.duration_s)


def test_one_burst_is_on_the_air_at_a_time() -> None:
    rig = Rig(modem_works=False)
    rig.submit(routine(b"one"), routine(b"two"))
    assert rig.texts() == [b"one"]
    rig.end_burst()
    assert rig.texts() == [b"one", b"two"]


def test_a_long_traffic_is_cut_into_bursts_below_the_cap() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(burst_max_s=10.0)})
    frames = tuple(bytes([n]) * 256 for n in range(12))
    rig.submit(traffic(*frames))
    rig.run(100.0)
    bursts = [key for _, key in rig.on_air]
    assert tuple(rig.texts()[:12]) == frames
    assert len(bursts) == 3 + 1  # five frames fit ten seconds; then the identification
    assert all(key.burst_s <= 10.0 for key in bursts)
    assert rig.of(events.Sent) == [events.Sent(traffic(*frames))]


def test_a_frame_longer_than_the_cap_is_refused_with_the_setting() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(burst_max_s=2.0)})
    rig.submit(traffic(b"x" * 256))
    [refused] = rig.of(events.Refused)
    assert "radio.burst_max_s" in refused.verdict.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        Traffic(frames=(), purpose=Purpose.CALL),
        Traffic(frames=(b"",), purpose=Purpose.CALL),
        Traffic(frames=(b"x" * 257,), purpose=Purpose.CALL),
        Traffic(frames=(b"DE N0AAA",), purpose=Purpose.IDENTIFICATION),
        Traffic(frames=(b"x",) * 4097, purpose=Purpose.CALL),
    ],
)
def test_what_no_modem_could_send_is_our_bug_and_changes_nothing(wrong: Traffic) -> None:
    rig = Rig()
    with pytest.raises(LocalProtocolError):
        rig.submit(wrong)
    assert (rig.core.effects(), rig.core.deadline()) == ([], None)


@pytest.mark.parametrize("answer", [events.LogCommitted(7), events.LogFailed(7, "?")])
def test_an_unasked_answer_of_the_log_is_our_bug(answer: events.TransmitterInput) -> None:
    with pytest.raises(LocalProtocolError, match="was not asked for"):
        Rig().give(answer)


# -- Refusals -------------------------------------------------------------------------------


def test_a_refused_traffic_is_logged_and_told_and_not_keyed() -> None:
    rig = Rig()
    rig.submit(routine(cleartext=False))
    [refused] = rig.of(events.Refused)
    [record] = rig.logged(RadioEvent.REFUSAL)
    assert refused.verdict.section == record.section == "97.113(a)(4)"
    assert (rig.on_air, record.verdict) == ([], "BLOCKED")


def test_the_same_refusal_fills_no_disk() -> None:
    rig = Rig()
    for _ in range(100):
        rig.submit(routine(cleartext=False))
        rig.run(1.0)
    assert len(rig.of(events.Refused)) == 100
    records = rig.logged(RadioEvent.REFUSAL)
    assert len(records) == 2
    assert "59 more of these" in records[1].text


def test_the_rules_are_asked_again_when_the_turn_comes() -> None:
    rig = Rig(declaration=replace(VHF, dial_hz=144_050_000))
    rig.give(events.DeclareEmergency("KA1ABC", "flood", 100.0))
    rig.clear = False
    rig.submit(emergency())
    rig.run(101.0)  # the emergency has run out; channel access found no moment
    rig.give(events.ChannelGranted())
    [refused] = rig.of(events.Refused)
    assert (refused.verdict.level, rig.on_air) == (Level.BLOCKED, [])
    assert rig.logged(RadioEvent.TRANSMISSION) == []


@pytest.mark.parametrize("unset", ["profile", "licence_class", "control", "dial_hz"])
def test_a_station_without_its_declaration_only_receives(unset: str) -> None:
    rig = Rig(declaration=replace(VHF, **{unset: None}))  # type: ignore[arg-type]
    rig.submit(emergency())
    rig.run(3_600.0)
    assert rig.on_air == []
    assert "receiving only" in rig.core.status().silent_because


def test_without_a_modem_nothing_waits() -> None:
    rig = Rig()
    rig.give(ModemDown("unplugged"))
    rig.submit(routine())
    [refused] = rig.of(events.Refused)
    assert refused.verdict.reason == "no modem"


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
    assert rig.of(events.Finished) == [events.Finished()]
    rig.submit(routine())
    assert rig.of(events.Refused)[-1].verdict.reason == "the station is shutting down"


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


def test_a_new_dial_waits_for_the_signing_off_on_the_old_one() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(0.1)
    elsewhere = replace(VHF, dial_hz=146_010_000)
    rig.give(events.Reconfigure(elsewhere))
    rig.submit(routine(b"there"))
    assert rig.of(events.Reconfigured) == []
    rig.run(20.0)
    dials = [record.dial_hz for record in rig.logged(RadioEvent.TRANSMISSION)]
    assert rig.texts()[:3] == [b"chunk", NAMED, b"there"]
    assert dials == [145_010_000, 145_010_000, 146_010_000]
    assert rig.of(events.Reconfigured) == [events.Reconfigured(elsewhere)]


def test_emergency_traffic_of_a_new_dial_is_sent_there() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(0.1)
    rig.give(events.Reconfigure(replace(VHF, dial_hz=146_010_000)))
    rig.submit(emergency())
    rig.run(20.0)
    dials = {one.frames: one.dial_hz for one in rig.logged(RadioEvent.TRANSMISSION)}
    assert dials[b"help",] == 146_010_000
    assert rig.texts()[:3] == [b"chunk", NAMED, b"help"]


def test_a_long_burst_is_signed_off_before_the_new_dial_too() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(burst_max_s=100.0)})
    rig.submit(traffic(*[b"x" * 256] * 40))
    rig.run(1.0)
    rig.give(events.Reconfigure(replace(VHF, dial_hz=146_010_000)))
    rig.run(200.0)
    assert rig.on_air[0][1].burst_s > 60.0
    assert rig.texts()[-1] == NAMED
    assert {one.dial_hz for one in rig.logged(RadioEvent.TRANSMISSION)} == {145_010_000}
    assert rig.logged(RadioEvent.UNIDENTIFIED) == []


def test_what_cannot_be_signed_off_is_not_owed_on_the_new_dial() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.give(events.LogFailed(1, "disk full"))
    rig.give(events.Reconfigure(replace(VHF, dial_hz=146_010_000)))
    assert len(rig.of(events.Reconfigured)) == 1
    assert len(rig.logged(RadioEvent.UNIDENTIFIED)) == 1
    assert not rig.core.status().owed


def test_a_third_partys_message_abroad_adds_the_other_call() -> None:
    rig = Rig()
    rig.submit(routine(to=Callsign("VE3ABC-7"), third_party=True))
    rig.run(60.0)
    assert rig.texts() == [b"chunk", NAMED + b" TO VE3ABC"]
    rig.submit(routine(to=Callsign("W1ABC"), third_party=True))
    rig.run(60.0)
    assert rig.texts()[2:] == [b"chunk", NAMED]


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


# -- Channel and log ----------------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["busy", "slow disk"])
def test_a_moment_that_passed_while_the_log_was_written_is_not_used(taken: str) -> None:
    rig = Rig(log_works=False)
    rig.submit(routine())
    if taken == "busy":
        rig.give(CarrierChanged(busy=True))
    else:
        rig.now += 2.0
    rig.clear = False
    rig.durable.add(1)
    rig.give(events.LogCommitted(1))
    assert (rig.on_air, rig.wanted) == ([], Precedence.ROUTINE)
    rig.give(events.ChannelGranted())
    assert rig.texts() == [b"chunk"]
    assert len(rig.logged(RadioEvent.TRANSMISSION)) == 1  # the record it has is enough


def test_a_grant_that_nobody_waits_for_does_nothing() -> None:
    rig = Rig()
    rig.give(events.ChannelGranted())
    assert rig.on_air == []


def test_a_failed_log_silences_the_station_until_it_works_again() -> None:
    rig = Rig(log_works=False)
    rig.submit(routine())
    rig.give(events.LogFailed(1, "disk full"))
    rig.submit(emergency())
    rig.run(29.0)
    assert rig.on_air == []
    assert "disk full" in rig.core.status().silent_because
    rig.log_works = True
    rig.run(2.0)  # it is tried again every 30 s
    assert rig.texts() == [b"help"]
    assert "disk full" in rig.logged(RadioEvent.LOG)[0].text
    assert rig.core.status().silent_because == ""


def test_refusals_are_not_written_into_a_log_that_fails_but_counted() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.give(events.LogFailed(1, "disk full"))
    for _ in range(5):
        rig.submit(routine(cleartext=False))
    assert rig.logged(RadioEvent.REFUSAL) == []
    rig.run(60.0)  # the log works again
    rig.submit(routine(cleartext=False))
    [record] = rig.logged(RadioEvent.REFUSAL)
    assert "5 more of these" in record.text


def test_a_log_that_does_not_answer_has_failed() -> None:
    rig = Rig(log_works=False)
    rig.submit(routine())
    rig.run(31.0)
    assert "does not answer" in rig.core.status().silent_because
    assert rig.on_air == []


def test_the_budget_slows_routine_traffic_down() -> None:
    limits = AirtimeLimits(airtime_s_per_hour=20.0, duty_cycle_max=1.0)
    rig = Rig(settings={"limits": limits})
    for _ in range(350):
        rig.submit(routine(b"x" * 256))
        rig.run(10.0)
    traffic_s = sum(key.burst_s for _, key in rig.on_air if key.frames != (NAMED,))
    assert 15.0 < traffic_s <= 20.0


def test_the_duty_cycle_protects_the_final_stage() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(airtime_s_per_hour=3_600, duty_cycle_max=0.1)})
    for _ in range(118):
        rig.submit(routine(b"x" * 256))
        rig.run(5.0)
    traffic_s = sum(key.burst_s for _, key in rig.on_air if key.frames != (NAMED,))
    assert 55.0 < traffic_s <= 60.0


def test_nobody_waits_longer_than_ten_minutes_but_emergency_traffic() -> None:
    rig = Rig(clear=False)
    rig.submit(routine(), emergency())
    rig.run(3_600.0)
    [dropped] = rig.of(events.Dropped)
    assert (dropped.traffic, dropped.reason) == (routine(), "waited too long")
    rig.give(events.ChannelGranted())
    assert rig.texts() == [b"help"]


def test_a_full_queue_lets_the_least_urgent_go() -> None:
    rig = Rig(clear=False)
    rig.submit(*[routine(b"%d" % n) for n in range(WAITING_MAX)])
    rig.submit(emergency())
    [dropped] = rig.of(events.Dropped)
    assert dropped.traffic.frames == (b"%d" % (WAITING_MAX - 1),)
    assert rig.core.status().waiting == WAITING_MAX


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


# -- Everything in any order --------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: the invariants of the door."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(settings={"limits": AirtimeLimits(duty_cycle_max=1.0)})
        self.keyed = 0
        self.off = False
        self.serials: list[int] = []

    @rule(
        precedence=st.sampled_from(Precedence), octets=st.integers(1, 256),
        frames=st.integers(1, 20), clear=st.booleans(), third=st.booleans(),
    )  # fmt: skip
    def submit(
        self, precedence: Precedence, octets: int, frames: int, clear: bool, third: bool
    ) -> None:
        self.rig.submit(
            traffic(
                *[b"x" * octets] * frames, precedence=precedence, cleartext=clear,
                third_party=third, withdraw_key=precedence.name,
            )
        )  # fmt: skip

    @rule(for_s=st.floats(0.0, 700.0))
    def time_passes(self, for_s: float) -> None:
        self.rig.run(for_s)

    @rule(back_s=st.floats(0.0, 700.0))
    def clock_jumps_back(self, back_s: float) -> None:
        self.rig.now = max(0.0, self.rig.now - back_s)

    @rule(works=st.booleans())
    def log(self, works: bool) -> None:
        self.rig.log_works = works

    @rule(clear=st.booleans())
    def channel(self, clear: bool) -> None:
        self.rig.clear = clear
        self.rig.give(CarrierChanged(busy=not clear))
        if clear:
            self.rig.give(events.ChannelGranted())

    @rule(which=st.sampled_from(Precedence))
    def withdraw(self, which: Precedence) -> None:
        self.rig.give(events.Withdraw(which.name, "nobody wants it"))

    @rule()
    def hear_an_emergency(self) -> None:
        self.rig.give(events.EmergencyHeard())

    @rule(dial=st.sampled_from([144_050_000, 145_010_000, 146_010_000]))
    def tune(self, dial: int) -> None:
        self.rig.give(events.Reconfigure(replace(VHF, dial_hz=dial)))

    @rule()
    def declare(self) -> None:
        self.rig.give(events.DeclareEmergency("KA1ABC", "flood", 300.0))

    @rule()
    def switch_off(self) -> None:
        self.rig.give(events.SwitchOff("KA1ABC", "now"))
        self.off, self.keyed = True, len(self.rig.on_air)

    @precondition(lambda self: self.off)
    @rule()
    def switch_on(self) -> None:
        self.off = False
        self.rig.give(events.SwitchOn("KA1ABC"))

    @rule()
    def modem_fails(self) -> None:
        self.rig.key, self.rig.ends_at = None, None
        self.rig.give(ModemDown("unplugged"))
        self.rig.give(ModemUp(AFSK))

    @invariant()
    def nothing_is_keyed_while_off(self) -> None:
        assert not self.off or len(self.rig.on_air) == self.keyed

    @invariant()
    def a_burst_is_keyed_once(self) -> None:
        serials = [key.serial for _, key in self.rig.on_air]
        assert len(serials) == len(set(serials))

    @invariant()
    def every_burst_is_below_the_cap(self) -> None:
        assert all(key.burst_s <= 30.0 for _, key in self.rig.on_air)

    @invariant()
    def nothing_obscured_is_in_a_transmission(self) -> None:
        logged = {one.burst: one for one in self.rig.logged(RadioEvent.TRANSMISSION)}
        for _, key in self.rig.on_air:
            record = logged[key.serial]
            assert (record.frames, record.verdict in {"LEGAL", "WARNING"}) == (key.frames, True)

    @invariant()
    def the_deadline_lies_ahead(self) -> None:
        deadline = self.rig.core.deadline()
        assert deadline is None or deadline > self.rig.core._now


AnyOrder.TestCase.settings = hypothesis_settings(stateful_step_count=40)
TestAnyOrder = AnyOrder.TestCase


def test_a_key_cannot_be_mistaken_for_octets() -> None:
    rig = Rig()
    rig.submit(routine())
    assert isinstance(rig.on_air[0][1], Key)
