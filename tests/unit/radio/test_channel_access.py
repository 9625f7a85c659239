"""When the channel may be taken."""

from dataclasses import replace
from random import Random

import pytest
from tests.unit.radio.stations import AFSK

from meshdl.air import (
    BurstEnded,
    CarrierChanged,
    FrameHeard,
    ModemDown,
    ModemTraits,
    ModemUp,
)
from meshdl.content.precedence import Precedence
from meshdl.radio.channel_access import LISTEN_SLOTS, ChannelAccess, Granted, Wanted

TELLS = replace(AFSK, measures_busy=True, turnaround_s=0.1)
DEAF = replace(AFSK, turnaround_s=0.1)
ROUTINE, EMERGENCY = Precedence.ROUTINE, Precedence.EMERGENCY


def access(traits: ModemTraits = TELLS, *, seed: int = 1) -> ChannelAccess:
    made = ChannelAccess(Random(seed))
    made.receive(ModemUp(traits), now=0.0)
    return made


def granted_at(core: ChannelAccess, *, until: float) -> float | None:
    """Run the core's own timer; when it grants."""
    while (due := core.deadline()) is not None and due <= until:
        core.expire(now=due)
        if core.effects() == [Granted()]:
            return due
    return None


def test_a_free_channel_is_granted_after_some_slots() -> None:
    waits = []
    for seed in range(200):
        core = access(seed=seed)
        core.receive(Wanted(ROUTINE), now=1.0)
        at = granted_at(core, until=100.0)
        assert at is not None
        waits.append(round((at - 1.0) / core.slot_s))
    assert min(waits) == 1
    # p = 1/4: four slots on average.
    assert 3.0 < sum(waits) / len(waits) < 5.0


def test_emergency_traffic_takes_the_first_slot() -> None:
    for seed in range(20):
        core = access(seed=seed)
        core.receive(Wanted(EMERGENCY), now=1.0)
        assert granted_at(core, until=100.0) == pytest.approx(1.0 + core.slot_s)


def test_nothing_is_granted_while_the_channel_is_busy() -> None:
    core = access()
    core.receive(CarrierChanged(busy=True), now=0.0)
    core.receive(Wanted(EMERGENCY), now=1.0)
    assert core.deadline() is None
    core.receive(CarrierChanged(busy=False), now=3600.0)
    assert granted_at(core, until=4000.0) == pytest.approx(3600.0 + core.slot_s)


def test_a_channel_that_becomes_busy_again_starts_the_wait_anew() -> None:
    core = access()
    core.receive(Wanted(EMERGENCY), now=0.0)
    core.receive(CarrierChanged(busy=True), now=core.slot_s / 2)
    assert granted_at(core, until=50.0) is None
    core.receive(CarrierChanged(busy=False), now=60.0)
    assert granted_at(core, until=70.0) == pytest.approx(60.0 + core.slot_s)


def test_without_a_carrier_detector_a_frame_announces_another() -> None:
    core = access(DEAF)
    core.receive(Wanted(EMERGENCY), now=0.0)
    core.receive(FrameHeard(octets=bytes(200), at=0.05), now=0.05)
    at = granted_at(core, until=100.0)
    assert at is not None
    assert at >= 0.05 + DEAF.frame_s(200)


def test_a_tnc_that_does_it_itself_is_left_to_do_so() -> None:
    core = access(replace(AFSK, access_within_s=5.0))
    core.receive(Wanted(ROUTINE), now=0.0)
    assert core.effects() == [Granted()]


def test_between_two_of_ours_others_get_a_word_in() -> None:
    for precedence, slots in ((ROUTINE, LISTEN_SLOTS), (EMERGENCY, 0)):
        core = access()
        core.receive(BurstEnded(1), now=10.0)
        core.receive(Wanted(precedence), now=10.0)
        at = granted_at(core, until=100.0)
        assert at is not None
        assert at >= 10.0 + TELLS.turnaround_s + (1 + slots) * core.slot_s - 1e-9
        if precedence is EMERGENCY:
            assert at == pytest.approx(10.0 + TELLS.turnaround_s + core.slot_s)


def test_what_is_wanted_no_more_is_not_granted() -> None:
    core = access()
    core.receive(Wanted(EMERGENCY), now=0.0)
    core.receive(Wanted(None), now=0.01)
    assert granted_at(core, until=100.0) is None
    core.receive(Wanted(EMERGENCY), now=1.0)
    core.receive(ModemDown("unplugged"), now=1.01)
    assert granted_at(core, until=100.0) is None
