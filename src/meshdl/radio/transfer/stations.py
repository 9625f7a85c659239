"""Stations that are heard, and what they say that they have.

Anybody can say anything under any callsign: it decides whom to ask and how often to call,
and nothing that matters more.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.wire.onair.codes import ContentTag, StationTag, station_tag
from meshdl.wire.onair.pdus import Cq, Have

STATIONS_MAX = 256
"""More than one channel carries in an hour."""

REMEMBERED_FOR_S = 3600.0
"""Twice the longest time between two CQs."""

HAVES_MAX = 256
"""Contents of one station that are remembered."""


@dataclass(slots=True)
class HeardStation:
    """One station.

    Attributes:
        locator: Maidenhead, if it told.
        gateway: whether it reaches others by the Internet.
        haves: what it has, by tag.
        sent: of which contents it sent symbols.
        heard_at: when it was last heard.
    """

    callsign: Callsign
    heard_at: float
    locator: str = ""
    gateway: bool = False
    haves: OrderedDict[ContentTag, Have] = field(default_factory=OrderedDict)
    sent: OrderedDict[ContentTag, None] = field(default_factory=OrderedDict)


class Stations:
    """Those heard within the last hour."""

    def __init__(self) -> None:
        self._stations: OrderedDict[Callsign, HeardStation] = OrderedDict()
        self._tags: dict[StationTag, Callsign] = {}

    def __len__(self) -> int:
        return len(self._stations)

    def __iter__(self) -> Iterator[HeardStation]:
        return iter(list(self._stations.values()))

    def called(self, tag: StationTag) -> Callsign | None:
        """The callsign that a tag stands for, if that station was heard."""
        return self._tags.get(tag)

    def heard(self, callsign: Callsign, *, now: float) -> bool:
        """A frame of that station; whether it was not known."""
        self._forget_old(now)
        known = self._stations.get(callsign)
        if known is not None:
            known.heard_at = now
            self._stations.move_to_end(callsign)
            return False
        if len(self._stations) >= STATIONS_MAX:
            self._drop(next(iter(self._stations)))
        self._stations[callsign] = HeardStation(callsign, now)
        self._tags[station_tag(callsign)] = callsign
        return True

    def called_cq(self, callsign: Callsign, cq: Cq, *, now: float) -> None:
        """What a station said of itself."""
        self.heard(callsign, now=now)
        station = self._stations[callsign]
        station.locator, station.gateway = cq.locator or station.locator, cq.gateway
        for have in cq.haves:
            station.haves[have.content] = have
            station.haves.move_to_end(have.content)
            if len(station.haves) > HAVES_MAX:
                station.haves.popitem(last=False)

    def sent(self, callsign: Callsign, tag: ContentTag) -> None:
        """A station that was heard sent symbols of a content."""
        station = self._stations[callsign]
        station.sent[tag] = None
        station.sent.move_to_end(tag)
        if len(station.sent) > HAVES_MAX:
            station.sent.popitem(last=False)

    def holders(self, tag: ContentTag, *, now: float) -> list[Callsign]:
        """Who says, or showed, that they have a content or some of it; the last heard first."""
        self._forget_old(now)
        found = [one for one in self._stations.values() if tag in one.haves or tag in one.sent]
        return [one.callsign for one in reversed(found)]

    def sender_of(self, tag: ContentTag, *, now: float) -> Callsign | None:
        """Who sent, or else says to have, a content; of several, the one that was heard last."""
        self._forget_old(now)
        found = (one.callsign for one in reversed(self._stations.values()) if tag in one.sent)
        return next(found, None) or next(iter(self.holders(tag, now=now)), None)

    def heard_since(self, at: float) -> bool:
        """Whether anybody was heard since then."""
        return any(one.heard_at >= at for one in reversed(self._stations.values()))

    def full_holders(self, tag: ContentTag, *, now: float) -> int:
        """How many say that they have all of it."""
        self._forget_old(now)
        haves = (one.haves.get(tag) for one in self._stations.values())
        return sum(have is not None and have.chunks is None for have in haves)

    def told_of_emergency(self, tag: ContentTag) -> bool:
        """Whether a station that is heard tells of it as emergency traffic."""
        haves = (one.haves.get(tag) for one in self._stations.values())
        return any(have is not None and have.precedence is Precedence.EMERGENCY for have in haves)

    def _forget_old(self, now: float) -> None:
        while self._stations:
            callsign, oldest = next(iter(self._stations.items()))
            if now - oldest.heard_at < REMEMBERED_FOR_S:
                return
            self._drop(callsign)

    def _drop(self, callsign: Callsign) -> None:
        del self._stations[callsign]
        tag = station_tag(callsign)
        if self._tags.get(tag) == callsign:
            del self._tags[tag]
