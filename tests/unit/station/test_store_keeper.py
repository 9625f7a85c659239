"""The keeper of the stores: what was asked of it before a checkpoint is held after it."""

import asyncio

from tests.support import loops
from tests.support.stores import FILE, FIRST, create, new_disk

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.station.store_keeper import StoreKeeper
from meshdl.swarm import effects, inputs
from meshdl.swarm.inputs import SwarmInput

CONTENT = FILE.metainfo.content_hash


def leaf_to_write(leaf: int) -> effects.WriteRange:
    octets = memoryview(FILE.chunk(FIRST))[leaf * LEAF_OCTETS :][:LEAF_OCTETS]
    return effects.WriteRange(CONTENT, FIRST, leaf * LEAF_OCTETS, octets, completes_chunk=False)


def test_a_checkpoint_takes_what_was_only_just_asked_for() -> None:
    disk = new_disk()
    posted: list[SwarmInput] = []

    async def scenario() -> None:
        async with asyncio.TaskGroup() as tasks:
            keeper = StoreKeeper(tasks, lambda _: None)
            keeper.connect(posted.append)
            await keeper.put(CONTENT, create(disk, FILE))
            for leaf in (0, 1):
                keeper.write(leaf_to_write(leaf))
                await keeper.checkpoint(CONTENT)
                assert posted == [
                    inputs.RangeWritten(CONTENT, FIRST, before * LEAF_OCTETS, LEAF_OCTETS)
                    for before in range(leaf + 1)
                ]
            await keeper.close()

    loops.run(scenario())
