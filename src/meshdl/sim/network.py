"""A network of rates, delays and faults on virtual time.

Every host has one way out and one way in, each with a rate; a message occupies both for
its length, in the order of sending, and travels for the path's delay in between. While a
cable is cut, chunks messages are lost and control messages wait, for they are sent again
until they arrive. A network that loses packets bounds the rate of each link, as a congestion
control does that takes losses for a full queue, and holds up what a lost packet is part of.
All other faults are one composable word: a :data:`Rule` looks at a
message and says what happens to it.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from meshdl.ids import LinkId, StationId
from meshdl.links import (
    LinkBinding,
    LinkDown,
    LinkEvent,
    LinkTraits,
    LinkUp,
    LinkWritable,
    Message,
    MessageReceived,
    Path,
    Way,
)
from meshdl.sim.world import World

MTU_OCTETS = 256 * 1024
HIGH_WATER_OCTETS = 1024 * 1024
LOW_WATER_OCTETS = 256 * 1024
OVERHEAD_OCTETS = 60
SENT_AGAIN_AFTER_S = 0.2

PACKET_OCTETS = 1200
MATHIS = 1.2
"""Mathis, Semke, Mahdavi and Ott 1997: rate = 1.2 x packet / (round trip x sqrt(loss))."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The message never arrives."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Another message arrives in its place."""

    message: Message


Verdict: TypeAlias = Drop | Replace | None
Rule: TypeAlias = Callable[["Wire", Message], Verdict]
"""First verdict that is not ``None`` wins."""


@dataclass(slots=True, kw_only=True)
class Nic:
    """A host's way to the network."""

    name: str
    up_octets_per_s: float
    down_octets_per_s: float
    report: Callable[[LinkEvent], None]
    up_free_at: float = 0.0
    down_free_at: float = 0.0
    connected: bool = True
    octets_sent: int = 0


@dataclass(slots=True, kw_only=True)
class Wire:
    """One direction of one link."""

    link: LinkId
    sender: Nic
    receiver: Nic
    receiver_link: LinkId
    queued_octets: int = 0
    paced_until: float = 0.0
    full: bool = False
    closed: bool = False
    held: deque[Message] = field(default_factory=deque)

    @property
    def whole(self) -> bool:
        """Whether anything can pass now."""
        return self.sender.connected and self.receiver.connected


