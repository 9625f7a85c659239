"""By which of several signalling servers a station's signals go.

Theory of operation
===================

A server may lose what it is given, and say nothing. So an attempt to link that failed is made
by the next server that knows the station, and what belongs to a session goes back by the server
that brought the last of it: that one does carry, from there at least. A session keeps its
server while that knows the station.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, TypeVar

from meshdl.ids import StationId

SESSIONS_MAX = 1024
"""Remembered; there are never so many links, and a session that is over needs none."""

STATIONS_MAX = 1024
"""With attempts that failed; as many as are dialled at all."""

CarrierT = TypeVar("CarrierT")


class Carriers(Generic[CarrierT]):
    """What is known of how servers carry."""

    def __init__(self) -> None:
        self._of_session: OrderedDict[bytes, CarrierT] = OrderedDict()
        self._failures: OrderedDict[StationId, int] = OrderedDict()

    def pick(self, station: StationId, session: bytes, able: Sequence[CarrierT]) -> CarrierT | None:
        """The one to send by.

        Args:
            station: for whom.
            session: of what is sent.
            able: those that know the station, in the order of the settings.
        """
        if not able:
            return None
        carrier = self._of_session.get(session)
        if carrier is None or carrier not in able:
            carrier = able[self._failures.get(station, 0) % len(able)]
        self.brought(session, carrier)
        return carrier

    def brought(self, session: bytes, carrier: CarrierT) -> None:
        """Something of a session came by it."""
        self._of_session.pop(session, None)
        self._of_session[session] = carrier
        if len(self._of_session) > SESSIONS_MAX:
            self._of_session.popitem(last=False)

    def failed(self, station: StationId) -> None:
        """No link came of what was sent."""
        self._failures[station] = self._failures.pop(station, 0) + 1
        if len(self._failures) > STATIONS_MAX:
            self._failures.popitem(last=False)
