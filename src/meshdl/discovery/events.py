"""What discovery tells."""

from dataclasses import dataclass
from typing import TypeAlias

from meshdl.ids import Callsign, StationId


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a station takes offers.

    Attributes:
        host: an address; a link-local one of IPv6 carries its scope (``fe80::1%2``).
        port: TCP.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StationFound:
    """A station announces itself, or announces other addresses than before.

    Attributes:
        instance: of the station's run; another one after it was restarted.
    """

    station: StationId
    callsign: Callsign
    endpoints: tuple[Endpoint, ...]
    instance: str


@dataclass(frozen=True, slots=True)
class StationLost:
    """A station said goodbye, or its announcement ran out."""

    station: StationId


@dataclass(frozen=True, slots=True)
class KeyInUseElsewhere:
    """Somebody announces our own station id from another run: is the key copied?"""

    endpoints: tuple[Endpoint, ...]


LanEvent: TypeAlias = StationFound | StationLost | KeyInUseElsewhere
