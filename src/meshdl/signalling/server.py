"""The core of a signalling server: rooms in which stations find and introduce each other.

Theory of operation
===================

A socket is admitted (:mod:`meshdl.signalling.admittance`), then its station joins rooms,
announces and looks up contents there, and has signals carried to stations of a common
room (:mod:`meshdl.signalling.directory`). There is nothing else: no content passes, and
nothing can be sent to who shares no room with the sender, nor to more than one at a time.

A station has one socket here. The newest counts; the older one is told and closed.

A server may be several processes that share all of this by way of a bus
(:mod:`meshdl.signalling.siblings`). Then a callsign that is new here is pinned by all of them
before its station is welcome; while the bus is down, each pins for itself, and what another
one pinned first counts when it is back.

Whoever breaks a rule is told which (:class:`~meshdl.wire.signalling.Refused`); who sends
what cannot be read again and again, or faster than its limit for long, loses the socket.
"""

from collections.abc import Mapping
from random import Random
from typing import assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, StationId, StationKey, station_id, station_key
from meshdl.signalling.admittance import Admittance, NotAdmitted, Visitor
from meshdl.signalling.directory import Directory, Resident
from meshdl.signalling.entrance import Entrance, IceFor
from meshdl.signalling.publisher import Publisher
from meshdl.signalling.remote_stations import RemoteStations
from meshdl.signalling.server_events import (
    BusDown,
    BusHeard,
    BusInput,
    CloseSocket,
    DenyListChanged,
    JudgeSockets,
    PinAnswered,
    PinsHeard,
    Process,
    ServerEffect,
    ServerInput,
    ServerLimits,
    Shutdown,
    SocketClosed,
    SocketOpened,
    TextReceived,
)
from meshdl.signalling.server_rooms import ServerRooms
from meshdl.signalling.siblings import Siblings
from meshdl.signalling.speaker import Speaker
from meshdl.wire import signalling as wire

TICK_S = 1.0
SWEEP_EVERY_S = 30.0

NONCE_OCTETS = 32

AT_FAULT = "the program that says so is at fault: update it, or report it to its authors"


def no_ice(_station: StationId, _unix_now_s: float) -> tuple[tuple[wire.IceServer, ...], int]:
    """No STUN and no TURN servers."""
    return (), 0


