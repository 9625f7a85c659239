"""Whole stations and their files: stopped half way, in the way, changed."""

import asyncio
import os
import threading
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
    until_linked,
    until_state,
)

from meshdl.content.metainfo import Metainfo
from meshdl.control.content_status import ContentState, ContentStatus, ShareProgress, ShareSkipped
from meshdl.disk import Disk
from meshdl.errors import DiskFull, FileChanged, StorageError, TargetExists, UnsafePath
from meshdl.ids import ContentHash
from meshdl.station import opening
from meshdl.station.catalogue_entry import CatalogueEntry
from meshdl.station.home import Home
from meshdl.swarm import inputs
from meshdl.swarm.inputs import SwarmInput

pytestmark = pytest.mark.real


def test_a_stopped_station_goes_on_where_it_was(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 60_000_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            content = hash_of(await alfa.share(source))
            async with station(tmp_path, "KA1BB") as bravo:
                await bravo.view.download(content.hex())

                async def halfway() -> bool:
                    return (await bravo.view.content(content)).octets_done > 5_000_000

                await until(halfway)
            async with station(tmp_path, "KA1BB", enabled=False) as bravo:
                status = await until_state(bravo, content, ContentState.WAITING)

                async def opened() -> bool:
                    return (await bravo.view.content(content)).chunks is not None

                await until(opened)
                kept = (await bravo.view.content(content)).octets_done
                assert kept > 5_000_000
                assert not Path(status.location).exists()
            async with station(tmp_path, "KA1BB") as bravo:
                got = await bravo.download(content)
                assert Path(got.location).read_bytes() == source.read_bytes()
                assert sum(one.octets for one in got.sources) <= 60_000_000 - kept

    run(scenario())


@pytest.mark.skipif(os.name != "posix", reason="pipes and names that are not UTF-8 are POSIX")
def test_what_is_not_shared_with_a_folder_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "maps"
    (folder / "old").mkdir(parents=True)
    (folder / "map.pdf").write_bytes(b"map")
    (folder / "old" / "link").symlink_to(folder / "map.pdf")
    os.mkfifo(os.fsencode(folder) + b"/pipe\xff")
    for serial in range(99):
        (folder / f"z{serial:02}").symlink_to("map.pdf")

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            steps = alfa.view.share([str(folder)], title=None, precedence="routine", tags=())
            told = [step async for step in steps if not isinstance(step, ShareProgress)]
            names = ("old/link", "pipe\\udcff", *(f"z{serial:02}" for serial in range(98)))
            assert told[:-1] == [ShareSkipped(location=str(folder), names=names, count=101)]
            assert isinstance(told[-1], ContentStatus)
            assert told[-1].octets == 3

    run(scenario())


def test_pause_keeps_everything_and_resume_goes_on(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 40_000_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            await bravo.view.download(content.hex())

            async def begun() -> bool:
                return (await bravo.view.content(content)).octets_done > 1_000_000

            await until(begun)
            paused = await bravo.view.pause(content)
            assert paused.state is ContentState.PAUSED
            held = (await bravo.view.content(content)).octets_done
            await asyncio.sleep(0.3)  # nothing may happen meanwhile
            assert (await bravo.view.content(content)).octets_done == held
            await bravo.view.resume(content)
            got = await bravo.download(content)
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_a_target_that_exists_is_kept_and_the_download_says_so(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)
    mine = make_file(tmp_path / "KA1BB" / "downloads" / "map.bin", 5)
    before = mine.read_bytes()

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            with pytest.raises(StorageError, match="is there already"):
                await bravo.download(content)
            assert mine.read_bytes() == before
            torrent = await alfa.view.torrent(content)
            await bravo.view.remove(content, delete_files=True)
            with pytest.raises(TargetExists):  # known at once when the metainfo is
                await bravo.view.download(torrent)
            mine.unlink()
            await bravo.view.download(torrent)
            got = await bravo.download(content)
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_a_broken_download_goes_on_when_the_target_is_out_of_the_way(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)
    mine = make_file(tmp_path / "KA1BB" / "downloads" / "map.bin", 5)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            with pytest.raises(StorageError):
                await bravo.download(content)
            mine.unlink()
            await bravo.view.resume(content)
            got = await until_state(bravo, content, ContentState.COMPLETE)
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_a_shared_file_that_changes_is_no_longer_served(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 2_000_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            await until_linked(bravo)
            make_file(source, 2_000_000)
            await bravo.view.download(content.hex())
            broken = await until_state(alfa, content, ContentState.BROKEN)
            assert "not what it was when it was hashed" in (broken.error or "")
            assert (await bravo.view.content(content)).octets_done == 0

    run(scenario())


def test_a_file_that_changed_while_the_station_was_down_is_noticed(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 2_000_000)
    original = source.read_bytes()

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
        make_file(source, 2_000_000)
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await until_state(alfa, content, ContentState.BROKEN)
            source.write_bytes(original)
            restored = await alfa.view.resume(content)
            assert restored.state is not ContentState.BROKEN
            assert restored.error is None

    run(scenario())


def test_a_content_that_is_being_opened_is_not_opened_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stores of one content write over each other's journal."""
    source = make_file(tmp_path / "map.bin", 100_000)
    real = opening.open_again
    begun, go_on = threading.Event(), threading.Event()
    opened: list[ContentHash] = []

    def slow(disk: Disk, home: Home, entry: CatalogueEntry, **more: Any) -> opening.Opened:
        opened.append(entry.content_hash)
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return real(disk, home, entry, **more)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
        monkeypatch.setattr(opening, "open_again", slow)
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await asyncio.to_thread(begun.wait)
            resumed = asyncio.create_task(alfa.view.resume(content))
            await asyncio.sleep(0)  # it finds nothing open
            go_on.set()
            assert (await resumed).state is ContentState.SHARING
            assert opened == [content]

    run(scenario())


def test_two_that_ask_for_one_content_at_once_begin_one_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)
    real = opening.create
    made: list[ContentHash] = []

    def counting(disk: Disk, home: Home, metainfo: Metainfo, *rest: Any, **more: Any) -> Any:
        made.append(metainfo.content_hash)
        return real(disk, home, metainfo, *rest, **more)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
            torrent = await alfa.view.torrent(content)
        monkeypatch.setattr(opening, "create", counting)
        async with station(tmp_path, "KA1BB", enabled=False) as bravo:
            asked = [bravo.view.download(torrent) for _ in range(5)]
            assert {one.content_hash for one in await asyncio.gather(*asked)} == {content.hex()}
            await until_state(bravo, content, ContentState.WAITING)
            assert made == [content]

    run(scenario())


def test_what_is_shared_twice_at_once_is_shared(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await asyncio.gather(*(alfa.share(source) for _ in range(5)))
            (shared,) = await alfa.view.contents()
            assert shared.state is ContentState.SHARING
            assert shared.error is None

    run(scenario())


def test_what_is_shared_again_stays_shared_when_the_home_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)

    def full(*_: object) -> None:
        raise DiskFull("no room to write the metainfo; make room")

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
            with monkeypatch.context() as patched:
                patched.setattr(opening, "save_metainfo", full)
                with pytest.raises(DiskFull):
                    await alfa.share(source)
            assert (await alfa.view.content(content)).state is ContentState.SHARING
            again = await alfa.share(source, title="Anew")
            assert (again.state, again.title) == (ContentState.SHARING, "Anew")
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            (shared,) = await alfa.view.contents()
            assert (shared.state, shared.title) == (ContentState.SHARING, "Anew")

    run(scenario())


def test_a_folder_is_not_shared_while_something_is_downloaded_into_it(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 3_000_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await alfa.share(source)
            (shared,) = await alfa.view.contents()
            torrent = await alfa.view.torrent(hash_of(shared))
        async with station(tmp_path, "KA1BB", enabled=False) as bravo:
            downloads = tmp_path / "KA1BB" / "downloads"
            make_file(downloads / "mine.txt", 5)
            content = hash_of(await bravo.view.download(torrent))
            (tmp_path / "link").symlink_to(downloads)
            for path in (downloads, tmp_path / "link", downloads / "map.bin.part"):
                with pytest.raises(FileChanged, match=r"map\.bin\.part is still being downloaded"):
                    await bravo.share(path)
            await bravo.view.remove(content, delete_files=True)
            assert (await bravo.share(downloads)).state is ContentState.SHARING

    run(scenario())


def test_who_fetches_does_not_notice_that_it_is_shared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)
    told: list[SwarmInput] = []

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await alfa.share(source)
            core = alfa.view._shell.core
            receive = core.receive

            def listening(event: SwarmInput, *, now: float) -> None:
                told.append(event)
                receive(event, now=now)

            monkeypatch.setattr(core, "receive", listening)
            await alfa.share(source)
            assert any(isinstance(event, inputs.ContentOpened) for event in told)
            assert not any(isinstance(event, inputs.ContentRemoved) for event in told)

    run(scenario())


def test_a_shared_file_is_the_operators_whatever_became_of_it(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 200_000)
    original, changed = source.read_bytes(), os.urandom(200_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
        source.write_bytes(changed)
        for _ in range(2):  # found out at the start, and known from the last time
            async with station(tmp_path, "KA1AA", enabled=False) as alfa:
                broken = await until_state(alfa, content, ContentState.BROKEN)
                assert "not what it was when it was hashed" in (broken.error or "")
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await until_state(alfa, content, ContentState.BROKEN)
            source.write_bytes(original)
            assert (await alfa.view.resume(content)).state is ContentState.SHARING
        source.write_bytes(changed)
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await until_state(alfa, content, ContentState.BROKEN)
            await alfa.view.remove(content, delete_files=True)
            assert source.read_bytes() == changed

    run(scenario())


def test_a_station_that_stops_while_it_looks_at_a_file_just_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_file(tmp_path / "map.bin", 200_000)
    real = opening.open_again
    begun, go_on = threading.Event(), threading.Event()

    def slow(disk: Disk, home: Home, entry: CatalogueEntry, **more: Any) -> opening.Opened:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return real(disk, home, entry, **more)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
        source.write_bytes(os.urandom(200_000))
        with monkeypatch.context() as patch:
            patch.setattr(opening, "open_again", slow)
            async with station(tmp_path, "KA1AA", enabled=False) as alfa:
                await asyncio.to_thread(begun.wait)
                pool = alfa.view._library.pool
                stop = pool.stop

                def stopping() -> None:
                    stop()
                    go_on.set()

                patch.setattr(pool, "stop", stopping)
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            await until_state(alfa, content, ContentState.BROKEN)

    run(scenario())


def test_no_setting_is_downloaded_into_the_operators_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger chooses the name, and a login shell obeys ``.bash_profile``."""
    source = make_file(tmp_path / ".bash_profile", 100)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.setenv("USERPROFILE", str(own))

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            with pytest.raises(StorageError, match="begins with a dot"):
                await bravo.download(content, directory=own)
            assert list(own.iterdir()) == []
            await bravo.view.remove(content, delete_files=True)
            with pytest.raises(UnsafePath):
                await bravo.view.download(await alfa.view.torrent(content), directory=str(own))
            got = await bravo.download(content, directory=own / "dots")
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())
