"""A station's side of signals that peers carry: whom they tell of, and what they pass on.

Theory of operation
===================

A peer tells who else it is linked with that has a content which is wanted here: a *hint*.
Some few hints are believed as far as trying goes: each makes a station
:class:`~meshdl.signalling.client_events.Heard`, to be dialled by signals that the peer
passes on. A hint that could not be dialled ``DIALS_MAX`` times is dropped, and the station
is not believed in for ``USELESS_S``. What a peer says of a content replaces what it said of
it before; what no peer says any more, and what is no longer wanted, is ``Lost``.

A station that is told of us may call first. Its signal names it and is signed by it; the
answer goes back by the peer that brought it. Whether it is welcome, the handshake of the
link decides, as with any station.

Signals are dated by the clock of the peer that carries them, which it tells with everything.
"""

from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass, field
from typing import assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import (
    Callsign,
    ContentHash,
    StationId,
    StationKey,
    callsign,
    station_id,
    station_key,
)
from meshdl.policy.bucket import TokenBucket
from meshdl.signalling.client_events import (
    Heard,
    Lost,
    Seek,
    SendSignal,
    SignalLost,
    SignalReceived,
    Trouble,
)
from meshdl.signalling.introduction_events import (
    CarrierGone,
    Carry,
    EnvelopeCame,
    EnvelopeLost,
    Hint,
    HintsHeard,
    IntroductionEffect,
    IntroductionInput,
    Reached,
    Unreachable,
)
from meshdl.signalling.letters import Letters
from meshdl.wire.signals import Address, Offer

HINTS_MAX = 64
"""Stations that are believed in by hearsay, all peers together: as many as links there are."""

HINTS_PER_CARRIER_MAX = 32
"""Of one peer: it alone cannot take all the room."""

DIALS_MAX = 3
"""Attempts that failed in a row until a hint is dropped."""

USELESS_S = 600.0
"""How long a station is not believed in after that."""

CALLS_AT_ONCE = 8
CALLS_PER_S = 0.5
"""Offers that one peer may bring: each may hold room for a link for fifteen seconds."""

CALLERS_MAX = 256
"""Stations remembered that called by way of a peer; each may be answered for a while."""

CARRIERS_MAX = 1024
"""Clocks remembered; there are never so many peers."""


@dataclass(slots=True)
class _Hinted:
    """A station by hearsay.

    Attributes:
        told_by: peers, and of which contents they told it.
    """

    callsign: Callsign
    address: Address
    told_by: dict[StationId, set[ContentHash]] = field(default_factory=dict)
    failures: int = 0


