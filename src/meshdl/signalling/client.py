"""A station's side of one signalling server.

Theory of operation
===================

::

    OFFLINE --OpenSocket--> CONNECTING --challenge--> PROVING --welcome--> ONLINE
       ^                        |                        |                   |
       '--- back-off with jitter, whenever no socket opens, or it closes or says nothing '

One socket carries everything. What the station wants does not depend on the socket: its
rooms, what it advertises and what it seeks are kept here and told again after each
welcome, so a server that was restarted knows at once what the old one knew.
Announcements and lookups run out at the server; they are repeated at half their lifetime.

Members of rooms become :class:`~meshdl.signalling.client_events.Heard` stations; of a
*quiet* room only those are told that have what is sought. When the socket is gone nobody
can be reached this way, so all are ``Lost``; links that are up live on.

The server is not trusted: see :mod:`meshdl.signalling.members` for whom it tells of and
:mod:`meshdl.signalling.envelope` for what it carries. What cannot be believed is dropped and
the operator told; what is no message of the protocol costs the connection.
"""

import enum
from collections.abc import Container
from random import Random
from typing import assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import StationId, station_id
from meshdl.signalling.back_off import BackOff
from meshdl.signalling.client_events import (
    Advertise,
    BeIn,
    ClientEffect,
    ClientInput,
    CloseSocket,
    Lost,
    NetworkChanged,
    Offline,
    Online,
    OpenSocket,
    Seek,
    SendSignal,
    SignalLost,
    SocketClosed,
    SocketOpened,
    TextReceived,
    Trouble,
)
from meshdl.signalling.client_rooms import ClientRooms
from meshdl.signalling.ice_lease import IceLease
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.letters import Letters
from meshdl.signalling.members import Members, shown
from meshdl.signalling.outgoing import Outgoing
from meshdl.signalling.post import Post
from meshdl.wire import signalling as wire
from meshdl.wire.json_messages import for_people
from meshdl.wire.signals import Address

REFUSED_S = 300.0
"""How long a server is left alone that does not want us: only an operator can help."""

WELCOME_WITHIN_S = 10.0
"""From the open socket to the welcome: two round trips, and a busy server."""

REPEAT_AFTER = 0.5
"""Of a lifetime: one repetition may be lost."""

_HOPELESS = frozenset({"callsign-pinned", "denied", "signature", "protocol-version", "replaced"})
"""Refusals that asking again does not help."""


