"""The other processes of one server, by way of a bus that may lose what is said.

Theory of operation
===================

Every process keeps the whole directory: what its own stations say, and what the others tell.
So joins, lookups and presence are answered from memory, and the bus carries only changes and
relays. It keeps nothing; a process that is new or missed something asks.

* *News* is told to all, numbered. Every :data:`BEAT_EVERY_S` a *beat* repeats the last number.
* Whoever hears of a process for the first time, or sees a gap in the numbers, doubts what it
  knows of that process and *pulls* it anew: page by page, each asked for when the one before
  is there, so that no queue of the bus overflows. News meanwhile is applied as it comes: the
  bus keeps the order of what one process says, so a page never undoes it. Stations that no
  page named are forgotten at the end.
* A process that is not heard for :data:`LOST_AFTER_S` is forgotten, with its stations; so are
  those of a process for which a signal is, when nobody takes it. Who was wrongly forgotten is
  pulled anew at its next beat.
* A signal for a station elsewhere is *carried* to its process; if the station has left it
  comes back, and the sender is told.

When the bus is down, stations go on being served among themselves. When it is back, all beat,
and the numbers tell who missed what.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import StationId
from meshdl.signalling.publisher import Publisher
from meshdl.signalling.remote_stations import RemoteStations
from meshdl.signalling.server_events import (
    BusDown,
    BusHeard,
    BusInput,
    BusUp,
    ComparePins,
    NobodyListens,
    Process,
)
from meshdl.signalling.server_rooms import ServerRooms
from meshdl.signalling.speaker import Speaker
from meshdl.wire import siblings as wire

BEAT_EVERY_S = 3.0

LOST_AFTER_S = 10.0
"""Three beats; the fourth may be late."""

ASK_AGAIN_AFTER_S = 5.0
"""For a page: the bus, or the process asked, has lost it."""

SIBLINGS_MAX = 64
"""Each beats to each; a server of that size would serve a million stations."""

PAGE_CHARACTERS = 96 * 1024
"""In one page, but for its last fact: some hundred stations, or some thousand contents."""

_Said: TypeAlias = wire.Pull | wire.Page | wire.Returned
_Told: TypeAlias = wire.Beat | wire.News | _Said


@dataclass(slots=True)
class _Sibling:
    """Another process.

    Attributes:
        serial: of its last news that was heard.
        pull: number of the round of questions that is under way; 0: all is known.
        cursor: what was asked with last.
    """

    heard_at: float
    serial: int
    pull: int = 0
    cursor: str = ""
    asked_at: float = 0.0


class Siblings:
    """All of them.

    Args:
        publisher: tells them.
        stations: takes what they tell.
        rooms: delivers signals.
        speaker: takes effects, and counts.
        now: the driver's clock.
    """

    def __init__(
        self,
        publisher: Publisher,
        stations: RemoteStations,
        rooms: ServerRooms,
        speaker: Speaker,
        *,
        now: float,
    ) -> None:
        self._publisher, self._stations, self._rooms = publisher, stations, rooms
        self._speaker = speaker
        self._known: dict[Process, _Sibling] = {}
        self._pulls = 0
        self._next_beat = now + BEAT_EVERY_S

    def __len__(self) -> int:
        return len(self._known)

    def receive(self, event: BusInput, *, now: float) -> None:
        """Take one input."""
        match event:
            case BusHeard(octets):
                self._hear(octets, now)
            case BusUp():
                self._publisher.up = True
                self._speaker.effects.append(ComparePins())
                self._beat(now)
                for process, sibling in self._known.items():
                    if sibling.pull:  # what was asked while the bus was down is lost
                        self._ask(process, sibling, now)
            case BusDown():
                self._publisher.up = False
            case NobodyListens(process):
                self.drop(process)
            case _:
                assert_never(event)

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        if now < self._next_beat:
            return
        for process, sibling in list(self._known.items()):
            if sibling.heard_at + LOST_AFTER_S <= now:
                self.drop(process)
            elif sibling.pull and sibling.asked_at + ASK_AGAIN_AFTER_S <= now:
                self._ask(process, sibling, now)
        self._beat(now)

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        return self._next_beat if self._publisher.own is not None else None

    def drop(self, process: Process) -> None:
        """A process cannot be reached."""
        if self._known.pop(process, None) is not None:
            self._stations.drop(process)

    def drop_unreachable(self) -> None:
        """Whose stations a signal was for in vain are forgotten, and told as having left."""
        while self._publisher.unreachable:
            self.drop(self._publisher.unreachable.pop())

    def _beat(self, now: float) -> None:
        self._publisher.beat()
        self._next_beat = now + BEAT_EVERY_S

    # What they say.

    def _hear(self, octets: bytes, now: float) -> None:
        messages, unreadable = wire.decode_gathered(octets)
        if unreadable:
            self._speaker.counts["bus_unreadable"] += unreadable
        own, deliver = self._publisher.own, self._rooms.deliver
        carrier: str | None = None
        for message in messages:
            if message.process == own:
                continue
            if not isinstance(message, wire.Carried):
                self._take(Process(message.process), message, now)
                continue
            # Nearly all are one, and all of an array are of one process.
            if message.process != carrier:
                carrier = message.process
                sibling = self._known.get(Process(carrier))
                if sibling is not None:
                    sibling.heard_at = now
            if not deliver(message):
                self._return(message)

    def _take(self, process: Process, message: _Told, now: float) -> None:
        sibling = self._known.get(process)
        match message:
            case wire.Beat() | wire.News():
                self._take_news(process, message, now)
            case _ if sibling is not None:
                sibling.heard_at = now
                self._take_said(process, sibling, message, now)
            case wire.Pull() | wire.Page() | wire.Returned():
                pass  # its next beat introduces it
            case _:
                assert_never(message)

    def _take_news(self, process: Process, message: wire.Beat | wire.News, now: float) -> None:
        sibling, serial = self._known.get(process), message.serial
        if sibling is None:
            if len(self._known) >= SIBLINGS_MAX:
                return
            sibling = self._known[process] = _Sibling(now, serial)
            self._beat(now)  # it answers only whom it knows
            self._pull(process, sibling, now)
        sibling.heard_at = now
        expected = sibling.serial + isinstance(message, wire.News)
        if serial > expected:
            self._speaker.effects.append(ComparePins())
            self._pull(process, sibling, now)
        sibling.serial = max(sibling.serial, serial)
        if isinstance(message, wire.News) and serial >= expected:
            self._apply(process, message.fact, now)

    def _apply(self, process: Process, fact: wire.Fact, now: float) -> None:
        """One that cannot be does not keep the others from being heard."""
        try:
            self._stations.apply(process, fact, now=now)
        except RemoteProtocolError:
            self._speaker.counts["bus_unreadable"] += 1

    def _take_said(self, process: Process, sibling: _Sibling, message: _Said, now: float) -> None:
        match message:
            case wire.Returned(_, room, sender, to):
                self._rooms.returned(room, StationId(sender), StationId(to))
            case wire.Pull():
                self._answer(process, message, now)
            case wire.Page():
                self._take_page(process, sibling, message, now)
            case _:
                assert_never(message)

    def _return(self, carried: wire.Carried) -> None:
        own = self._publisher.own
        assert own is not None
        if wire.is_process(carried.process):
            returned = wire.Returned(own, carried.room, carried.sender, carried.to)
            self._publisher.say(Process(carried.process), returned)

    # Pulling.

    def _pull(self, process: Process, sibling: _Sibling, now: float) -> None:
        self._stations.doubt(process)
        self._pulls += 1
        sibling.pull, sibling.cursor = self._pulls, ""
        self._ask(process, sibling, now)

    def _ask(self, process: Process, sibling: _Sibling, now: float) -> None:
        own = self._publisher.own
        assert own is not None
        sibling.asked_at = now
        self._publisher.say(process, wire.Pull(own, sibling.pull, sibling.cursor))

    def _take_page(self, process: Process, sibling: _Sibling, page: wire.Page, now: float) -> None:
        if page.number != sibling.pull:
            return
        for fact in page.facts:
            self._apply(process, fact, now)
        sibling.asked_at = now
        if page.more:
            return
        if not page.after:
            sibling.pull = 0
            self._stations.settle(process)
        elif page.after > sibling.cursor:  # else it answers a question that was asked twice
            sibling.cursor = page.after
            self._ask(process, sibling, now)

    def _answer(self, process: Process, pull: wire.Pull, now: float) -> None:
        own = self._publisher.own
        assert own is not None
        facts, after = self._stations.page(pull.after, now=now)
        pages = list(_pages(facts))
        for number, some in enumerate(pages, 1):
            page = wire.Page(own, pull.number, some, number < len(pages), after)
            self._publisher.say(process, page)


def _pages(facts: list[wire.Fact]) -> Iterator[tuple[wire.Fact, ...]]:
    """Facts in pages; one at least, be it empty."""
    page: list[wire.Fact] = []
    size = 0
    for fact in facts:
        page.append(fact)
        size += wire.size(fact)
        if size >= PAGE_CHARACTERS or len(page) == wire.FACTS_MAX:
            yield tuple(page)
            page, size = [], 0
    yield tuple(page)
