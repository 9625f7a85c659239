"""Who is in which room, has what, and looks for what. Memory only: sockets make it anew.

Everything in it belongs to a station that is here, or at another process of this server: when
it leaves, nothing of it stays. What runs out is found no more, and forgotten some seconds later
(:meth:`Directory.sweep`), a little at a time: a server that looked at half a million announcements
at once would carry nothing for a second.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from meshdl.ids import ContentHash, StationId
from meshdl.policy.bucket import TokenBucket
from meshdl.signalling.server_events import Process, Socket
from meshdl.wire.signalling import Member

FOREVER = float("inf")

LOOKED_AT = 8
"""For each station that is told, when there are more: all that one address may have, and others."""

SWEPT_AT_ONCE = 10_000
"""Contents looked at in a step of a sweep: a few milliseconds."""

Deadlines = dict[StationId, float]
"""Stations, and until when (on the driver's clock) what is said of them holds."""


@dataclass(slots=True)
class Shelf:
    """What the stations of one origin have and look for, all together: some 350 octets each.

    Attributes:
        most: contents, in all their rooms.
        used: of them.
    """

    most: int
    used: int = 0


@dataclass(slots=True)
class Standing:
    """What is known of a station, wherever it is connected.

    Attributes:
        at_ms: when it proved itself, since 1970; of two connections the later one counts.
        shelf: shared with others from the same place; of stations elsewhere it has no end.
        origin: the number of that place at the process where it is.
        account: of messages that others here are told of what it has; ``None``: its socket pays.
    """

    station: StationId
    member: Member
    at_ms: int
    rooms: dict[str, Member] = field(default_factory=dict)
    held: dict[str, set[ContentHash]] = field(default_factory=dict)
    sought: dict[str, set[ContentHash]] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=lambda: Shelf(sys.maxsize))
    origin: int = 0
    account: TokenBucket | None = None

    def has_room(self) -> bool:
        """For one more content."""
        return self.shelf.used < self.shelf.most


@dataclass(slots=True, kw_only=True)
class Resident(Standing):
    """A station that is here."""

    socket: Socket


@dataclass(slots=True, kw_only=True)
class Remote(Standing):
    """A station that is at another process of this server."""

    process: Process


@dataclass(slots=True)
class Room:
    """A room with somebody in it."""

    members: Deadlines = field(default_factory=dict)
    holders: dict[ContentHash, Deadlines] = field(default_factory=dict)
    seekers: dict[ContentHash, Deadlines] = field(default_factory=dict)


