"""A radio that hears anything at all, in any order, with a disk and a modem that do as they like.

Whatever comes, :meth:`RadioStation.receive` raises nothing; what is keyed was logged before,
one burst at a time, and never while the station is silent; and memory stays bounded.
"""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.radio.stations import AFSK, DATAC1, DATAC13, HF, KA1ABC, VHF
from tests.unit.wire.onair.pdu_forms import callsigns, pdus, senders

from meshdl.air import BurstEnded, CarrierChanged, FrameHeard, ModemDown, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio import transmitter_events as door
from meshdl.radio.keying import Abort, Key
from meshdl.radio.station import RadioInput, RadioStation
from meshdl.radio.transfer import events, reception
from meshdl.radio.transfer.answering import REQUESTS_MAX
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.gathering import INTRODUCED_MAX, OBJECTS_MAX, NewSymbol
from meshdl.radio.transfer.notices import ASKED_MAX
from meshdl.radio.transfer.sources import SOURCES_MAX
from meshdl.radio.transfer.stations import STATIONS_MAX
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.radio.waiting import WAITING_MAX
from meshdl.sim.radio_memory import RadioMemory, content_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import content_tag

SMALL = content_of("form.txt", b"all well here")
LARGE = content_of("map.bin", Random(1).randbytes(40_000))
CHUNKED = content_of("film.bin", Random(2).randbytes(150_000), chunk_octets=65_536)
CONTENTS = (SMALL, LARGE, CHUNKED)
TAGS = [content_tag(one.content) for one in CONTENTS]
MODEMS = (replace(AFSK, carries_sender=True, measures_busy=True), AFSK, DATAC1, DATAC13)

contents = st.sampled_from(CONTENTS)
any_call = st.sampled_from((KA1ABC, Callsign("N0AAA"))) | callsigns


@st.composite
def ours(draw: st.DrawFn) -> bytes:
    """A frame as a station makes it, mostly about contents that there are."""
    chosen: list[Any] = []
    drawn: list[Any] = draw(st.lists(pdus, min_size=1, max_size=3))
    for pdu in drawn:
        tag = draw(st.sampled_from(TAGS))
        of: Any = getattr(pdu, "of", None)
        if of is not None:
            chosen.append(replace(pdu, of=replace(of, content=tag)))
        elif hasattr(pdu, "content"):
            chosen.append(replace(pdu, content=tag))
        else:
            chosen.append(pdu)
    try:
        return frames.encode(chosen, sender=draw(senders))
    except ValueError:  # more than a frame holds
        return frames.encode(chosen[:1])


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """The same with a wrong octet, or cut, or longer."""
    octets = bytearray(draw(ours()))
    at = draw(st.integers(0, len(octets) - 1))
    octets[at] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(1, len(octets)))] + draw(st.binary(max_size=4)))


heard = ours() | broken() | st.binary(min_size=1, max_size=300)


