"""A signalling server's core and what is at the other ends of its sockets, on virtual time."""

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import TypeVar

from tests.unit.signalling.keys import UNIX_S, Key

from meshdl.ids import Callsign, StationId, StationKey
from meshdl.signalling import client_events as client
from meshdl.signalling import proofs
from meshdl.signalling import server_events as server
from meshdl.signalling.client import SignallingClient
from meshdl.signalling.deny_list import DenyList
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.server import SignallingServer
from meshdl.wire import siblings as bus_wire
from meshdl.wire import signalling as wire
from meshdl.wire.rotation import KeyRotation

KindT = TypeVar("KindT")

NAME = "signal.example"


class Bus:
    """Joins the processes of one server; it keeps pins, and may lose everything else.

    Attributes:
        up: whether it carries anything.
        deaf: processes that lose what they should hear.
        strangers: others that listen.
        tap: called with whom each message is for.
    """

    def __init__(self) -> None:
        self.up = True
        self.deaf: set[World] = set()
        self.strangers: set[server.Process] = set()
        self.worlds: dict[server.Process, World] = {}
        self.pins: dict[Callsign, StationKey] = {}
        self.tap: Callable[[server.Process | None], None] = lambda to: None

    def perform(
        self, world: "World", effect: server.Publish | server.ClaimPin | server.ComparePins
    ) -> None:
        if not self.up:
            return
        match effect:
            case server.Publish(to, octets):
                self._publish(world, to, octets)
            case server.ClaimPin(socket, call, key, old):
                if self.pins.get(call, old) == old:
                    self.pins[call] = key
                world.post(server.PinAnswered(socket, call, self.pins[call]))
            case server.ComparePins():
                self.pins = {**world.server.pins, **self.pins}
                world.post(server.PinsHeard(tuple(self.pins.items())))

    def _publish(self, world: "World", to: server.Process | None, octets: bytes) -> None:
        self.tap(to)
        for process in list(self.worlds):
            if to in {None, process}:
                self.whisper(process, octets)
        if to is not None and to not in self.worlds.keys() | self.strangers:
            world.post(server.NobodyListens(to))

    def whisper(self, to: server.Process, octets: bytes) -> None:
        """Tell a message to one process."""
        if self.worlds[to] not in self.deaf:
            self.worlds[to].post(server.BusHeard(bus_wire.gathered([octets])))

    def go_down(self) -> None:
        self.up = False
        for world in self.worlds.values():
            world.post(server.BusDown())

    def come_up(self) -> None:
        self.up = True
        for world in self.worlds.values():
            world.post(server.BusUp())

    def kill(self, world: "World") -> None:
        """A process is gone without a word."""
        assert world.process is not None
        del self.worlds[world.process]

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            for world in list(self.worlds.values()):
                world.wait(0.5)


class World:
    """One server, or one process of one, its sockets, and the stations at their other ends."""

    def __init__(
        self, limits: server.ServerLimits | None = None, *, bus: Bus | None = None
    ) -> None:
        self.bus = bus
        self.process: server.Process | None = None
        if bus is not None:
            self.process = server.Process(f"{len(bus.worlds) + 0xA0:016x}")
            bus.worlds[self.process] = self
        self.now = 0.0
        self.pins: dict[Callsign, StationKey] = {}
        self.limits = limits or server.ServerLimits()
        self.ends: dict[int, End] = {}
        self.stations: list[Station] = []
        self._steps: deque[Callable[[], None]] = deque()
        self._busy = False
        self.sockets = 0
        self.start()
        if bus is not None and bus.up:
            self.post(server.BusUp())

    def start(self) -> None:
        self.server = SignallingServer(
            self.limits,
            pins=self.pins,
            rng=Random(1),
            unix_offset_s=UNIX_S,
            process=self.process,
            now=self.now,
        )

    def deny(self, *entries: str) -> None:
        """Read a deny list, and hold it against everybody who is there."""
        self.post(server.DenyListChanged(DenyList.of(entries)))
        self.post(server.JudgeSockets(list(self.server._door.visitors)))

    def post(self, event: server.ServerInput) -> None:
        """Put an input in, and after it all that follows from it, one after the other."""
        self.soon(partial(self._receive, event))

    def soon(self, step: Callable[[], None]) -> None:
        self._steps.append(step)
        if self._busy:
            return
        self._busy = True
        while self._steps:
            self._steps.popleft()()
        self._busy = False

    def _receive(self, event: server.ServerInput) -> None:
        self.server.receive(event, now=self.now)
        self._settle()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            ends = self.stations
            due = [self.server.deadline(), *(one.core.deadline() for one in ends)]
            when = min((time for time in due if time is not None), default=end + 1)
            if when > end:
                break
            self.now = max(self.now, when)
            self.server.expire(now=self.now)
            self._settle()
            for one in ends:
                one.core.expire(now=self.now)
                one.settle()
        self.now = end

    def restart(self) -> None:
        """The server is killed, and another one runs with what was durable."""
        self.start()
        for socket, end in list(self.ends.items()):
            del self.ends[socket]
            end.closed(socket)

    def open(self, end: "End", *, address: str = "192.0.2.1") -> int:
        self.sockets += 1
        self.ends[self.sockets] = end
        self.post(server.SocketOpened(self.sockets, address, NAME))
        return self.sockets

    def _settle(self) -> None:
        for effect in self.server.effects():
            match effect:
                case server.SendText(socket, text):
                    if socket in self.ends:
                        self.soon(partial(self.ends[socket].hears, socket, text))
                case server.CloseSocket(socket):
                    if socket in self.ends:
                        self.soon(partial(self.ends.pop(socket).closed, socket))
                case server.PinCallsign(call, key):
                    self.pins[call] = key
                case _:
                    assert self.bus is not None
                    self.bus.perform(self, effect)


