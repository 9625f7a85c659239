"""Callsigns and the keys that they were first seen with: a table of the catalogue.

Instants are Unix time in seconds, and always the caller's.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from meshdl.ids import Callsign, StationKey, station_key
from meshdl.station.database import Database

PINS_MAX = 100_000
"""Stations that are remembered; those not seen for longest go first."""


class Pinned(enum.Enum):
    """What :meth:`PinTable.pin` found."""

    NEW = enum.auto()
    """The callsign was not known; now it goes with this key."""
    MATCHES = enum.auto()
    """It goes with this key."""
    DIFFERS = enum.auto()
    """It goes with another key, and still does. The operator must look."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A callsign and the key it was first seen with, see :meth:`PinTable.pin`."""

    callsign: Callsign
    key: StationKey
    first_seen: float
    last_seen: float


class PinTable:
    """The pins in one catalogue.

    Raises:
        StorageError: from every method, when the database or the disk refuses.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def pin(self, callsign: Callsign, key: StationKey, *, now: float) -> Pinned:
        """A station has proved that it owns ``key`` and calls itself ``callsign``.

        The first key seen stays; only :meth:`repin` puts another in its place.
        """
        with self._database.transaction():
            known = next(iter(self._select("WHERE callsign = ?", callsign)), None)
            if known is not None and known.key != key:
                return Pinned.DIFFERS
            self._database.change(
                """INSERT INTO pins VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET station_key = excluded.station_key,
                    last_seen = max(last_seen, excluded.last_seen)""",
                (callsign, key, now, now),
            )
            if known is not None:
                return Pinned.MATCHES
            self._database.change(
                """DELETE FROM pins WHERE callsign IN (
                    SELECT callsign FROM pins ORDER BY last_seen DESC LIMIT -1 OFFSET ?
                )""",
                (PINS_MAX,),
            )
            return Pinned.NEW

    def repin(self, callsign: Callsign, key: StationKey, *, now: float) -> None:
        """A callsign goes with another key from now on; whoever calls has a reason."""
        self._database.change(
            """INSERT INTO pins VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET station_key = excluded.station_key,
                first_seen = excluded.first_seen, last_seen = excluded.last_seen""",
            (callsign, key, now, now),
        )

    def all(self) -> Mapping[Callsign, Pin]:
        """Every pinned key."""
        return {pin.callsign: pin for pin in self._select("ORDER BY callsign")}

    def _select(self, clause: str, *values: str) -> list[Pin]:
        rows = self._database.rows(
            f"SELECT callsign, station_key, first_seen, last_seen FROM pins {clause}",  # noqa: S608 - the clause is ours
            values,
        )
        pins = []
        for call, octets, first_seen, last_seen in rows:
            try:
                key = station_key(octets)
            except ValueError:
                continue  # nobody can prove that key: as good as no pin
            pins.append(Pin(Callsign(call), key, first_seen, last_seen))
        return pins
