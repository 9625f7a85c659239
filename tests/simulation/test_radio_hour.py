"""An hour of twenty stations that share contents on one channel of 1200 baud.

Everybody calls, holds something, and wants what some others hold; two emergencies come up.
Some do not hear each other, frames get lost, and in the second test things break. What must
never happen does not happen, and everybody gets what he wants.
"""

from dataclasses import dataclass, field
from functools import partial

import pytest
from tests.simulation.test_radio_transfer import Channel, content

from meshdl.content.precedence import Precedence
from meshdl.ids import ContentHash
from meshdl.radio import transmitter_events as door
from meshdl.radio.log_records import RadioEvent
from meshdl.radio.transfer.notices import WITHDRAW_KEYS
from meshdl.radio.transfer.pace import BURST_S
from meshdl.sim.radio import SimRadio
from meshdl.sim.radio_memory import RadioContent, is_whole
from meshdl.wire.onair import frames

HOUR_S = 3600.0
URGENT_KEYS = {WITHDRAW_KEYS[True]}
IDENTIFY_WITHIN_S = 600.0
STATIONS = 20
WANTED_EACH = 3
LOSS = 0.05
TURNS_OF_OTHERS = 2
"""Bursts of others that a station with emergency traffic may hear first: the one that is on the
air, and one of somebody who took the same moment."""


@dataclass
class Member:
    """One station, and what it came for."""

    radio: SimRadio
    own: RadioContent
    wanted: list[RadioContent] = field(default_factory=list)
    urgent_at: list[float] = field(default_factory=list)
    troubled: tuple[float, float] | None = None

    def watch(self) -> None:
        """Note when emergency traffic comes to the door."""
        transmitter = self.radio.core.transmitter
        receive = transmitter.receive

        def noted(event: door.TransmitterInput, *, now: float) -> None:
            if isinstance(event, door.Submit):
                assert event.traffic.cleartext
                if event.traffic.precedence is Precedence.EMERGENCY:
                    self.urgent_at.append(now)
            if isinstance(event, door.Withdraw) and event.withdraw_key in URGENT_KEYS:
                # Somebody else asks the same, or it comes already: it need not go out any more.
                keyed_at = max((at for at, _ in self.radio.modem.keyed), default=0.0)
                self.urgent_at = [at for at in self.urgent_at if at <= keyed_at]
            receive(event, now=now)

        transmitter.receive = noted  # type: ignore[method-assign]

    def in_trouble(self, from_: float, to: float) -> bool:
        return self.troubled is not None and self.troubled[0] < to and from_ < self.troubled[1]


def simulate(seed: int, *, faults: bool) -> list[Member]:
    channel = Channel(seed=seed, loss=LOSS)
    world = channel.world
    members = []
    for number in range(STATIONS):
        radio = channel.station(f"N0{chr(65 + number)}AA", calls=True)
        own = content(500 + 120 * number, name=f"bulletin-{number}.txt")
        members.append(Member(radio, own))
        members[-1].watch()
        world.after(world.rng.uniform(0, 600), partial(radio.hold, own))
    for number in range(0, STATIONS, 5):
        channel.air.hide(members[number].radio.name, members[number + 1].radio.name)
    for number, member in enumerate(members):
        others = [
            one for at, one in enumerate(members) if at not in (number - 1, number, number + 1)
        ]
        for other in world.rng.sample(others, WANTED_EACH):
            member.wanted.append(other.own)
            at = world.rng.uniform(0, 1500)
            world.after(at, partial(member.radio.fetch, other.own.content))
    for at, holder, asker in ((900.0, 3, 12), (1400.0, 15, 6)):
        form = content(1_000, name=f"form-{holder}.txt")
        members[asker].wanted.append(form)
        hold = partial(members[holder].radio.hold, form, precedence=Precedence.EMERGENCY)
        world.after(at, hold)
        fetch = partial(members[asker].radio.fetch, form.content, Precedence.EMERGENCY)
        world.after(at + 5.0, fetch)
    if faults:
        break_things(members[8::4])
    world.run(HOUR_S)
    for member in members:
        member.radio.host.post(door.ShutDown())
    world.run(HOUR_S + 120.0)
    return members