class Directory:
    """All rooms of one server.

    Attributes:
        residents, remote: every station is in one of the two.
    """

    def __init__(self, rng: Random) -> None:
        # One that asks the system for each number would take a millisecond for a choice.
        self._rng = Random(rng.getrandbits(64))  # noqa: S311 - guarded is nothing by it
        self._unswept: list[tuple[str, bool]] = []
        self._contents: list[ContentHash] = []
        self.residents: dict[StationId, Resident] = {}
        self.remote: dict[StationId, Remote] = {}
        self._of_process: dict[Process, set[StationId]] = {}
        self.rooms: dict[str, Room] = {}

    def find(self, station: StationId) -> Resident | Remote | None:
        """A station, wherever it is."""
        return self.residents.get(station) or self.remote.get(station)

    def add_remote(self, remote: Remote) -> None:
        """A station is at another process."""
        self.remote[remote.station] = remote
        self._of_process.setdefault(remote.process, set()).add(remote.station)

    def remove_remote(self, remote: Remote) -> None:
        """A station, which is in no room any more, is not there any more."""
        del self.remote[remote.station]
        stations = self._of_process[remote.process]
        stations.discard(remote.station)
        if not stations:
            del self._of_process[remote.process]

    def of_process(self, process: Process) -> frozenset[StationId]:
        """Stations that are at another process."""
        return frozenset(self._of_process.get(process, ()))

    def join(self, resident: Standing, name: str, member: Member, *, until: float) -> bool:
        """Put a station into a room; whether it was not in it before."""
        room = self.rooms.setdefault(name, Room())
        new = resident.station not in room.members
        room.members[resident.station] = until
        resident.rooms[name] = member
        return new

    def leave(self, resident: Standing, name: str) -> None:
        """Take a station, and all it said there, out of a room."""
        if resident.rooms.pop(name, None) is None:
            return
        room = self.rooms[name]
        del room.members[resident.station]
        for content in resident.held.pop(name, ()):
            resident.shelf.used -= 1
            _remove(room.holders, content, resident.station)
        for content in resident.sought.pop(name, ()):
            resident.shelf.used -= 1
            _remove(room.seekers, content, resident.station)
        if not room.members:
            del self.rooms[name]

    def announce(
        self, resident: Standing, name: str, contents: Iterable[bytes], *, until: float, limit: int
    ) -> list[ContentHash]:
        """A station has contents; those that others hear of for the first time."""
        room, held = self.rooms[name], resident.held.setdefault(name, set())
        news = []
        for octets in contents:
            content = ContentHash(octets)
            if content not in held:
                if len(held) >= limit or not resident.has_room():
                    break
                resident.shelf.used += 1
                held.add(content)
                news.append(content)
            room.holders.setdefault(content, {})[resident.station] = until
        return news

    def withdraw(self, resident: Standing, name: str, contents: Iterable[bytes]) -> None:
        """A station no longer has contents."""
        _take_back(resident, resident.held.get(name), self.rooms[name].holders, contents)

    def watch(
        self, resident: Standing, name: str, content: ContentHash, *, until: float, limit: int
    ) -> bool:
        """A station wants to hear of holders; whether there was room for the wish."""
        sought = resident.sought.setdefault(name, set())
        if content not in sought:
            if len(sought) >= limit or not resident.has_room():
                return False
            resident.shelf.used += 1
            sought.add(content)
        self.rooms[name].seekers.setdefault(content, {})[resident.station] = until
        return True

    def unwatch(self, resident: Standing, name: str, contents: Iterable[bytes]) -> None:
        """A station no longer wants to hear of holders."""
        _take_back(resident, resident.sought.get(name), self.rooms[name].seekers, contents)

    def holders(
        self, name: str, content: ContentHash, *, but: StationId, most: int, now: float
    ) -> tuple[tuple[Member, ...], int]:
        """Some of those others that have a content in a room, as :meth:`some`, and how many do.

        Where very many have it, the number counts what has run out and is not yet forgotten.
        """
        deadlines = self.rooms[name].holders.get(content, {})
        if len(deadlines) > LOOKED_AT * most:
            looked_at = self._rng.sample(list(deadlines), LOOKED_AT * most)
            alive = [one for one in looked_at if deadlines[one] > now and one != but]
            return self._in_turns(name, alive, most), len(deadlines) - (but in deadlines)
        alive = [one for one in _alive(deadlines, now) if one != but]
        return self.some(name, alive, most=most), len(alive)

    def seekers(self, name: str, content: ContentHash, *, now: float) -> list[StationId]:
        """Who wants to hear of the holders of a content."""
        return _alive(self.rooms[name].seekers.get(content, {}), now)

    def some(self, name: str, stations: Sequence[StationId], *, most: int) -> tuple[Member, ...]:
        """Some of these stations of a room, by chance when there are more than ``most``.

        Those of one origin come in turns with those of others: who opens hundreds of sockets to
        say that each has a content hides nobody who really has it.
        """
        if len(stations) > most:
            stations = self._rng.sample(stations, min(len(stations), LOOKED_AT * most))
        return self._in_turns(name, stations, most)

    def _in_turns(self, name: str, stations: Sequence[StationId], most: int) -> tuple[Member, ...]:
        found = [self._at(station) for station in stations]
        if len(found) > most:
            before, turns = Counter[int](), list[int]()
            for one in found:
                shelf = id(one.shelf)
                turns.append(before[shelf])
                before[shelf] += 1
            first = sorted(range(len(found)), key=turns.__getitem__)[:most]
            found = [found[at] for at in first]
        return tuple(one.rooms[name] for one in found)

    def lasting(self, resident: Standing, name: str, *, now: float) -> dict[int, list[ContentHash]]:
        """What a station has in a room, by the whole seconds for which that still holds."""
        holders, found = self.rooms[name].holders, dict[int, list[ContentHash]]()
        for content in resident.held.get(name, ()):
            left_s = int(holders[content][resident.station] - now)
            if left_s > 0:
                found.setdefault(left_s, []).append(content)
        return found

    def _at(self, station: StationId) -> Resident | Remote:
        found = self.find(station)
        assert found is not None, "what is said of a station leaves with it"
        return found

    def sweep(self, *, now: float) -> list[tuple[Resident | Remote, str]]:
        """Begin to forget what has run out; the stations whose membership of a room has."""
        over = []
        for name, room in self.rooms.items():
            for station, until in room.members.items():
                if until <= now:
                    over.append((self._at(station), name))
        if not self.sweeping:
            self._unswept = [(name, held) for name in self.rooms for held in (True, False)]
        return over

    @property
    def sweeping(self) -> bool:
        """Whether what was begun is not yet done."""
        return bool(self._unswept)

    def sweep_on(self, *, now: float) -> None:
        """Go on with it, by one step."""
        left = SWEPT_AT_ONCE
        while self._unswept and left > 0:
            name, held = self._unswept[-1]
            room = self.rooms.get(name)
            table = {} if room is None else room.holders if held else room.seekers
            if not self._contents:
                self._contents = list(table)
            for _ in range(min(left, len(self._contents))):
                left -= 1
                content = self._contents.pop()
                deadlines = table.get(content)
                if deadlines is not None and min(deadlines.values()) <= now:
                    self._forget(name, table, content, now, held=held)
            if not self._contents:
                self._unswept.pop()
                left -= 1

    def _forget(
        self,
        name: str,
        table: dict[ContentHash, Deadlines],
        content: ContentHash,
        now: float,
        *,
        held: bool,
    ) -> None:
        for station in [one for one, until in table[content].items() if until <= now]:
            resident = self._at(station)
            kept = (resident.held if held else resident.sought)[name]
            _take_back(resident, kept, table, (content,))


def _alive(deadlines: Deadlines, now: float) -> list[StationId]:
    return [station for station, until in deadlines.items() if until > now]


def _take_back(
    resident: Standing,
    kept: set[ContentHash] | None,
    table: dict[ContentHash, Deadlines],
    contents: Iterable[bytes],
) -> None:
    """Forget those of ``contents`` that a station has, or looks for, and give it the room back."""
    for octets in contents:
        content = ContentHash(octets)
        if kept and content in kept:
            resident.shelf.used -= 1
            kept.discard(content)
            _remove(table, content, resident.station)


def _remove(table: dict[ContentHash, Deadlines], content: ContentHash, station: StationId) -> None:
    deadlines = table.get(content)
    if deadlines is None:
        return
    deadlines.pop(station, None)
    if not deadlines:
        del table[content]