class End:
    """The other end of a socket: keeps what it hears."""

    def __init__(self, world: World, *, address: str = "192.0.2.1") -> None:
        self.world, self.messages = world, list[wire.ServerMessage]()
        self.is_closed = False
        self.socket = world.open(self, address=address)

    def hears(self, socket: int, text: str) -> None:
        message = wire.decode_server_message(text)
        assert message is not None
        self.messages.append(message)

    def closed(self, socket: int) -> None:
        self.is_closed = True

    def says(self, *messages: wire.StationMessage) -> None:
        for message in messages:
            self.says_text(wire.encode(message))

    def says_text(self, text: str) -> None:
        self.world.post(server.TextReceived(self.socket, text))

    def of(self, kind: type[KindT]) -> list[KindT]:
        return [message for message in self.messages if isinstance(message, kind)]

    def codes(self) -> list[str]:
        return [refused.code for refused in self.of(wire.Refused)]

    def proves(
        self,
        call: str,
        key: Key,
        *,
        name: str = NAME,
        rotations: tuple[KeyRotation, ...] = (),
    ) -> "End":
        (challenge,) = self.of(wire.Challenge)
        statement = proofs.authentication(
            server_name=name,
            nonce=challenge.nonce,
            callsign=call,
            station_key=key.octets,
            instance=b"i" * 8,
        )
        signature = key.secret.sign(statement)
        self.says(wire.Authenticate(1, call, key.octets, b"i" * 8, signature, rotations=rotations))
        return self

    def joins(self, room: str = "cq") -> "End":
        self.says(wire.Join(room))
        return self


class Station(End):
    """A client core at the other end."""

    def __init__(self, world: World, call: str, *rooms: str) -> None:
        self.key = Key(call)
        identity = ClientIdentity(
            server_name=NAME,
            callsign=Callsign(call),
            key=self.key.octets,
            instance=b"i" * 8,
            sign=self.key.secret.sign,
            rooms={room: self.key.member() if "#" in room else None for room in rooms or ("cq",)},
        )
        self.core = SignallingClient(identity, rng=Random(1), now=world.now)
        self.done: list[client.ClientEffect] = []
        self.numbers: dict[int, int] = {}
        self.world = world
        world.stations.append(self)
        self.core.expire(now=world.now)
        self.settle()

    def post(self, event: client.ClientInput) -> None:
        self.core.receive(event, now=self.world.now)
        self.settle()

    def hears(self, socket: int, text: str) -> None:
        self.post(client.TextReceived(self.numbers[socket], text))

    def closed(self, socket: int) -> None:
        self.post(client.SocketClosed(self.numbers[socket], "closed"))

    def settle(self) -> None:
        for effect in self.core.effects():
            self.done.append(effect)
            match effect:
                case client.OpenSocket(number):
                    self.world.soon(partial(self._connect, number))
                case client.SendText(text):
                    self.says_text(text)

    def of(self, kind: type[KindT]) -> list[KindT]:
        return [effect for effect in self.done if isinstance(effect, kind)]

    def _connect(self, number: int) -> None:
        self.post(client.SocketOpened(number))
        self.socket = self.world.open(self)
        self.numbers[self.socket] = number

    @property
    def heard(self) -> set[StationId]:
        return {event.station for event in self.of(client.Heard)}


def two(limits: server.ServerLimits | None = None) -> tuple[Bus, World, World]:
    """Two processes of one server."""
    bus = Bus()
    return bus, World(limits, bus=bus), World(limits, bus=bus)


def holders_found(end: End) -> list[str]:
    """Whose contents it was last told of."""
    return [member.callsign for member in end.of(wire.Found)[-1].members]