@dataclass(slots=True)
class Network:
    """Every host and every link.

    Attributes:
        loss: share of packets that are lost, 0 to 1.
    """

    world: World
    delay_s: float = 0.0005
    rules: list[Rule] = field(default_factory=list)
    path: Path = Path.LAN
    loss: float = 0.0
    _wires: dict[LinkId, Wire] = field(default_factory=dict)
    _serial: int = 0

    @property
    def way(self) -> Way:
        """By which its stations find each other."""
        return Way.LAN if self.path is Path.LAN else Way.INTERNET

    def connect(self, dialler: Nic, dialled: Nic, station: StationId) -> None:
        """Make a link; both ends hear :class:`LinkUp` after one round trip."""
        self._serial += 1
        here = LinkId(f"sim:{self._serial}:{dialler.name}")
        there = LinkId(f"sim:{self._serial}:{dialled.name}")
        self._wires[here] = Wire(link=here, sender=dialler, receiver=dialled, receiver_link=there)
        self._wires[there] = Wire(link=there, sender=dialled, receiver=dialler, receiver_link=here)
        traits = LinkTraits(mtu_octets=MTU_OCTETS, path=self.path, reliable=False, ordered=True)
        ours, theirs = self.world.rng.randbytes(32), self.world.rng.randbytes(32)
        up_here = LinkUp(
            link=here,
            traits=traits,
            binding=LinkBinding(ours, theirs),
            dialled=station,
            way=self.way,
        )
        up_there = LinkUp(
            link=there,
            traits=traits,
            binding=LinkBinding(theirs, ours),
            dialled=None,
            way=self.way,
        )
        self.world.after(2 * self.delay_s, partial(dialled.report, up_there))
        self.world.after(2 * self.delay_s, partial(dialler.report, up_here))

    def send(self, link: LinkId, message: Message) -> bool:
        """As :meth:`meshdl.transports.base.Transport.send`."""
        wire = self._wires.get(link)
        if wire is None or wire.closed:
            return True  # into the void, as a real transport does for a dead peer
        octets = len(message) + OVERHEAD_OCTETS
        if isinstance(message, bytes) and wire.queued_octets >= HIGH_WATER_OCTETS:
            wire.full = True
            return False
        wire.queued_octets += octets
        sender = wire.sender
        sender.octets_sent += octets
        sender.up_free_at = max(sender.up_free_at, self.world.now) + octets / sender.up_octets_per_s
        gone_at = sender.up_free_at
        if self.loss and isinstance(message, bytes):
            gone_at = wire.paced_until = self._paced(max(wire.paced_until, gone_at), octets)
        self.world.after(gone_at - self.world.now, partial(self._sent, wire, message, octets))
        return True

    def close(self, link: LinkId, reason: str) -> None:
        """Both ends hear :class:`LinkDown`."""
        wire = self._wires.get(link)
        if wire is None or wire.closed:
            return
        other = self._wires[wire.receiver_link]
        delay_s = max(0.0, wire.sender.up_free_at - self.world.now) + self.delay_s
        wire.closed = True
        self.world.after(0.0, partial(wire.sender.report, LinkDown(link, reason)))

        def other_end() -> None:
            if not other.closed and wire.sender.connected:
                other.closed = True
                other.sender.report(LinkDown(other.link, reason))

        self.world.after(delay_s, other_end)

    def forget(self, nic: Nic) -> None:
        """A host's program ended without a word: its links lead nowhere from now on."""
        for wire in self._wires.values():
            if wire.sender is nic:
                wire.closed = True

    def _paced(self, from_s: float, octets: int) -> float:
        """When a message has left that is sent from this time on, losses made good."""
        trip_s = 2 * self.delay_s
        rate = MATHIS * PACKET_OCTETS / (trip_s * math.sqrt(self.loss))
        lost = self.world.rng.random() > (1 - self.loss) ** (octets / PACKET_OCTETS)
        return from_s + octets / rate + (trip_s if lost else 0.0)

    def _sent(self, wire: Wire, message: Message, octets: int) -> None:
        wire.queued_octets -= octets
        if wire.full and wire.queued_octets <= LOW_WATER_OCTETS:
            wire.full = False
            wire.sender.report(LinkWritable(wire.link))
        if isinstance(message, bytes) and not wire.whole:
            return
        for rule in self.rules:
            match rule(wire, message):
                case Drop():
                    return
                case Replace(other):
                    message = other
                    break
                case None:
                    pass
        receiver = wire.receiver
        arrives = self.world.now + self.delay_s
        receiver.down_free_at = (
            max(receiver.down_free_at, arrives) + octets / receiver.down_octets_per_s
        )
        self.world.after(
            receiver.down_free_at - self.world.now, partial(self._arrive, wire, message)
        )

    def _arrive(self, wire: Wire, message: Message) -> None:
        if self._wires[wire.receiver_link].closed:
            return
        if wire.whole and not wire.held:
            wire.receiver.report(MessageReceived(wire.receiver_link, message))
        elif isinstance(message, str):
            if not wire.held:
                self.world.after(SENT_AGAIN_AFTER_S, partial(self._send_again, wire))
            wire.held.append(message)

    def _send_again(self, wire: Wire) -> None:
        other = self._wires[wire.receiver_link]
        while wire.held and wire.whole and not other.closed:
            wire.receiver.report(MessageReceived(wire.receiver_link, wire.held.popleft()))
        if wire.held and not (wire.closed or other.closed):
            self.world.after(SENT_AGAIN_AFTER_S, partial(self._send_again, wire))
