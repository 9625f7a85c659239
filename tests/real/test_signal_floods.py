"""Many sockets of one address flood a real signalling server: the others are unharmed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from tests.real.test_internet import serving, station
from tests.support.stations import hash_of, make_file, run
from tests.support.strangers import Stranger, stranger

from meshdl.signalling.server_events import ServerLimits
from meshdl.wire import signalling as wire

pytestmark = pytest.mark.real

MIB = 1024 * 1024
SOCKETS = 24
SHARE = 2_000
"""Messages of one address at once: what it takes for a real limit would take minutes."""

CONTENT = b"c" * 32


async def come_and_go(one: Stranger) -> None:
    """Have all members of the room told, again and again."""
    await one.say(wire.Join("cq"), wire.Leave("cq"))


async def have_and_have_not(one: Stranger) -> None:
    """Have all told who look for the content."""
    await one.say(
        wire.Join("cq"),
        wire.Announce("cq", (CONTENT,), 60),
        wire.Withdraw("cq", (CONTENT,)),
        wire.Lookup("cq", CONTENT, 60),
    )


@pytest.mark.parametrize("flood", [come_and_go, have_and_have_not])
def test_a_flood_from_many_sockets_of_one_address_harms_nobody_else(
    tmp_path: Path, flood: Callable[[Stranger], Awaitable[None]]
) -> None:
    limits = ServerLimits(messages_per_address_burst=SHARE, messages_per_address_per_s=1)
    path = make_file(tmp_path / "bulletin.bin", 2 * MIB)

    async def whole() -> None:
        async with (
            serving(limits=limits) as server,
            station(tmp_path, "KA1AAA", server) as alice,
            station(tmp_path, "KA1BBB", server) as bob,
            AsyncExitStack() as stack,
        ):
            getting = asyncio.create_task(bob.download(hash_of(await alice.share(path))))
            floods = [
                await stack.enter_async_context(stranger(server, f"KZ{n // 26}Z{chr(65 + n % 26)}"))
                for n in range(SOCKETS)
            ]

            async def pour(one: Stranger) -> list[str]:
                with suppress(ConnectionError):
                    await one.prove()
                told = asyncio.ensure_future(one.closed())
                with suppress(ConnectionError):
                    while not told.done():
                        await flood(one)
                        await asyncio.sleep(0)
                return await told

            codes = await asyncio.gather(*(pour(one) for one in floods))
            assert {code for told in codes for code in told} <= {"rate", "not-a-member"}
            # No socket of them was beyond its own limit: it is the address that was.
            said = server.core.counts["messages"]
            assert said <= SHARE + SOCKETS + 200, "all others said a few"
            assert server.core.counts["refused rate"] >= SOCKETS / 2
            got = await getting
            assert Path(got.location).read_bytes() == path.read_bytes()
            # Who comes afterwards from elsewhere is served.
            late = await stack.enter_async_context(station(tmp_path, "KA1CCC", server))
            again = await late.download(hash_of(await alice.share(path)))
            assert Path(again.location).read_bytes() == path.read_bytes()

    run(whole())
