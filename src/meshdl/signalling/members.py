"""The stations that a signalling server tells of: who they are, and where they were heard.

Nothing that a server says of a station is believed but what can be checked: the callsign
has the form of one, the membership of a closed room is signed by the room's key. Whether
the station has the key that it is told to have, its own signals prove.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, StationId, StationKey, callsign, station_id, station_key
from meshdl.signalling import proofs
from meshdl.wire.signalling import Member
from meshdl.wire.signals import Address

STATIONS_MAX = 1024
"""Stations remembered of one server; it may tell of fifty at a time, as often as it likes. In a
crowded room nobody is told who leaves, so who was heard of least recently makes room."""


@dataclass(slots=True)
class Known:
    """One station.

    Attributes:
        rooms: in which it was heard.
        told: whether others were told of it: only of those worth dialling.
    """

    callsign: Callsign
    address: Address
    rooms: set[str] = field(default_factory=set)
    told: bool = False


class Members:
    """All stations that one server told of.

    Args:
        own: key of this station.
        crowded_out: called with those that others knew of, and who had to make room.
    """

    def __init__(self, own: StationKey, crowded_out: Callable[[StationId], None]) -> None:
        self._own, self._crowded_out = own, crowded_out
        self.known: dict[StationId, Known] = {}

    def note(self, room: str, member: Member, *, unix_now_s: float) -> StationId | None:
        """A station is in a room; ``None`` when it is ourselves.

        Raises:
            RemoteProtocolError: it cannot be a member.
        """
        key = station_key(member.station_key)
        if key == self._own:
            return None
        try:
            name = callsign(member.callsign)
        except ValueError as error:
            raise RemoteProtocolError(f"a member with no callsign: {error}") from error
        if not proofs.is_member(room, key, member.membership, unix_now_s=unix_now_s):
            raise RemoteProtocolError(f"{name} has no leave to be in the room {shown(room)}")
        station = station_id(key)
        known = self.known.get(station)
        if known is not None and known.address.station_key != key:
            return None  # two keys with one id: the first one counts
        known = self.known.pop(station, None) or Known(name, Address(key, member.instance))
        self.known[station] = known  # behind all others
        if len(self.known) > STATIONS_MAX:
            oldest = next(iter(self.known))
            if self.forget(oldest):
                self._crowded_out(oldest)
        known.callsign, known.address = name, Address(key, member.instance)
        known.rooms.add(room)
        return station

    def left(self, room: str, station: StationId) -> bool:
        """A station has left a room; whether it is now gone altogether, and others knew of it."""
        known = self.known.get(station)
        if known is None:
            return False
        known.rooms.discard(room)
        if known.rooms:
            return False
        del self.known[station]
        return known.told

    def left_by_us(self, room: str) -> list[StationId]:
        """We are no longer in a room; who is thereby gone altogether, and others knew of them."""
        there = [station for station, known in self.known.items() if room in known.rooms]
        return [station for station in there if self.left(room, station)]

    def forget(self, station: StationId) -> bool:
        """A station cannot be reached; whether others knew of it."""
        known = self.known.pop(station, None)
        return known is not None and known.told

    def forget_all(self) -> list[StationId]:
        """The server cannot be reached; those that others knew of."""
        told = [station for station, known in self.known.items() if known.told]
        self.known.clear()
        return told


def shown(room: str) -> str:
    """A room's name for people: without its key."""
    return room.partition("#")[0]