class Strangers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        transfer = Transfer(KA1ABC, rng=Random(1), locator="FN42")
        self.core = RadioStation(Transmitter(VHF), transfer, rng=Random(2))
        self.memory = RadioMemory()
        self.unlogged: list[door.WriteLog] = []
        self.unread: list[events.ReadObject] = []
        self.on_air: Key | None = None
        self.up = False
        self.put(ModemUp(MODEMS[0]))

    def put(self, event: RadioInput) -> None:
        match event:
            case ModemUp():
                self.up, self.on_air = True, None
            case ModemDown():
                self.up, self.on_air = False, None
            case _:
                pass
        self.core.receive(event, now=self.now)
        self.drain()

    def drain(self) -> None:
        for effect in self.core.effects():
            match effect:
                case Key():
                    assert self.on_air is None, "two bursts at once"
                    assert self.up, "keyed without a modem"
                    assert effect.serial in self.memory.durable, "keyed without a record"
                    assert self.core.transmitter.silent_because() == ""
                    assert effect.frames
                    self.on_air = effect
                case Abort():
                    pass
                case door.WriteLog():
                    self.unlogged.append(effect)
                case events.ReadObject():
                    self.unread.append(effect)
                case _:
                    self.memory.remember(effect, now=self.now)

    @rule(octets=heard, sender=st.none() | any_call, times=st.sampled_from((1, 1, 1, 40)))
    def hear(self, octets: bytes, sender: Callsign | None, times: int) -> None:
        for _ in range(times):
            self.put(FrameHeard(octets=octets, at=self.now, sender=sender))

    @rule(after_s=st.sampled_from((0.05, 1.0, 10.0, 100.0, 1000.0)))
    def wait(self, after_s: float) -> None:
        until = self.now + after_s
        for _ in range(300):
            due = self.core.deadline()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.core.expire(now=self.now)
            self.drain()
        self.now = max(self.now, until)
        self.core.expire(now=self.now)
        self.drain()

    @rule(works=st.booleans())
    def write_log(self, works: bool) -> None:
        for one in self.unlogged[:]:
            self.unlogged.remove(one)
            self.put(
                self.memory.log(one.serial, one.record, now=self.now)
                if works
                else door.LogFailed(one.serial, "no space left on the device")
            )

    @rule()
    def read(self) -> None:
        for one in self.unread[:]:
            self.unread.remove(one)
            self.put(self.memory.read(one))

    @rule()
    def end_burst(self) -> None:
        if self.on_air is not None:
            serial, self.on_air = self.on_air.serial, None
            self.put(BurstEnded(serial))

    @rule(busy=st.booleans())
    def sense(self, busy: bool) -> None:
        self.put(CarrierChanged(busy))

    @rule(traits=st.sampled_from(MODEMS))
    def plug_in(self, traits: Any) -> None:
        self.put(ModemUp(traits))

    @rule()
    def unplug(self) -> None:
        self.put(ModemDown("unplugged"))

    @rule(
        content=contents,
        leaves=st.none() | st.sets(st.integers(0, 9)),
        precedence=st.sampled_from(Precedence),
    )
    def hold(self, content: Any, leaves: set[int] | None, precedence: Precedence) -> None:
        self.put(self.memory.hold(content, leaves=leaves, precedence=precedence))

    @rule(content=contents, precedence=st.sampled_from(Precedence))
    def fetch(self, content: Any, precedence: Precedence) -> None:
        self.put(events.Fetch(content.content, precedence))

    @rule(content=contents)
    def stop(self, content: Any) -> None:
        self.put(events.StopFetch(content.content))

    @rule(content=contents)
    def drop(self, content: Any) -> None:
        self.put(events.Unhold(content.content))

    @rule(content=contents, number=st.integers(0, 40))
    def leaf_held(self, content: Any, number: int) -> None:
        self.put(events.LeafHeld(content.content, number))

    @rule(octets=ours())
    def restart_with_any_journal(self, octets: bytes) -> None:
        frame = frames.decode(octets)
        assert isinstance(frame, frames.Frame)
        kept = []
        for pdu in frame.pdus:
            of: Any = getattr(pdu, "of", None)
            if of is not None:
                key = ObjectKey(of.content, of.kind, of.number)
                octets = pdu.octets[:48]  # type: ignore[union-attr]
                kept.append(NewSymbol(key, of.form, pdu.first, octets, ""))  # type: ignore[union-attr]
        self.put(events.SymbolsKept(tuple(kept)))

    @rule(
        order=st.sampled_from(
            (
                door.SwitchOff("N0CALL", "test"),
                door.SwitchOn("N0CALL"),
                door.Reconfigure(HF),
                door.Reconfigure(VHF),
                door.Reconfigure(replace(VHF, profile=None)),
                events.GatewayChanged(True),
            )
        )
    )
    def command(self, order: Any) -> None:
        self.put(order)

    @invariant()
    def memory_is_bounded(self) -> None:
        parts = self.core.transfer._parts
        assert len(parts.contents) <= reception.CONTENTS_MAX
        assert len(parts.stations) <= STATIONS_MAX
        assert len(parts.gathering._objects) <= OBJECTS_MAX
        assert len(parts.gathering._introduced) <= INTRODUCED_MAX
        assert len(parts.answering._requests) <= REQUESTS_MAX
        assert len(parts.answering._sources._sources) <= SOURCES_MAX
        assert len(parts.notices._asked) <= ASKED_MAX
        assert len(parts.bursts) <= len(Precedence)
        assert self.core.transmitter.status().waiting <= WAITING_MAX


TestStrangers = Strangers.TestCase
TestStrangers.settings = settings(deadline=None, stateful_step_count=30)
