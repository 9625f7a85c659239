"""Whether a station looks for other addresses of its machine depends on what they would mend."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.swarm.rig import identity

from meshdl.discovery.interfaces import Reach, look
from meshdl.station import internet
from meshdl.station.config import InternetConfig
from meshdl.station.internet import Interfaces, Internet
from meshdl.station.rooms import Rooms
from meshdl.transports.signalled import SignalledTransport

pytestmark = pytest.mark.real

PAUSES = 5
NOBODY = "ws://127.0.0.1:9"


def an_internet(directory: Path, servers: tuple[str, ...]) -> Internet:
    """A station's way to the Internet, and nothing around it."""
    return Internet(
        InternetConfig(servers=servers),
        identity("KA1AAA"),
        rooms=(),
        room_files=Rooms(directory),
        interfaces=Interfaces(names=(), loopback=True),
        post=lambda _: None,
        warn=lambda _: None,
    )


@pytest.mark.parametrize(("servers", "looks"), [((), 0), ((NOBODY,), PAUSES)])
def test_addresses_are_watched_only_for_servers_and_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: tuple[str, ...], looks: int
) -> None:
    looked: list[Reach] = []
    paused = 0

    def counted(chosen: tuple[str, ...], *, loopback: bool) -> Reach:
        looked.append(look(chosen, loopback=loopback))
        return looked[-1]

    async def whole() -> None:
        enough = asyncio.Event()

        async def brief(_seconds: float) -> bool:
            nonlocal paused
            if paused == PAUSES:
                enough.set()
                await asyncio.get_running_loop().create_future()
            paused += 1
            await asyncio.sleep(0)
            return False

        monkeypatch.setattr(internet, "look", counted)
        monkeypatch.setattr(internet, "pause", brief)
        one = an_internet(tmp_path, servers)
        running = asyncio.create_task(one.run(lambda _: None))
        await enough.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(whole())
    assert len(looked) == 1 + looks


def test_what_is_here_when_a_link_comes_is_no_change_and_what_comes_after_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that has just been made was made with these addresses: nothing is to be mended."""
    addresses = iter(["192.0.2.1", "192.0.2.2", "192.0.2.3"])  # at the start, with a link, later
    linked = iter([False, False, True, True])
    mended: list[None] = []

    async def whole() -> None:
        enough = asyncio.Event()
        turns = 0

        async def brief(_seconds: float) -> bool:
            nonlocal turns
            turns += 1
            if turns > 4:
                enough.set()
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(0)
            return False

        def look_now(_chosen: tuple[str, ...], *, loopback: bool) -> Reach:
            seen = look((), loopback=loopback)
            return replace(seen, addresses=(next(addresses),))

        monkeypatch.setattr(internet, "look", look_now)
        monkeypatch.setattr(internet, "pause", brief)
        monkeypatch.setattr(SignalledTransport, "has_links", property(lambda _: next(linked)))
        monkeypatch.setattr(SignalledTransport, "network_changed", lambda _: mended.append(None))
        one = an_internet(tmp_path, ())
        running = asyncio.create_task(one.run(lambda _: None))
        await enough.wait()
        assert len(mended) == 1
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(whole())
    assert list(addresses) == []
