"""One radio as one core: what goes where."""

from dataclasses import replace
from random import Random

import pytest
from tests.unit.radio.stations import AFSK, DATAC1, HF, KA1ABC, VHF

from meshdl.air import BurstEnded, CarrierChanged, FrameHeard, ModemTraits, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio import transmitter_events as door
from meshdl.radio.declaration import Control, Declaration
from meshdl.radio.keying import Key
from meshdl.radio.station import FrameUnread, RadioEffect, RadioStation
from meshdl.radio.transfer import events
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.radio_memory import content_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import ContentTag, content_tag
from meshdl.wire.onair.frames import Frame
from meshdl.wire.onair.pdus import (
    AirObject,
    Codec,
    Cq,
    Form,
    Have,
    ObjectKind,
    Objects,
    Symbols,
    Want,
    Wanted,
)

PACKET = replace(AFSK, carries_sender=True)
NARROW = replace(
    DATAC1, payload_octets_max=126, audio_low_hz=1300.0, audio_high_hz=1700.0, carries_sender=True
)
FORM = content_of("form.txt", b"all well here")
FORM_TAG = content_tag(FORM.content)
N0AAA = Callsign("N0AAA")


def station(declaration: Declaration = VHF, traits: ModemTraits = PACKET) -> RadioStation:
    transfer = Transfer(KA1ABC, rng=Random(1), calls=False, attended=declaration.attended)
    core = RadioStation(Transmitter(declaration), transfer, rng=Random(1))
    core.receive(ModemUp(traits), now=0.0)
    return core


def heard(octets: bytes, now: float = 1.0) -> FrameHeard:
    return FrameHeard(octets=octets, at=now, sender=N0AAA)


def keyed(core: RadioStation, *, until: float) -> list[RadioEffect]:
    """Every record is durable at once; all that was keyed."""
    found: list[RadioEffect] = []
    now = 0.0
    while (due := core.deadline()) is not None and due <= until:
        now = max(now, due)
        core.expire(now=now)
        while effects := core.effects():
            for effect in effects:
                if isinstance(effect, door.WriteLog):
                    core.receive(door.LogCommitted(effect.serial), now=now)
                elif isinstance(effect, Key):
                    found.append(effect)
    return found


def test_what_is_wanted_goes_through_the_door() -> None:
    core = station()
    core.receive(events.Fetch(FORM.content), now=0.0)
    [key] = keyed(core, until=10.0)
    assert isinstance(key, Key)
    assert key.burst_s > 0


def test_without_a_licence_class_nothing_does() -> None:
    core = station(replace(VHF, licence_class=None))
    core.receive(events.Fetch(FORM.content), now=0.0)
    assert keyed(core, until=600.0) == []


def test_a_refusal_is_told_to_who_wanted_it() -> None:
    core = station(replace(VHF, dial_hz=100_000_000))
    core.receive(events.Fetch(FORM.content), now=0.0)
    effects: list[RadioEffect] = []
    while (due := core.deadline()) is not None and due <= 10.0:
        core.expire(now=due)
        effects += core.effects()
    [refused] = [one for one in effects if isinstance(one, door.Refused)]
    [failed] = [one for one in effects if isinstance(one, events.FetchFailed)]
    assert failed.reason == refused.verdict.reason


@pytest.mark.parametrize("attended", [False, True])
def test_outside_its_segments_an_automatic_station_answers_only_who_is_attended(
    attended: bool,
) -> None:
    """47 CFR 97.221(c)(1); 14.080 MHz is in no automatic segment (97.221(b))."""
    core = station(replace(HF, control=Control.AUTOMATIC, dial_hz=14_080_000), NARROW)
    hold = events.Hold(metainfo=FORM.metainfo, chunk_hashes=FORM.hashes, held=None)
    core.receive(hold, now=0.0)
    info = Wanted(Objects(ObjectKind.INFO, 0, 1))
    core.receive(heard(frames.encode([Want(FORM_TAG, (info,), attended)]), now=0.0), now=0.0)
    sent = [
        pdu
        for key in keyed(core, until=30.0)
        if isinstance(key, Key)
        for octets in key.frames
        if isinstance(frame := frames.decode(octets), Frame)
        for pdu in frame.pdus
    ]
    assert any(isinstance(pdu, Symbols) for pdu in sent) is attended


@pytest.mark.parametrize("control", Control)
def test_a_station_says_in_its_wants_whether_it_is_attended(control: Control) -> None:
    core = station(replace(VHF, control=control))
    core.receive(events.Fetch(FORM.content), now=0.0)
    [key] = keyed(core, until=10.0)
    assert isinstance(key, Key)
    found = [frames.decode(octets) for octets in key.frames]
    wants = [pdu for one in found if isinstance(one, Frame) for pdu in one.pdus]
    assert [pdu.attended for pdu in wants if isinstance(pdu, Want)] == [
        control is not Control.AUTOMATIC
    ]


