"""Discovery gives every socket back, whenever it ends, and outlives a lack of them."""

import asyncio
import gc
import secrets
import socket
from contextlib import suppress
from pathlib import Path

import ifaddr
import pytest
from tests.support.loops import run
from tests.support.stations import until

from meshdl.discovery.announcement import Announcement
from meshdl.discovery.lan import LanDiscovery
from meshdl.ids import Callsign, StationId
from meshdl.station.config import InternetConfig, LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.station import Station

pytestmark = pytest.mark.real

WITHIN_S = 20.0
NOBODY = "ws://127.0.0.1:9"
STEPS = 40
"""Turns of the event loop; starting takes some twenty."""


def new_discovery() -> LanDiscovery:
    own = Announcement(StationId(secrets.token_hex(8)), Callsign("KA1ABC"), secrets.token_hex(8))
    return LanDiscovery(
        own, port=4001, interfaces=("127.0.0.1", "::1"), loopback=True, look_every_s=0.1
    )


def open_sockets() -> set[int]:
    return {
        one.fileno()
        for one in gc.get_objects()
        if isinstance(one, socket.socket) and one.fileno() != -1
    }


def test_a_run_that_is_cancelled_at_any_moment_leaves_nothing_open() -> None:
    async def whole() -> None:
        gc.collect()  # what other tests have left shall not go in the middle of this one
        before, tasks = open_sockets(), asyncio.all_tasks()
        for steps in range(STEPS):
            task = asyncio.create_task(new_discovery().run(lambda _: None))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            async with asyncio.timeout(WITHIN_S):
                while open_sockets() != before:
                    await asyncio.sleep(0.01)  # transports close in one of the next turns
            assert asyncio.all_tasks() == tasks

    run(whole())


def test_a_machine_that_cannot_list_its_addresses_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system needs a free file descriptor for it."""
    real, refusals = ifaddr.get_adapters, 2

    def refusing() -> object:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise OSError(24, "Too many open files")
        return real()

    monkeypatch.setattr(ifaddr, "get_adapters", refusing)

    async def whole() -> None:
        discovery = new_discovery()
        task = asyncio.create_task(discovery.run(lambda _: None))
        states = set()
        async with asyncio.timeout(WITHIN_S):
            while discovery.state != "announced":
                await asyncio.sleep(0.02)
                states.add(discovery.state)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert any("Too many open files" in state for state in states)

    run(whole())


def test_a_station_outlives_a_machine_that_cannot_list_its_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing() -> object:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("meshdl.station.internet.LOOK_EVERY_S", 0.05)

    async def whole() -> None:
        # Without a server nobody would look.
        config = StationConfig(
            callsign=Callsign("KA1AA"),
            lan=LanConfig(enabled=False),
            internet=InternetConfig(servers=(NOBODY,)),
        )
        async with Station(config, home=Home(tmp_path / "home")) as alfa:
            monkeypatch.setattr(ifaddr, "get_adapters", refusing)

            async def told() -> bool:
                warnings = (await alfa.view.status()).warnings
                return any("Too many open files" in warning for warning in warnings)

            await until(told)
            monkeypatch.undo()

    run(whole())
