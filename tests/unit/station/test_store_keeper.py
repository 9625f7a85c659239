"""The keeper of the stores: what was asked of it before a checkpoint is held after it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support import loops
from tests.support.stores import FILE, FIRST, create, new_disk

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.sim.disk import FaultyDisk
from meshdl.station import store_keeper
from meshdl.station.store_keeper import StoreKeeper
from meshdl.swarm import effects, inputs
from meshdl.swarm.inputs import SwarmInput

CONTENT = FILE.metainfo.content_hash
PATIENCE_S = 30.0


@asynccontextmanager
async def keeping(
    disk: FaultyDisk, post: Callable[[SwarmInput], None]
) -> AsyncIterator[StoreKeeper]:
    """A keeper of one store, closed when the block ends."""
    async with asyncio.TaskGroup() as tasks:
        keeper = StoreKeeper(tasks, lambda _: None)
        keeper.connect(post)
        await keeper.put(CONTENT, create(disk, FILE))
        yield keeper
        await keeper.close()


def leaf_to_write(leaf: int) -> effects.WriteRange:
    octets = memoryview(FILE.chunk(FIRST))[leaf * LEAF_OCTETS :][:LEAF_OCTETS]
    return effects.WriteRange(CONTENT, FIRST, leaf * LEAF_OCTETS, octets, completes_chunk=False)


def test_a_checkpoint_takes_what_was_only_just_asked_for() -> None:
    disk = new_disk()
    posted: list[SwarmInput] = []

    async def scenario() -> None:
        async with keeping(disk, posted.append) as keeper:
            for leaf in (0, 1):
                keeper.write(leaf_to_write(leaf))
                await keeper.checkpoint(CONTENT)
                assert posted == [
                    inputs.RangeWritten(CONTENT, FIRST, before * LEAF_OCTETS, LEAF_OCTETS)
                    for before in range(leaf + 1)
                ]

    loops.run(scenario())


def test_what_was_asked_for_before_a_content_is_closed_is_written() -> None:
    disk = new_disk()
    posted: list[SwarmInput] = []

    async def scenario() -> None:
        async with keeping(disk, posted.append) as keeper:
            keeper.write(leaf_to_write(0))
            await keeper.close_one(CONTENT)
            assert posted == [inputs.RangeWritten(CONTENT, FIRST, 0, LEAF_OCTETS)]

    loops.run(scenario())


def test_who_no_longer_waits_for_a_checkpoint_leaves_it_to_its_end() -> None:
    disk = new_disk()
    posted: list[SwarmInput] = []
    go_on = threading.Event()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        synced = asyncio.Event()

        def before(operation: str, path: Path) -> None:
            if operation == "sync" and path.suffix == ".part":
                loop.call_soon_threadsafe(synced.set)
                go_on.wait()

        async with keeping(disk, posted.append) as keeper:
            disk.before = before
            keeper.write(leaf_to_write(0))
            given_up = asyncio.create_task(keeper.checkpoint(CONTENT))
            async with asyncio.timeout(PATIENCE_S):
                await synced.wait()
            given_up.cancel()
            next_one = asyncio.create_task(keeper.checkpoint(CONTENT))
            await asyncio.sleep(0)
            go_on.set()
            await next_one
            assert posted == [inputs.RangeWritten(CONTENT, FIRST, 0, LEAF_OCTETS)]

    loops.run(scenario())


def test_when_much_was_written_a_checkpoint_comes_before_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_keeper, "CHECKPOINT_EVERY_S", 3600.0)
    monkeypatch.setattr(store_keeper, "CHECKPOINT_EVERY_OCTETS", 2 * LEAF_OCTETS)
    disk = new_disk()
    go_on = threading.Event()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        synced, all_written = asyncio.Event(), asyncio.Event()
        written_octets = 0

        def post(event: SwarmInput) -> None:
            nonlocal written_octets
            if isinstance(event, inputs.RangeWritten):
                written_octets += event.octets
            if written_octets == 4 * LEAF_OCTETS:
                all_written.set()

        def before(operation: str, path: Path) -> None:
            if operation == "sync" and path.suffix == ".part":
                loop.call_soon_threadsafe(synced.set)
                go_on.wait()

        async with keeping(disk, post) as keeper:
            disk.before = before
            keeper.write(leaf_to_write(0))
            assert len(asyncio.all_tasks()) == 1  # a leaf is not much
            keeper.write(leaf_to_write(1))
            async with asyncio.timeout(PATIENCE_S):
                await synced.wait()
            under_way = asyncio.all_tasks()
            keeper.write(leaf_to_write(2))
            keeper.write(leaf_to_write(2))
            assert asyncio.all_tasks() == under_way  # one after the other
            async with asyncio.timeout(PATIENCE_S):
                await all_written.wait()  # the disk is not for two threads at once
            go_on.set()
            await keeper.checkpoint(CONTENT)

    loops.run(scenario())
