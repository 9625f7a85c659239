"""Twenty stations on a channel on which somebody talks for an hour, some with clocks that jump.

What must never happen does not happen, and when the channel is free again, emergency traffic
goes first and everybody gets what he wants.
"""

from functools import partial

import pytest
from tests.simulation.test_radio_hour import (
    STATIONS,
    Member,
    check_identified,
    check_logged_and_readable,
    check_what_was_kept,
    contents_of,
)
from tests.simulation.test_radio_transfer import PACKET, Channel, content
from tests.simulation.test_radio_trouble import JumpyRadio, jump
from tests.support.air_strangers import AirStranger

from meshdl.content.precedence import Precedence
from meshdl.radio import transmitter_events as door
from meshdl.radio.log_records import RadioEvent
from meshdl.radio.transfer.pace import BURST_S
from meshdl.sim.radio_memory import is_whole

HOUR_S = 3600.0
BUSY_FROM_S = 400.0
BUSY_UNTIL_S = BUSY_FROM_S + HOUR_S
WITHIN_S = 3 * HOUR_S
"""Of the end of the talk: there is an hour's work waiting, and one more for those who jumped."""

JUMPY = slice(1, None, 4)
JUMPS_EACH = 4
JUMP_MAX_S = 900.0


def simulate(seed: int) -> list[Member]:
    channel = Channel(seed=seed, loss=0.05)
    world = channel.world
    members = []
    for number in range(STATIONS):
        radio = channel.station(f"N0{chr(65 + number)}AA", calls=True)
        members.append(Member(radio, content(400 + 50 * number, name=f"{number}.txt")))
        members[-1].watch()
        world.after(world.rng.uniform(0, BUSY_FROM_S / 2), partial(radio.hold, members[-1].own))
    for number, member in enumerate(members):
        other = members[(number + world.rng.randint(2, STATIONS - 2)) % STATIONS].own
        member.wanted.append(other)
        at = world.rng.uniform(0, HOUR_S)
        world.after(at, partial(member.radio.fetch, other.content))
    for member in members[JUMPY]:
        clock = JumpyRadio(member.radio.core)
        member.radio.host.core = clock
        member.troubled = (0.0, float("inf"))
        for _ in range(JUMPS_EACH):
            jump_s = world.rng.uniform(-JUMP_MAX_S, JUMP_MAX_S)
            world.after(world.rng.uniform(5.0, BUSY_UNTIL_S), partial(jump, clock, jump_s))
    form = content(1_000, name="form.txt")
    members[4].wanted.append(form)
    hold = partial(members[0].radio.hold, form, precedence=Precedence.EMERGENCY)
    world.after(BUSY_FROM_S + 900.0, hold)
    fetch = partial(members[4].radio.fetch, form.content, Precedence.EMERGENCY)
    world.after(BUSY_FROM_S + 900.0, fetch)
    talk = [bytes(250)] * int(HOUR_S / PACKET.frame_s(250))
    talker = AirStranger(channel.air, "N0JAM", PACKET, listens=False)
    world.after(BUSY_FROM_S, partial(talker.say, talk))
    world.run(BUSY_UNTIL_S)
    for member in members:
        # A burst whose end was slept through counts as stuck, and that is for people to look at.
        if member.radio.core.transmitter.silent_because():
            member.radio.host.post(door.SwitchOn("N0CALL"))
    world.run(
        BUSY_UNTIL_S + WITHIN_S,
        stop=lambda: all(is_whole(one.radio, it) for one in members for it in one.wanted),
    )
    for member in members:
        member.radio.host.post(door.ShutDown())
    world.run(world.now + 120.0)
    return members


def check_silent_while_busy(member: Member) -> None:
    """Nothing goes out over somebody else but what the law wants told."""
    over_others = [
        key.frames
        for at, key in member.radio.modem.keyed
        if BUSY_FROM_S + 1.0 < at < BUSY_UNTIL_S - BURST_S
    ]
    assert all(frames[0].startswith(b"DE ") for frames in over_others), member.radio.name


def check_urgent_first(member: Member) -> None:
    """What it keys first when the channel is free is what is urgent."""
    [urgent, *_] = [
        record
        for at, record in member.radio.records
        if record.event is RadioEvent.TRANSMISSION
        and at > BUSY_UNTIL_S - BURST_S
        and not record.frames[0].startswith(b"DE ")
    ]
    assert urgent.precedence is Precedence.EMERGENCY


@pytest.mark.timeout(600)  # of processor time it takes ten seconds, which a busy machine has not
def test_a_busy_hour_and_jumping_clocks_break_no_invariant_and_lose_nothing() -> None:
    members = simulate(1)
    known = contents_of(members)
    for member in members:
        check_silent_while_busy(member)
        check_identified(member)
        check_logged_and_readable(member)
        check_what_was_kept(member, known)
        assert all(is_whole(member.radio, one) for one in member.wanted), member.radio.name
    check_urgent_first(members[4])
