"""What is told of a content, and how soon: a new state at once, progress four times a second."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.support.loops import run

from meshdl.content.precedence import Precedence
from meshdl.control.changes import ContentChanged, ContentRemoved, Event
from meshdl.control.content_status import ContentState
from meshdl.control.feed import Feed
from meshdl.ids import ContentHash
from meshdl.station import observer
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.library import Library
from meshdl.station.observer import Observer
from meshdl.station.record_book import RecordBook
from meshdl.swarm.swarm import Swarm

CONTENT = ContentHash(bytes(32))
PAUSED = CatalogueEntry(
    content_hash=CONTENT,
    state=StoredState.PAUSED,
    path=Path("map.png"),
    title="map",
    octets=16384,
    precedence=Precedence.ROUTINE,
    added_at=0.0,
)


class FakeLibrary:
    """One content at most, and nothing is being verified."""

    def __init__(self) -> None:
        self.only: CatalogueEntry | None = PAUSED

    def find(self, _content: ContentHash) -> CatalogueEntry | None:
        return self.only

    def verifying(self, _content: ContentHash) -> None:
        return None


class Watch:
    """An observer of that library, a reader of its feed, and timers that ring when told."""

    def __init__(self) -> None:
        self.library = FakeLibrary()
        self.feed: Feed[Event] = Feed()
        self.reader = self.feed.subscribe()
        core = SimpleNamespace(downloads={}, holdings={}, sessions={})
        self.observer = Observer(
            cast("Swarm", core),
            cast("Library", self.library),
            cast("RecordBook", None),
            self.feed,
            station=lambda: (_ for _ in ()).throw(AssertionError("nobody asked")),
        )
        self.timers: list[tuple[float, Callable[[], None]]] = []
        loop = asyncio.get_running_loop()
        self.observer._loop = cast(
            "asyncio.AbstractEventLoop",
            SimpleNamespace(call_soon=loop.call_soon, call_later=self._call_later),
        )

    def _call_later(self, delay_s: float, ring: Callable[[], None]) -> asyncio.Handle:
        self.timers.append((delay_s, ring))
        return asyncio.Handle(ring, (), asyncio.get_running_loop())

    async def told(self) -> list[Event]:
        """What was published once everything that is due at once has run."""
        await asyncio.sleep(0)
        events: list[Event] = []
        while self.reader._queue:
            events.append(await anext(self.reader))
        return events


def watched(body: Callable[[Watch], Coroutine[Any, Any, None]]) -> None:
    async def on_a_loop() -> None:
        await body(Watch())

    run(on_a_loop())


def test_a_new_state_is_told_at_once() -> None:
    async def body(watch: Watch) -> None:
        watch.observer.content_changed(CONTENT)
        assert len(await watch.told()) == 1
        watch.library.only = replace(PAUSED, state=StoredState.COMPLETE)
        watch.observer.content_changed(CONTENT)
        [event] = await watch.told()
        assert isinstance(event, ContentChanged)
        assert event.content.state is ContentState.COMPLETE
        assert watch.timers == []

    watched(body)


def test_a_new_state_does_not_wait_for_progress_that_is_due() -> None:
    async def body(watch: Watch) -> None:
        watch.observer.content_changed(CONTENT)
        await watch.told()
        watch.observer.content_changed(CONTENT)
        watch.library.only = replace(PAUSED, state=StoredState.COMPLETE)
        watch.observer.content_changed(CONTENT)
        [event] = await watch.told()
        assert isinstance(event, ContentChanged)
        assert event.content.state is ContentState.COMPLETE

    watched(body)


def test_progress_waits_and_is_told_once() -> None:
    async def body(watch: Watch) -> None:
        watch.observer.content_changed(CONTENT)
        await watch.told()
        for _ in range(5):
            watch.observer.content_changed(CONTENT)
        assert await watch.told() == []
        [(delay_s, ring)] = watch.timers
        assert delay_s == observer.PUBLISH_EVERY_S
        ring()
        assert len(await watch.told()) == 1

    watched(body)


def test_a_reader_does_not_fall_behind_when_thousands_change_at_once() -> None:
    async def body(watch: Watch) -> None:
        contents = [ContentHash(serial.to_bytes(32, "big")) for serial in range(3000)]
        for content in contents:
            watch.observer.content_changed(content)
        told = await watch.told()
        while watch.timers:
            watch.timers.pop()[1]()
            told += await watch.told()
        assert not watch.reader.overrun
        assert len(told) == len(contents)

    watched(body)


def test_what_is_removed_is_told_at_once_and_forgotten() -> None:
    async def body(watch: Watch) -> None:
        watch.observer.content_changed(CONTENT)
        await watch.told()
        watch.library.only = None
        watch.observer.content_changed(CONTENT)
        assert await watch.told() == [ContentRemoved(CONTENT.hex())]
        assert watch.observer._states_shown == {}

    watched(body)
