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
from meshdl.radio.channel_access import (
    LISTEN_SLOTS,
    RESERVED_S_MAX,
    ChannelAccess,
    Granted,
    Reserved,
    Wanted,
)

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


def test_a_channel_that_another_was_given_is_left_to_him_except_in_an_emergency() -> None:
    for precedence, at in ((ROUTINE, 20.0), (EMERGENCY, 1.0)):
        core = access()
        core.receive(Reserved(until=20.0, ours=False), now=0.5)
        core.receive(Wanted(precedence), now=1.0)
        first = granted_at(core, until=100.0)
        assert first is not None
        assert first >= at + core.slot_s
        assert precedence is ROUTINE or first < at + 2 * core.slot_s


def test_who_waits_when_another_is_given_the_channel_waits_on() -> None:
    core = access()
    core.receive(Wanted(ROUTINE), now=1.0)
    core.receive(Reserved(until=20.0, ours=False), now=1.01)
    assert granted_at(core, until=20.0) is None


def test_nobody_keeps_a_station_silent_for_longer_than_a_burst() -> None:
    core = access()
    core.receive(Reserved(until=1e6, ours=False), now=0.0)
    core.receive(Wanted(ROUTINE), now=1.0)
    assert granted_at(core, until=RESERVED_S_MAX + 20.0) is not None


def test_who_is_given_the_channel_takes_the_first_slot() -> None:
    for seed in range(20):
        core = access(seed=seed)
        core.receive(Reserved(until=20.0, ours=True), now=0.0)
        core.receive(Wanted(ROUTINE), now=1.0)
        assert granted_at(core, until=100.0) == pytest.approx(1.0 + core.slot_s)


def test_a_tnc_with_dice_of_its_own_is_kept_back_too() -> None:
    core = access(replace(AFSK, access_within_s=1.0))
    core.receive(Reserved(until=20.0, ours=False), now=0.0)
    core.receive(Wanted(ROUTINE), now=1.0)
    assert core.effects() == []
    assert granted_at(core, until=100.0) == 20.0
