"""What is heard, and who takes which PDU."""

from typing import assert_never

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer import events
from meshdl.radio.transfer.bursts import withdraw_key
from meshdl.radio.transfer.contents import AirContent
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.radio.transfer.pace import Pace
from meshdl.radio.transfer.parts import Parts
from meshdl.radio.transfer.requests import can_answer
from meshdl.wire.onair.codes import ContentTag, station_tag
from meshdl.wire.onair.frames import Frame, Identification, object_tag
from meshdl.wire.onair.pdus import AirObject, Cq, Enough, Pdu, ShortSymbol, Symbols, Want
from meshdl.wire.onair.reports import Reports
from meshdl.wire.onair.turn import Turn

CONTENTS_MAX = 1024
"""Remembered; those that are here or wanted always, strange ones while there is room."""


class Reception:
    """Dispatches frames and what is in them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def carrier(self, *, busy: bool, now: float) -> None:
        """The channel became busy or free."""
        modes = self._parts.modes
        if modes is not None:
            traits, pace = modes.slowest, modes.pace_in(modes.slowest)
            self._parts.reservations.carrier(busy=busy, traits=traits, pace=pace, now=now)

    def heard(self, heard: events.Heard, *, now: float) -> None:
        """Take a frame."""
        modes = self._parts.modes
        if modes is not None:
            self._parts.asking.channel_heard(modes.pace, now=now)
            # In whichever mode it was: as long as the longest of those that were not read.
            slowest = modes.slowest
            self._parts.reservations.frame_heard(slowest, modes.pace_in(slowest))
        match heard.frame:
            case Frame():
                self._frame(heard.frame, heard, now)
            case ShortSymbol(tag, symbol, octets):
                of = self._parts.gathering.introduced(tag)
                if of is not None and of.form.has_symbols(symbol, 1):
                    self._symbols(Symbols(of, symbol, octets), heard.sender, now)
            case Identification(callsign):
                if callsign != self._parts.own:
                    self._parts.stations.heard(callsign, now=now)
            case _:
                assert_never(heard.frame)

    def describe(self, tag: ContentTag, *, now: float) -> None:
        """Ask for the INFO of a content that is known by its tag alone."""
        parts = self._parts
        content = parts.contents.hear(tag, now=now, room=CONTENTS_MAX)
        if content is None or content.wanted or parts.pace is None:
            return
        if content.shape is None:
            parts.asking.begin(tag, parts.pace, now=now)
        elif not content.kept:
            parts.completion.tell_again(content)

    def _frame(self, frame: Frame, heard: events.Heard, now: float) -> None:
        said = frame.sender
        sender = self._parts.stations.called(said) if isinstance(said, int) else said
        sender = sender if sender is not None else heard.sender
        if sender == self._parts.own:
            return  # our own burst, heard by another receiver
        if sender is not None and self._parts.stations.heard(sender, now=now):
            self._parts.calling.news(now=now)
        if sender is not None and heard.snr_db is not None:
            self._parts.stations.measured(sender, heard.snr_db, now=now)
        turn = next((pdu for pdu in frame.pdus if isinstance(pdu, Turn)), None)
        if turn is not None:
            wants = [pdu for pdu in frame.pdus if isinstance(pdu, Want)]
            self._turn(turn, wants, sender, now)
        for pdu in frame.pdus:
            if turn is None or not isinstance(pdu, Want):
                self._take(pdu, sender, now)

    def _take(self, pdu: Pdu, sender: Callsign | None, now: float) -> None:
        match pdu:
            case Symbols():
                self._symbols(pdu, sender, now)
            case AirObject():
                self._parts.gathering.introduce(object_tag(pdu), pdu)
            case Cq():
                self._cq(pdu, sender, now)
            case Want():
                self._want(pdu, sender, now)
            case Enough():
                self._parts.answering.enough(pdu, sender)
            case Reports():
                self._reports(pdu, sender, now)
            case _:
                pass  # a TURN was taken before all else; routes are the mesh's

    def _reports(self, reports: Reports, sender: Callsign | None, now: float) -> None:
        path, ours = self._parts.stations.path(sender), station_tag(self._parts.own)
        for one in reports.heard:
            if path is not None and one.station == ours:
                path.reported(float(one.snr_db), now=now)

    def _cq(self, cq: Cq, sender: Callsign | None, now: float) -> None:
        if sender is None:
            return
        urgent = [one.content for one in cq.haves if one.precedence is Precedence.EMERGENCY]
        # What is told every half hour for days must not hold up the channel each time.
        if not all(self._parts.stations.told_of_emergency(tag) for tag in urgent):
            self._parts.effects.append(events.EmergencyHeard())
        self._parts.stations.called_cq(sender, cq, now=now)
        self._parts.effects.append(events.StationHeard(sender, cq))
        for have in cq.haves:
            content = self._parts.contents.hear(have.content, now=now, room=CONTENTS_MAX)
            if content is not None and content.shape is None:
                told, wanted = have.precedence, content.precedence
                content.precedence = min(told, wanted) if content.wanted else told
            if self._parts.pace is not None:
                self._parts.asking.holder_heard(have.content, self._parts.pace, now=now)
        if any((found := self._parts.contents.get(tag)) and found.served for tag in cq.seeks):
            self._parts.calling.news(now=now)

    def _turn(self, turn: Turn, wants: list[Want], sender: Callsign | None, now: float) -> None:
        """Somebody who asks gives the channel to one station, or to whoever can answer."""
        parts, pace = self._parts, self._parts.pace
        if pace is None:
            return
        named = turn.holder == station_tag(parts.own)
        ours = named or (
            turn.holder is None
            and any(can_answer(want, parts.contents.get(want.content)) for want in wants)
        )
        until = now + turn.seconds + pace.slot_s
        if not ours:
            parts.asking.reserved(until, pace)
        if named or not ours:
            parts.effects.append(events.Reserve(until, named))
        for want in wants:
            if not ours:
                parts.answering.asked_of_another(want, sender)
                self._also_asked(want, turn, now)
            else:
                self._want(want, sender, now, turn=turn)

    def _want(
        self, want: Want, sender: Callsign | None, now: float, *, turn: Turn | None = None
    ) -> None:
        parts, pace = self._parts, self._parts.pace
        if pace is None:
            return
        parts.answering.want(
            want,
            sender,
            pace,
            alone=turn is not None or not parts.stations.holders(want.content, now=now),
            crowd=len(parts.stations) > 1 and turn is None,
            turn=turn,
            now=now,
        )
        self._also_asked(want, turn, now)

    def _also_asked(self, want: Want, turn: Turn | None, now: float) -> None:
        """What another's WANT is to our own."""
        parts, pace = self._parts, self._parts.pace
        assert pace is not None
        parts.reservations.rival_heard(now=now)
        parts.notices.want_heard(want)
        waiting = parts.notices.asking(want.content)
        covered = parts.asking.overheard(want, pace, now=now)
        if covered:
            parts.reservations.asked(want.content, turn)
        if covered and waiting is not None:
            parts.effects.append(events.Withdraw(waiting, "another asks the same"))

    def _symbols(self, symbols: Symbols, sender: Callsign | None, now: float) -> None:
        parts, tag, modes = self._parts, symbols.of.content, self._parts.modes
        if modes is None:
            return
        pace = modes.pace
        content = parts.contents.hear(tag, now=now, room=CONTENTS_MAX)
        self._sent_by_another(symbols, pace, now)
        if content is None:
            return
        if content.precedence is Precedence.EMERGENCY:
            parts.effects.append(events.EmergencyHeard())
        if sender is not None:
            parts.stations.sent(sender, tag)
        traits = modes.for_answer((sender,), now=now)
        again_at = parts.reservations.heard(symbols, sender, traits, pace, now=now)
        if parts.asking.symbols_heard(tag, pace, burst_ends_at=again_at, now=now):
            parts.effects.append(events.ExchangeGoesOn())
        self._gather(content, symbols, sender or "", pace, now=now)

    def _gather(
        self, content: AirContent, symbols: Symbols, sender: str, pace: Pace, *, now: float
    ) -> None:
        parts = self._parts
        new, gathered = parts.gathering.receive(content, symbols, sender)
        if new:
            parts.effects.append(events.KeepSymbols(tuple(new)))
        if gathered is not None:
            parts.completion.whole(content, gathered)
            parts.asking.arrived(gathered.key, pace, now=now)
        elif not new:
            parts.notices.needless(symbols, pace, now=now)

    def _sent_by_another(self, symbols: Symbols, pace: Pace, now: float) -> None:
        """What we were about to send or to ask for may not be needed."""
        parts, tag = self._parts, symbols.of.content
        parts.answering.heard(symbols, pace, now=now)
        if any(burst.content == tag for burst in parts.bursts.values()):
            # Not on the air yet, or we would not have heard it.
            parts.effects.append(events.Withdraw(withdraw_key(tag), "another answers"))
        waiting = parts.notices.asking(tag)
        if waiting is not None:
            # Somebody is being answered; what we lack then is told when that is over.
            parts.effects.append(events.Withdraw(waiting, "it is being sent"))

    def take_kept(self, symbols: tuple[NewSymbol, ...], *, now: float) -> None:
        """Take symbols of an earlier run."""
        for one in symbols:
            content = self._parts.contents.hear(one.key.content, now=now, room=CONTENTS_MAX)
            gathered = self._parts.gathering.take(content, one)[1] if content is not None else None
            if content is not None and gathered is not None:
                self._parts.completion.whole(content, gathered)
