"""The transfer core: contents by radio, asked for, answered, overheard.

Theory of operation
===================

Everybody hears everything, so there are no sessions. A station

- *calls* now and then (:mod:`.calling`): what it has, what it looks for;
- *asks* for what it wants (:mod:`.asking`), and stays silent when another asks the same;
- *answers* with symbols of objects (:mod:`.answering`), and stays silent when another does;
- *gathers* every symbol it hears (:mod:`.gathering`), whoever it was meant for.

A content that is wanted goes through three stages: segments of its INFO, until its metainfo
is proved; leaf hashes of chunks that have several leaves; leaves. Each is an *object*, and
they come by the same symbols. A content that nobody here wanted goes through them too, as
far as what others ask for makes it.

Everything that goes on the air leaves as :class:`~.events.Transmit`, and answers with
:class:`~.events.Sent` or :class:`~.events.NotSent`. There is one burst of symbols on its way
at a time (for each precedence), and one other frame, in which a CQ, WANTs and ENOUGHs that
are due go together: so everything is decided as late as possible, with all that was heard.

::

    Heard --> stations, gathering --whole--> MetainfoFound, LeafHashesFound, LeafFound
          --> asking ----WANT-----.
          --> calling ---CQ--------+--> Transmit --> transmitter --> Sent
          --> answering --symbols-'
"""

from random import Random
from typing import assert_never

from meshdl.air import CarrierChanged, ModemDown, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign, ChunkIndex
from meshdl.radio.transfer import events
from meshdl.radio.transfer.answering import Answering
from meshdl.radio.transfer.asking import Asking
from meshdl.radio.transfer.calling import Calling
from meshdl.radio.transfer.completion import Completion
from meshdl.radio.transfer.contents import AirContent, Contents, ObjectKey, Shape
from meshdl.radio.transfer.gathering import Gathering
from meshdl.radio.transfer.modes import Modes
from meshdl.radio.transfer.notices import Notices
from meshdl.radio.transfer.parts import Parts
from meshdl.radio.transfer.prospects import Prospects
from meshdl.radio.transfer.reading import reading
from meshdl.radio.transfer.reception import Reception
from meshdl.radio.transfer.reservations import Reservations
from meshdl.radio.transfer.stations import Stations
from meshdl.radio.transfer.terms import Terms


