"""How what an embedding program waits for ends: a removal, a crowd, a station that stops."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.stations import (
    PATIENCE_S,
    hash_of,
    make_file,
    run,
    station,
    until,
)

from meshdl.control.content_status import ContentState
from meshdl.control.feed import QUEUED_EVENTS_MAX
from meshdl.errors import ContentUnknown, StationNotRunning
from meshdl.ids import ContentHash
from meshdl.station import hashing, sharing
from meshdl.station.station import Station

pytestmark = pytest.mark.real

NOBODYS = ContentHash(b"\x5a" * 32)


async def asked_for(one: Station, content: ContentHash) -> None:
    """Return when a download is there, and told of."""

    async def there() -> bool:
        return any(found.content_hash == content.hex() for found in await one.view.contents())

    await until(there)


class SlowHashing:
    """Everything that is shared is hashed no further than its first range until told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = hashing.hash_path
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.ranges = 0
        monkeypatch.setattr(sharing, "hash_path", self._hash)

    def _hash(self, path: Path, spool: Path, **more: Any) -> hashing.Hashed | None:
        told: Callable[[int, int], None] = more.pop("progress")

        def progress(done: int, octets: int) -> None:
            self.ranges += 1
            told(done, octets)
            self.begun.release()
            assert self.go_on.wait(PATIENCE_S)

        return self._real(path, spool, progress=progress, **more)

    async def wait(self, count: int) -> None:
        """Return when so many are being hashed."""
        for _ in range(count):
            assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE_S)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Of several ranges."""
    return make_file(tmp_path / "archive.bin", 5 * hashing.RANGE_OCTETS)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowHashing:
    """Hashing that waits."""
    return SlowHashing(monkeypatch)


def test_a_download_that_is_removed_meanwhile_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            waiting = asyncio.create_task(alfa.download(NOBODYS))
            await asked_for(alfa, NOBODYS)
            await alfa.view.remove(NOBODYS, delete_files=True)
            with pytest.raises(ContentUnknown):
                await waiting

    run(scenario())


def test_a_download_beside_a_thousand_others_ends_when_it_is_whole(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            for serial in range(QUEUED_EVENTS_MAX + 10):
                await bravo.view.download(f"{serial:064x}")
            got = await bravo.download(content)
            assert got.state is ContentState.COMPLETE
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_a_download_of_a_station_that_stops_ends_as_unfinished(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            waiting = asyncio.create_task(alfa.download(NOBODYS))
            await asked_for(alfa, NOBODYS)
        with pytest.raises(StationNotRunning):
            await waiting

    run(scenario())


def test_a_download_that_is_cancelled_goes_on(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1BB") as bravo:
            async with station(tmp_path, "KA1AA") as alfa:
                content = hash_of(await alfa.share(source))
            waiting = asyncio.create_task(bravo.download(content))
            other = asyncio.create_task(bravo.download(content))
            await asked_for(bravo, content)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            async with station(tmp_path, "KA1AA"):
                assert (await other).state is ContentState.COMPLETE

    run(scenario())


def test_a_station_that_stops_does_not_hash_to_the_end_what_it_shares(
    archive: Path, slow: SlowHashing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            shared = asyncio.create_task(alfa.share(archive))
            await slow.wait(1)
            pool = alfa.view._library.pool
            stop = pool.stop

            def stopping() -> None:
                stop()
                slow.go_on.set()

            monkeypatch.setattr(pool, "stop", stopping)
        with pytest.raises(StationNotRunning):
            await shared
        assert slow.ranges == 1
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            assert await alfa.view.contents() == []

    run(scenario())


def test_a_share_that_is_cancelled_stops_hashing(
    archive: Path, slow: SlowHashing, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            shared = asyncio.create_task(alfa.share(archive))
            await slow.wait(1)
            shared.cancel()
            await asyncio.sleep(0)  # it has heard of it
            slow.go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await shared
            assert slow.ranges == 1
            assert await alfa.view.contents() == []
            assert not list(alfa._home.contents_directory.iterdir())

    run(scenario())


def test_a_download_and_a_bulletin_do_not_wait_for_archives_that_are_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulletin = make_file(tmp_path / "bulletin.txt", 100)
    archives = [make_file(tmp_path / f"{serial}.bin", 1000) for serial in range(4)]

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            torrent = await alfa.view.torrent(hash_of(await alfa.share(bulletin)))
        slow = SlowHashing(monkeypatch)
        async with station(tmp_path, "KA1BB", enabled=False) as bravo:
            shares = [asyncio.create_task(bravo.share(one)) for one in archives]
            await slow.wait(len(archives))
            begun = await bravo.view.download(torrent)
            assert begun.octets == 100
            await bravo.view.remove(hash_of(begun), delete_files=True)
            monkeypatch.undo()
            assert (await bravo.share(bulletin)).state is ContentState.SHARING
            slow.go_on.set()
            for done in await asyncio.gather(*shares):
                assert done.state is ContentState.SHARING

    run(scenario())
