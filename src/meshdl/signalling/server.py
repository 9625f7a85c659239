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

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeAlias, assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, ContentHash, StationId, StationKey, station_id
from meshdl.signalling import proofs
from meshdl.signalling.admittance import Admittance, DenyList, NotAdmitted, Visitor
from meshdl.signalling.directory import FOREVER, Directory, Resident
from meshdl.signalling.server_events import (
    CloseSocket,
    DenyListChanged,
    PinCallsign,
    SendText,
    ServerEffect,
    ServerInput,
    ServerLimits,
    Shutdown,
    Socket,
    SocketClosed,
    SocketOpened,
    TextReceived,
)
from meshdl.wire import signalling as wire

LIFETIME_S = 1800
"""How long an announcement holds; stations repeat it at half of that."""

TICK_S = 1.0
SWEEP_EVERY_S = 30.0

NONCE_OCTETS = 32

IceFor: TypeAlias = Callable[[StationId, float], tuple[tuple[wire.IceServer, ...], int]]
"""STUN and TURN servers for a station at a time (since 1970), and for how many seconds."""

Wish: TypeAlias = wire.Announce | wire.Withdraw | wire.Lookup | wire.Relay


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
        self._effects: list[ServerEffect] = []
        self._next_tick: float | None = None
        self._next_sweep = now + SWEEP_EVERY_S
        self.counts: Counter[str] = Counter()

    # The four verbs.

    def receive(self, event: ServerInput, *, now: float) -> None:
        """Take one input."""
        match event:
            case TextReceived(socket, text):
                visitor = self._door.visitors.get(socket)
                if visitor is not None:
                    self._take_text(visitor, text, now)
            case SocketOpened():
                self._opened(event, now)
            case SocketClosed(socket):
                self._gone(socket)
            case DenyListChanged(entries):
                self._deny(DenyList.of(entries))
            case Shutdown(reason, retry_after_ms):
                for socket in list(self._door.visitors):
                    self._say(socket, wire.Goodbye(reason, retry_after_ms))
                    self._drop(socket, reason)
            case _:
                assert_never(event)
        if self._next_tick is None and self._door.visitors:
            self._next_tick = now + TICK_S

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        if self._next_tick is None or now < self._next_tick:
            return
        for socket in self._door.late(now=now):
            self._say(socket, wire.Refused("expired", "no authentication in time"))
            self._drop(socket, "no authentication in time")
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY_S
            for resident, room in self._directory.sweep(now=now):
                self._refuse(resident.socket, "expired", "your membership has ended", room=room)
                self._leave(resident, room)
        self._next_tick = now + TICK_S if self._door.visitors else None

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        return self._next_tick

    def effects(self) -> list[ServerEffect]:
        """Drain what must now be done."""
        drained, self._effects = self._effects, []
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
            self._refuse(event.socket, no.code, no.reason, retry_after_ms=no.retry_after_ms)
            self._effects.append(CloseSocket(event.socket, no.reason))
            return
        self._say(event.socket, wire.Challenge(wire.PROTOCOL_VERSION, nonce))

    def _drop(self, socket: Socket, reason: str) -> None:
        self._effects.append(CloseSocket(socket, reason))
        self._gone(socket)

    def _gone(self, socket: Socket) -> None:
        visitor = self._door.close(socket)
        if visitor is None or visitor.station is None:
            return
        resident = self._directory.residents[visitor.station]
        for room in list(resident.rooms):
            self._leave(resident, room)
        del self._directory.residents[visitor.station]

    def _deny(self, denied: DenyList) -> None:
        self._door.denied = denied
        for socket, visitor in list(self._door.visitors.items()):
            unwanted = denied.has_address(visitor.opened.address)
            if visitor.station is not None and not unwanted:
                member = self._directory.residents[visitor.station].member
                unwanted = denied.has_station(Callsign(member.callsign), visitor.station)
            if unwanted:
                self._refuse(socket, "denied", "the operator of this server does not want you")
                self._drop(socket, "denied")

    # Messages.

    def _take_text(self, visitor: Visitor, text: str, now: float) -> None:
        socket = visitor.opened.socket
        self.counts["messages"] += 1
        if not (visitor.messages.available(now=now) and visitor.octets.available(now=now)):
            self._refuse(socket, "rate", "messages come too fast", retry_after_ms=10_000)
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
            self._refuse(socket, code, str(error))
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
                self._join(resident, message, now)
            case wire.Leave(room):
                self._leave(resident, room)
            case wire.IceRequest():
                servers, lifetime_s = self._ice(resident.station, now + self._unix_offset_s)
                self._say(resident.socket, wire.IceAnswer(servers, lifetime_s))
            case _:
                self._in_room(resident, message, now)

    def _authenticate(self, visitor: Visitor, proof: wire.Authenticate, now: float) -> None:
        socket = visitor.opened.socket
        try:
            call, pinned_anew = self._door.prove(visitor, proof)
        except NotAdmitted as no:
            self._refuse(socket, no.code, no.reason, about="authenticate")
            self._drop(socket, no.reason)
            return
        key = StationKey(proof.station_key)
        if pinned_anew:
            self._effects.append(PinCallsign(call, key))
        station = station_id(key)
        older = self._directory.residents.get(station)
        if older is not None:
            reason = "another connection of this station has taken over"
            self._refuse(older.socket, "replaced", reason)
            self._drop(older.socket, reason)
        visitor.station = station
        member = wire.Member(call, key, proof.instance)
        self._directory.residents[station] = Resident(station, socket, member)
        unix_now_s = now + self._unix_offset_s
        servers, lifetime_s = self._ice(station, unix_now_s)
        now_ms = max(int(unix_now_s * 1000), 0)
        self._say(socket, wire.Welcome(station, now_ms, LIFETIME_S, servers, lifetime_s))

    # Rooms.

    def _join(self, resident: Resident, message: wire.Join, now: float) -> None:
        limits, room, directory = self._limits, message.room, self._directory
        proof = message.membership if proofs.room_key(room) else None
        unix_now_s = now + self._unix_offset_s
        if not proofs.is_member(room, resident.member.station_key, proof, unix_now_s=unix_now_s):
            self._refuse(
                resident.socket,
                "signature",
                "the membership does not hold, or has ended; ask for another one",
                about="join",
                room=room,
            )
            return
        full = room not in directory.rooms and len(directory.rooms) >= limits.rooms
        if room not in resident.rooms and (full or len(resident.rooms) >= limits.rooms_per_station):
            reason = "there are too many rooms" if full else "you are in too many rooms"
            self._refuse(resident.socket, "too-many", reason, about="join", room=room)
            return
        own = resident.member
        member = wire.Member(own.callsign, own.station_key, own.instance, proof)
        until = FOREVER if proof is None else proof.expires_at_s - self._unix_offset_s
        new = directory.join(resident, room, member, until=until)
        others = [one for one in directory.rooms[room].members if one != resident.station]
        quiet = len(others) >= limits.presence_members
        some = () if quiet else directory.some(room, others, most=wire.MEMBERS_MAX)
        self._say(resident.socket, wire.Joined(room, some, len(others), quiet))
        if new and not quiet:
            self._tell(others, wire.MemberJoined(room, member))

    def _leave(self, resident: Resident, room: str) -> None:
        if room not in resident.rooms:
            return
        self._directory.leave(resident, room)
        left = self._directory.rooms.get(room)
        if left is not None and len(left.members) <= self._limits.presence_members:
            self._tell(left.members, wire.MemberLeft(room, resident.station))

    def _in_room(self, resident: Resident, message: Wish, now: float) -> None:
        if message.room not in resident.rooms:
            about = str(message.__struct_config__.tag)
            reason = "you are not in this room; join it first"
            self._refuse(resident.socket, "not-a-member", reason, about=about, room=message.room)
            return
        match message:
            case wire.Relay():
                self._relay(resident, message)
            case wire.Announce():
                self._announce(resident, message, now)
            case wire.Withdraw(room, contents):
                self._directory.withdraw(resident, room, contents)
            case wire.Lookup():
                self._lookup(resident, message, now)
            case _:
                assert_never(message)

    def _relay(self, resident: Resident, message: wire.Relay) -> None:
        room, to = message.room, StationId(message.to)
        target = self._directory.residents.get(to)
        if target is None or room not in target.rooms:
            reason = "the station is not in this room"
            self._say(resident.socket, wire.Undeliverable(room, to, reason))
            return
        self.counts["relayed"] += 1
        self._say(target.socket, wire.Relayed(room, resident.rooms[room], message.envelope))

    def _announce(self, resident: Resident, message: wire.Announce, now: float) -> None:
        room, directory = message.room, self._directory
        limit = self._limits.contents_per_room
        until = now + min(message.lifetime_s, LIFETIME_S)
        news = directory.announce(resident, room, message.content_hashes, until=until, limit=limit)
        held = resident.held[room]
        if not held.issuperset(message.content_hashes):  # type: ignore[arg-type]
            reason = f"at most {limit} contents of one station are remembered in a room"
            self._refuse(resident.socket, "too-many", reason, about="announce", room=room)
        for content in news:
            seekers = directory.seekers(room, content, now=now)
            found = wire.Found(room, content, (resident.rooms[room],), 1)
            self._tell([one for one in seekers if one != resident.station], found)

    def _lookup(self, resident: Resident, message: wire.Lookup, now: float) -> None:
        room, content, directory = message.room, ContentHash(message.content_hash), self._directory
        if message.watch_s:
            until = now + min(message.watch_s, LIFETIME_S)
            limit = self._limits.watches_per_room
            if not directory.watch(resident, room, content, until=until, limit=limit):
                reason = f"at most {limit} contents may be watched for in a room"
                self._refuse(resident.socket, "too-many", reason, about="lookup", room=room)
        holders = directory.holders(room, content, now=now)
        others = [one for one in holders if one != resident.station]
        some = directory.some(room, others, most=wire.MEMBERS_MAX)
        self._say(resident.socket, wire.Found(room, content, some, len(others)))

    # Saying.

    def _tell(
        self, stations: Mapping[StationId, float] | list[StationId], message: wire.ServerMessage
    ) -> None:
        text = wire.encode(message)
        for station in stations:
            self._effects.append(SendText(self._directory.residents[station].socket, text))

    def _refuse(
        self,
        socket: Socket,
        code: str,
        reason: str,
        *,
        about: str = "",
        room: str = "",
        retry_after_ms: int = 0,
    ) -> None:
        self.counts[f"refused {code}"] += 1
        reason = reason[: wire.TEXT_MAX]
        self._say(socket, wire.Refused(code, reason, about, room, retry_after_ms))

    def _say(self, socket: Socket, message: wire.ServerMessage) -> None:
        self._effects.append(SendText(socket, wire.encode(message)))
