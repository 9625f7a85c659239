"""Whether a station looks for other addresses of its machine depends on what they would mend."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from tests.unit.swarm.rig import identity

from meshdl.discovery.interfaces import Reach, look
from meshdl.station import internet
from meshdl.station.config import InternetConfig
from meshdl.station.internet import Interfaces, Internet
from meshdl.station.rooms import Rooms

pytestmark = pytest.mark.real

PAUSES = 5
NOBODY = "ws://127.0.0.1:9"


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
        one = Internet(
            InternetConfig(servers=servers),
            identity("KA1AAA"),
            rooms=(),
            room_files=Rooms(tmp_path),
            interfaces=Interfaces(names=(), loopback=True),
            post=lambda _: None,
            warn=lambda _: None,
        )
        running = asyncio.create_task(one.run(lambda _: None))
        await enough.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(whole())
    assert len(looked) == 1 + looks
