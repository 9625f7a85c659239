"""The core of a signalling server: rooms in which stations find and introduce each other.

Theory of operation
===================

A socket is admitted (:mod:`meshdl.signalling.admittance`), then its station joins rooms,
announces and looks up contents there, and has signals carried to stations of a common
room (:mod:`meshdl.signalling.directory`). There is nothing else: no content passes, and
nothing can be sent to who shares no room with the sender, nor to more than one at a time.

A station has one socket here. The newest counts; the older one is told and closed.

Whoever breaks a rule is told which (:class:`~meshdl.wire.signalling.Refused`); who sends
what cannot be read again and again, or faster than its limit for long, loses the socket.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import TypeAlias, assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, StationId, StationKey, station_id
from meshdl.signalling.admittance import Admittance, DenyList, NotAdmitted, Visitor
from meshdl.signalling.directory import Directory, Resident
from meshdl.signalling.server_events import (
    CloseSocket,
    DenyListChanged,
    PinCallsign,
    ServerEffect,
    ServerInput,
    ServerLimits,
    Shutdown,
    Socket,
    SocketClosed,
    SocketOpened,
    TextReceived,
)
from meshdl.signalling.server_rooms import LIFETIME_S, ServerRooms
from meshdl.signalling.speaker import Speaker
from meshdl.wire import signalling as wire

TICK_S = 1.0
SWEEP_EVERY_S = 30.0

NONCE_OCTETS = 32

IceFor: TypeAlias = Callable[[StationId, float], tuple[tuple[wire.IceServer, ...], int]]
"""STUN and TURN servers for a station at a time (since 1970), and for how many seconds."""


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
        now: float,
    ) -> None:
        self._limits, self._ice, self._rng = limits, ice, rng
        self._unix_offset_s = unix_offset_s
        self._door = Admittance(limits, pins)
        self._directory = Directory(rng)
        self._speaker = Speaker()
        self._rooms = ServerRooms(
            limits, self._directory, self._speaker, unix_offset_s=unix_offset_s
        )
        self._next_tick: float | None = None
        self._next_sweep = now + SWEEP_EVERY_S
        self.counts = self._speaker.counts

    # The four verbs.

    def receive(self, event: ServerInput, *, now: float) -> None:
        """Take one input."""
        match event:
            case TextReceived(socket, text):
                self._take_text(socket, text, now)
            case SocketOpened():
                self._opened(event, now)
            case SocketClosed(socket):
                self._gone(socket)
            case DenyListChanged(entries):
                self._deny(DenyList.of(entries))
            case Shutdown():
                self._shut_down(event)
            case _:
                assert_never(event)
        if self._next_tick is None and self._door.visitors:
            self._next_tick = now + TICK_S

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        if self._next_tick is None or now < self._next_tick:
            return
        for socket in self._door.late(now=now):
            self._speaker.say(socket, wire.Refused("expired", "no authentication in time"))
            self._drop(socket, "no authentication in time")
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY_S
            for resident, room in self._directory.sweep(now=now):
                self._speaker.refuse(
                    resident.socket, "expired", "your membership has ended", room=room
                )
                self._rooms.leave(resident, room)
        self._next_tick = now + TICK_S if self._door.visitors else None

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        return self._next_tick

    def effects(self) -> list[ServerEffect]:
        """Drain what must now be done."""
        drained, self._speaker.effects = self._speaker.effects, []
        return drained

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

    def _drop(self, socket: Socket, reason: str) -> None:
        self._speaker.effects.append(CloseSocket(socket, reason))
        self._gone(socket)

    def _gone(self, socket: Socket) -> None:
        visitor = self._door.close(socket)
        if visitor is None or visitor.station is None:
            return
        resident = self._directory.residents[visitor.station]
        for room in list(resident.rooms):
            self._rooms.leave(resident, room)
        del self._directory.residents[visitor.station]

    def _shut_down(self, event: Shutdown) -> None:
        for socket in list(self._door.visitors):
            self._speaker.say(socket, wire.Goodbye(event.reason, event.retry_after_ms))
            self._drop(socket, event.reason)

    def _deny(self, denied: DenyList) -> None:
        self._door.denied = denied
        for socket, visitor in list(self._door.visitors.items()):
            unwanted = denied.has_address(visitor.opened.address)
            if visitor.station is not None and not unwanted:
                member = self._directory.residents[visitor.station].member
                unwanted = denied.has_station(Callsign(member.callsign), visitor.station)
            if unwanted:
                self._speaker.refuse(
                    socket, "denied", "the operator of this server does not want you"
                )
                self._drop(socket, "denied")

    # Messages.

    def _take_text(self, socket: Socket, text: str, now: float) -> None:
        visitor = self._door.visitors.get(socket)
        if visitor is None:
            return
        self.counts["messages"] += 1
        if not (visitor.messages.available(now=now) and visitor.octets.available(now=now)):
            self._speaker.refuse(socket, "rate", "messages come too fast", retry_after_ms=10_000)
            self._drop(socket, "too fast")
            return
        visitor.messages.take(1, now=now)
        visitor.octets.take(len(text), now=now)
        try:
            message = wire.decode_station_message(text)
            if message is not None:
                self._take(visitor, message, now)
        except RemoteProtocolError as error:
            visitor.faults += 1
            code = "too-long" if len(text) > wire.MESSAGE_MAX else "malformed"
            self._speaker.refuse(socket, code, str(error))
            if visitor.station is None or visitor.faults >= self._limits.faults:
                self._drop(socket, "too many faults")

    def _take(self, visitor: Visitor, message: wire.StationMessage, now: float) -> None:
        if visitor.station is None:
            if not isinstance(message, wire.Authenticate):
                raise RemoteProtocolError("a message before the authentication")
            self._authenticate(visitor, message, now)
            return
        resident = self._directory.residents[visitor.station]
        match message:
            case wire.Authenticate():
                raise RemoteProtocolError("a second authentication")
            case wire.Join():
                self._rooms.join(resident, message, now=now)
            case wire.Leave(room):
                self._rooms.leave(resident, room)
            case wire.IceRequest():
                servers, lifetime_s = self._ice(resident.station, now + self._unix_offset_s)
                self._speaker.say(resident.socket, wire.IceAnswer(servers, lifetime_s))
            case _:
                self._rooms.take(resident, message, now=now)

    def _authenticate(self, visitor: Visitor, proof: wire.Authenticate, now: float) -> None:
        socket = visitor.opened.socket
        try:
            call, pinned_anew = self._door.prove(visitor, proof)
        except NotAdmitted as no:
            self._speaker.refuse(socket, no.code, no.reason, about="authenticate")
            self._drop(socket, no.reason)
            return
        key = StationKey(proof.station_key)
        if pinned_anew:
            self._speaker.effects.append(PinCallsign(call, key))
        station = station_id(key)
        older = self._directory.residents.get(station)
        if older is not None:
            reason = "another connection of this station has taken over"
            self._speaker.refuse(older.socket, "replaced", reason)
            self._drop(older.socket, reason)
        visitor.station = station
        member = wire.Member(call, key, proof.instance)
        self._directory.residents[station] = Resident(station, socket, member)
        unix_now_s = now + self._unix_offset_s
        servers, lifetime_s = self._ice(station, unix_now_s)
        now_ms = max(int(unix_now_s * 1000), 0)
        self._speaker.say(socket, wire.Welcome(station, now_ms, LIFETIME_S, servers, lifetime_s))
