"""What is short goes together: CQ, WANTs and ENOUGHs that are due, in one frame.

What is for emergency traffic has a frame of its own: another may wait for the channel, or be
held off by the very emergency.

An ENOUGH is due when many symbols came of an object that we had by then, and were the last
to ask for. It waits a moment, and is not sent when another station asks for the object: then
they are of use to somebody.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from random import Random

from meshdl.air import ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.transfer import events
from meshdl.radio.transfer.addressing import Addressing
from meshdl.radio.transfer.asking import Asking
from meshdl.radio.transfer.calling import Calling
from meshdl.radio.transfer.contents import Contents, ObjectKey
from meshdl.radio.transfer.modes import Modes
from meshdl.radio.transfer.pace import Pace
from meshdl.radio.transfer.reservations import Reservations
from meshdl.radio.transfer.stations import Stations
from meshdl.radio.transfer.wishes import runs_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import Enough, Pdu, Symbols, Want
from meshdl.wire.onair.turn import Turn

ASKED_MAX = 512
"""Objects that we asked for and may have to say ENOUGH of; the oldest are forgotten."""

WITHDRAW_KEYS = {False: "notice", True: "urgent notice"}
"""By whether it is for emergency traffic."""

NEEDLESS_SYMBOLS = 16
"""Of one object: an ENOUGH costs as much air, and the sender may be through by itself."""

COMPANY_S = 180.0
"""Who was heard within that time may be on the channel, and spoil an answer."""

ENOUGH_SLOTS = 2.0
"""ENOUGHs of several stations spread over so many slots."""


@dataclass(frozen=True, slots=True)
class _Notice:
    """The frame that is on its way.

    Attributes:
        named: our callsign is in it, and not only its tag.
    """

    traffic: Traffic
    asked: tuple[ContentTag, ...]
    turn: Turn | None
    objects: tuple[ObjectKey, ...]
    enoughs: tuple[ObjectKey, ...]
    call_s: float | None
    named: bool


class Notices:
    """One frame at a time.

    Args:
        own: our callsign.
        contents: of this station.
        stations: those heard.
        asking: has the WANTs.
        reservations: tells when one burst is asked for, of whom.
        calling: has the CQ.
        rng: for back-off.
    """

    def __init__(
        self,
        own: Callsign,
        contents: Contents,
        stations: Stations,
        *,
        asking: Asking,
        reservations: Reservations,
        calling: Calling,
        rng: Random,
    ) -> None:
        self._own, self._contents, self._stations, self._rng = own, contents, stations, rng
        self._asking, self._reservations, self._calling = asking, reservations, calling
        self._outgoing: dict[bool, _Notice] = {}
        self._addressing = Addressing(own, stations)
        # Objects that we were the last to ask for, and needless symbols of them since.
        self._asked: OrderedDict[ObjectKey, int] = OrderedDict()
        self._enough_due: dict[ObjectKey, float] = {}

    # What happens.

    def clear(self) -> None:
        """The modem is another one, or gone."""
        self._outgoing.clear()
        self._enough_due.clear()

    def asking(self, tag: ContentTag) -> str | None:
        """Key of a frame on its way that has a WANT for that content and nothing else."""
        for urgent, one in self._outgoing.items():
            if one.asked == (tag,) and not one.enoughs and one.call_s is None:
                return WITHDRAW_KEYS[urgent]
        return None

    def needless(self, symbols: Symbols, pace: Pace, *, now: float) -> None:
        """Symbols came of an object that is here already."""
        of = symbols.of
        key = ObjectKey(of.content, of.kind, of.number)
        if key not in self._asked or key in self._enough_due:
            return
        self._asked[key] += symbols.count
        if self._asked[key] >= NEEDLESS_SYMBOLS:
            self._enough_due[key] = now + ENOUGH_SLOTS * self._rng.random() * pace.slot_s

    def want_heard(self, want: Want) -> None:
        """Another station still needs symbols."""
        for wanted in want.wanted:
            run = wanted.objects
            for key in list(self._enough_due):
                same = (key.content, key.kind) == (want.content, run.kind)
                if same and run.first <= key.number < run.first + run.count:
                    del self._enough_due[key]
            for number in range(run.first, run.first + min(run.count, ASKED_MAX)):
                # From now on it is sent for that station, not for us.
                self._asked.pop(ObjectKey(want.content, run.kind, number), None)

    def settled(
        self, event: events.Sent | events.NotSent, pace: Pace, *, now: float
    ) -> tuple[ContentTag, ...]:
        """What became of the frame; contents that the rules do not let us ask for."""
        urgent = next(
            (one for one, sent in self._outgoing.items() if sent.traffic == event.traffic), None
        )
        if urgent is None:
            return ()
        outgoing = self._outgoing.pop(urgent)
        if isinstance(event, events.Sent):
            self._on_air(outgoing, pace, now)
            return ()
        if outgoing.call_s is not None:
            # If only a CQ is not allowed, the rest is tried again without one.
            self._calling.sent(outgoing.call_s, now=now)
            if event.refused:
                self._calling.stop()
        elif event.refused:
            for tag in outgoing.asked:
                self._asking.end(tag)
            return outgoing.asked
        for tag in outgoing.asked:
            self._asking.failed(tag, pace, now=now)
        return ()

    # What follows.

    def deadline(self) -> float | None:
        """When something is due."""
        times: list[float | None] = []
        if True not in self._outgoing:
            times.append(self._asking.deadline(urgent=True))
        if False not in self._outgoing:
            times += [self._asking.deadline(urgent=False), *self._enough_due.values()]
        if self._calling.urgent not in self._outgoing:
            times.append(self._calling.deadline())
        return min((at for at in times if at is not None), default=None)

    def next(self, modes: Modes, *, now: float) -> list[Traffic]:
        """Frames with all that is due; none while what it is waits for one on its way."""
        due_at = self.deadline()
        if due_at is None or due_at > now:
            return []
        made = (
            self._frame(urgent, modes, now)
            for urgent in (True, False)
            if urgent not in self._outgoing
        )
        return [traffic for traffic in made if traffic is not None]

    # How.

    def _frame(self, urgent: bool, modes: Modes, now: float) -> Traffic | None:
        call_at = self._calling.deadline()
        calls = urgent is self._calling.urgent and call_at is not None and call_at <= now
        hearers = () if calls else self._hearers(urgent, now)
        tries = self._asking.tries(*self._asking.due(urgent=urgent, now=now))
        reached = modes.for_notice(hearers, tries=tries, now=now)
        widest = max(reached, key=lambda one: one.payload_octets_max)
        sender = self._addressing.sender(widest, calls=calls)
        room = min(widest.payload_octets_max, modes.pace_in(widest).frame_octets)
        room -= frames.FRAME_HEAD_OCTETS + frames.octets_of_sender(sender)
        pdus: list[Pdu] = []
        enoughs = [] if urgent else self._enoughs(pdus, room, now)
        room -= sum(map(frames.octets_of, pdus))
        answering = modes.for_answer(hearers, now=now)
        wants = self._wants(urgent, answering, room, now)
        room -= sum(map(frames.octets_of, wants))
        pdus += wants
        turn = self._turn(wants, answering, modes.pace_in(answering), room, now)
        if turn is not None:
            pdus.append(turn)
            room -= frames.octets_of(turn)
        cq = self._calling.call(room_octets=room, now=now) if calls else None
        if cq is not None and frames.octets_of(cq) <= room:
            pdus.append(cq)
        if not pdus:
            return None
        known = sender if calls or tries else self._addressing.shorter(sender, now=now)
        made = self._addressing.frame(pdus, (sender, known), reached, hearers, now=now)
        octets, traits = made.octets, made.traits
        call_s = traits.burst_s([len(octets)]) if cq is not None else None
        if cq is not None:
            self._calling.postpone()
        asked = tuple(want.content for want in wants)
        about = (*asked, *(key.content for key in enoughs))
        holder = self._holder(about, now) if cq is None else None
        traffic = Traffic(
            frames=(octets,),
            # Whoever has it may answer: without a name that is a call.
            purpose=Purpose.CALL if holder is None else Purpose.EXCHANGE,
            to=holder,
            precedence=Precedence.EMERGENCY if urgent else self._precedence(about),
            note=", ".join(_named(pdu) for pdu in pdus),
            withdraw_key=WITHDRAW_KEYS[urgent],
            mode=traits.name,
        )
        objects = tuple(_objects(wants))
        self._outgoing[urgent] = _Notice(
            traffic, asked, turn, objects, tuple(enoughs), call_s, made.named
        )
        return traffic

    def _hearers(self, urgent: bool, now: float) -> tuple[Callsign, ...]:
        """Who is to hear it: of each content a station that has it; nobody: whoever is there."""
        tags = self._asking.due(urgent=urgent, now=now)
        tags += [key.content for key, at in self._enough_due.items() if at <= now and not urgent]
        found = [self._holder([tag], now) for tag in tags]
        known = [one for one in found if one is not None]
        return tuple(dict.fromkeys(known)) if len(known) == len(found) else ()

    def _enoughs(self, pdus: list[Pdu], room: int, now: float) -> list[ObjectKey]:
        due = sorted(
            (key for key, at in self._enough_due.items() if at <= now),
            key=lambda key: (key.content, key.kind, key.number),
        )
        told: list[ObjectKey] = []
        for content, keys in groupby(due, key=lambda key: key.content):
            these = list(keys)
            enough = Enough(content, tuple(runs_of(these)))
            if sum(map(frames.octets_of, [*pdus, enough])) <= room:
                pdus.append(enough)
                told += these
        for key in told:
            del self._enough_due[key]
        return told

    def _wants(self, urgent: bool, traits: ModemTraits, room: int, now: float) -> list[Want]:
        wants: list[Want] = []
        for tag in self._asking.due(urgent=urgent, now=now):
            want = self._asking.want(tag, traits, room_octets=room)
            if want is None:
                if not wants:
                    self._asking.end(tag)  # nothing is lacking
                continue
            wants.append(want)
            room -= frames.octets_of(want)
            self._asking.postpone(tag)
        return wants

    def _turn(
        self, wants: list[Want], traits: ModemTraits, pace: Pace, room: int, now: float
    ) -> Turn | None:
        """For the content that is most urgent; what else is asked for is answered later."""
        if not wants:
            return None
        tag = wants[0].content
        content = self._contents.get(tag)
        turn = self._reservations.turn(
            tag,
            holder=self._stations.sender_of(tag, now=now),
            lacking=self._asking.symbols_lacking(content) if content is not None else 0,
            tries=self._asking.tries(tag),
            heard=self._stations.heard_since(now - COMPANY_S),
            traits=traits,
            pace=pace,
            now=now,
        )
        return turn if turn is not None and frames.octets_of(turn) <= room else None

    def _on_air(self, outgoing: _Notice, pace: Pace, now: float) -> None:
        if outgoing.named:
            self._addressing.was_named(now=now)
        if outgoing.call_s is not None:
            self._calling.sent(outgoing.call_s, now=now)
        for tag in outgoing.asked:
            self._asking.sent(tag, outgoing.objects, pace, now=now)
            self._reservations.asked(tag, outgoing.turn)
        for key in outgoing.objects:
            self._asked[key] = 0
            self._asked.move_to_end(key)
        for key in outgoing.enoughs:
            self._asked.pop(key, None)
        while len(self._asked) > ASKED_MAX:
            self._asked.popitem(last=False)

    def _holder(self, tags: Iterable[ContentTag], now: float) -> Callsign | None:
        """A station that this is for."""
        for tag in tags:
            for callsign in self._stations.holders(tag, now=now):
                return callsign
        return None

    def _precedence(self, tags: Iterable[ContentTag]) -> Precedence:
        found = (self._contents.get(tag) for tag in tags)
        return min((one.precedence for one in found if one), default=Precedence.ROUTINE)


def _objects(wants: Iterable[Want]) -> Iterable[ObjectKey]:
    for want in wants:
        for wanted in want.wanted:
            run = wanted.objects
            for number in range(run.first, run.first + run.count):
                yield ObjectKey(want.content, run.kind, number)


def _named(pdu: Pdu) -> str:
    match pdu:
        case Want(content):
            return f"WANT {content.hex()}"
        case Enough(content):
            return f"ENOUGH {content.hex()}"
        case Turn(seconds):
            return f"a turn of {seconds} s"
        case _:
            return "CQ"