class Introductions:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs."""

    def __init__(self, own: StationKey, letters: Letters) -> None:
        self._own, self._letters = own, letters
        self._effects: list[IntroductionEffect] = []
        self._sought: set[ContentHash] = set()
        self._hinted: dict[StationId, _Hinted] = {}
        self._useless_until: dict[StationId, float] = {}
        self._callers: OrderedDict[StationId, tuple[Address, StationId]] = OrderedDict()
        self._calls: dict[StationId, TokenBucket] = {}
        self._clock_offset_ms: OrderedDict[StationId, float] = OrderedDict()

    # The four verbs.

    def receive(self, event: IntroductionInput, *, now: float) -> None:
        """Take one input."""
        match event:
            case HintsHeard():
                self._heard(event, now)
            case CarrierGone(carrier):
                self._carrier_gone(carrier)
            case Seek(content, wanted):
                self._seek(content, wanted=wanted)
            case Reached() | Unreachable():
                self._dialled(event, now)
            case EnvelopeCame():
                self._came(event, now)
            case EnvelopeLost(station, reason):
                self._effects.append(SignalLost(station, None, reason))
            case SendSignal():
                self._send(event, now)
            case _:
                assert_never(event)

    def expire(self, *, now: float) -> None:
        """Nothing is ever due: what is old is looked at when somebody asks."""

    def deadline(self) -> float | None:
        """Never."""
        return None

    def effects(self) -> list[IntroductionEffect]:
        """Drain what must now be done."""
        drained, self._effects = self._effects, []
        return drained

    @property
    def reachable(self) -> Container[StationId]:
        """Stations that were told of and can be sent signals to."""
        return self._hinted

    # Hints.

    def _heard(self, event: HintsHeard, now: float) -> None:
        self._set_clock(event.carrier, event.clock_ms, now)
        if event.content not in self._sought:
            return
        told = {}
        for hint in event.hints[:HINTS_PER_CARRIER_MAX]:
            station = self._note(event.carrier, hint, now)
            if station is not None:
                told[station] = hint
                self._hinted[station].told_by[event.carrier].add(event.content)
        for station in list(self._hinted):
            if station not in told:
                self._take_back(station, event.carrier, {event.content})

    def _note(self, carrier: StationId, hint: Hint, now: float) -> StationId | None:
        """Believe a hint so far; the station, if there is room for it."""
        key = station_key(hint.address.station_key)
        station = station_id(key)
        if key == self._own or station == carrier:
            return None
        if self._useless_until.get(station, now) > now:
            return None
        known = self._hinted.get(station)
        if known is None:
            known = self._admit(station, hint)
        if known is None or known.address.station_key != key:
            return None
        if carrier not in known.told_by:
            told_of = sum(carrier in one.told_by for one in self._hinted.values())
            if told_of >= HINTS_PER_CARRIER_MAX:
                return None
        known.address = hint.address
        if not known.told_by:
            self._hinted[station] = known
            self._effects.append(Heard(station, known.callsign))
        known.told_by.setdefault(carrier, set())
        return station

    def _admit(self, station: StationId, hint: Hint) -> _Hinted | None:
        try:
            call = callsign(hint.callsign)
        except ValueError:
            return None
        if len(self._hinted) >= HINTS_MAX:
            return None
        self._useless_until.pop(station, None)
        return _Hinted(call, hint.address)

    def _take_back(
        self, station: StationId, carrier: StationId, contents: set[ContentHash]
    ) -> None:
        known = self._hinted[station]
        of = known.told_by.get(carrier)
        if of is None:
            return
        of -= contents
        if not of:
            del known.told_by[carrier]
        if not known.told_by:
            self._drop(station)

    def _drop(self, station: StationId) -> None:
        del self._hinted[station]
        self._effects.append(Lost(station))

    def _carrier_gone(self, carrier: StationId) -> None:
        self._clock_offset_ms.pop(carrier, None)
        self._calls.pop(carrier, None)
        for station, known in list(self._hinted.items()):
            self._take_back(station, carrier, set(known.told_by.get(carrier, ())))
        for station, (_, brought_by) in list(self._callers.items()):
            if brought_by == carrier:
                del self._callers[station]

    def _dialled(self, event: Reached | Unreachable, now: float) -> None:
        station = event.station
        known = self._hinted.get(station)
        if known is None:
            return
        if isinstance(event, Reached):
            known.failures = 0
            return
        known.failures += 1
        # The next attempt goes by another peer, if there is one.
        first = next(iter(known.told_by))
        known.told_by[first] = known.told_by.pop(first)
        if known.failures >= DIALS_MAX:
            still = self._useless_until.items()
            self._useless_until = {one: until for one, until in still if until > now}
            if len(self._useless_until) < CARRIERS_MAX:
                self._useless_until[station] = now + USELESS_S
            self._drop(station)

    def _seek(self, content: ContentHash, *, wanted: bool) -> None:
        if wanted:
            self._sought.add(content)
            return
        self._sought.discard(content)
        for station, known in list(self._hinted.items()):
            for carrier in list(known.told_by):
                if station in self._hinted:
                    self._take_back(station, carrier, {content})

    # Signals.

    def _send(self, event: SendSignal, now: float) -> None:
        address, carriers = self._way_to(event.station)
        carrier = next((one for one in carriers if one in self._clock_offset_ms), None)
        if address is None or carrier is None:
            reason = "no peer of ours is linked with it"
            self._effects.append(SignalLost(event.station, event.session, reason))
            return
        carrier_ms = now * 1000 + self._clock_offset_ms[carrier]
        envelope = self._letters.seal(event, address, carrier_now_ms=carrier_ms)
        self._effects.append(Carry(carrier, event.station, envelope))

    def _way_to(self, station: StationId) -> tuple[Address | None, list[StationId]]:
        called = self._callers.get(station)
        known = self._hinted.get(station)
        carriers = list(known.told_by) if known is not None else []
        if called is not None:
            return called[0], [called[1], *carriers]
        return (known.address if known is not None else None), carriers

    def _came(self, event: EnvelopeCame, now: float) -> None:
        self._set_clock(event.carrier, event.clock_ms, now)
        try:
            opened = self._letters.open(event.envelope, sender=None, carrier_now_ms=event.clock_ms)
        except RemoteProtocolError as error:
            self._effects.append(Trouble(f"dropped what a peer passed on: {error}"))
            return
        if opened is None:
            return
        signal, body = opened
        key = station_key(signal.sender.station_key)
        station = station_id(key)
        if key == self._own or (isinstance(signal, Offer) and not self._call(event.carrier, now)):
            return
        self._callers.pop(station, None)
        self._callers[station] = (signal.sender, event.carrier)
        if len(self._callers) > CALLERS_MAX:
            self._callers.popitem(last=False)
        self._effects.append(SignalReceived(station, signal.session, body))

    def _call(self, carrier: StationId, now: float) -> bool:
        """Whether one more offer may come by this peer."""
        bucket = self._calls.get(carrier)
        if bucket is None:
            bucket = TokenBucket(CALLS_PER_S, burst_octets=CALLS_AT_ONCE, now=now)
            self._calls[carrier] = bucket
        if not bucket.available(now=now):
            return False
        bucket.take(1, now=now)
        return True

    def _set_clock(self, carrier: StationId, clock_ms: int, now: float) -> None:
        self._clock_offset_ms.pop(carrier, None)
        self._clock_offset_ms[carrier] = clock_ms - now * 1000
        if len(self._clock_offset_ms) > CARRIERS_MAX:
            self._clock_offset_ms.popitem(last=False)
