"""Which stations are dialled, and when.

Theory of operation
===================

Both stations of a pair hear of each other and both could dial. The one with the lower
station id dials at once, the other only if no link has come up after ``YIELD_S``: so a
pair has usually one link, and still has one when only one direction is open. Should
both dial all the same, :mod:`meshdl.swarm.swarm` keeps the link that the lower id
dialled. A failed dial is repeated with exponential back-off and jitter, for as long as
discovery hears the station.
"""

from dataclasses import dataclass
from random import Random

from meshdl.ids import Callsign, StationId

YIELD_S = 0.3
BACK_OFF_FIRST_S = 1.0
BACK_OFF_MAX_S = 60.0
JITTER = 0.25
SHORT_LIFE_S = 5.0
"""A link that was lost sooner counts as a failed dial: the other end may not want us."""

REFUSED_S = 30.0
"""How long a station is left alone after one of the two sides refused a link."""

STATIONS_MAX = 1024
"""Stations remembered; discovery limits what it reports, this bounds what we keep."""


@dataclass(slots=True)
class Neighbour:
    """One station that discovery hears.

    Attributes:
        dial_at: when to dial next.
        dialling: a dial is under way.
        failures: dials in a row that failed.
    """

    callsign: Callsign
    dial_at: float
    dialling: bool = False
    failures: int = 0


class Neighbours:
    """The stations in reach and their next dial."""

    def __init__(self, own: StationId, rng: Random) -> None:
        self._own = own
        self._rng = rng
        self._unwelcome_until: dict[StationId, float] = {}
        self.known: dict[StationId, Neighbour] = {}

    def seen(self, station: StationId, callsign: Callsign, *, now: float) -> None:
        """Discovery heard of it: first news, or news of another address."""
        if station == self._own:
            return
        delay_s = 0.0 if self._own < station else YIELD_S
        dial_at = max(now + delay_s, self._unwelcome_until.get(station, now))
        known = self.known.get(station)
        if known is not None:
            known.callsign = callsign
            known.failures = 0
            known.dial_at = max(dial_at, min(known.dial_at, now + delay_s))
        elif len(self.known) < STATIONS_MAX:
            self.known[station] = Neighbour(callsign, dial_at)

    def gone(self, station: StationId) -> None:
        """Discovery no longer hears it."""
        self.known.pop(station, None)

    def failed(self, station: StationId, *, now: float) -> None:
        """A dial failed, or the link it made was refused."""
        known = self.known.get(station)
        if known is None:
            return
        known.dialling = False
        pause_s = min(BACK_OFF_FIRST_S * 2**known.failures, BACK_OFF_MAX_S)
        known.failures = min(known.failures + 1, 16)
        known.dial_at = now + pause_s * self._rng.uniform(1 - JITTER, 1 + JITTER)

    def connected(self, station: StationId) -> None:
        """A link to it is up and proved."""
        known = self.known.get(station)
        if known is not None:
            known.dialling = False

    def lost(self, station: StationId, *, lived_s: float, now: float) -> None:
        """The last link to it went down: soon dial again, if the link was of any use."""
        if lived_s < SHORT_LIFE_S:
            self.failed(station, now=now)
            return
        known = self.known.get(station)
        if known is not None:
            known.dialling = False
            known.failures = 0
            delay_s = 0.0 if self._own < station else YIELD_S
            known.dial_at = now + delay_s + self._rng.uniform(0, YIELD_S)

    def banned(self, station: StationId, *, until: float) -> None:
        """Do not dial it before ``until``, whatever discovery says."""
        if len(self._unwelcome_until) >= STATIONS_MAX:
            del self._unwelcome_until[next(iter(self._unwelcome_until))]
        self._unwelcome_until[station] = max(until, self._unwelcome_until.pop(station, until))
        known = self.known.get(station)
        if known is not None:
            known.dialling = False
            known.dial_at = max(known.dial_at, until)

    def refused(self, station: StationId, *, now: float) -> None:
        """One of the two sides does not want the link: a new address changes nothing."""
        self.banned(station, until=now + REFUSED_S)

    def welcome(self, station: StationId, callsign: Callsign, *, now: float) -> None:
        """The operator wants it: whatever stood against it is over."""
        self._unwelcome_until.pop(station, None)
        known = self.known.get(station)
        if known is not None:
            known.dial_at = now
        self.seen(station, callsign, now=now)

    def due(self, linked: set[StationId], *, room: int, now: float) -> list[StationId]:
        """The stations to dial now; they count as being dialled from here on.

        ``room`` is for links; those being dialled already may need it.
        """
        room -= sum(known.dialling for known in self.known.values())
        chosen: list[StationId] = []
        for station, known in self.known.items():
            if len(chosen) >= room:
                break
            if not known.dialling and known.dial_at <= now and station not in linked:
                known.dialling = True
                chosen.append(station)
        return chosen

    def deadline(self, linked: set[StationId]) -> float | None:
        """When :meth:`due` has something to say again."""
        return min(
            (
                known.dial_at
                for station, known in self.known.items()
                if not known.dialling and station not in linked
            ),
            default=None,
        )
