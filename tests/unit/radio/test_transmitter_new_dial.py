"""Another dial, or other rules: first the transmitter signs off where it was."""

from dataclasses import replace

import msgspec
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import US, VHF, emergency, routine, traffic

from meshdl.air import CarrierChanged
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.log_records import RadioEvent

NAMED = b"DE KA1ABC"


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
    assert rig.of(events.Reconfigured) == [events.Reconfigured(events.Reconfigure(elsewhere), 30.0)]


def test_a_burst_that_is_logged_waits_for_the_new_dial_too() -> None:
    rig = Rig()
    rig.submit(routine())
    rig.run(5.0)
    rig.clear = False
    rig.submit(routine(b"logged"))
    rig.give(CarrierChanged(busy=True))
    rig.give(events.ChannelGranted())  # its record is written, and the channel is taken
    assert len(rig.logged(RadioEvent.TRANSMISSION)) == 2
    rig.give(events.Reconfigure(replace(VHF, dial_hz=146_010_000)))
    rig.clear = True
    rig.give(CarrierChanged(busy=False))
    rig.give(events.ChannelGranted())
    rig.run(20.0)
    assert rig.texts()[:3] == [b"chunk", NAMED, b"logged"]
    keyed = {key.serial for _, key in rig.on_air}
    dials = {
        one.frames: one.dial_hz for one in rig.logged(RadioEvent.TRANSMISSION) if one.burst in keyed
    }
    assert dials[b"logged",] == 146_010_000


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


def test_the_rules_of_a_new_declaration_say_how_often() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(duty_cycle_max=1.0)})
    often = msgspec.structs.replace(
        US, identification=msgspec.structs.replace(US.identification, every_s=120.0)
    )
    rig.give(events.Reconfigure(replace(VHF, profile=often)))
    for _ in range(20):
        rig.submit(routine())
        rig.run(10.0)
    named_at = [at for at, key in rig.on_air if NAMED in key.frames]
    assert named_at[0] <= 120.0


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
