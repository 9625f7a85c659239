"""How stations get into a signalling server, and out of it again.

Theory of operation
===================

Who has proved itself (:mod:`meshdl.signalling.admittance`) with a callsign that is pinned to
its key is welcome at once. Another callsign must be pinned first. A server of one process pins
it itself. One of several claims it (:class:`~meshdl.signalling.server_events.ClaimPin`), and
its station waits for the answer, for two processes could pin it to two keys at the same time.

While the bus is down a process pins for itself: a new station in an emergency counts for more
than a callsign that was never seen. When it is back the pins are compared; what another one
pinned first counts, and who has the callsign with another key is put out.
"""

from collections.abc import Callable
from typing import TypeAlias, assert_never

from meshdl.ids import Callsign, StationId, StationKey, station_id, station_key
from meshdl.signalling.admittance import (
    Admittance,
    NotAdmitted,
    PinnedToAnother,
    TooManyPins,
    Visitor,
)
from meshdl.signalling.directory import Directory, Resident
from meshdl.signalling.publisher import Publisher
from meshdl.signalling.server_events import (
    ClaimPin,
    CloseSocket,
    PinAnswered,
    PinCallsign,
    PinInput,
    PinsHeard,
    ServerLimits,
    Socket,
)
from meshdl.signalling.server_rooms import LIFETIME_S, ServerRooms
from meshdl.signalling.speaker import Speaker
from meshdl.wire import siblings as bus
from meshdl.wire import signalling as wire

IceFor: TypeAlias = Callable[[StationId, float], tuple[tuple[wire.IceServer, ...], int]]
"""STUN and TURN servers for a station at a time (since 1970), and for how many seconds."""


