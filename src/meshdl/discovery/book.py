"""Where stations were heard: the link between who announces and who dials."""

from meshdl.discovery.events import Endpoint
from meshdl.ids import StationId

STATIONS_MAX = 1024


class AddressBook:
    """Station ids and the endpoints they announced last."""

    def __init__(self) -> None:
        self._endpoints: dict[StationId, tuple[Endpoint, ...]] = {}

    def note(self, station: StationId, endpoints: tuple[Endpoint, ...]) -> None:
        """A station announced these; the oldest entries make room."""
        self._endpoints.pop(station, None)
        self._endpoints[station] = endpoints
        while len(self._endpoints) > STATIONS_MAX:
            del self._endpoints[next(iter(self._endpoints))]

    def forget(self, station: StationId) -> None:
        """A station is gone."""
        self._endpoints.pop(station, None)

    def endpoints(self, station: StationId) -> tuple[Endpoint, ...]:
        """Where it takes offers; none when it was not heard."""
        return self._endpoints.get(station, ())
