"""A transfer core with a modem, for tests of it."""

from dataclasses import replace
from random import Random

from tests.unit.radio.stations import AFSK, KA1ABC

from meshdl.air import ModemTraits, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.traffic import Traffic
from meshdl.radio.transfer import events
from meshdl.radio.transfer.transfer import Transfer
from meshdl.sim.radio_memory import RadioContent, content_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import content_tag
from meshdl.wire.onair.frames import Frame
from meshdl.wire.onair.pdus import (
    AirObject,
    Codec,
    Cq,
    Form,
    Have,
    ObjectKind,
    Objects,
    Pdu,
    Symbols,
    Want,
    Wanted,
)

PACKET = replace(AFSK, carries_sender=True)
N0AAA, N0BBB = Callsign("N0AAA"), Callsign("N0BBB")
NOISE = content_of("a.bin", Random(1).randbytes(16_384))
FORM = content_of("form.txt", b"all well here")
RAW = Form(Codec.RAW, 342)


class Radio:
    """A transfer core whose transmitter does what the test says."""

    def __init__(self, *modes: ModemTraits, calls: bool = False) -> None:
        self.core = Transfer(KA1ABC, rng=Random(1), calls=calls)
        self.on_its_way: list[Traffic] = []
        self.others: list[events.TransferEffect] = []
        self.now = 0.0
        traits, *others = modes or (PACKET,)
        self.post(ModemUp(traits, tuple(others)))

    def post(self, event: events.TransferInput) -> None:
        self.core.receive(event, now=self.now)
        self._drain()

    def run(self, seconds: float) -> None:
        """Let time pass; nothing that is submitted gets on the air."""
        until = self.now + seconds
        while (due := self.core.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.core.expire(now=self.now)
            self._drain()
        self.now = until

    def hear(
        self, *pdus: Pdu, sender: Callsign | None = N0AAA, snr_db: float | None = None
    ) -> None:
        frame = frames.decode(frames.encode(pdus))
        assert frame is not None
        self.post(events.Heard(frame, sender, snr_db))

    def sent(self) -> list[Pdu]:
        """Everything that waits is on the air now; what was in it."""
        found: list[Pdu] = []
        for traffic in list(self.on_its_way):
            for octets in traffic.frames:
                frame = frames.decode(octets)
                assert isinstance(frame, Frame)
                found += frame.pdus
            self.on_its_way.remove(traffic)
            self.post(events.Sent(traffic))
        return found

    def _drain(self) -> None:
        for effect in self.core.effects():
            match effect:
                case events.Transmit(traffic):
                    self.on_its_way.append(traffic)
                case events.Withdraw(key):
                    for traffic in [one for one in self.on_its_way if one.withdraw_key == key]:
                        self.on_its_way.remove(traffic)
                        self.core.receive(events.NotSent(traffic, "withdrawn"), now=self.now)
                    self._drain()
                case _:
                    self.others.append(effect)


def hold(content: RadioContent, precedence: Precedence = Precedence.ROUTINE) -> events.Hold:
    return events.Hold(
        metainfo=content.metainfo,
        chunk_hashes=content.hashes,
        held=None,
        precedence=precedence,
    )


def have(content: RadioContent) -> Cq:
    tag = content_tag(content.content)
    return Cq(haves=(Have(content=tag, precedence=Precedence.ROUTINE, size_class=60),))


def leaf_symbols(content: RadioContent, first: int, count: int) -> Symbols:
    tag = content_tag(content.content)
    of = AirObject(content=tag, kind=ObjectKind.LEAF, number=0, form=RAW)
    return Symbols(of, first, content.octets[48 * first :][: 48 * count].ljust(48 * count, b"\0"))


def wanted(content: RadioContent, kind: ObjectKind = ObjectKind.LEAF) -> Want:
    return Want(content_tag(content.content), (Wanted(Objects(kind, 0, 1)),))
