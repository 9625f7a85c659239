"""One thing runs at a time, and the next begins when the one before it has let go."""

import asyncio
from collections.abc import Awaitable, Callable

from meshdl.station.radio.slot import Slot


class Thing:
    """Runs until it is told to end, and takes its time for that."""

    def __init__(self, name: str, diary: list[str]) -> None:
        self.name, self._diary = name, diary
        self._closed = asyncio.Event()
        self.may_end = asyncio.Event()

    def close(self) -> None:
        self._closed.set()

    async def run(self) -> None:
        self._diary.append(f"{self.name} begins")
        await self._closed.wait()
        await self.may_end.wait()
        self._diary.append(f"{self.name} has ended")


def play(scenario: Callable[[Slot[Thing], list[str]], Awaitable[None]]) -> list[str]:
    diary: list[str] = []

    async def whole() -> None:
        slot: Slot[Thing] = Slot(Thing.run, Thing("first", diary))
        running = asyncio.create_task(slot.run())
        await asyncio.sleep(0)
        async with asyncio.timeout(20.0):
            await scenario(slot, diary)
            slot.close()
            await running

    asyncio.run(whole())
    return diary


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_next_begins_when_the_one_before_has_ended() -> None:
    async def scenario(slot: Slot[Thing], diary: list[str]) -> None:
        first = slot.thing
        assert first is not None
        second = Thing("second", diary)
        second.may_end.set()
        slot.put(second)
        await turns()
        assert diary == ["first begins"]
        first.may_end.set()
        await turns()
        assert diary == ["first begins", "first has ended", "second begins"]

    assert play(scenario)[-1] == "second has ended"


def test_a_place_may_be_empty_for_a_while() -> None:
    async def scenario(slot: Slot[Thing], diary: list[str]) -> None:
        assert slot.thing is not None
        slot.thing.may_end.set()
        slot.put(None)
        await turns()
        third = Thing("third", diary)
        third.may_end.set()
        slot.put(third)
        await turns()
        assert diary == ["first begins", "first has ended", "third begins"]

    play(scenario)


def test_of_several_that_come_at_once_the_last_one_runs() -> None:
    async def scenario(slot: Slot[Thing], diary: list[str]) -> None:
        assert slot.thing is not None
        slot.thing.may_end.set()
        for name in ("second", "third"):
            thing = Thing(name, diary)
            thing.may_end.set()
            slot.put(thing)
        await turns()
        assert diary == ["first begins", "first has ended", "third begins"]

    play(scenario)


def test_a_closed_place_takes_nothing_more() -> None:
    async def scenario(slot: Slot[Thing], diary: list[str]) -> None:
        assert slot.thing is not None
        slot.thing.may_end.set()
        slot.close()
        slot.put(Thing("late", diary))

    assert play(scenario) == ["first begins", "first has ended"]