class SignallingServer:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs.

    Args:
        limits: of the operator.
        pins: callsign to key, as pinned before.
        ice: what stations are told of STUN and TURN servers.
        rng: cryptographic, for nonces; simulations pass a seeded one.
        unix_offset_s: what to add to the driver's clock to have the time since 1970.
        process: its name among the processes of this server; ``None``: it is the only one.
        now: the driver's clock.

    Attributes:
        counts: what happened, by name, for metrics.
    """

    def __init__(
        self,
        limits: ServerLimits,
        *,
        pins: Mapping[Callsign, StationKey],
        ice: IceFor = no_ice,
        rng: Random,
        unix_offset_s: float,
        process: Process | None = None,
        now: float,
    ) -> None:
        self._limits, self._ice, self._rng = limits, ice, rng
        self._unix_offset_s = unix_offset_s
        self._door = Admittance(limits, pins)
        self._directory = Directory(rng)
        self._speaker = Speaker()
        self._publisher = Publisher(process, self._speaker)
        self._rooms = ServerRooms(
            limits, self._directory, self._speaker, self._publisher, unix_offset_s=unix_offset_s
        )
        self._entrance = Entrance(
            limits,
            door=self._door,
            rooms=self._rooms,
            directory=self._directory,
            speaker=self._speaker,
            publisher=self._publisher,
            ice=ice,
            unix_offset_s=unix_offset_s,
        )
        remote = RemoteStations(
            limits,
            self._directory,
            self._rooms,
            own=process,
            replace=self._entrance.replace,
            repin=self._entrance.pin,
            unix_offset_s=unix_offset_s,
        )
        self._siblings = Siblings(self._publisher, remote, self._rooms, self._speaker, now=now)
        self._next_tick: float | None = None
        self._next_sweep = now + SWEEP_EVERY_S
        self.counts = self._speaker.counts

    # The four verbs.

    def receive(self, event: ServerInput, *, now: float) -> None:
        """Take one input."""
        match event:
            case TextReceived() | SocketClosed():
                self._of_socket(event, now)
            case BusHeard():
                self._hear_bus(event, now)
            case SocketOpened():
                self._opened(event, now)
            case DenyListChanged() | JudgeSockets() | Shutdown():
                self._hear_operator(event)
            case PinAnswered() | PinsHeard():
                self._entrance.hear_of_pins(event, now=now)
                if isinstance(event, PinAnswered):
                    self._take_held(self._door.visitors.get(event.socket), now)
            case _:
                self._hear_bus(event, now)
        if self._next_tick is None and self._occupied:
            self._next_tick = now + TICK_S

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        if self._publisher.own is not None:
            self._siblings.expire(now=now)
        if self._next_tick is None or now < self._next_tick:
            return
        for socket in self._door.late(now=now):
            self._speaker.say(
                socket, wire.Refused("expired", "no authentication in time; connect again")
            )
            self._entrance.drop(socket, "no authentication in time")
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY_S
            for one, room in self._directory.sweep(now=now):
                if isinstance(one, Resident):
                    reason = "your membership has ended; ask for another invitation"
                    self._speaker.refuse(one.socket, "expired", reason, room=room)
                self._rooms.leave(one, room)  # other processes see the end, too
        self._directory.sweep_on(now=now)
        self._next_tick = now + TICK_S if self._occupied else None

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        beat = self._siblings.deadline()
        if beat is None or self._next_tick is None:
            return self._next_tick if beat is None else beat
        return min(beat, self._next_tick)

    def effects(self) -> list[ServerEffect]:
        """Drain what must now be done."""
        drained, self._speaker.effects = self._speaker.effects, []
        return drained

    @property
    def _occupied(self) -> bool:
        return bool(self._door.visitors or self._directory.remote)

    # What observers may ask.

    @property
    def sockets(self) -> int:
        """Open at present."""
        return len(self._door.visitors)

    @property
    def stations(self) -> int:
        """That have proved themselves."""
        return len(self._directory.residents)

    @property
    def rooms(self) -> int:
        """With somebody in them."""
        return len(self._directory.rooms)

    @property
    def siblings(self) -> int:
        """Other processes of this server that are heard."""
        return len(self._siblings)

    @property
    def remote_stations(self) -> int:
        """That are connected to them."""
        return len(self._directory.remote)

    @property
    def pins(self) -> Mapping[Callsign, StationKey]:
        """Which callsign goes with which key."""
        return self._door.pins

    # Other processes, and the operator.

    def _hear_bus(self, event: BusInput, now: float) -> None:
        self._siblings.receive(event, now=now)
        if isinstance(event, BusDown):
            self._entrance.nobody_answers(now=now)
            for visitor in list(self._door.visitors.values()):
                if visitor.held:
                    self._take_held(visitor, now)

    def _hear_operator(self, event: DenyListChanged | JudgeSockets | Shutdown) -> None:
        match event:
            case Shutdown(reason, retry_after_ms):
                self._entrance.drop_all(wire.Goodbye(reason, retry_after_ms))
            case DenyListChanged(denied):
                self._door.denied = denied
            case JudgeSockets():
                self._judge(event)

    # Sockets.

    def _opened(self, event: SocketOpened, now: float) -> None:
        nonce = self._rng.randbytes(NONCE_OCTETS)
        try:
            self._door.open(event, nonce=nonce, now=now)
        except NotAdmitted as no:
            self._speaker.refuse(event.socket, no.code, no.reason, retry_after_ms=no.retry_after_ms)
            self._speaker.effects.append(CloseSocket(event.socket, no.reason))
            return
        self._speaker.say(event.socket, wire.Challenge(wire.PROTOCOL_VERSION, nonce))

    def _judge(self, event: JudgeSockets) -> None:
        denied = self._door.denied
        for visitor in filter(None, map(self._door.visitors.get, event.sockets)):
            socket = visitor.opened.socket
            who: wire.Member | wire.Authenticate | None = visitor.claiming
            if visitor.station is not None:
                who = self._directory.residents[visitor.station].member
            unwanted = denied.has_address(visitor.opened.address)
            if who is not None and not unwanted:
                station = station_id(station_key(who.station_key))
                unwanted = denied.has_station(Callsign(who.callsign), station)
            if unwanted:
                self._speaker.refuse(
                    socket, "denied", "the operator of this server does not want you; ask them why"
                )
                self._entrance.drop(socket, "denied")

    # Messages.

    def _of_socket(self, event: TextReceived | SocketClosed, now: float) -> None:
        """What others are told because of it counts for where it comes from."""
        visitor = self._door.visitors.get(event.socket)
        if visitor is None:
            return
        told_before = self._speaker.told
        if isinstance(event, TextReceived):
            self._take_text(visitor, event.text, now)
        else:
            self._entrance.gone(event.socket)
        told = self._speaker.told - told_before
        if told:
            visitor.origin.messages.take(told, now=now)

    def _take_text(self, visitor: Visitor, text: str, now: float) -> None:
        self.counts["messages"] += 1
        socket = visitor.opened.socket
        if not visitor.may_say(len(text), now=now):
            reason = "messages come too fast from you, or from your address; wait, then come back"
            self._speaker.refuse(socket, "rate", reason, retry_after_ms=10_000)
            self._entrance.drop(socket, "too fast")
            return
        try:
            message = wire.decode_station_message(text)
            if message is not None:
                self._take(visitor, message, now)
        except RemoteProtocolError as error:
            visitor.faults += 1
            code = "too-long" if len(text) > wire.MESSAGE_MAX else "malformed"
            self._speaker.refuse(socket, code, f"{error}; {AT_FAULT}")
            if visitor.station is None or visitor.faults >= self._limits.faults:
                self._entrance.drop(socket, "too many faults")

    def _take_early(self, visitor: Visitor, message: wire.StationMessage, now: float) -> None:
        """What comes before the welcome: the proof, and behind it the rooms."""
        if isinstance(message, wire.Authenticate) == (visitor.claiming is not None):
            raise RemoteProtocolError("a message out of turn before the welcome")
        if isinstance(message, wire.Authenticate):
            self._entrance.authenticate(visitor, message, now=now)
        elif not isinstance(message, wire.Join | wire.Leave):  # others may be long, and are kept
            raise RemoteProtocolError("a message before the welcome that is of no room")
        elif len(visitor.held) >= self._limits.rooms_per_station:
            raise RemoteProtocolError("too many messages before the welcome")
        else:
            visitor.held.append(message)

    def _take_held(self, visitor: Visitor | None, now: float) -> None:
        if visitor is None or visitor.claiming is not None or visitor.station is None:
            return
        held, visitor.held = visitor.held, []
        for message in held:
            try:
                self._take(visitor, message, now)
            except RemoteProtocolError as error:
                visitor.faults += 1
                reason = f"{error}; {AT_FAULT}"
                self._speaker.refuse(visitor.opened.socket, "malformed", reason)

    def _take(self, visitor: Visitor, message: wire.StationMessage, now: float) -> None:
        if visitor.station is None:
            self._take_early(visitor, message, now)
            return
        resident = self._directory.residents[visitor.station]
        match message:
            case (  # first of all, for nearly all are one
                wire.Relay() | wire.Announce() | wire.Withdraw() | wire.Lookup() | wire.Unwatch()
            ):
                self._rooms.take(resident, message, now=now)
                if self._publisher.unreachable:
                    self._siblings.drop_unreachable()
            case wire.Authenticate():
                raise RemoteProtocolError("a second authentication")
            case wire.Join():
                self._rooms.join(resident, message, now=now)
            case wire.Leave(room):
                self._rooms.leave_asked(resident, room)
            case wire.IceRequest():
                servers, lifetime_s = self._ice(resident.station, now + self._unix_offset_s)
                self._speaker.say(resident.socket, wire.IceAnswer(servers, lifetime_s))
            case _:
                assert_never(message)