class ClientState(enum.Enum):
    """Where a client stands; see the module's theory of operation."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    PROVING = "proving"
    ONLINE = "online"


_PROVED = frozenset({ClientState.PROVING, ClientState.ONLINE})


class SignallingClient:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs.

    Args:
        letters: of all the carriers of this run; ``None``: this server is the only one.
    """

    def __init__(
        self,
        identity: ClientIdentity,
        *,
        rng: Random,
        now: float,
        letters: Letters | None = None,
    ) -> None:
        self._identity = identity
        self._members = Members(identity.key, lambda one: self._effects.append(Lost(one)))
        if letters is None:
            letters = Letters(Address(identity.key, identity.instance), identity.sign)
        self._post = Post(letters, self._members)
        self._effects: list[ClientEffect] = []
        self._socket = 0
        self._back_off = BackOff(rng)
        self._connect_at: float | None = now
        self._open_by: float | None = None
        self._welcome_by: float | None = None
        self._repeat_at: float | None = None
        self._ice = IceLease()
        self._clock_offset_s = 0.0
        self._wait_until = now
        self._outgoing = Outgoing(self._effects, now=now)
        self._rooms = ClientRooms(identity, self._members, self._effects, self._outgoing)
        self.state = ClientState.OFFLINE
        self.problem = ""

    # The four verbs.

    def receive(self, event: ClientInput, *, now: float) -> None:
        """Take one input."""
        match event:
            case TextReceived() | SocketOpened() | SocketClosed():
                if event.socket == self._socket:
                    self._of_socket(event, now)
            case Advertise(content, held):
                self._rooms.advertise(content, held=held)
            case Seek(content, wanted):
                self._rooms.seek(content, wanted=wanted)
            case SendSignal():
                self._send_signal(event, now)
            case BeIn(rooms):
                self._rooms.be_in(rooms, online=self.state in _PROVED)
            case NetworkChanged():
                self._reconnect(now)
            case _:
                assert_never(event)
        self._outgoing.send(now=now)

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        if self._connect_at is not None and now >= self._connect_at:
            self._connect_at = None
            self._socket += 1
            self.state = ClientState.CONNECTING
            self._open_by = now + self._back_off.attempt_s(now=now)
            self._effects.append(OpenSocket(self._socket))
        if self._open_by is not None and now >= self._open_by:
            self._drop("no connection in time", now)
        if self._welcome_by is not None and now >= self._welcome_by:
            self._drop(f"no welcome within {WELCOME_WITHIN_S:g} s", now)
        if self._repeat_at is not None and now >= self._repeat_at:
            self._repeat_at = now + self._outgoing.lifetime_s * REPEAT_AFTER
            self._rooms.repeat()
        if self._ice.due(now=now):
            self._outgoing.say(wire.IceRequest())
        self._outgoing.send(now=now)

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        times = (
            self._connect_at, self._open_by, self._welcome_by, self._repeat_at, self._ice.ask_at,
            self._outgoing.due,
        )  # fmt: skip
        return min((time for time in times if time is not None), default=None)

    def effects(self) -> list[ClientEffect]:
        """Drain what must now be done."""
        drained = self._effects.copy()
        self._effects.clear()  # not another list: the rooms write into this one
        return drained

    @property
    def reachable(self) -> Container[StationId]:
        """Stations to which signals can be sent."""
        return self._members.known

    @property
    def joined(self) -> Container[str]:
        """Rooms, by their whole names, in which the server has us."""
        return self._rooms.joined

    # Coming and going.

    def _of_socket(self, event: SocketOpened | TextReceived | SocketClosed, now: float) -> None:
        match event:
            case TextReceived(text=text):
                self._take_text(text, now)
            case SocketOpened():
                self._open_by = None
                self._welcome_by = now + WELCOME_WITHIN_S
            case SocketClosed(reason=reason):
                self._gone(reason, now)
            case _:
                assert_never(event)

    def _reconnect(self, now: float) -> None:
        if self.state is not ClientState.OFFLINE:
            self._drop("the network has changed", now)
        self._back_off.settle()
        self._connect_at = now

    def _drop(self, reason: str, now: float) -> None:
        self._effects.append(CloseSocket(reason))
        self._gone(reason, now)

    def _gone(self, reason: str, now: float) -> None:
        if self.state is ClientState.OFFLINE:
            return
        self.state, self.problem = ClientState.OFFLINE, reason
        self._socket += 1  # whatever is still told of the old one means nothing
        self._open_by = self._welcome_by = self._repeat_at = None
        self._ice.end()
        self._effects.append(Offline(reason))
        self._rooms.left_all()
        self._outgoing.begin(now=now)
        self._connect_at = max(now, self._wait_until) + self._back_off.pause_s(now=now)

    # What the server says.

    def _take_text(self, text: str, now: float) -> None:
        try:
            message = wire.decode_server_message(text)
            if message is not None:
                self._take(message, now)
        except RemoteProtocolError as error:
            self._effects.append(Trouble(f"{self._identity.server_name}: {error}"))
            self._drop(str(error), now)

    def _take(self, message: wire.ServerMessage, now: float) -> None:
        match message:
            case wire.Challenge():
                self._prove(message)
            case wire.Welcome():
                self._welcomed(message, now)
            case wire.Refused():
                self._refused(message, now)
            case wire.Goodbye(reason, retry_after_ms):
                self._back_off.settle()
                self._wait_until = now + retry_after_ms / 1000
                self._drop(for_people(reason), now)
            case _ if self.state is not ClientState.ONLINE:
                raise RemoteProtocolError("a message before the welcome")
            case wire.IceAnswer():
                self._use_ice(message, now)
            case wire.Relayed() | wire.Undeliverable():
                self._carried(message, now)
            case _:
                self._rooms.take(message, unix_now_s=now + self._clock_offset_s)

    def _prove(self, challenge: wire.Challenge) -> None:
        if self.state is not ClientState.CONNECTING:
            raise RemoteProtocolError("a second challenge")
        if challenge.protocol != wire.PROTOCOL_VERSION:
            raise RemoteProtocolError(
                f"the server speaks protocol {challenge.protocol}, we speak "
                f"{wire.PROTOCOL_VERSION}: update the older of the two"
            )
        self.state = ClientState.PROVING
        self._outgoing.say(self._identity.authentication(challenge.nonce))
        # Read only once we are let in: a round trip less until others hear of us.
        self._rooms.join_all()

    def _welcomed(self, welcome: wire.Welcome, now: float) -> None:
        if self.state is not ClientState.PROVING or welcome.station != station_id(
            self._identity.key
        ):
            raise RemoteProtocolError("a welcome that is not for us")
        self.state, self.problem = ClientState.ONLINE, ""
        self._back_off.settle()
        self._welcome_by = None
        self._clock_offset_s = welcome.now_ms / 1000 - now
        self._use_ice(welcome, now)
        self._rooms.welcomed(welcome.lifetime_s)
        self._repeat_at = now + self._outgoing.lifetime_s * REPEAT_AFTER

    def _use_ice(self, handed: wire.Welcome | wire.IceAnswer, now: float) -> None:
        if isinstance(handed, wire.Welcome) or self._ice.asked:
            self._effects.append(Online(handed.ice_servers))
            self._ice.begin(handed.ice_lifetime_s, now=now)

    def _refused(self, refused: wire.Refused, now: float) -> None:
        reason = for_people(refused.reason)
        room = f" (room {shown(refused.room)})" if refused.room else ""
        self._effects.append(Trouble(f"{self._identity.server_name} refuses{room}: {reason}"))
        self._rooms.refused(refused)
        out = self.state is not ClientState.ONLINE or refused.code == "replaced"
        hopeless = out and refused.code in _HOPELESS
        self._wait_until = now + (REFUSED_S if hopeless else refused.retry_after_ms / 1000)
        if out:
            self._drop(reason, now)

    # Signals.

    def _carried(self, message: wire.Relayed | wire.Undeliverable, now: float) -> None:
        if isinstance(message, wire.Undeliverable):
            station = StationId(message.to)
            self._effects.append(SignalLost(station, None, for_people(message.reason)))
            if self._members.forget(station):
                self._effects.append(Lost(station))
            return
        if message.room not in self._rooms.joined:
            return  # a signal from before we left
        now_ms = self._carrier_ms(now)
        sender = self._rooms.note(message.room, message.sender, unix_now_s=now_ms / 1000)
        if sender is None:
            return
        try:
            received = self._post.receive(sender, message.envelope, now_ms=now_ms)
        except RemoteProtocolError as error:
            call, server = self._members.known[sender].callsign, self._identity.server_name
            text = f"dropped what {server} brought as if from {call}: {error}; if that goes on, "
            self._effects.append(Trouble(f"{text}name another server in internet.servers"))
            return
        if received is not None:
            self._effects.append(received)

    def _send_signal(self, event: SendSignal, now: float) -> None:
        message = None
        if self.state is ClientState.ONLINE:
            message = self._post.relay(event, now_ms=self._carrier_ms(now))
        if message is None or not self._outgoing.signal(message):
            unknown = "the station is not in a room that we share"
            reason = "too many signals wait for the server" if message else self.problem or unknown
            self._effects.append(SignalLost(event.station, event.session, reason))

    def _carrier_ms(self, now: float) -> float:
        return (now + self._clock_offset_s) * 1000
