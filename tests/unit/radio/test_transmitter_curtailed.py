"""More urgent traffic at the transmitter while a burst is on the air: it ends with its frame."""

import pytest
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, emergency, routine, traffic

from meshdl.air import BurstEnded
from meshdl.content.precedence import Precedence
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.keying import Abort, Curtail
from meshdl.radio.log_records import RadioEvent

FRAMES = tuple(b"%d" % number * 200 for number in range(8))
FRAME_S = AFSK.frame_s(200)
NAMED = b"DE KA1ABC"


def sending(**settings: object) -> Rig:
    """A rig in the middle of the third frame of eight."""
    rig = Rig(settings={"hold_off_s": 0.0, **settings})
    rig.submit(traffic(*FRAMES))
    rig.run(AFSK.burst_overhead_s + 2.5 * FRAME_S)
    return rig


def test_emergency_traffic_waits_for_one_frame_at_most() -> None:
    rig = sending()
    rig.submit(emergency())
    assert rig.of(Curtail) == [Curtail(rig.on_air[0][1].serial)]
    rig.run(FRAME_S)
    at, key = rig.on_air[1]
    assert key.frames == (b"help",)
    assert at == pytest.approx(AFSK.burst_overhead_s + 3 * FRAME_S)


def test_what_was_not_sent_is_sent_later_and_nothing_twice() -> None:
    rig = sending()
    rig.submit(emergency())
    rig.run(120.0)
    sent = [*rig.on_air[0][1].frames[:3], *rig.texts()[len(FRAMES) :]]
    assert sent == [*FRAMES[:3], b"help", *FRAMES[3:], NAMED]
    assert [one.traffic.frames for one in rig.of(events.Sent)] == [(b"help",), FRAMES]


def test_log_and_airtime_tell_how_much_was_sent() -> None:
    rig = sending()
    rig.submit(emergency())
    rig.run(FRAME_S / 2 + 0.1)
    ended = rig.logged(RadioEvent.ENDED)[0]
    assert ended.text == "sent 3 of 8 frames: something more urgent goes first"
    assert ended.duration_s == pytest.approx(AFSK.burst_overhead_s + 3 * FRAME_S)
    emergency_s = rig.on_air[1][1].burst_s
    sent_s = AFSK.burst_overhead_s + 3 * FRAME_S
    assert rig.core.status().airtime_s == pytest.approx(sent_s + emergency_s)


@pytest.mark.parametrize(
    ("on_air", "comes", "curtailed"),
    [
        (Precedence.ROUTINE, Precedence.WELFARE, True),
        (Precedence.WELFARE, Precedence.PRIORITY, True),
        (Precedence.PRIORITY, Precedence.EMERGENCY, True),
        (Precedence.ROUTINE, Precedence.ROUTINE, False),
        (Precedence.PRIORITY, Precedence.WELFARE, False),
        (Precedence.EMERGENCY, Precedence.EMERGENCY, False),
    ],
)
def test_every_higher_precedence_goes_first_and_no_other(
    on_air: Precedence, comes: Precedence, curtailed: bool
) -> None:
    rig = Rig()
    rig.submit(traffic(*FRAMES, precedence=on_air))
    rig.submit(routine(b"more", precedence=comes))
    assert bool(rig.of(Curtail)) is curtailed


def test_a_burst_is_curtailed_once() -> None:
    rig = sending()
    rig.submit(emergency(), emergency(b"more"))
    rig.run(0.1)
    rig.submit(routine(precedence=Precedence.PRIORITY))
    assert len(rig.of(Curtail)) == 1


def test_traffic_that_may_not_go_yet_curtails_nothing() -> None:
    spent = AFSK.burst_s([200] * 8)
    rig = sending(limits=AirtimeLimits(airtime_s_per_hour=spent, duty_cycle_max=1.0))
    rig.submit(routine(precedence=Precedence.PRIORITY))
    assert rig.of(Curtail) == []


def test_a_callsign_that_was_not_reached_is_still_owed() -> None:
    rig = Rig(settings={"limits": AirtimeLimits(duty_cycle_max=1.0), "hold_off_s": 0.0})
    rig.submit(routine())
    rig.run(20.0)
    while NAMED not in rig.texts():  # it goes on until the callsign rides along
        rig.give(events.ExchangeGoesOn())
        rig.run(1.0)
        if rig.key is None:
            rig.submit(traffic(*FRAMES))
    bursts = len(rig.on_air)
    assert rig.on_air[-1][1].frames[-1] == NAMED
    rig.submit(emergency())
    rig.run(FRAME_S * 2)
    assert rig.on_air[bursts][1].frames == (b"help", NAMED)


def test_a_curtailed_burst_can_be_aborted() -> None:
    rig = sending()
    rig.submit(emergency())
    rig.give(events.SwitchOff("KA1ABC", "now"))
    assert rig.of(Abort) == [Abort("KA1ABC: now")]
    rig.run(60.0)
    assert [one.text for one in rig.logged(RadioEvent.ENDED)] == ["cut short: KA1ABC: now"]
    assert len(rig.on_air) == 1


def test_an_aborted_burst_is_not_curtailed() -> None:
    rig = Rig(modem_works=False)
    rig.submit(traffic(*FRAMES, withdraw_key="get"))
    rig.give(events.Withdraw("get", "paused"))
    rig.submit(emergency())
    assert rig.of(Curtail) == []


def test_a_modem_that_has_given_everything_away_ends_its_burst() -> None:
    rig = Rig(curtails=False)
    rig.submit(traffic(*FRAMES))
    rig.submit(emergency())
    burst_s = rig.on_air[0][1].burst_s
    rig.run(burst_s)
    assert rig.on_air[1] == (burst_s, rig.key)
    assert rig.logged(RadioEvent.ENDED)[0].text == "sent"
    assert [one.traffic.frames for one in rig.of(events.Sent)] == [FRAMES]


def test_a_burst_of_which_nothing_was_sent_is_sent_whole_later() -> None:
    rig = Rig(modem_works=False, settings={"hold_off_s": 0.0})
    rig.submit(traffic(*FRAMES))
    rig.submit(emergency())
    [(_, first)] = rig.on_air
    rig.key = None
    rig.give(BurstEnded(first.serial, 0))
    assert rig.texts()[8:] == [b"help"]
    rig.modem_works = True
    rig.end_burst()
    assert rig.texts()[9:] == list(FRAMES)


def test_a_logged_burst_makes_way_for_a_higher_precedence() -> None:
    rig = Rig(clear=False, log_works=False)
    rig.submit(routine())
    rig.give(events.ChannelGranted())  # its record is being written
    rig.submit(routine(b"priority", precedence=Precedence.PRIORITY))
    rig.log_works = True
    rig.durable.add(1)
    rig.give(events.LogCommitted(1))
    assert rig.logged(RadioEvent.ENDED)[0].text == "not keyed: something else goes first"
    rig.clear = True
    rig.give(events.ChannelGranted())
    assert rig.texts() == [b"priority"]
