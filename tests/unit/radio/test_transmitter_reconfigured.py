"""Settings that change while the station runs: nothing is keyed between the old and the new."""

from dataclasses import replace

from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, DATAC1, HF, VHF, routine, traffic

from meshdl.air import ModemUp
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits

ANOTHER_MODEM = events.Reconfigure(HF, modem_changes=True)


def test_between_two_modems_nothing_is_keyed_and_our_callsign_ends_the_first() -> None:
    rig = Rig()
    rig.submit(routine(b"by the old one"))
    rig.submit(routine(b"waits"))
    rig.give(ANOTHER_MODEM)
    assert rig.of(events.Reconfigured) == []
    rig.run(5.0)
    assert rig.texts() == [b"by the old one", b"DE KA1ABC"]
    assert len(rig.of(events.Reconfigured)) == 1
    assert rig.core.silent_because() == "no modem"
    # What was cut for the old modem is told to whoever submitted it, not sent by the new one.
    assert [one.traffic.frames for one in rig.of(events.Dropped)] == [(b"waits",)]
    rig.submit(routine(b"too early"))
    rig.run(700.0)
    assert len(rig.on_air) == 2
    rig.traits = DATAC1
    rig.give(ModemUp(DATAC1))
    rig.submit(routine(b"by the new one"))
    assert rig.texts()[-1] == b"by the new one"


def test_a_new_dial_alone_keeps_the_modem_and_what_waits() -> None:
    rig = Rig()
    rig.submit(routine(b"old dial"), routine(b"new dial"))
    rig.give(events.Reconfigure(replace(VHF, dial_hz=146_010_000)))
    rig.run(10.0)
    assert rig.texts()[:3] == [b"old dial", b"DE KA1ABC", b"new dial"]
    assert rig.of(events.Dropped) == []


def test_an_order_that_follows_at_once_does_not_forget_that_the_modem_changes() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.give(ANOTHER_MODEM)
    rig.give(events.Reconfigure(replace(HF, dial_hz=14_105_000)))
    rig.run(10.0)
    [one] = rig.of(events.Reconfigured)
    assert one.order.modem_changes
    assert one.order.declaration.dial_hz == 14_105_000
    assert rig.core.silent_because() == "no modem"


def test_new_limits_hold_from_then_on_and_what_was_spent_is_spent() -> None:
    rig = Rig()
    rig.submit(traffic(*[b"x" * 200] * 10))
    rig.run(60.0)
    spent_s = rig.core.status().airtime_s
    assert spent_s > 10.0
    limits = AirtimeLimits(burst_max_s=4.0, airtime_s_per_hour=spent_s + 1.0)
    rig.give(events.Reconfigure(VHF, limits=limits, hold_off_s=5.0))
    [one] = rig.of(events.Reconfigured)
    assert one.burst_max_s == 4.0
    keyed = len(rig.on_air)
    rig.submit(traffic(*[b"y" * 200] * 2))
    rig.run(300.0)
    assert [key.frames for _, key in rig.on_air[keyed:]] == []
    rig.give(events.Reconfigure(VHF, limits=replace(limits, airtime_s_per_hour=900.0)))
    rig.run(600.0)
    sent = [key for _, key in rig.on_air[keyed:] if key.frames[0].startswith(b"y")]
    assert [len(key.frames) for key in sent] == [2]
    rig.give(events.EmergencyHeard())
    assert rig.core.status().hold_off_until == rig.now + 5.0


def test_a_radio_that_is_off_takes_new_settings_and_stays_off() -> None:
    rig = Rig(settings={"off_because": "storm"})
    rig.give(ANOTHER_MODEM)
    assert len(rig.of(events.Reconfigured)) == 1
    assert rig.core.silent_because() == "off: storm"


def test_a_rig_that_is_followed_from_now_on_tells_its_dial_first() -> None:
    rig = Rig(traits=AFSK)
    rig.give(events.Reconfigure(replace(VHF, rig=True)))
    rig.submit(routine())
    assert rig.on_air == []
    rig.dial_hz = VHF.dial_hz
    assert rig.dial_hz is not None
    rig.give(events.RigRead(rig.dial_hz))
    assert rig.texts() == [b"chunk"]
