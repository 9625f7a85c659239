"""Who gets symbols, how many, and whose turn it is.

Theory of operation
===================

A WANT becomes *requests*, one for each object that is here. A request waits

- for its octets, which are read from the disk;
- until ``hold_until``: a moment drawn at random when others may answer too, or as long as
  another station is heard sending the object. What that station sends counts: when it has
  sent all that was asked for, the request is done.

What is ready goes out in bursts. Before each the next content is chosen: by precedence,
then the asker who was served least lately. So a large content does not keep a small one
waiting, and an emergency waits for one frame or one burst. An ENOUGH of the last asker ends
a request.

Who finds that answers overlap gives turns (:mod:`.reservations`): then one burst goes out for
each, and nothing without. To whom another was named we owe nothing.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection
from dataclasses import replace
from random import Random

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer.bursts import Burst, traffic_of
from meshdl.radio.transfer.contents import Contents, ObjectKey
from meshdl.radio.transfer.filling import fill
from meshdl.radio.transfer.framing import frames_of
from meshdl.radio.transfer.lengths import FrameLengths
from meshdl.radio.transfer.modes import Modes
from meshdl.radio.transfer.pace import Pace
from meshdl.radio.transfer.requests import (
    ASKERS_MAX,
    KIND_ORDER,
    REQUESTS_MAX,
    Request,
    entries,
    for_more_slots,
    spread_s,
)
from meshdl.radio.transfer.sources import Sending, Source, Sources, symbols_asked
from meshdl.radio.transfer.stations import Stations
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import SYMBOL_OCTETS, Enough, Form, Objects, Symbols, Want
from meshdl.wire.onair.turn import Turn

SERVED_MAX = 256
"""Askers of whom it is known when they were last served; anybody can ask under any callsign."""

REQUEST_FOR_S = 900.0
"""After that time nobody waits for an answer any more; who does asks again."""


class Answering:
    """All requests of other stations.

    Args:
        contents: of this station.
        stations: those heard, and how well they hear us.
        own: our callsign.
        read: asks the store for an object; :meth:`was_read` follows.
        rng: for back-off and the salt of repair ids.
    """

    def __init__(
        self,
        contents: Contents,
        stations: Stations,
        own: Callsign,
        read: Callable[[ObjectKey], None],
        rng: Random,
    ) -> None:
        self._contents, self._stations = contents, stations
        self._own, self._read, self._rng = own, read, rng
        self._sources = Sources(own, rng.getrandbits(32))
        self._requests: dict[ObjectKey, Request] = {}
        self._sending: defaultdict[ContentTag, Sending] = defaultdict(Sending)
        self._lengths = FrameLengths()
        self._served_at: OrderedDict[Callsign | None, float] = OrderedDict()
        # Turns that were given to us, by content: how long, and until when.
        self._turns: dict[ContentTag, tuple[float, float]] = {}

    # What happens.

    def want(
        self,
        want: Want,
        sender: Callsign | None,
        pace: Pace,
        *,
        alone: bool,
        crowd: bool = True,
        turn: Turn | None = None,
        now: float,
    ) -> None:
        """A station asks.

        Args:
            want: for what.
            sender: who, where that is known.
            pace: of the modem.
            alone: nobody else is known to have it.
            crowd: others than the asker are heard on the channel, who may want more of it.
            turn: the asker gives us a turn, or whoever else has it.
            now: when.
        """
        content = self._contents.get(want.content)
        if content is None or not content.served:
            return
        urgent = content.precedence is Precedence.EMERGENCY
        for_more_s = for_more_slots(crowd=crowd, urgent=urgent) * pace.slot_s
        spread = spread_s(turn, pace, alone=alone)
        others_s = spread * self._rng.random() if spread else 0.0
        by_turns = turn is not None and turn.holder is not None
        if turn and by_turns and not self._on_its_way(want.content):
            self._turns[want.content] = (turn.seconds, now + turn.seconds + pace.slot_s)
        self._sending[want.content].airtime_s = 0.0
        for key, form, needed in entries(want, content):
            request = self._requests.get(key)
            if request is None:
                if len(self._requests) >= REQUESTS_MAX:
                    return
                until = now + for_more_s + others_s
                request = self._requests[key] = Request(
                    key, content.precedence, form, needed, until, now
                )
            # A turn is now, whatever else was waited for.
            held_s = 0.0 if by_turns else request.hold_until
            request.hold_until = max(held_s, now + for_more_s)
            request.by_turns = by_turns and not urgent
            if sender in request.askers or len(request.askers) < ASKERS_MAX:
                request.askers[sender] = want.attended
            self._note(request, form, needed, sender, now)
        for sent, needs_db in self._sources.arrived(want.content, sender, self._requests):
            self._lengths.observe(sent, 0)
            self._stations.delivered(sender, 0.0, needs_snr_db=needs_db, now=now)

    def asked_of_another(self, want: Want, sender: Callsign | None) -> None:
        """A station asks, and names another one that shall answer: we owe it nothing."""
        for wanted in want.wanted:
            self._nothing_owed(want.content, wanted.objects, sender)

    def heard(self, symbols: Symbols, pace: Pace, *, now: float) -> None:
        """Another station sends symbols: of what we owe, it need not be sent twice."""
        of = symbols.of
        key = ObjectKey(of.content, of.kind, of.number)
        source = self._sources.get(key)
        if source is not None and source.formed.form == of.form:
            source.heard(symbols.first, symbols.count)
        for request in list(self._requests.values()):
            if request.key.content != of.content:
                continue
            # It is answering this very WANT; what it has not come to is still on its way.
            request.hold_until = max(request.hold_until, now + pace.quiet_s)
            if request.key == key and request.left is not None:
                request.left -= symbols.count
                if request.left <= 0 and not request.in_burst:
                    del self._requests[key]

    def enough(self, enough: Enough, sender: Callsign | None) -> None:
        """A station has these objects now."""
        for run in enough.objects:
            self._nothing_owed(enough.content, run, sender)

    def was_read(self, key: ObjectKey, octets: bytes | None) -> None:
        """The store's answer; ``None``: it is not here any more."""
        request = self._requests.get(key)
        content = self._contents.get(key.content)
        if request is None or content is None:
            return
        if octets is None or content.content is None:
            del self._requests[key]
            return
        wanted = [(request.form, request.needed)] if request.form and request.needed else []
        source = self._sources.put(key, octets, wanted, content.content)
        self._owe(request, source)

    def forget(self, tag: ContentTag) -> None:
        """A content is not served any more."""
        for key in [one for one in self._requests if one.content == tag]:
            del self._requests[key]
            self._sources.drop(key)

    # What follows.

    def deadline(self, busy: Collection[Precedence]) -> float | None:
        """When a request may be served that may not be served now.

        Args:
            busy: precedences of bursts that are on their way.
        """
        waiting = (one for one in self._requests.values() if self._may_go(one, busy))
        times = [one.hold_until for one in waiting]
        times += [until for _, until in self._turns.values()]
        times += [one.since + REQUEST_FOR_S for one in self._requests.values()]
        return min(times, default=None)

    def expire(self, *, now: float) -> None:
        """Forget what nobody waits for any more."""
        for key in [key for key, one in self._requests.items() if now >= one.since + REQUEST_FOR_S]:
            del self._requests[key]
        for tag in [one for one, (_, until) in self._turns.items() if now >= until]:
            del self._turns[tag]

    def next_burst(self, modes: Modes, busy: Collection[Precedence], *, now: float) -> Burst | None:
        """What to send now; the symbols count as sent until :meth:`failed` says otherwise.

        Args:
            modes: that it may go out in.
            busy: precedences of bursts that are on their way.
            now: when.
        """
        ready = [
            one
            for one in self._requests.values()
            if one.hold_until <= now and self._may_go(one, busy)
        ]
        if not ready:
            return None
        first = min(ready, key=lambda one: one.urgency(self._served_at))
        together = sorted(
            # What may be said to one of these may be said to all of them.
            (one for one in ready if one.kin == first.kin),
            key=lambda one: (KIND_ORDER[one.key.kind], one.key.number),
        )
        content = self._contents.get(first.key.content)
        assert content is not None
        hearers = {asker for one in together for asker in one.askers}
        owed = SYMBOL_OCTETS * sum(one.left or 0 for one in together)
        traits = modes.for_symbols(hearers, owed, now=now)
        if traits is None:
            return None
        sending = self._sending[content.tag]
        sending.goes_on_in(traits.name)
        pace = self._lengths.of(modes.pace_in(traits), traits)
        if first.by_turns:
            turn_s, _ = self._turns.pop(content.tag)
            pace = replace(pace, burst_s=min(pace.burst_s, turn_s))
        runs, takes = fill(together, self._sources, self._read, traits, pace)
        for asker in first.askers or (None,):
            self._served_at[asker] = now
            self._served_at.move_to_end(asker)
        while len(self._served_at) > SERVED_MAX:
            self._served_at.popitem(last=False)
        if not runs:
            return None
        frames = frames_of(runs, traits, frame_octets=pace.frame_octets, own=self._own)
        if len(modes.permitted) > 1:
            sending.airtime_s += traits.burst_s(map(len, frames))
        return Burst(traffic_of(content, first.askers, runs, frames, traits.name), tuple(takes))

    def failed(self, burst: Burst, *, again_at: float) -> None:
        """A burst did not get on the air: what it carried is still owed, and tried again then."""
        for key, count in burst.takes:
            request = self._requests.get(key)
            if request is not None and request.left is not None:
                request.left += count
                request.in_burst = 0
                request.hold_until = max(request.hold_until, again_at)

    def refused(self, burst: Burst) -> None:
        """A burst may not go on the air: who asked has to ask again when it may."""
        for key, _ in burst.takes:
            self._requests.pop(key, None)

    def sent(self, burst: Burst) -> None:
        """A burst is on the air: what it completes is done."""
        for key, _ in burst.takes:
            request = self._requests.get(key)
            if request is None or request.left is None:
                continue
            request.in_burst = 0
            if request.left <= 0:
                del self._requests[key]
        urgent = burst.traffic.precedence is Precedence.EMERGENCY
        if self._sending[burst.content].is_long and not urgent:
            self._wait_for_news(burst.content)

    @property
    def owes(self) -> bool:
        """Whether anything is still to be sent."""
        return bool(self._requests)

    # How.

    def _nothing_owed(self, tag: ContentTag, run: Objects, sender: Callsign | None) -> None:
        for number in range(run.first, run.first + min(run.count, REQUESTS_MAX)):
            request = self._requests.get(ObjectKey(tag, run.kind, number))
            if request is not None:
                request.askers.pop(sender, None)
                if not request.askers:
                    del self._requests[request.key]

    def _on_its_way(self, tag: ContentTag) -> bool:
        return any(one.in_burst for one in self._requests.values() if one.key.content == tag)

    def _may_go(self, request: Request, busy: Collection[Precedence]) -> bool:
        """Whether it only waits for its moment."""
        if not request.left or request.precedence in busy:
            return False
        return not request.by_turns or request.key.content in self._turns

    def _wait_for_news(self, tag: ContentTag) -> None:
        """Send no more of a content until it is asked for again."""
        for key in [one for one in self._requests if one.content == tag]:
            request, source = self._requests.pop(key), self._sources.get(key)
            if source is not None:
                source.unsent = request.left or 0

    def _note(
        self,
        request: Request,
        form: Form | None,
        needed: int,
        sender: Callsign | None,
        now: float,
    ) -> None:
        request.since = now
        source = self._sources.get(request.key)
        if source is None:
            request.form, request.needed = form, needed
            self._read(request.key)
            return
        asked = symbols_asked(source, form, needed)
        told = None
        if not request.left and not request.in_burst:
            # All that was owed was sent, so what is lacking got lost.
            told = source.told(form, asked, sender)
        if told is not None:
            count, lacking = told
            if form is not None:
                self._sending[request.key.content].loss.observe(count, lacking)
                self._lengths.observe(count, lacking)
            needs_db = source.sent_in_db
            self._stations.delivered(sender, lacking / count, needs_snr_db=needs_db, now=now)
        request.form, request.needed = form, needed
        self._owe(request, source)

    def _owe(self, request: Request, source: Source) -> None:
        asked = symbols_asked(source, request.form, request.needed)
        if request.form == source.formed.form and request.needed:
            # It has heard some; of what is sent now, as much will get lost as before.
            asked = self._sending[request.key.content].loss.to_send(asked)
        request.left = max(asked - request.in_burst, request.left or 0)
