"""Which stations are dialled, when, and by which way.

Theory of operation
===================

Both stations of a pair hear of each other and both could dial. The one with the lower
station id dials at once, the other only if no link has come up after ``YIELD_S``: so a
pair has usually one link, and still has one when only one direction is open. Should
both dial all the same, :mod:`meshdl.swarm.admission` keeps the link that the lower id
dialled. A failed dial is repeated with exponential back-off and jitter, for as long as
discovery hears the station.

A station may be heard by several ways at once. The best way is tried first and alone; the
next one only once that has failed. While a link runs by a lesser way, or over a lesser
path, the better one is still tried, so a pair ends on the best there is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from meshdl.ids import Callsign, StationId
from meshdl.links import Way

YIELD_S = 0.3
YIELD_FAR_S = 3.0
"""Across the Internet the other side's dial takes that long to become a link."""

BACK_OFF_FIRST_S = 1.0
BACK_OFF_MAX_S = 60.0
JITTER = 0.25
SHORT_LIFE_S = 5.0
"""A link that was lost sooner counts as a failed dial: the other end may not want us."""

REFUSED_S = 30.0
"""How long a station is left alone after one of the two sides refused a link."""

STATIONS_MAX = 1024
"""Stations remembered; discovery limits what it reports, this bounds what we keep."""

_YIELD_S = {Way.LAN: YIELD_S, Way.INTERNET: YIELD_FAR_S}
_BEST_FIRST = tuple(Way)


@dataclass(slots=True)
class Route:
    """One way to a station.

    Attributes:
        dial_at: when to dial next.
        failures: dials in a row that failed.
    """

    dial_at: float
    failures: int = 0


@dataclass(slots=True)
class Neighbour:
    """One station that discovery hears.

    Attributes:
        routes: by the ways it is heard.
        dialling: the way by which a dial is under way.
    """

    callsign: Callsign
    routes: dict[Way, Route] = field(default_factory=dict)
    dialling: Way | None = None


class Neighbours:
    """The stations in reach and their next dial."""

    def __init__(self, own: StationId, rng: Random) -> None:
        self._own = own
        self._rng = rng
        self._unwelcome_until: dict[StationId, float] = {}
        self.known: dict[StationId, Neighbour] = {}

    def seen(self, station: StationId, callsign: Callsign, way: Way, *, now: float) -> None:
        """Discovery heard of it: first news, or news of another address."""
        if station == self._own:
            return
        delay_s = self._delay_s(station, way)
        dial_at = max(now + delay_s, self._unwelcome_until.get(station, now))
        known = self.known.get(station)
        if known is None:
            if len(self.known) >= STATIONS_MAX:
                return
            known = self.known[station] = Neighbour(callsign)
        known.callsign = callsign
        route = known.routes.get(way)
        if route is None:
            known.routes[way] = Route(dial_at)
        else:
            route.failures = 0
            route.dial_at = max(dial_at, min(route.dial_at, now + delay_s))

    def gone(self, station: StationId, way: Way) -> None:
        """Discovery no longer hears it this way."""
        known = self.known.get(station)
        if known is None:
            return
        known.routes.pop(way, None)
        if known.dialling is way:
            known.dialling = None
        if not known.routes:
            del self.known[station]

    def failed(self, station: StationId, way: Way, *, now: float) -> None:
        """A dial failed, or the link it made was refused."""
        known = self.known.get(station)
        if known is None:
            return
        if known.dialling is way:
            known.dialling = None
        route = known.routes.get(way)
        if route is None:
            return
        pause_s = min(BACK_OFF_FIRST_S * 2**route.failures, BACK_OFF_MAX_S)
        route.failures = min(route.failures + 1, 16)
        route.dial_at = now + pause_s * self._rng.uniform(1 - JITTER, 1 + JITTER)

    def connected(self, station: StationId) -> None:
        """A link to it is up and proved."""
        known = self.known.get(station)
        if known is not None:
            known.dialling = None

    def lost(self, station: StationId, way: Way, *, lived_s: float, now: float) -> None:
        """The last link to it went down: soon dial again, if the link was of any use."""
        if lived_s < SHORT_LIFE_S:
            self.failed(station, way, now=now)
            return
        known = self.known.get(station)
        if known is None:
            return
        known.dialling = None
        for other, route in known.routes.items():
            route.failures = 0
            delay_s = self._delay_s(station, other)
            route.dial_at = now + delay_s + self._rng.uniform(0, YIELD_S)

    def banned(self, station: StationId, *, until: float) -> None:
        """Do not dial it before ``until``, whatever discovery says."""
        if len(self._unwelcome_until) >= STATIONS_MAX:
            del self._unwelcome_until[next(iter(self._unwelcome_until))]
        self._unwelcome_until[station] = max(until, self._unwelcome_until.pop(station, until))
        known = self.known.get(station)
        if known is not None:
            known.dialling = None
            for route in known.routes.values():
                route.dial_at = max(route.dial_at, until)

    def refused(self, station: StationId, *, now: float) -> None:
        """One of the two sides does not want the link: a new address changes nothing."""
        self.banned(station, until=now + REFUSED_S)

    def welcome(self, station: StationId, callsign: Callsign, *, now: float) -> None:
        """The operator wants it: whatever stood against it is over."""
        self._unwelcome_until.pop(station, None)
        known = self.known.get(station)
        if known is None:
            return
        for way, route in known.routes.items():
            route.dial_at = now
            self.seen(station, callsign, way, now=now)

    def due(
        self, linked: Mapping[StationId, Way | None], *, room: int, now: float
    ) -> list[tuple[StationId, Way]]:
        """The stations to dial now; they count as being dialled from here on.

        Args:
            linked: stations with a link, and the way that only a better one is worth
                trying; ``None``: nothing is better than what there is.
            room: for links; those being dialled already may need it.
            now: the driver's clock.
        """
        room -= sum(known.dialling is not None for known in self.known.values())
        chosen: list[tuple[StationId, Way]] = []
        for station, known in self.known.items():
            if len(chosen) >= room:
                break
            for way, route in self._open(station, known, linked):
                if route.dial_at <= now:
                    known.dialling = way
                    chosen.append((station, way))
                    break
        return chosen

    def _open(
        self, station: StationId, known: Neighbour, linked: Mapping[StationId, Way | None]
    ) -> Iterator[tuple[Way, Route]]:
        """The ways that are to be tried now or later, best first."""
        if known.dialling is not None:
            return
        worth = _BEST_FIRST
        if station in linked:
            than = linked[station]
            worth = () if than is None else _BEST_FIRST[: _BEST_FIRST.index(than)]
        for way in worth:
            route = known.routes.get(way)
            if route is None:
                continue
            yield way, route
            if not route.failures:
                return  # a lesser way is for when this one has failed

    def _delay_s(self, station: StationId, way: Way) -> float:
        return 0.0 if self._own < station else _YIELD_S[way]
