"""One thing at a time is done with a content, in the order of asking, and to its end."""

import asyncio
import gc

import pytest
from tests.support import loops

from meshdl.errors import TargetExists
from meshdl.ids import ContentHash
from meshdl.station.one_at_a_time import OneAtATime

ONE, OTHER = ContentHash(b"1" * 32), ContentHash(b"2" * 32)


def test_works_on_one_content_wait_for_each_other_and_for_no_other() -> None:
    told: list[str] = []

    async def scenario() -> None:
        works, go_on, begun = OneAtATime(), asyncio.Event(), asyncio.Event()

        async def slow() -> str:
            told.append("slow begins")
            begun.set()
            await go_on.wait()
            told.append("slow ends")
            return "slow"

        async def quick(name: str) -> None:
            told.append(name)

        first = asyncio.create_task(works.do(ONE, slow))
        await begun.wait()
        assert works.busy(ONE)
        assert not works.busy(OTHER)
        second = asyncio.create_task(works.do(ONE, lambda: quick("second")))
        third = asyncio.create_task(works.do(ONE, lambda: quick("third")))
        await works.do(OTHER, lambda: quick("of another"))
        go_on.set()
        assert await first == "slow"
        await asyncio.gather(second, third)

    loops.run(scenario())
    assert told == ["slow begins", "of another", "slow ends", "second", "third"]


def test_who_no_longer_waits_does_not_stop_the_work() -> None:
    async def scenario() -> None:
        works, go_on, begun = OneAtATime(), asyncio.Event(), asyncio.Event()
        ended: list[str] = []

        async def slow() -> None:
            begun.set()
            await go_on.wait()
            ended.append("slow")

        async def quick() -> None:
            assert ended == ["slow"]

        waiting = asyncio.create_task(works.do(ONE, slow))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert works.busy(ONE)
        next_one = asyncio.create_task(works.do(ONE, quick))
        go_on.set()
        await next_one

    loops.run(scenario())


def test_an_error_goes_to_who_asked_and_the_next_one_is_done() -> None:
    async def scenario() -> None:
        works = OneAtATime()

        async def refused() -> None:
            raise TargetExists("there already")

        async def done() -> str:
            return "done"

        with pytest.raises(TargetExists):
            await works.do(ONE, refused)
        assert await works.do(ONE, done) == "done"

    loops.run(scenario())


def test_nothing_is_kept_of_a_content_that_nothing_is_done_with() -> None:
    async def scenario() -> None:
        works = OneAtATime()

        async def done() -> None:
            assert len(works) == 1

        for content in (ONE, OTHER):
            await works.do(content, done)
        gc.collect()
        assert len(works) == 0

    loops.run(scenario())


def test_closing_waits_for_what_was_begun_and_begins_nothing() -> None:
    async def scenario() -> None:
        works, go_on, begun = OneAtATime(), asyncio.Event(), asyncio.Event()
        done: list[str] = []

        async def slow() -> None:
            begun.set()
            await go_on.wait()
            done.append("slow")

        async def never() -> None:
            done.append("never")

        first = asyncio.create_task(works.do(ONE, slow))
        waits = asyncio.create_task(works.do(ONE, never))
        await begun.wait()
        closing = asyncio.create_task(works.close())
        await asyncio.sleep(0)
        go_on.set()
        await closing
        assert done == ["slow"]
        await first
        for refused in (waits, asyncio.create_task(works.do(OTHER, never))):
            with pytest.raises(asyncio.CancelledError):
                await refused
        assert done == ["slow"]

    loops.run(scenario())
