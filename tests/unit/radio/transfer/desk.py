"""Answering by itself, for tests of it."""

from random import Random

from tests.unit.radio.stations import AFSK

from meshdl.air import ModemTraits, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer.answering import Answering
from meshdl.radio.transfer.bursts import Burst
from meshdl.radio.transfer.contents import AirContent, Contents, ObjectKey, Shape
from meshdl.radio.transfer.modes import Modes
from meshdl.radio.transfer.pace import pace_of
from meshdl.radio.transfer.stations import Stations
from meshdl.sim.radio_memory import RadioContent, content_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import content_tag
from meshdl.wire.onair.frames import Frame
from meshdl.wire.onair.pdus import (
    AirObject,
    Codec,
    Form,
    ObjectKind,
    Objects,
    Symbols,
    Want,
    Wanted,
)
from meshdl.wire.onair.turn import Turn

PACE = pace_of(AFSK, burst_max_s=30.0)
US, ONE, TWO = Callsign("KA1ABC"), Callsign("N0AAA"), Callsign("N0BBB")
LATER = 100.0
NOISE = content_of("a.bin", Random(1).randbytes(100_000))
OTHER = content_of("b.bin", Random(2).randbytes(20_000))
RAW = Form(Codec.RAW, 342)


class Desk:
    """A station that has two contents and a disk that answers at once."""

    def __init__(self) -> None:
        self.contents, self.stations = Contents(), Stations()
        self.modes = self.modes_of(AFSK)
        self.reads: list[ObjectKey] = []
        self.answering = Answering(self.contents, self.stations, US, self.read, Random(1))
        self.octets = {one.content[:4]: one.octets for one in (NOISE, OTHER)}
        self.noise, self.other = self.hold(NOISE), self.hold(OTHER)

    def hold(self, content: RadioContent) -> AirContent:
        held = self.contents.open(content.content)
        assert held is not None
        shape = Shape(content.metainfo, content.hashes)
        shape.held = shape.all_leaves
        held.shape, held.served = shape, True
        return held

    def read(self, key: ObjectKey) -> None:
        self.reads.append(key)
        octets = self.octets[key.content][16_384 * key.number :][:16_384]
        self.answering.was_read(key, octets)

    def want(
        self,
        *wanted: Wanted,
        sender: Callsign = ONE,
        of: AirContent | None = None,
        now: float = 0.0,
        attended: bool = False,
        turn: Turn | None = None,
    ) -> None:
        tag = (of or self.noise).tag
        want = Want(tag, wanted, attended)
        self.answering.want(want, sender, PACE, alone=True, turn=turn, now=now)

    def burst(self, now: float = LATER, busy: tuple[Precedence, ...] = ()) -> Burst | None:
        return self.answering.next_burst(self.modes, busy, now=now)

    def modes_of(self, *modes: ModemTraits, burst_max_s: float = 30.0) -> Modes:
        return Modes(ModemUp(modes[0], modes[1:]), self.stations, burst_max_s=burst_max_s)

    def all_bursts(self, now: float = LATER) -> list[Symbols]:
        found = []
        while burst := self.burst(now):
            found += symbols_in(burst)
            self.answering.sent(burst)
        return found


def leaves(first: int, count: int = 1, needed: int = 0, form: Form | None = None) -> Wanted:
    return Wanted(Objects(ObjectKind.LEAF, first, count), needed, form)


def symbols_in(burst: Burst) -> list[Symbols]:
    found = []
    for octets in burst.traffic.frames:
        frame = frames.decode(octets)
        assert isinstance(frame, Frame)
        found += [pdu for pdu in frame.pdus if isinstance(pdu, Symbols)]
    return found


def count(symbols: list[Symbols]) -> int:
    return sum(one.count for one in symbols)


def heard(leaf: int, first: int, many: int) -> Symbols:
    tag = content_tag(NOISE.content)
    of = AirObject(content=tag, kind=ObjectKind.LEAF, number=leaf, form=RAW)
    return Symbols(of, first, bytes(48 * many))
