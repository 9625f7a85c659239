"""Transports whose ends are in one process, and an ear for what they report."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from meshdl.ids import StationId
from meshdl.links import LinkEvent, LinkUp, Message, MessageReceived
from meshdl.signalling.client_events import Description, SignalBody
from meshdl.transports.base import Transport
from meshdl.transports.signalled import SignalledTransport

ALICE = StationId("a11ce00000000000")
BOB = StationId("b0b0000000000000")
MALLORY = StationId("3a11000000000000")
NOBODY = StationId("0000000000000000")

WITHIN_S = 15.0

EventT = TypeVar("EventT", bound=LinkEvent)


class SignalledNetwork:
    """Signals go straight to the other transport, or through a middleman's."""

    def __init__(self) -> None:
        self.transports: dict[StationId, SignalledTransport] = {}
        self._intercepted = False

    def transport(self, station: StationId, *, links_max: int = 8) -> Transport:
        made = SignalledTransport(
            station, partial(self._carry, station), links_max=links_max, loopback=True
        )
        self.transports[station] = made
        return made

    def intercept(self) -> None:
        self._intercepted = True

    def _carry(self, sender: StationId, to: StationId, session: bytes, body: SignalBody) -> None:
        """As every carrier: later, and never from within the transport's own call."""
        asyncio.get_running_loop().call_soon(self.deliver, sender, to, session, body)

    def deliver(self, sender: StationId, to: StationId, session: bytes, body: SignalBody) -> None:
        """It arrives; a test may do something else with it."""
        if to not in self.transports:
            self.transports[sender].signal_lost(to, session, f"nobody knows {to}")
        elif self._intercepted and (sender, to) == (ALICE, BOB):
            # Mallory answers the dialler himself, and dials the station he was asked for.
            mallory = self.transports[MALLORY]
            if isinstance(body, Description):
                mallory.dial(BOB)
            mallory.receive(ALICE, session, body)
        else:
            posing = self._intercepted and (sender, to) == (MALLORY, ALICE)
            self.transports[to].receive(BOB if posing else sender, session, body)


@dataclass
class Ear:
    """A transport that runs, and all that it reported.

    Attributes:
        greeting: sent at once when a link comes up.
    """

    transport: Transport
    greeting: tuple[Message, ...] = ()
    events: list[LinkEvent] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self, event: LinkEvent) -> None:
        self.events.append(event)
        self.news.set()
        if isinstance(event, LinkUp):
            for message in self.greeting:
                self.transport.send(event.link, message)

    async def hear(self, kind: type[EventT], count: int = 1) -> list[EventT]:
        """The first ``count`` events of a kind, once there are so many."""
        async with asyncio.timeout(WITHIN_S):
            while len(found := self.heard(kind)) < count:
                self.news.clear()
                await self.news.wait()
        return found

    def heard(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    def messages(self) -> list[Message]:
        return [event.message for event in self.heard(MessageReceived)]

    async def up(self) -> LinkUp:
        return (await self.hear(LinkUp))[0]


@asynccontextmanager
async def running(transport: Transport, greeting: tuple[Message, ...] = ()) -> AsyncIterator[Ear]:
    ear = Ear(transport, greeting)
    task = asyncio.create_task(transport.run(ear.report))
    await asyncio.sleep(0)
    try:
        yield ear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
