"""Links between stations of one process: for tests, and for programs that embed several.

Theory of operation
===================

A :class:`LoopbackNetwork` is an imaginary wire; every station plugs in a transport of its
own. A dial makes a pair of ends. Each end has one queue of what it sent; the event loop
delivers from it one message at a time, never inside a call of ours, so events come as they
come from a real transport: later, and in order.

::

    dial --> OPEN --close--> CLOSING --the queue is empty--> DOWN
              '------ cut, or the other end closed ----------^

The queue's chunks messages are the buffer that fills: see ``buffer_octets``. On a silenced
pair nothing is delivered and nothing is told, as with a station whose power failed.
"""

import asyncio
import enum
import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterator

from meshdl.errors import LinkClosed
from meshdl.ids import HASH_OCTETS, LinkId, StationId
from meshdl.links import (
    DialFailed,
    LinkBinding,
    LinkDown,
    LinkEvent,
    LinkTraits,
    LinkUp,
    LinkWritable,
    Message,
    MessageReceived,
    Path,
)

BUFFER_OCTETS = 1024 * 1024
"""As much as WebRTC's channel is given; a quarter of it is left when it is writable again."""

MTU_OCTETS = 262_144
"""As with WebRTC, so that what works here works there."""

CONTROL_BACKLOG_OCTETS_MAX = 4 * 1024 * 1024
LINKS_MAX = 64

_serials = itertools.count(1)

Report = Callable[[LinkEvent], None]


class LoopbackNetwork:
    """Where stations of one event loop reach each other.

    Example::

        network = LoopbackNetwork()
        ours, theirs = network.transport(alice), network.transport(bob)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ours.run(print))
            tasks.create_task(theirs.run(print))
            await asyncio.sleep(0)
            ours.dial(bob)

    Args:
        buffer_octets: chunks messages that may wait on one end before it is full.
        mtu_octets: longest message.
    """

    def __init__(self, *, buffer_octets: int = BUFFER_OCTETS, mtu_octets: int = MTU_OCTETS) -> None:
        self.buffer_octets, self.mtu_octets = buffer_octets, mtu_octets
        self.intercepted = False
        self._transports: dict[StationId, LoopbackTransport] = {}
        self._silenced: set[frozenset[StationId]] = set()

    def transport(self, station: StationId, *, links_max: int = LINKS_MAX) -> "LoopbackTransport":
        """Plug a station in.

        Raises:
            ValueError: it is plugged in already.
        """
        if station in self._transports:
            raise ValueError(f"station {station} is on this network already")
        made = self._transports[station] = LoopbackTransport(self, station, links_max)
        return made

    def cut(self, one: StationId, other: StationId) -> None:
        """End all links between two stations; both ends hear of it."""
        loop = asyncio.get_running_loop()
        for end in self._ends_between(one, other):
            loop.call_soon(end.go_down, "the link was cut")

    def silence(self, one: StationId, other: StationId) -> None:
        """From now on nothing passes between two stations, and nobody is told."""
        self._silenced.add(frozenset((one, other)))

    def restore(self, one: StationId, other: StationId) -> None:
        """Undo :meth:`silence`; what was sent meanwhile arrives."""
        self._silenced.discard(frozenset((one, other)))
        for end in self._ends_between(one, other):
            end.pump()

    def intercept(self) -> None:
        """Put somebody in the middle of every link to come: its two bindings differ."""
        self.intercepted = True

    def is_silent(self, one: StationId, other: StationId) -> bool:
        """Whether :meth:`silence` holds between two stations."""
        return frozenset((one, other)) in self._silenced

    def reach(self, station: StationId) -> "LoopbackTransport | None":
        """The transport of a station that runs here."""
        found = self._transports.get(station)
        return found if found is not None and found.report is not None else None

    def _ends_between(self, one: StationId, other: StationId) -> Iterator["_End"]:
        for here, there in ((one, other), (other, one)):
            transport = self._transports.get(here)
            ends = list(transport.ends.values()) if transport is not None else []
            yield from (end for end in ends if end.other.station == there)


class LoopbackTransport:
    """Made by :meth:`LoopbackNetwork.transport`; see :class:`meshdl.transports.base.Transport`.

    Attributes:
        report: takes the events while it runs.
        ends: of the links that are up.
    """

    def __init__(self, network: LoopbackNetwork, station: StationId, links_max: int) -> None:
        self.network, self.station = network, station
        self._links_max = links_max
        self.report: Report | None = None
        self.ends: dict[LinkId, _End] = {}

    async def run(self, report: Report) -> None:
        """Serve until cancelled."""
        self.report = report
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.report = None
            for end in list(self.ends.values()):
                end.abandon()

    def dial(self, station: StationId) -> None:
        """Try to reach a station."""
        asyncio.get_running_loop().call_soon(self._dial, station)

    def send(self, link: LinkId, message: Message) -> bool:
        """Queue a message; ``False`` when the chunks channel is full."""
        end = self.ends.get(link)
        if end is None:
            raise LinkClosed(f"{link} is down; wait for the station to be reached again")
        return end.send(message)

    def close(self, link: LinkId, reason: str) -> None:
        """End a link after what is queued."""
        end = self.ends.get(link)
        if end is not None:
            end.close(reason)

    def refusal(self) -> str:
        """Why there may be no more links, or nothing."""
        if len(self.ends) < self._links_max:
            return ""
        return f"there are {self._links_max} links already, as many as this station wants"

    def _dial(self, station: StationId) -> None:
        if self.report is None:
            return
        there = self.network.reach(station)
        if there in {None, self} or self.network.is_silent(self.station, station):
            self.report(DialFailed(station, f"station {station} does not answer"))
        elif problem := self.refusal() or there.refusal():
            self.report(DialFailed(station, problem))
        else:
            _connect(self, there)