def test_a_damaged_frame_is_told_and_a_foreign_one_is_not() -> None:
    core = station()
    good = frames.encode([Cq(locator="FN42")])
    core.receive(heard(good[:-1] + bytes([good[-1] ^ 1])), now=1.0)
    [unread] = core.effects()
    assert isinstance(unread, FrameUnread)
    assert "check" in unread.reason
    core.receive(heard(b"!4237.00N/07106.00W-another program"), now=2.0)
    assert core.effects() == []


def test_a_call_is_shown() -> None:
    core = station()
    core.receive(heard(frames.encode([Cq(locator="FN42")])), now=1.0)
    assert core.effects() == [events.StationHeard(N0AAA, Cq(locator="FN42"))]
    assert [one.callsign for one in core.transfer.stations] == [N0AAA]


def test_a_segment_number_that_no_info_has_ends_nobody() -> None:
    core = station()
    forged = bytes.fromhex("d1810d71a1b2c3d4800200010000") + bytes(48)
    core.receive(heard(forged), now=1.0)
    [unread] = core.effects()
    assert isinstance(unread, FrameUnread)
    assert "segment" in unread.reason
    # The same from a journal that somebody else wrote.
    key = ObjectKey(ContentTag(bytes.fromhex("a1b2c3d4")), ObjectKind.INFO, 256)
    kept = NewSymbol(key, Form(Codec.RAW, 1), 0, bytes(48), "N0AAA")
    core.receive(events.SymbolsKept((kept,)), now=2.0)
    assert not any(isinstance(one, events.MetainfoFound) for one in core.effects())


# -- What the rooms want of each other ----------------------------------------------------------


def waited(core: RadioStation, *, until: float) -> None:
    """Let time pass; nothing is granted, logged or keyed."""
    while (due := core.deadline()) is not None and due <= until:
        core.expire(now=due)


def test_an_emergency_that_is_heard_holds_the_door() -> None:
    core = station()
    have = Have(content=FORM_TAG, precedence=Precedence.EMERGENCY, size_class=10)
    core.receive(heard(frames.encode([Cq(haves=(have,))]), now=1.0), now=1.0)
    assert core.transmitter.status().hold_off_until == 61.0


def test_an_emergency_that_is_told_again_does_not_hold_the_door_for_longer() -> None:
    core = station()

    def held_until(after: float, content: bytes) -> float | None:
        tag = ContentTag(content)
        urgent = Have(content=tag, precedence=Precedence.EMERGENCY, size_class=60)
        core.receive(heard(frames.encode([Cq(haves=(urgent,))]), after), now=after)
        return core.transmitter.status().hold_off_until

    assert held_until(1.0, b"abcd") == 61.0
    assert held_until(50.0, b"abcd") == 61.0
    assert held_until(70.0, b"abcd") == 61.0  # which is over by then
    assert held_until(80.0, b"efgh") == 140.0


def test_symbols_that_come_put_the_signing_off_off() -> None:
    core = station()
    core.receive(events.Fetch(FORM.content), now=0.0)
    [key] = keyed(core, until=3.0)
    assert isinstance(key, Key)
    core.receive(BurstEnded(key.serial), now=3.0)
    assert core.transmitter.status().identification_due_at == 33.0
    of = AirObject(content=FORM_TAG, kind=ObjectKind.INFO, number=0, form=Form(Codec.RAW, 8))
    core.receive(heard(frames.encode([Symbols(of, 0, bytes(48))]), now=20.0), now=20.0)
    assert core.transmitter.status().identification_due_at == 50.0


def test_a_want_that_another_says_first_is_taken_back() -> None:
    core = station()
    core.receive(CarrierChanged(busy=True), now=0.0)
    core.receive(events.Fetch(FORM.content), now=0.0)
    waited(core, until=30.0)
    assert core.transmitter.status().waiting == 1
    everything = Wanted(Objects(ObjectKind.INFO, 0, 1))
    want = Want(FORM_TAG, (everything,), attended=True)
    core.receive(heard(frames.encode([want]), now=31.0), now=31.0)
    assert core.transmitter.status().waiting == 0


def test_what_was_wanted_while_the_radio_was_off_is_asked_for_when_it_is_on() -> None:
    core = station()
    core.receive(door.SwitchOff("KA1ABC", "storm"), now=0.0)
    core.receive(events.Fetch(FORM.content), now=1.0)
    assert keyed(core, until=60.0) == []
    core.receive(door.SwitchOn("KA1ABC"), now=61.0)
    [key] = keyed(core, until=80.0)
    assert isinstance(key, Key)
