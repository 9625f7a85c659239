"""Strangers, replays, broken TNCs, disks and clocks: what comes of them, with the real cores.

Each test says what must be the outcome, and that nothing is lost: what was wanted comes whole
when the trouble is over, and what is in the store is right.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from random import Random

import pytest
from tests.simulation.test_radio_transfer import HF_DATA, PACKET, Channel, content
from tests.support.air_strangers import AirStranger
from tests.unit.radio.stations import VHF

from meshdl.air import FrameHeard, ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.log_records import RadioEvent
from meshdl.radio.station import RadioEffect, RadioInput, RadioStation
from meshdl.radio.transfer.requests import REQUESTS_MAX
from meshdl.radio.transmitter_events import SwitchOff, SwitchOn
from meshdl.sim.air import SimAir, SimModem, Transmission
from meshdl.sim.radio import SimRadio
from meshdl.sim.radio_memory import RadioContent
from meshdl.sim.world import World
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import SIZE_CLASS_MAX, ContentTag, content_tag
from meshdl.wire.onair.pdus import (
    NEEDED_MAX,
    OBJECT_NUMBER_MAX,
    OBJECTS_MAX,
    SYMBOL_OCTETS,
    AirObject,
    Codec,
    Cq,
    Enough,
    Form,
    Have,
    ObjectKind,
    Objects,
    Pdu,
    Symbols,
    Want,
    Wanted,
)

HOUR_S = 3600.0
LEAVES = Objects(ObjectKind.LEAF, 0, 4)
RAW = Form(Codec.RAW, 342)


def frame(*pdus: Pdu, sender: Callsign | None = None) -> bytes:
    return frames.encode(pdus, sender=sender)


def leaf_of(wanted: RadioContent, number: int = 0, form: Form = RAW) -> AirObject:
    tag = content_tag(wanted.content)
    return AirObject(content=tag, kind=ObjectKind.LEAF, number=number, form=form)


def pair(channel: Channel, octets: int = 30_000) -> tuple[SimRadio, SimRadio, RadioContent]:
    """One that holds a content and one that wants it."""
    sender, receiver = channel.station("N0AAA"), channel.station("N0BBB")
    wanted = content(octets)
    sender.hold(wanted)
    receiver.fetch(wanted.content)
    return sender, receiver, wanted


# -- What is heard ---------------------------------------------------------------------------


class BadChecksums(SimAir):
    """Frames with wrong bits get by, as past a TNC that passes everything."""

    def __init__(self, world: World, share: float) -> None:
        super().__init__(world)
        self._share = share

    def arrives(
        self, listener: SimModem, transmission: Transmission, number: int
    ) -> FrameHeard | None:
        heard = super().arrives(listener, transmission, number)
        if heard is None or self.world.rng.random() >= self._share:
            return heard
        octets = bytearray(heard.octets)
        for _ in range(self.world.rng.randint(1, 4)):
            octets[self.world.rng.randrange(len(octets))] ^= 1 << self.world.rng.randrange(8)
        return replace(heard, octets=bytes(octets))


@pytest.mark.parametrize("traits", [PACKET, HF_DATA], ids=["packet", "hf"])
@pytest.mark.parametrize("seed", range(3))
def test_wrong_bits_in_every_tenth_frame_reach_no_store(seed: int, traits: ModemTraits) -> None:
    channel = Channel(seed=seed, traits=traits)
    channel.air = BadChecksums(channel.world, 0.1)
    _, receiver, wanted = pair(channel, 20_000)
    channel.run(wanted, [receiver], within_s=2 * HOUR_S)
    assert receiver.memory.unread


def test_an_enough_under_another_call_costs_time_and_nothing_else() -> None:
    channel = Channel()
    _, receiver, wanted = pair(channel)
    liar = AirStranger(channel.air, "N0BBB", PACKET)
    tag = content_tag(wanted.content)
    liar.say_every(20.0, 15, [frame(Enough(tag, (LEAVES,)))])
    channel.run(wanted, [receiver], within_s=HOUR_S)


def test_answers_under_the_holders_call_are_found_out() -> None:
    channel = Channel()
    _, receiver, wanted = pair(channel, 16_384)
    liar = AirStranger(channel.air, "N0AAA", PACKET)
    rubbish = Random(5).randbytes(5 * SYMBOL_OCTETS)
    lies = [frame(Symbols(leaf_of(wanted), 5 * at, rubbish)) for at in range(12)]
    channel.world.after(40.0, lambda: liar.say(lies))
    channel.run(wanted, [receiver], within_s=HOUR_S)
    # The callsign proves nothing, but it is told.
    assert {name for one in receiver.wrong for name in one.senders} <= {"N0AAA"}


def test_a_station_does_not_listen_to_its_own_call() -> None:
    channel = Channel()
    sender, receiver, wanted = pair(channel)
    liar = AirStranger(channel.air, "N0AAA", PACKET)
    tag = content_tag(wanted.content)
    want = frame(Want(tag, (Wanted(LEAVES),)))
    channel.world.run(1.0)
    channel.world.after(0.0, lambda: liar.say([want], [frame(Cq(seeks=(tag,)))]))
    channel.run(wanted, [receiver], within_s=HOUR_S)
    assert "N0AAA" not in {one.callsign for one in sender.transfer.stations}


def test_a_want_under_the_askers_call_is_answered_once_more_at_the_most() -> None:
    costs = []
    for lies in (False, True):
        channel = Channel()
        sender, receiver, wanted = pair(channel, 16_384)
        liar = AirStranger(channel.air, "N0BBB", PACKET)
        channel.run(wanted, [receiver], within_s=HOUR_S)
        if lies:
            leaf = Wanted(Objects(ObjectKind.LEAF, 0, 1))
            liar.say([frame(Want(content_tag(wanted.content), (leaf,)))])
        channel.world.run(channel.world.now + 600.0)
        costs.append(sender.airtime_s)
    assert costs[1] < 2.2 * costs[0]


def test_what_was_said_yesterday_changes_nothing_today() -> None:
    yesterday = Channel(seed=1)
    ear = AirStranger(yesterday.air, "N0EAR", PACKET)
    sender, receiver, old = pair(yesterday, 16_384)
    yesterday.run(old, [receiver], within_s=HOUR_S)
    recorded = [one.octets for one in ear.heard]
    assert len(recorded) > 60

    today = Channel(seed=2)
    sender, receiver, wanted = pair(today, 20_000)
    replayer = AirStranger(today.air, "N0AAA", PACKET)
    asker = AirStranger(today.air, "N0BBB", PACKET)
    for number in range(4):
        today.world.after(30.0 + 60.0 * number, lambda: replayer.say(recorded[:30]))
        today.world.after(45.0 + 60.0 * number, lambda: asker.say(recorded[:3]))
    today.run(wanted, [receiver], within_s=2 * HOUR_S)
    assert not sender.failures
    assert old.content not in receiver.finished_at


def test_replayed_symbols_of_what_is_wanted_do_no_harm() -> None:
    before = Channel(seed=1)
    ear = AirStranger(before.air, "N0EAR", PACKET)
    _, receiver, wanted = pair(before, 16_384)
    before.run(wanted, [receiver], within_s=HOUR_S)
    recorded = [one.octets for one in ear.heard]
    after = Channel(seed=2)
    receiver = after.station("N0BBB")
    receiver.fetch(wanted.content)
    replayer = AirStranger(after.air, "N0AAA", PACKET)
    after.world.after(20.0, lambda: replayer.say(recorded[:70]))
    after.world.after(200.0, lambda: replayer.say(recorded))
    # They are right, whoever sends them and whenever.
    after.run(wanted, [receiver], within_s=HOUR_S)


@pytest.mark.parametrize("before", [True, False])
def test_symbols_of_another_object_under_the_same_name_are_dropped(before: bool) -> None:
    channel = Channel()
    impostor = AirStranger(channel.air, "N0BAD", PACKET)
    wanted = content(16_384)
    other = Random(9).randbytes(16_384)

    def lies() -> list[bytes]:
        made = []
        for at in range(0, 40, 5):
            octets = other[at * SYMBOL_OCTETS : (at + 5) * SYMBOL_OCTETS]
            made.append(frame(Symbols(leaf_of(wanted), at, octets)))
        return made

    receiver = channel.station("N0BBB")
    if before:
        impostor.say(lies())
        channel.world.run(30.0)
    else:
        channel.world.after(45.0, lambda: impostor.say(lies()))
    sender = channel.station("N0AAA")
    sender.hold(wanted)
    receiver.fetch(wanted.content)
    channel.run(wanted, [receiver], within_s=2 * HOUR_S)
    assert {name for one in receiver.wrong for name in one.senders} <= {"N0BAD"}
    # Before the holder's are there, the right ones must be more than the wrong ones.
    assert sender.airtime_s < 4 * 69 * PACKET.frame_s(253)


def test_absurd_numbers_cost_neither_memory_nor_much_airtime() -> None:
    channel = Channel()
    sender, receiver, wanted = pair(channel, 20_000)
    stranger = AirStranger(channel.air, "N0BAD", PACKET)
    tag = content_tag(wanted.content)
    everything = Objects(ObjectKind.LEAF, 0, OBJECTS_MAX)
    last = Objects(ObjectKind.HASHES, OBJECT_NUMBER_MAX, 1)
    absurd = (
        Want(tag, (Wanted(everything, NEEDED_MAX, RAW), Wanted(everything), Wanted(last))),
        Want(tag, (Wanted(Objects(ObjectKind.INFO, 0, OBJECTS_MAX)),)),
        Enough(ContentTag(b"none"), (everything, last)),
        Symbols(leaf_of(wanted, OBJECT_NUMBER_MAX), 0, bytes(SYMBOL_OCTETS)),
        Symbols(leaf_of(wanted, 0, Form(Codec.RAW, 1)), 0, bytes(SYMBOL_OCTETS)),
        Symbols(leaf_of(wanted, 0, Form(Codec.RAW, 342)), 65_535, bytes(SYMBOL_OCTETS)),
        Cq(haves=(Have(content=tag, precedence=Precedence.EMERGENCY, size_class=SIZE_CLASS_MAX),)),
    )
    stranger.say([frame(one) for one in absurd])
    channel.run(wanted, [receiver], within_s=HOUR_S)
    stranger.say([frame(one) for one in absurd])
    before_s = sender.airtime_s
    channel.world.run(channel.world.now + HOUR_S)
    assert len(list(sender.transfer.contents)) < 10
    # The two leaves and the INFO there are, and no more of them than one asks for.
    assert sender.airtime_s - before_s < REQUESTS_MAX * 2


def test_thousands_of_strange_contents_are_forgotten_again() -> None:
    channel = Channel()
    receiver = channel.station("N0BBB")
    rng = Random(3)
    for number in range(3_000):
        tag = ContentTag(number.to_bytes(4, "big"))
        of = AirObject(content=tag, kind=ObjectKind.LEAF, number=number, form=RAW)
        octets = frame(Symbols(of, 0, rng.randbytes(SYMBOL_OCTETS)))
        receiver.host.post(FrameHeard(octets=octets, at=0.0, sender=Callsign("N0BAD")))
    assert len(receiver.transfer.contents) <= 1024
    wanted = content(5_000)
    channel.station("N0AAA").hold(wanted)
    receiver.fetch(wanted.content)
    channel.run(wanted, [receiver], within_s=HOUR_S)


# -- What is broken --------------------------------------------------------------------------


def test_a_tnc_that_vanishes_in_every_burst_loses_nothing_that_was_heard() -> None:
    channel = Channel()
    sender, receiver, wanted = pair(channel)
    for at in (30.0, 90.0, 150.0):
        channel.world.after(at, lambda: sender.modem.unplug("unplugged"))
        channel.world.after(at + 20.0, sender.modem.plug_in)
        channel.world.after(at + 33.0, lambda: receiver.modem.unplug("unplugged"))
        channel.world.after(at + 40.0, receiver.modem.plug_in)
    channel.run(wanted, [receiver], within_s=HOUR_S)


def test_a_stuck_transmitter_switches_itself_off_and_goes_on_when_told_to() -> None:
    channel = Channel()
    sender, receiver, wanted = pair(channel)
    channel.world.run(40.0)
    sender.modem.stuck = True
    channel.world.run(300.0)
    silent = len(sender.modem.keyed)
    assert "did not unkey" in sender.core.transmitter.silent_because()
    assert sender.memory.switched
    assert any(one.event is RadioEvent.SWITCH for _, one in sender.records)
    channel.world.run(900.0)
    assert len(sender.modem.keyed) == silent
    sender.modem.unplug("repaired")
    sender.modem.plug_in()
    sender.host.post(SwitchOn("N0CALL"))
    channel.run(wanted, [receiver], within_s=HOUR_S)


def test_one_that_is_switched_off_asks_and_calls_again_when_it_is_switched_on() -> None:
    channel = Channel()
    sender = channel.station("N0AAA", calls=True)
    receiver = channel.station("N0BBB", calls=True)
    for one in (sender, receiver):
        one.host.post(SwitchOff("N0CALL", "antenna work"))
    wanted = content(5_000)
    sender.hold(wanted)
    receiver.fetch(wanted.content)
    channel.world.run(HOUR_S)
    assert not sender.modem.keyed
    assert not receiver.modem.keyed
    assert ["antenna work" in one.reason for one in receiver.failures] == [True]
    for one in (sender, receiver):
        one.host.post(SwitchOn("N0CALL"))
    channel.run(wanted, [receiver], within_s=300.0)
    channel.world.run(channel.world.now + 300.0)
    assert "N0AAA" in {one.callsign for one in receiver.transfer.stations}


def test_a_busy_channel_is_waited_for_an_hour_and_then_used() -> None:
    channel = Channel()
    sender, receiver, wanted = pair(channel)
    channel.world.run(20.0)
    jammer = AirStranger(channel.air, "N0JAM", PACKET, listens=False)
    hour_of_frames = [b"\x00" * 250] * int(HOUR_S / PACKET.frame_s(250))
    jammer.say(hour_of_frames)
    began = channel.world.now
    channel.world.run(began + HOUR_S - 10.0)
    # Nothing but what the law wants told goes out over somebody else.
    told = [
        key.frames for one in (sender, receiver) for at, key in one.modem.keyed if at > began + 1.0
    ]
    assert all(one[0].startswith(b"DE ") for one in told)
    channel.run(wanted, [receiver], within_s=2 * HOUR_S)


class JumpyRadio:
    """A radio whose clock jumps, as that of a machine that slept."""

    def __init__(self, core: RadioStation) -> None:
        self._core, self.offset_s = core, 0.0

    def receive(self, event: RadioInput, *, now: float) -> None:
        self._core.receive(event, now=now + self.offset_s)

    def expire(self, *, now: float) -> None:
        due = self._core.deadline()
        at = now + self.offset_s
        # Adding and subtracting the offset may round: what is due must be seen as due.
        self._core.expire(now=at if due is None or at < due - 1e-6 else max(at, due))

    def deadline(self) -> float | None:
        deadline = self._core.deadline()
        return None if deadline is None else deadline - self.offset_s

    def effects(self) -> Sequence[RadioEffect]:
        return self._core.effects()


@pytest.mark.parametrize("seed", range(4))
def test_a_clock_that_jumps_delays_a_transfer_at_the_most(seed: int) -> None:
    channel = Channel(seed=seed)
    sender, receiver, wanted = pair(channel)
    rng = Random(seed)
    for one in (sender, receiver):
        jumpy = JumpyRadio(one.core)
        one.host.core = jumpy
        for _ in range(4):
            at, jump_s = rng.uniform(5.0, 250.0), rng.uniform(-900.0, 900.0)
            channel.world.after(at, partial(jump, jumpy, jump_s))
    channel.world.run(260.0)
    for one in (sender, receiver):
        # A burst whose end was slept through counts as stuck, and that is for people to look at.
        if one.core.transmitter.silent_because():
            one.host.post(SwitchOn("N0CALL"))
    channel.run(wanted, [receiver], within_s=3 * HOUR_S)


def jump(clock: JumpyRadio, jump_s: float) -> None:
    clock.offset_s += jump_s


@pytest.mark.parametrize("whose", ["sender", "receiver"])
def test_a_full_log_disk_silences_a_station_that_says_why(whose: str) -> None:
    channel = Channel()
    sender, receiver, wanted = pair(channel)
    channel.world.run(40.0)
    silenced = sender if whose == "sender" else receiver
    silenced.log_failure = "no space left on the device"
    channel.world.run(80.0)
    before = len(silenced.modem.keyed)
    channel.world.run(900.0)
    assert len(silenced.modem.keyed) == before
    assert "no space left" in silenced.core.transmitter.silent_because()
    silenced.log_failure = None
    channel.run(wanted, [receiver], within_s=2 * HOUR_S)
    durable = {
        record.burst for _, record in silenced.records if record.event is RadioEvent.TRANSMISSION
    }
    assert {key.serial for _, key in silenced.modem.keyed} <= durable


def test_without_rules_a_station_listens_and_gets_what_it_overhears() -> None:
    channel = Channel()
    _, receiver, wanted = pair(channel)
    lawless = SimRadio(
        channel.air, "N0CCC", replace(VHF, callsign=Callsign("N0CCC"), profile=None), PACKET
    )
    lawless.fetch(wanted.content)
    channel.run(wanted, [receiver, lawless], within_s=HOUR_S)
    assert lawless.modem.keyed == []
    assert "receiving only" in lawless.core.transmitter.silent_because()