class Transfer:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs.

    Args:
        own: our callsign, with its SSID.
        locator: Maidenhead, or empty.
        burst_max_s: what one key-down may last.
        calls: whether to call CQ.
        attended: this station is under local or remote control; its WANTs say so.
        rng: for back-off.
    """

    def __init__(
        self,
        own: Callsign,
        *,
        rng: Random,
        locator: str = "",
        burst_max_s: float = 30.0,
        calls: bool = True,
        attended: bool = False,
    ) -> None:
        self._terms = Terms(burst_max_s=burst_max_s, calls=calls, attended=attended)
        effects: list[events.TransferEffect] = []
        contents, stations = Contents(), Stations()
        gathering = Gathering(self._is_asked)
        asking = Asking(contents, gathering, stations, rng, attended=attended)
        reservations = Reservations(asking.waits)
        calling = Calling(contents, stations, locator, rng)
        self._parts = Parts(
            own=own,
            effects=effects,
            contents=contents,
            stations=stations,
            gathering=gathering,
            asking=asking,
            reservations=reservations,
            answering=Answering(contents, stations, own, self._read, rng),
            calling=calling,
            notices=Notices(
                own,
                contents,
                stations,
                asking=asking,
                reservations=reservations,
                calling=calling,
                rng=rng,
            ),
            completion=Completion(gathering, asking, effects),
        )
        self._reception = Reception(self._parts)

    # The four verbs.

    def receive(self, event: events.TransferInput, *, now: float) -> None:  # noqa: C901 - one flat match
        """Take one input."""
        match event:
            case CarrierChanged(busy):
                self._reception.carrier(busy=busy, now=now)
            case events.Heard():
                self._reception.heard(event, now=now)
            case events.Sent() | events.NotSent():
                self._settled(event, now)
            case ModemUp():
                self._modem_up(event, now)
            case ModemDown():
                self._lose_bursts(now)
                self._parts.modes = None
                self._parts.notices.clear()
                self._parts.calling.stop()
            case events.ModesPermitted(names):
                if self._parts.modes is not None:
                    self._parts.modes.permit(names)
            case events.ObjectRead(key, octets):
                self._parts.answering.was_read(key, octets)
            case events.SymbolsKept(symbols):
                self._reception.take_kept(symbols, now=now)
            case _:
                self._from_station(event, now)
        self._transmit(now)

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        self._parts.answering.expire(now=now)
        self._transmit(now)

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        if self._parts.modes is None:
            return None
        busy = self._parts.bursts.keys()
        times = [self._parts.notices.deadline(), self._parts.answering.deadline(busy)]
        return min((at for at in times if at is not None), default=None)

    def effects(self) -> list[events.TransferEffect]:
        """Drain what must now be done."""
        drained = list(self._parts.effects)
        self._parts.effects.clear()
        return drained

    @property
    def contents(self) -> Contents:
        """All contents; for showing."""
        return self._parts.contents

    @property
    def stations(self) -> Stations:
        """Stations that were heard; for showing."""
        return self._parts.stations

    @property
    def modes(self) -> Modes | None:
        """What a burst may go out in; ``None`` without a modem."""
        return self._parts.modes

    @property
    def prospects(self) -> Prospects:
        """What a content would take; for showing."""
        return Prospects(self._parts)

    # Who takes which input.

    def _from_station(self, event: events.FromStation, now: float) -> None:  # noqa: C901, PLR0912 - one flat match
        match event:
            case events.Hold():
                self._hold(event, now)
            case events.Unhold(content):
                self._unhold(self._parts.contents.find(content))
            case events.LeafHeld(content, number):
                self._leaf_held(self._parts.contents.find(content), number)
            case events.LeafHashesHeld(content, chunk, hashes):
                self._leaf_hashes_held(self._parts.contents.find(content), chunk, hashes)
            case events.Fetch():
                self._fetch(event, now)
            case events.Describe(tag):
                self._reception.describe(tag, now=now)
            case events.StopFetch(content):
                self._stop_fetch(self._parts.contents.find(content))
            case events.GatewayChanged(gateway):
                if gateway != self._parts.calling.gateway:
                    self._parts.calling.gateway = gateway
                    self._parts.calling.news(now=now)
            case events.TermsChanged(terms):
                self._terms, self._parts.asking.attended = terms, terms.attended
                if self._parts.modes is not None:
                    self._parts.modes.cap(terms.burst_max_s)
                self._ask_and_call(now)
            case events.OnAirAgain():
                self._ask_and_call(now)
            case _:
                assert_never(event)

    def _modem_up(self, modem: ModemUp, now: float) -> None:
        burst_max_s = self._terms.burst_max_s
        self._parts.modes = Modes(modem, self._parts.stations, burst_max_s=burst_max_s)
        self._lose_bursts(now)
        self._parts.notices.clear()
        self._ask_and_call(now)

    def _ask_and_call(self, now: float) -> None:
        if self._parts.pace is None:
            return
        if self._terms.calls:
            self._parts.calling.begin(now=now)
        else:
            self._parts.calling.stop()
        for content in self._parts.contents:
            if content.wanted:
                self._ask_on(content, now)

    def _lose_bursts(self, now: float) -> None:
        """The modem that they were made for is gone."""
        for burst in self._parts.bursts.values():
            self._parts.answering.failed(burst, again_at=now)
        self._parts.bursts.clear()

    # What is here, and what is wanted.

    def _hold(self, hold: events.Hold, now: float) -> None:
        content = self._parts.contents.open(hold.metainfo.content_hash)
        if content is None:
            return
        # One that came by radio knows leaf hashes already.
        shape = content.shape or Shape(hold.metainfo, hold.chunk_hashes)
        shape.held = shape.all_leaves if hold.held is None else hold.held & shape.all_leaves
        news = content.shape is None
        emergency = hold.emergency and content.precedence is not hold.precedence
        content.shape, content.record, content.precedence = shape, hold.record, hold.precedence
        content.served, content.declared = hold.served, hold.declared
        content.kept, content.cleartext = True, hold.cleartext
        content.segments.clear()
        self._parts.completion.learned(content)
        if news or emergency:
            self._parts.calling.news(now=now, emergency=emergency)
        if content.wanted:
            self._ask_on(content, now)

    def _unhold(self, content: AirContent | None) -> None:
        if content is not None:
            self._parts.answering.forget(content.tag)
            self._parts.gathering.forget(content.tag)
            self._parts.asking.end(content.tag)
            self._parts.contents.forget(content.tag)

    def _leaf_held(self, content: AirContent | None, number: int) -> None:
        if content is None or content.shape is None:
            return
        content.shape.held |= 1 << number & content.shape.all_leaves
        if not content.shape.missing:
            self._parts.asking.end(content.tag)

    def _leaf_hashes_held(
        self, content: AirContent | None, chunk: ChunkIndex, hashes: bytes
    ) -> None:
        shape = content.shape if content is not None else None
        if content is None or shape is None or not shape.lacks_leaf_hashes(chunk):
            return
        if shape.are_leaf_hashes(chunk, hashes):
            shape.learn_leaf_hashes(chunk, hashes)
            self._parts.completion.learned(content)

    def _fetch(self, fetch: events.Fetch, now: float) -> None:
        content = self._parts.contents.open(fetch.content)
        if content is None:
            reason = "another content with the same four octets at the beginning is on the air"
            self._parts.effects.append(events.FetchFailed(fetch.content, reason))
            return
        if content.shape is not None or fetch.precedence is not Precedence.ROUTINE:
            content.precedence = fetch.precedence
        # Else it is as urgent as those say who have it, until its INFO is here: their emergency
        # would hold back whoever asks for it.
        content.wanted = True
        if content.shape is not None and not content.kept:
            self._parts.completion.tell_again(content)
        self._parts.calling.news(now=now)
        self._parts.completion.learned(content)
        self._ask_on(content, now)

    def _stop_fetch(self, content: AirContent | None) -> None:
        if content is not None:
            content.wanted = False
            self._parts.asking.end(content.tag)

    def _ask_on(self, content: AirContent, now: float) -> None:
        if content.shape is not None and not content.shape.missing:
            self._parts.asking.end(content.tag)
        elif self._parts.pace is not None:
            self._parts.asking.begin(content.tag, self._parts.pace, now=now)

    # What goes on the air.

    def _transmit(self, now: float) -> None:
        modes = self._parts.modes
        if modes is None:
            return
        for notice in self._parts.notices.next(modes, now=now):
            self._parts.effects.append(events.Transmit(notice))
        bursts = self._parts.bursts
        while burst := self._parts.answering.next_burst(modes, bursts.keys(), now=now):
            bursts[burst.traffic.precedence] = burst
            self._parts.effects.append(events.Transmit(burst.traffic))

    def _settled(self, event: events.Sent | events.NotSent, now: float) -> None:
        if self._parts.pace is None:
            return
        bursts, precedence = self._parts.bursts, event.traffic.precedence
        if precedence in bursts and bursts[precedence].traffic == event.traffic:
            burst = bursts.pop(precedence)
            if isinstance(event, events.Sent):
                self._parts.answering.sent(burst)
            elif event.refused:
                self._parts.answering.refused(burst)
            else:
                again_at = now + self._parts.pace.quiet_s
                self._parts.answering.failed(burst, again_at=again_at)
            return
        for tag in self._parts.notices.settled(event, self._parts.pace, now=now):
            content = self._parts.contents.get(tag)
            if content is not None and content.content is not None:
                reason = event.reason if isinstance(event, events.NotSent) else ""
                self._parts.effects.append(events.FetchFailed(content.content, reason))

    def _read(self, key: ObjectKey) -> None:
        """Octets for an answer: an INFO is made here, all else comes from the store."""
        content = self._parts.contents.get(key.content)
        asked = reading(content, key) if content is not None else None
        if isinstance(asked, events.ReadObject):
            self._parts.effects.append(asked)
        else:
            self._parts.answering.was_read(key, asked)

    def _is_asked(self, key: ObjectKey) -> bool:
        content = self._parts.contents.get(key.content)
        return content is not None and content.wanted