class _State(enum.Enum):
    OPEN = enum.auto()
    CLOSING = enum.auto()
    DOWN = enum.auto()


class _End:
    """What one station has of a link."""

    other: "_End"

    def __init__(self, transport: LoopbackTransport) -> None:
        self.link = LinkId(f"loopback:{next(_serials)}")
        self.station = transport.station
        self._transport = transport
        self._state = _State.OPEN
        self._reason = ""
        self._queue: deque[Message] = deque()
        self._chunks_octets = self._control_octets = 0
        self._blocked = False
        self._pumping = False
        transport.ends[self.link] = self

    def rise(self, binding: LinkBinding, dialled: StationId | None) -> None:
        """Tell that the link is there."""
        mtu = self._transport.network.mtu_octets
        traits = LinkTraits(mtu_octets=mtu, path=Path.LAN, reliable=True, ordered=True)
        self._tell(LinkUp(link=self.link, traits=traits, binding=binding, dialled=dialled))

    def send(self, message: Message) -> bool:
        """See :meth:`LoopbackTransport.send`."""
        if self._state is not _State.OPEN:
            raise LinkClosed(f"{self.link} takes no more messages: {self._reason}")
        network = self._transport.network
        octets = _octets(message)
        if octets > network.mtu_octets:
            raise ValueError(f"{octets} octets are more than {network.mtu_octets}, the link's mtu")
        if isinstance(message, str):
            self._control_octets += octets
        elif self._chunks_octets >= network.buffer_octets:
            self._blocked = True
            return False
        else:
            self._chunks_octets += octets
        self._queue.append(message)
        self.pump()
        if self._control_octets > CONTROL_BACKLOG_OCTETS_MAX:
            self.close("the other station does not read its control messages")
        return True

    def close(self, reason: str) -> None:
        """Let out what is queued, then end."""
        if self._state is not _State.OPEN:
            return
        self._state, self._reason = _State.CLOSING, reason
        if self._silent():
            asyncio.get_running_loop().call_soon(self.go_down, reason)
        self.pump()

    def abandon(self) -> None:
        """The transport stops: end without telling our own station."""
        self._forget()
        if not self._silent():
            asyncio.get_running_loop().call_soon(self.other.go_down, _CLOSED_THERE)

    def go_down(self, reason: str) -> None:
        """End at once."""
        if self._state is not _State.DOWN:
            self._forget()
            self._tell(LinkDown(self.link, reason))

    def pump(self) -> None:
        """Deliver, later, what is queued."""
        if not self._pumping and self._state is not _State.DOWN and not self._silent():
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def take(self, message: Message) -> None:
        """A message from the other end."""
        if self._state is not _State.DOWN:
            self._tell(MessageReceived(self.link, message))

    def _deliver(self) -> None:
        self._pumping = False
        if self._state is _State.DOWN or self._silent():
            return
        if self._queue:
            self._deliver_one(self._queue.popleft())
        elif self._state is _State.CLOSING:
            self.other.go_down(_CLOSED_THERE)
            self.go_down(self._reason)
        if self._queue or self._state is _State.CLOSING:
            self.pump()

    def _deliver_one(self, message: Message) -> None:
        if isinstance(message, str):
            self._control_octets -= _octets(message)
        else:
            self._chunks_octets -= len(message)
        self.other.take(message)
        if self._blocked and self._chunks_octets <= self._transport.network.buffer_octets // 4:
            self._blocked = False
            if self._state is _State.OPEN:
                self._tell(LinkWritable(self.link))

    def _silent(self) -> bool:
        return self._transport.network.is_silent(self.station, self.other.station)

    def _forget(self) -> None:
        self._state = _State.DOWN
        self._reason = self._reason or "it is down"
        self._queue.clear()
        self._transport.ends.pop(self.link, None)

    def _tell(self, event: LinkEvent) -> None:
        if self._transport.report is not None:
            self._transport.report(event)


_CLOSED_THERE = "the other station closed the link"


def _connect(here: LoopbackTransport, there: LoopbackTransport) -> None:
    dialler, answerer = _End(here), _End(there)
    dialler.other, answerer.other = answerer, dialler
    ours, theirs = (secrets.token_bytes(HASH_OCTETS) for _ in range(2))
    seen_here, seen_there = theirs, ours
    if here.network.intercepted:
        seen_here, seen_there = (secrets.token_bytes(HASH_OCTETS) for _ in range(2))
    answerer.rise(LinkBinding(theirs, seen_there), None)
    dialler.rise(LinkBinding(ours, seen_here), there.station)


def _octets(message: Message) -> int:
    return len(message.encode()) if isinstance(message, str) else len(message)
