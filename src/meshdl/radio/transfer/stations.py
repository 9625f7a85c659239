"""Stations that are heard, and what they say that they have.

Anybody can say anything under any callsign: it decides whom to ask and how often to call,
and nothing that matters more.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.policy.mode_choice import STALE_AFTER_S, PathEstimate
from meshdl.wire.onair.codes import ContentTag, StationTag, station_tag
from meshdl.wire.onair.pdus import Cq, Have
from meshdl.wire.onair.reports import SNR_MAX_DB, SNR_MIN_DB, SignalReport

STATIONS_MAX = 256
"""More than one channel carries in an hour."""

REMEMBERED_FOR_S = 3600.0
"""Twice the longest time between two CQs."""

HAVES_MAX = 256
"""Contents of one station that are remembered."""


SNR_WEIGHT = 0.3
"""Of the latest frame: fading moves them by several decibels."""


@dataclass(slots=True)
class HeardStation:
    """One station.

    Attributes:
        locator: Maidenhead, if it told.
        gateway: whether it reaches others by the Internet.
        haves: what it has, by tag.
        sent: of which contents it sent symbols.
        heard_at: when it was last heard.
        path: how well it hears us.
        snr_db: how well we hear it, in 3 kHz, a mean of late frames; ``None``: not measured.
        measured_at: when that was measured.
    """

    callsign: Callsign
    heard_at: float
    path: PathEstimate = field(default_factory=PathEstimate)
    snr_db: float | None = None
    measured_at: float = 0.0
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

    def measured(self, callsign: Callsign, snr_db: float, *, now: float) -> None:
        """A frame of a station that was heard came with that SNR."""
        station = self._stations[callsign]
        mean_db = station.snr_db if now - station.measured_at <= STALE_AFTER_S else None
        mean_db = snr_db if mean_db is None else mean_db + SNR_WEIGHT * (snr_db - mean_db)
        station.snr_db, station.measured_at = mean_db, now
        station.path.heard(mean_db, now=now)

    def path(self, callsign: Callsign | None) -> PathEstimate | None:
        """How well a station hears us; ``None``: it is not known at all."""
        station = self._stations.get(callsign) if callsign is not None else None
        return station.path if station is not None else None

    def snr_db(self, callsign: Callsign | None, *, now: float) -> float | None:
        """The SNR that a station may be counted on to have of us."""
        path = self.path(callsign)
        return path.snr_db(now=now) if path is not None else None

    def delivered(
        self, callsign: Callsign | None, loss: float, *, needs_snr_db: float, now: float
    ) -> None:
        """So much of what was sent to a station got lost, in a mode that needs that SNR."""
        path = self.path(callsign)
        if path is not None:
            path.delivered(loss, needs_snr_db=needs_snr_db, now=now)

    def report(self, callsign: Callsign, *, now: float) -> SignalReport | None:
        """What we tell a station of how we hear it; ``None``: there is nothing to tell."""
        station = self._stations.get(callsign)
        if station is None or station.snr_db is None or now - station.measured_at > STALE_AFTER_S:
            return None
        told_db = min(max(round(station.snr_db), SNR_MIN_DB), SNR_MAX_DB)
        return SignalReport(station_tag(callsign), told_db)

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