def break_things(members: list[Member]) -> None:
    """A modem, a log and a switch, each for a while."""
    for number, member in enumerate(members):
        radio, world = member.radio, member.radio.world
        began, ended = 500.0 + 100.0 * number, 900.0 + 100.0 * number
        match number % 3:
            case 0:
                world.after(began, partial(radio.modem.unplug, "unplugged"))
                world.after(ended, radio.modem.plug_in)
            case 1:
                world.after(began, partial(setattr, radio, "log_failure", "no space left"))
                world.after(ended, partial(setattr, radio, "log_failure", None))
            case _:
                off = door.SwitchOff("N0CALL", "test")
                world.after(began, partial(radio.host.post, off))
                world.after(ended, partial(radio.host.post, door.SwitchOn("N0CALL")))
        member.troubled = (began, ended + 60.0)


def check_identified(member: Member) -> None:
    """Within ten minutes and at the end."""
    words = f"DE {member.radio.name}".encode()
    since: float | None = None
    for at, key in member.radio.modem.keyed:
        since = at if since is None else since
        _, whole = member.radio.modem.ended.get(key.serial, (at, 0))
        if words in key.frames[:whole]:
            ended = at + key.burst_s
            late = ended - since > IDENTIFY_WITHIN_S
            assert not late or member.in_trouble(since, ended), member.radio.name
            since = None
    assert since is None or member.in_trouble(since, HOUR_S), (
        f"{member.radio.name} did not sign off"
    )


def check_logged_and_readable(member: Member) -> None:
    """Every burst was in the log before, word for word, and anybody can read it."""
    records = {
        record.burst: (at, record)
        for at, record in member.radio.records
        if record.event is RadioEvent.TRANSMISSION
    }
    for at, key in member.radio.modem.keyed:
        written_at, record = records[key.serial]
        assert written_at <= at
        assert record.frames == key.frames
        assert all(frames.decode(octets) is not None for octets in key.frames)


def check_emergency_goes_first(member: Member, members: list[Member]) -> None:
    """Nothing else of its own goes before it, and others' bursts only while it listens."""
    radio = member.radio
    urgent = {
        record.burst: record.precedence is Precedence.EMERGENCY
        for _, record in radio.records
        if record.event is RadioEvent.TRANSMISSION
    }
    words = (f"DE {radio.name}".encode(),)
    for submitted_at in member.urgent_at:
        later = [(at, key) for at, key in radio.modem.keyed if at >= submitted_at]
        at, key = next((at, key) for at, key in later if key.frames != words)
        if member.in_trouble(submitted_at, at):
            continue
        assert urgent[key.serial], f"{radio.name} keyed something else at {at}"
        assert at - submitted_at <= TURNS_OF_OTHERS * (BURST_S + 1.0)


def contents_of(members: list[Member]) -> dict[ContentHash, RadioContent]:
    return {one.content: one for member in members for one in (member.own, *member.wanted)}


def check_what_was_kept(member: Member, known: dict[ContentHash, RadioContent]) -> None:
    for hash_ in member.radio.finished_at:
        assert is_whole(member.radio, known[hash_])


@pytest.mark.timeout(600)  # fifteen seconds of processor time, which a busy machine has not
@pytest.mark.parametrize("faults", [False, True], ids=["well", "broken"])
def test_an_hour_of_sharing_keeps_every_invariant_and_serves_everybody(faults: bool) -> None:
    members = simulate(3 if faults else 1, faults=faults)
    known = contents_of(members)
    for member in members:
        check_identified(member)
        check_logged_and_readable(member)
        check_emergency_goes_first(member, members)
        check_what_was_kept(member, known)
        # While the operator keeps it silent, it says that nothing can be had.
        assert all("off" in one.reason for one in member.radio.failures)
        # Of the rules; the operator's switch and the end of the program name no section.
        assert not [one for one in member.radio.refusals if one.verdict.section]
        lacking = [one for one in member.wanted if not is_whole(member.radio, one)]
        assert not lacking, f"{member.radio.name} lacks {len(lacking)} contents"
    assert sum(len(one.urgent_at) for one in members) >= 4
    keyed = sum(len(one.radio.modem.keyed) for one in members)
    assert keyed > 100  # the hour was not quiet
