"""Station processes that are killed, and disks that are full: nothing verified is lost."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.stations import make_file, run, station, until, until_state

from meshdl.control.content_status import ContentState
from meshdl.demo.processes import Running, hash_of
from meshdl.demo.processes import station as process
from meshdl.errors import StorageError
from meshdl.ids import Callsign

pytestmark = pytest.mark.real

NOTICED_WITHIN_S = 15.0

ALFA, BRAVO = Callsign("KA1AA"), Callsign("KA1BB")


def test_a_killed_download_loses_no_verified_octet(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 80_000_000)

    async def scenario() -> None:
        async with process(tmp_path / "a", ALFA) as alfa:
            shared = await alfa.share(source)
            content = hash_of(shared)
            seen, killed_midway = 0, False
            for _ in range(3):
                async with process(tmp_path / "b", BRAVO) as bravo:
                    kept = await until_opened(bravo, seen)
                    assert kept >= seen
                    await bravo.begin(shared)

                    async def moved(bravo: Running = bravo, kept: int = kept) -> bool:
                        now = await bravo.client.content(content)
                        whole = now.state is ContentState.COMPLETE  # before we could look
                        return now.octets_done > kept + 5_000_000 or whole

                    await until(moved)
                    seen = (await bravo.client.content(content)).octets_done
                    killed_midway = killed_midway or 0 < seen < 80_000_000
                    bravo.kill()
                    await bravo.process.wait()
            assert killed_midway
            async with process(tmp_path / "b", BRAVO) as bravo:
                assert await until_opened(bravo, seen) >= seen
                got = await bravo.complete(shared)
                assert sum(one.octets for one in got.sources) <= 80_000_000 - seen
                assert Path(got.location).read_bytes() == source.read_bytes()

    async def until_opened(one: Running, expected: int) -> int:
        """Octets that are held once the station has looked at its disk."""
        if not expected:
            return 0

        async def opened() -> bool:
            (content,) = await one.client.contents()
            return content.chunks is not None and content.state is not ContentState.VERIFYING

        await until(opened)
        return (await one.client.contents())[0].octets_done

    run(scenario())


def test_a_killed_seed_is_noticed_and_the_download_waits_for_it(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 60_000_000)

    async def scenario() -> None:
        async with process(tmp_path / "b", BRAVO) as bravo:
            async with process(tmp_path / "a", ALFA) as alfa:
                shared = await alfa.share(source)
                content = hash_of(shared)
                await bravo.begin(shared)

                async def begun() -> bool:
                    return (await bravo.client.content(content)).octets_done > 1_000_000

                await until(begun)
                alfa.kill()
                await alfa.process.wait()

            async def waits() -> bool:
                return (await bravo.client.content(content)).state is ContentState.WAITING

            # Long before WebRTC says that nobody is there any more.
            await until(waits, patience_s=NOTICED_WITHIN_S)
            async with process(tmp_path / "a", ALFA):
                got = await bravo.complete(shared)
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 12 MB."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill_up(hog: Path) -> None:
    """Take what room a disk has."""
    descriptor = os.open(hog, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):  # somebody else may take the last of it first
        while os.statvfs(hog).f_bavail:
            os.write(descriptor, bytes(os.statvfs(hog).f_frsize))
    os.close(descriptor)


def test_a_disk_that_is_clearly_too_small_is_told_before_anything_moves(
    tmp_path: Path, small_disk: Path
) -> None:
    source = make_file(tmp_path / "map.bin", 20_000_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            with pytest.raises(StorageError, match=r"needs 19\.1 MiB and .* has"):
                await bravo.download(content, directory=small_disk)
            assert not list(small_disk.iterdir())

    run(scenario())


def test_a_download_goes_on_when_a_full_disk_has_room_again(
    tmp_path: Path, small_disk: Path
) -> None:
    source = make_file(tmp_path / "map.bin", 10_000_000)
    hog = small_disk / "hog"

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            status = await bravo.view.download(content.hex(), directory=str(small_disk))

            async def made() -> bool:
                return (small_disk / "map.bin.part").exists()

            await until(made)
            # The file is sparse: its octets find the disk full only when they come.
            fill_up(hog)
            broken = await until_state(bravo, content, ContentState.BROKEN, ContentState.COMPLETE)
            if broken.state is ContentState.BROKEN:
                assert "no room" in (broken.error or "")
                hog.unlink()
                await bravo.view.resume(content)
                await until_state(bravo, content, ContentState.COMPLETE)
            assert (small_disk / "map.bin").read_bytes() == source.read_bytes()
            assert status.content_hash == content.hex()

    run(scenario())
