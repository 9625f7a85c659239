"""Who may stand at the door, and for how long."""

import asyncio
from typing import Any

import pytest

from meshdl.discovery import visitors
from meshdl.discovery.visitors import VISITORS_MAX, VISITORS_PER_ADDRESS_MAX, Visitors


class Connection(asyncio.Transport):
    """One that is cut off at once, as a loop would tell it a turn later."""

    def __init__(self, address: str, visit: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": (address, 4711)})
        self.open, self._visit = True, visit
        visit.connection_made(self)

    def abort(self) -> None:
        self.open = False
        self._visit.connection_lost(None)


class Speaker(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self, told: list[Any]) -> None:
        self._told = told

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._told.append("made")

    def data_received(self, data: bytes) -> None:
        self._told.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._told.append("lost")


def test_of_too_many_the_oldest_goes() -> None:
    async def whole() -> None:
        door = Visitors(asyncio.Protocol)
        here = [Connection(f"192.0.2.{number}", door()) for number in range(VISITORS_MAX + 2)]
        assert [one.open for one in here] == [False, False, *[True] * VISITORS_MAX]

    asyncio.run(whole())


def test_a_crowd_of_one_address_costs_nobody_else_his_place() -> None:
    async def whole() -> None:
        door = Visitors(asyncio.Protocol)
        first = Connection("192.0.2.1", door())
        crowd = [Connection("192.0.2.66", door()) for _ in range(10 * VISITORS_MAX)]
        assert first.open
        assert sum(one.open for one in crowd) == VISITORS_PER_ADDRESS_MAX
        assert crowd[-1].open

    asyncio.run(whole())


def test_who_has_left_takes_no_place() -> None:
    async def whole() -> None:
        door = Visitors(asyncio.Protocol)
        first = Connection("192.0.2.1", door())
        for _ in range(2 * VISITORS_MAX):
            Connection("192.0.2.2", door()).abort()
        assert first.open

    asyncio.run(whole())


def test_nobody_stays_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "STAY_S", 0.01)
    told: list[Any] = []

    async def whole() -> None:
        visit = Visitors(lambda: Speaker(told))()
        one = Connection("192.0.2.1", visit)
        assert isinstance(visit, asyncio.Protocol)
        visit.data_received(b"GET")
        async with asyncio.timeout(10.0):
            while one.open:
                await asyncio.sleep(0.01)
        assert told == ["made", b"GET", "lost"]

    asyncio.run(whole())
