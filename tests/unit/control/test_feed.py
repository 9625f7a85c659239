"""One writer, many readers: nobody is held up, nobody sees a hole."""

import asyncio
import gc

from meshdl.control.feed import Feed, Subscription


async def read_all(subscription: Subscription[int]) -> list[int]:
    return [event async for event in subscription]


def test_every_reader_sees_everything_from_its_subscription_on() -> None:
    async def scenario() -> tuple[list[int], list[int]]:
        feed: Feed[int] = Feed()
        early = feed.subscribe()
        feed.publish(1)
        late = feed.subscribe()
        feed.publish(2)
        feed.close()
        return await read_all(early), await read_all(late)

    assert asyncio.run(scenario()) == ([1, 2], [2])


def test_a_reader_waits_for_the_next_event() -> None:
    async def scenario() -> int:
        feed: Feed[int] = Feed()
        subscription = feed.subscribe()
        asyncio.get_running_loop().call_soon(feed.publish, 7)
        async with asyncio.timeout(5.0):
            return await anext(subscription)

    assert asyncio.run(scenario()) == 7


def test_a_reader_that_falls_behind_loses_the_stream_and_not_single_events() -> None:
    async def scenario() -> tuple[list[int], bool, bool]:
        feed: Feed[int] = Feed(queued_max=2)
        slow = feed.subscribe()
        for event in range(3):
            feed.publish(event)
        return await read_all(slow), slow.overrun, feed.watched

    assert asyncio.run(scenario()) == ([], True, False)


def test_a_slow_reader_costs_a_quick_one_nothing() -> None:
    async def scenario() -> tuple[list[int], bool]:
        feed: Feed[int] = Feed(queued_max=2)
        feed.subscribe()
        slow, quick = feed.subscribe(), feed.subscribe()
        read = []
        for event in range(5):
            feed.publish(event)
            read.append(await anext(quick))
        return read, slow.overrun

    assert asyncio.run(scenario()) == ([0, 1, 2, 3, 4], True)


def test_leaving_the_block_ends_the_subscription() -> None:
    async def scenario() -> list[int]:
        feed: Feed[int] = Feed()
        with feed.subscribe() as subscription:
            feed.publish(1)
        feed.publish(2)
        return await read_all(subscription)

    assert asyncio.run(scenario()) == []


def test_a_forgotten_subscription_costs_nothing() -> None:
    async def scenario() -> bool:
        feed: Feed[int] = Feed()
        feed.subscribe()
        gc.collect()
        return feed.watched

    assert not asyncio.run(scenario())


def test_a_subscription_to_a_closed_feed_is_over() -> None:
    async def scenario() -> list[int]:
        feed: Feed[int] = Feed()
        feed.close()
        return await read_all(feed.subscribe())

    assert asyncio.run(scenario()) == []
