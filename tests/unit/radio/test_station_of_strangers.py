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
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.station import RadioInput, RadioStation
from meshdl.radio.transfer import events, reception
from meshdl.radio.transfer.contents import AirContent, ObjectKey, Shape
from meshdl.radio.transfer.gathering import INTRODUCED_MAX, OBJECTS_MAX, NewSymbol
from meshdl.radio.transfer.notices import ASKED_MAX
from meshdl.radio.transfer.requests import REQUESTS_MAX
from meshdl.radio.transfer.sources import SOURCES_MAX
from meshdl.radio.transfer.stations import STATIONS_MAX
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.radio.waiting import WAITING_MAX
from meshdl.sim.radio_memory import RadioMemory, content_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import content_tag
from meshdl.wire.onair.pdus import SYMBOL_OCTETS, AirObject, Codec, Form, ObjectKind, Symbols

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
    """Log, store and modem do their work, until told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        transfer = Transfer(KA1ABC, rng=Random(1), locator="FN42")
        limits = AirtimeLimits(duty_cycle_max=1.0, airtime_s_per_hour=3600.0)
        self.core = RadioStation(Transmitter(VHF, limits=limits), transfer, rng=Random(2))
        self.memory = RadioMemory()
        self.log_works: bool | None = True
        self.store_works, self.stuck = True, False
        self.inbox: list[RadioInput] = []
        self.on_air: tuple[float, Key] | None = None
        self.up = False
        self.put(ModemUp(MODEMS[0]))

    def put(self, event: RadioInput) -> None:
        self.inbox.append(event)
        while self.inbox:
            self.receive(self.inbox.pop(0))

    def receive(self, event: RadioInput) -> None:
        if isinstance(event, ModemUp | ModemDown):
            self.up, self.on_air = isinstance(event, ModemUp), None
        self.core.receive(event, now=self.now)
        self.drain()

    def drain(self) -> None:
        for effect in self.core.effects():
            match effect:
                case Key():
                    self.key(effect)
                case Abort() if self.on_air is not None and not self.stuck:
                    self.on_air = (self.now, self.on_air[1])
                case door.WriteLog():
                    self.write(effect)
                case events.ReadObject() if self.store_works:
                    self.inbox.append(self.memory.read(effect))
                case Abort() | Curtail() | events.ReadObject():
                    pass
                case _:
                    self.memory.remember(effect, now=self.now)

    def key(self, key: Key) -> None:
        assert self.on_air is None, "two bursts at once"
        assert self.up, "keyed without a modem"
        assert key.serial in self.memory.durable, "keyed without a record"
        assert self.core.transmitter.silent_because() == ""
        assert key.frames
        self.on_air = (self.now + key.burst_s, key)

    def write(self, asked: door.WriteLog) -> None:
        if self.log_works:
            self.inbox.append(self.memory.log(asked.serial, asked.record, now=self.now))
        elif self.log_works is False:
            self.inbox.append(door.LogFailed(asked.serial, "no space left"))

    @rule(octets=heard, sender=st.none() | any_call, times=st.sampled_from((1, 1, 1, 40)))
    def hear(self, octets: bytes, sender: Callsign | None, times: int) -> None:
        for _ in range(times):
            self.put(FrameHeard(octets=octets, at=self.now, sender=sender))

    @rule(content=contents, number=st.integers(0, 2), first=st.sampled_from((0, 0, 7, 60)))
    def hear_a_leaf(self, content: Any, number: int, first: int) -> None:
        octets = content.octets[16_384 * number :][:16_384]
        if octets:
            self.hear_symbols(content, ObjectKind.LEAF, number, octets, first)

    @rule(content=contents)
    def hear_the_info(self, content: Any) -> None:
        tag = content_tag(content.content)
        whole = AirContent(tag=tag, shape=Shape(content.metainfo, content.hashes))
        for number, segment in enumerate(whole.info_segments()):
            self.hear_symbols(content, ObjectKind.INFO, number, segment, 0)

    def hear_symbols(
        self, content: Any, kind: ObjectKind, number: int, octets: bytes, first: int
    ) -> None:
        encoder = Encoder(octets)
        count = encoder.source_symbols
        form = Form(Codec.RAW, count)
        tag = content_tag(content.content)
        of = AirObject(content=tag, kind=kind, number=number, form=form)
        for at in range(min(first, count - 1), count, 5):
            symbols = b"".join(encoder.symbols(range(at, min(count, at + 5))))
            frame = frames.encode([Symbols(of, at, symbols)])
            self.put(FrameHeard(octets=frame, at=self.now, sender=Callsign("N0AAA")))

    @rule(after_s=st.sampled_from((1.0, 10.0, 100.0, 1000.0)))
    def wait(self, after_s: float) -> None:
        until = self.now + after_s
        for _ in range(300):
            due = [one for one in (self.core.deadline(), self.burst_ends_at()) if one is not None]
            if not due or min(due) > until:
                break
            self.now = max(self.now, min(due))
            self.pass_time()
        self.now = max(self.now, until)
        self.pass_time()

    def burst_ends_at(self) -> float | None:
        return None if self.stuck or self.on_air is None else self.on_air[0]

    def pass_time(self) -> None:
        ends_at = self.burst_ends_at()
        if ends_at is not None and ends_at <= self.now:
            assert self.on_air is not None
            serial, self.on_air = self.on_air[1].serial, None
            self.put(BurstEnded(serial))
        self.core.expire(now=self.now)
        self.drain()
        while self.inbox:
            self.receive(self.inbox.pop(0))

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

    @rule(content=contents, number=st.integers(0, 40), what=st.integers(0, 2))
    def change_a_content(self, content: Any, number: int, what: int) -> None:
        hash_ = content.content
        changed: tuple[RadioInput, ...] = (
            events.StopFetch(hash_), events.Unhold(hash_), events.LeafHeld(hash_, number)
        )  # fmt: skip
        self.put(changed[what])

    @rule(octets=ours())
    def restart_with_any_journal(self, octets: bytes) -> None:
        frame = frames.decode(octets)
        assert isinstance(frame, frames.Frame)
        kept = [
            NewSymbol(
                ObjectKey(pdu.of.content, pdu.of.kind, pdu.of.number),
                pdu.of.form, pdu.first, pdu.octets[:SYMBOL_OCTETS], "",
            )
            for pdu in frame.pdus
            if isinstance(pdu, Symbols)
        ]  # fmt: skip
        self.put(events.SymbolsKept(tuple(kept)))

    @rule(log=st.sampled_from((True, True, False, None)), store=st.booleans(), stuck=st.booleans())
    def break_or_mend(self, log: bool | None, store: bool, stuck: bool) -> None:
        self.log_works, self.store_works, self.stuck = log, store, stuck

    @rule(
        order=st.sampled_from(
            (
                ModemDown("unplugged"),
                *(ModemUp(traits) for traits in MODEMS),
                CarrierChanged(True),
                CarrierChanged(False),
                door.SwitchOff("N0CALL", "test"),
                door.SwitchOn("N0CALL"),
                door.Reconfigure(HF),
                door.Reconfigure(VHF),
                door.Reconfigure(replace(VHF, profile=None)),
                door.Reconfigure(replace(VHF, rig=True), modem_changes=True),
                door.RigRead(145_010_000),
                door.RigSilent("no reply"),
                door.DeclareEmergency("N0CALL", "flood", 600.0),
                events.GatewayChanged(True),
            )
        )
    )
    def command(self, order: RadioInput) -> None:
        self.put(order)

    @rule()
    def all_is_well(self) -> None:
        """Mostly, or nothing would ever be keyed."""
        self.log_works, self.store_works, self.stuck = True, True, False
        for order in (
            ModemUp(MODEMS[0]), CarrierChanged(False), door.SwitchOn("N0CALL"),
            door.Reconfigure(VHF),
        ):  # fmt: skip
            self.put(order)
        self.wait(10.0)

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
# A quarter of what the profile says: each example is half an hour of traffic.
TestStrangers.settings = settings(
    deadline=None, stateful_step_count=30, max_examples=settings().max_examples // 4
)