class Entrance:
    """In and out.

    Args:
        limits: of the operator.
        door: knows sockets and pins.
        rooms: are left by who leaves.
        directory: takes who is welcome.
        speaker: takes what is said.
        publisher: tells other processes who comes and goes.
        ice: what stations are told of STUN and TURN servers.
        unix_offset_s: what to add to the driver's clock to have the time since 1970.
    """

    def __init__(
        self,
        limits: ServerLimits,
        *,
        door: Admittance,
        rooms: ServerRooms,
        directory: Directory,
        speaker: Speaker,
        publisher: Publisher,
        ice: IceFor,
        unix_offset_s: float,
    ) -> None:
        self._limits, self._door, self._rooms = limits, door, rooms
        self._directory, self._speaker, self._publisher = directory, speaker, publisher
        self._ice, self._unix_offset_s = ice, unix_offset_s

    # Out.

    def drop(self, socket: Socket, reason: str) -> None:
        """Close a socket."""
        self._speaker.effects.append(CloseSocket(socket, reason))
        self.gone(socket)

    def gone(self, socket: Socket) -> None:
        """A socket is closed, and its station leaves."""
        visitor = self._door.close(socket)
        if visitor is None or visitor.station is None:
            return
        self._rooms.leave_all(self._directory.residents[visitor.station])
        del self._directory.residents[visitor.station]
        self._publisher.news(bus.Gone(visitor.station))

    def drop_all(self, goodbye: wire.Goodbye) -> None:
        """Close every socket; none is told of the others, for it would be told of hundreds."""
        directory, sockets = self._directory, list(self._door.visitors)
        self._speaker.tell(sockets, goodbye)
        for resident in directory.residents.values():
            for room in list(resident.rooms):
                directory.leave(resident, room)
            self._publisher.news(bus.Gone(resident.station))
        directory.residents.clear()
        for socket in sockets:
            self._speaker.effects.append(CloseSocket(socket, goodbye.reason))
            self._door.close(socket)

    def replace(self, older: Resident) -> None:
        """A station has connected again, here or at another process."""
        reason = (
            "another connection of this station has taken over; if you opened none, another "
            "station has a copy of your key: make it one of its own with meshdl init"
        )
        self._speaker.refuse(older.socket, "replaced", reason)
        self.drop(older.socket, reason)

    # In.

    def authenticate(self, visitor: Visitor, proof: wire.Authenticate, *, now: float) -> None:
        """A socket says who it is."""
        try:
            proved = self._door.prove(visitor, proof, now=now)
        except NotAdmitted as no:
            self._turn_away(visitor, no)
            return
        if not proved.pinned and self._publisher.up:
            visitor.claiming = proof
            socket = visitor.opened.socket
            claim = ClaimPin(socket, proved.callsign, proved.key, proved.old)
            self._speaker.effects.append(claim)
            return
        self.pin(proved.callsign, proved.key)
        self._welcome(visitor, proved.callsign, proof, now)

    def _turn_away(self, visitor: Visitor, no: NotAdmitted) -> None:
        socket = visitor.opened.socket
        self._speaker.refuse(
            socket, no.code, no.reason, about="authenticate", retry_after_ms=no.retry_after_ms
        )
        self.drop(socket, no.reason)

    def _welcome(
        self, visitor: Visitor, call: Callsign, proof: wire.Authenticate, now: float
    ) -> None:
        socket, key = visitor.opened.socket, station_key(proof.station_key)
        station = station_id(key)
        unix_now_s = now + self._unix_offset_s
        at_ms = now_ms = max(int(unix_now_s * 1000), 0)
        older = self._directory.find(station)
        if older is not None:
            at_ms = max(now_ms, older.at_ms + 1)  # whatever the clock of another process says
        if isinstance(older, Resident):
            self.replace(older)
        elif older is not None:
            self._rooms.forget(older)
        visitor.station = station
        member = wire.Member(call, key, proof.instance)
        origin = visitor.origin
        self._directory.residents[station] = Resident(
            station, member, at_ms, shelf=origin.shelf, origin=origin.number, socket=socket
        )
        self._publisher.news(bus.Came(member, at_ms, origin=origin.number))
        servers, lifetime_s = self._ice(station, unix_now_s)
        self._speaker.say(socket, wire.Welcome(station, now_ms, LIFETIME_S, servers, lifetime_s))

    # Pins.

    def pin(self, call: Callsign, key: StationKey) -> None:
        """A callsign goes with this key from now on."""
        pins = self._door.pins
        before = pins.get(call)
        if before == key or (before is None and len(pins) >= self._limits.pins):
            return
        pins[call] = key
        self._speaker.effects.append(PinCallsign(call, key))
        if before is not None:  # who has the key of before is put out
            for resident in list(self._directory.residents.values()):
                if resident.member.callsign == call and resident.member.station_key != key:
                    visitor = self._door.visitors[resident.socket]
                    self._turn_away(visitor, PinnedToAnother(call))

    def hear_of_pins(self, event: PinInput, *, now: float) -> None:
        """What all processes of this server hold a callsign to be pinned to."""
        match event:
            case PinsHeard(pins):
                for call, key in pins:
                    self.pin(call, key)
            case PinAnswered(socket, call, key):
                if key is not None:
                    self.pin(call, key)
                visitor = self._door.visitors.get(socket)
                if visitor is not None and visitor.claiming is not None:
                    self._claimed(visitor, visitor.claiming, call, key, now)
            case _:
                assert_never(event)

    def _claimed(
        self,
        visitor: Visitor,
        proof: wire.Authenticate,
        call: Callsign,
        key: StationKey | None,
        now: float,
    ) -> None:
        visitor.claiming = None
        if key is None:
            self._turn_away(visitor, TooManyPins(call))
        elif key != proof.station_key:
            self._turn_away(visitor, PinnedToAnother(call))
        else:
            self._publisher.news(bus.Pinned(call, key))
            self._welcome(visitor, call, proof, now)

    def nobody_answers(self, *, now: float) -> None:
        """The bus is down: pin for this process alone who was waiting."""
        for visitor in list(self._door.visitors.values()):
            if visitor.claiming is not None:
                proof, visitor.claiming = visitor.claiming, None
                self.authenticate(visitor, proof, now=now)
