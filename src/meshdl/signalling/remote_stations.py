"""Stations that are connected to the other processes of this server.

What another process says of its stations is put into the same directory as what stations here
say themselves, so that members, lookups and presence need not ask where a station is. All of
it is checked like what a station says: who can write to the bus can lie, but neither break
this process nor have a station here believe in a member of a closed room that is none.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, StationId, StationKey, callsign, station_id, station_key
from meshdl.signalling import proofs
from meshdl.signalling.directory import Directory, Remote, Resident
from meshdl.signalling.origins import Origins
from meshdl.signalling.server_events import Process, ServerLimits
from meshdl.signalling.server_rooms import LIFETIME_S, ServerRooms
from meshdl.wire import siblings as wire
from meshdl.wire.membership import Membership
from meshdl.wire.signalling import CONTENTS_MAX, Member

REMOTE_MAX = 200_000
"""Stations of all other processes that are remembered: ten full ones, and some 200 MB."""

PAGE_STATIONS = 256
"""Stations looked up at once; it takes some milliseconds to find them among 20,000."""


class RemoteStations:
    """All of them.

    Args:
        limits: of the operator; what another process says of a station keeps them, too.
        directory: takes them.
        rooms: tells the stations here of them.
        own: this process.
        replace: called with a station here that has connected elsewhere since.
        repin: called with what a callsign is pinned to at another process.
        unix_offset_s: what to add to the driver's clock to have the time since 1970.
    """

    def __init__(
        self,
        limits: ServerLimits,
        directory: Directory,
        rooms: ServerRooms,
        *,
        own: Process | None,
        replace: Callable[[Resident], None],
        repin: Callable[[Callsign, StationKey], None],
        unix_offset_s: float,
    ) -> None:
        self._limits, self._directory, self._rooms = limits, directory, rooms
        self._own, self._replace, self._repin = own, replace, repin
        self._unix_offset_s = unix_offset_s
        self._origins = Origins(limits)
        self._doubted: dict[Process, set[StationId]] = {}

    # What others say.

    def apply(self, process: Process, fact: wire.Fact, *, now: float) -> None:
        """Another process tells something.

        Raises:
            RemoteProtocolError: it cannot be.
        """
        match fact:
            case wire.Came():
                self._came(process, fact, now)
            case wire.Pinned(call, key):
                self._repin(_callsign(call), station_key(key))
            case _:
                remote = self._directory.remote.get(StationId(fact.station))
                if remote is not None and remote.process == process:
                    self._of_station(remote, fact, now)

    def doubt(self, process: Process) -> None:
        """News of a process was missed: what is known of it may be wrong."""
        self._doubted[process] = set(self._directory.of_process(process))

    def settle(self, process: Process) -> None:
        """A process has told all it knows: whom it did not name, it does not have."""
        for station in self._doubted.pop(process, ()):
            self._forget(station)

    def drop(self, process: Process) -> None:
        """A process is gone, and its stations with it."""
        self._doubted.pop(process, None)
        for station in self._directory.of_process(process):
            self._forget(station)

    def _forget(self, station: StationId) -> None:
        remote = self._directory.remote.get(station)
        if remote is not None:
            self._rooms.forget(remote)

    def _came(self, process: Process, fact: wire.Came, now: float) -> None:
        member = Member(
            _callsign(fact.member.callsign), fact.member.station_key, fact.member.instance
        )
        station = station_id(station_key(member.station_key))
        self._doubted.get(process, set()).discard(station)
        here = self._directory.residents.get(station)
        if here is not None:
            if (fact.at_ms, process) <= (here.at_ms, self._own or ""):
                return  # it came here since; the other process hears of that
            self._replace(here)
        known = self._directory.remote.get(station)
        if known is not None and known.process == process and known.at_ms == fact.at_ms:
            self._again(known, frozenset(fact.rooms))
            return
        if known is not None and (fact.at_ms, process) < (known.at_ms, known.process):
            return
        self._forget(station)
        if len(self._directory.remote) < REMOTE_MAX:
            account = self._origins.of(f"{fact.origin} of {process}", now=now).messages
            self._directory.add_remote(
                Remote(station, member, fact.at_ms, account=account, process=process)
            )

    def _again(self, known: Remote, rooms: frozenset[str]) -> None:
        """What a known station is in and has is told anew."""
        for room in list(known.rooms):
            self._directory.withdraw(known, room, list(known.held.get(room, ())))
            if room not in rooms:
                self._rooms.leave(known, room)

    def _of_station(
        self,
        remote: Remote,
        fact: wire.Gone | wire.Entered | wire.Exited | wire.Announced | wire.Withdrawn,
        now: float,
    ) -> None:
        match fact:
            case wire.Gone():
                self._rooms.forget(remote)
            case wire.Entered(_, room, membership):
                self._enter(remote, room, membership, now)
            case wire.Exited(_, room):
                self._rooms.leave(remote, room)
            case wire.Announced(_, room, contents, lifetime_s):
                if room in remote.rooms:
                    until = now + min(lifetime_s, LIFETIME_S)
                    self._rooms.hold(remote, room, contents, until=until, now=now)
            case wire.Withdrawn(_, room, contents):
                self._directory.withdraw(remote, room, contents)
            case _:
                assert_never(fact)

    def _enter(self, remote: Remote, room: str, proof: Membership | None, now: float) -> None:
        unix_now_s = now + self._unix_offset_s
        if not proofs.is_member(room, remote.member.station_key, proof, unix_now_s=unix_now_s):
            raise RemoteProtocolError(f"{remote.member.callsign} has no leave to be in a room")
        if not self._rooms.full_for(remote, room):
            self._rooms.enter(remote, room, proof if proofs.room_key(room) else None)

    # What is said of the stations here.

    def page(self, after: str, *, now: float) -> tuple[list[wire.Fact], str]:
        """Some stations here, and what to ask with for the next ones; empty: there are none."""
        residents = self._directory.residents
        some = heapq.nsmallest(PAGE_STATIONS, (one for one in residents if one > after))
        facts = [fact for station in some for fact in self._facts(residents[station], now)]
        return facts, some[-1] if len(some) == PAGE_STATIONS else ""

    def _facts(self, resident: Resident, now: float) -> Iterator[wire.Fact]:
        station = resident.station
        rooms = tuple(resident.rooms)
        yield wire.Came(resident.member, resident.at_ms, rooms, resident.origin)
        for room, member in resident.rooms.items():
            yield wire.Entered(station, room, member.membership)
            for left_s, contents in self._directory.lasting(resident, room, now=now).items():
                for at in range(0, len(contents), CONTENTS_MAX):
                    some = tuple(contents[at : at + CONTENTS_MAX])
                    yield wire.Announced(station, room, some, left_s)


def _callsign(text: str) -> Callsign:
    try:
        return callsign(text)
    except ValueError as error:
        raise RemoteProtocolError(f"another process tells of no callsign: {error}") from error
