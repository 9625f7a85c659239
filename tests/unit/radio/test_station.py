"""One radio as one core: what goes where."""

from dataclasses import replace
from random import Random

from tests.unit.radio.stations import AFSK, KA1ABC, VHF

from meshdl.air import FrameHeard, ModemUp
from meshdl.ids import Callsign
from meshdl.radio import transmitter_events as door
from meshdl.radio.declaration import Declaration
from meshdl.radio.keying import Key
from meshdl.radio.station import FrameUnread, RadioEffect, RadioStation
from meshdl.radio.transfer import events
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.radio_memory import content_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.pdus import Cq

PACKET = replace(AFSK, carries_sender=True)
FORM = content_of("form.txt", b"all well here")
N0AAA = Callsign("N0AAA")


def station(declaration: Declaration = VHF) -> RadioStation:
    transfer = Transfer(KA1ABC, rng=Random(1), calls=False)
    core = RadioStation(Transmitter(declaration), transfer, rng=Random(1))
    core.receive(ModemUp(PACKET), now=0.0)
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
