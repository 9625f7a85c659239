"""The transmitter without disk, radio, loop or sleep."""

from dataclasses import replace

import pytest
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, VHF, emergency, routine, traffic

from meshdl.air import CarrierChanged, ModemDown
from meshdl.content.precedence import Precedence
from meshdl.errors import LocalProtocolError
from meshdl.ids import Callsign, ContentHash
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.declaration import Control
from meshdl.radio.log_records import RadioEvent
from meshdl.radio.logbook import REFUSALS_MAX
from meshdl.radio.rules import Level
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.waiting import WAITING_MAX

NAMED = b"DE KA1ABC"


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
    content = ContentHash(b"\xab" * 32)
    rig.submit(
        routine(
            b"x" * 100, octets_before=300, octets_after=100, chunks=(3, 4), note="symbols 0-9",
            content=content, asked_by=Callsign("N0CCC"), third_party=True,
            precedence=Precedence.WELFARE,
        )
    )  # fmt: skip
    [record] = rig.logged(RadioEvent.TRANSMISSION)
    assert (record.content, record.asked_by, record.third_party) == (content, "N0CCC", True)
    assert (record.control, record.purpose) == (Control.LOCAL, "exchange")
    assert (record.precedence, record.frames) == (Precedence.WELFARE, (b"x" * 100,))
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


def test_what_could_not_be_signed_off_within_the_cap_is_not_begun() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(burst_max_s=0.6)})
    assert AFSK.burst_s([1]) < 0.6 < AFSK.burst_s([len(NAMED)])
    rig.submit(traffic(b"x"))
    [refused] = rig.of(events.Refused)
    assert ("radio.burst_max_s" in refused.verdict.remedy, rig.on_air) == (True, [])


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


def test_the_rules_are_asked_again_when_the_record_is_durable() -> None:
    rig = Rig(declaration=replace(VHF, dial_hz=144_050_000), log_works=False)
    rig.give(events.DeclareEmergency("KA1ABC", "flood", 0.5))
    rig.submit(emergency())
    [record] = rig.logged(RadioEvent.TRANSMISSION)
    rig.run(0.6)  # meanwhile the emergency has run out
    rig.give(events.LogCommitted(record.burst))
    [refused] = rig.of(events.Refused)
    assert (refused.verdict.level, rig.on_air) == (Level.BLOCKED, [])
    [ended] = rig.logged(RadioEvent.ENDED)
    assert (ended.burst, ended.duration_s) == (record.burst, 0.0)
    assert ended.text.startswith("not keyed: ")


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


def test_an_old_record_that_becomes_durable_late_mends_no_log() -> None:
    rig = Rig(log_works=False)
    rig.submit(routine(cleartext=False))  # record 1
    rig.submit(routine())  # record 2
    rig.give(events.LogFailed(2, "disk full"))
    rig.give(events.LogCommitted(1))
    assert "disk full" in rig.core.status().silent_because
    rig.run(30.0)
    rig.give(events.LogCommitted(len(rig.records)))
    assert rig.core.status().silent_because == ""


def test_no_more_refusals_are_remembered_than_a_log_has_use_for() -> None:
    rig = Rig()
    for number in range(REFUSALS_MAX + 1):
        rig.submit(
            routine(to=Callsign(f"DL{number % 10}{chr(65 + number // 10)}A"), third_party=True)
        )
    rig.submit(routine(to=Callsign("DL0AA"), third_party=True))
    # The first was forgotten meanwhile, so it is written down again.
    assert len(rig.logged(RadioEvent.REFUSAL)) == REFUSALS_MAX + 2


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


def test_airtime_of_an_earlier_run_counts() -> None:
    limits = AirtimeLimits(airtime_s_per_hour=20.0, duty_cycle_max=1.0)
    rig = Rig(settings={"limits": limits})
    rig.give(events.Remember(((3_500.0, 12.0), (60.0, 7.9))))
    rig.submit(routine(b"x" * 256))
    rig.run(99.0)
    assert rig.on_air == []
    rig.run(2.0)  # the oldest is an hour old
    assert rig.texts() == [b"x" * 256]
    assert rig.core.status().airtime_s == pytest.approx(7.9 + AFSK.burst_s([256]))


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
