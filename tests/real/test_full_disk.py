"""A disk that really is full: a small file system of its own, filled by somebody else meanwhile."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.stations import hash_of, make_file, run, station, until_state

from meshdl.control.content_status import ContentState
from meshdl.errors import DiskFull, StorageError

pytestmark = pytest.mark.real

SIZE_OCTETS = 12 * 2**20
LEFT_OCTETS = 3 * 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of :data:`SIZE_OCTETS`."""
    place = tmp_path / "card"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_OCTETS}", "tmpfs", str(place)]
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_download_on_a_disk_that_fills_up_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path
) -> None:
    source = make_file(tmp_path / "map.bin", 8 * 2**20)
    filler = small_disk / "somebody else's"

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
            torrent = await alfa.view.torrent(content)
        async with station(tmp_path, "KA1BB") as bravo:
            await bravo.view.download(torrent, directory=str(small_disk))
            filler.write_bytes(bytes(SIZE_OCTETS - LEFT_OCTETS))
            async with station(tmp_path, "KA1AA"):
                with pytest.raises(StorageError, match="make room, then resume"):
                    await bravo.download(content)
                broken = await until_state(bravo, content, ContentState.BROKEN)
                filler.unlink()
                await bravo.view.resume(content)
                resumed = await bravo.view.content(content)
                assert resumed.octets_done >= LEFT_OCTETS // 2, broken
                got = await bravo.download(content)
                assert Path(got.location).read_bytes() == source.read_bytes()
                sent = sum(one.octets for one in got.sources)
                assert sent < source.stat().st_size + 4 * 2**20

    run(scenario())


def test_a_download_that_cannot_fit_is_refused_before_it_begins(
    tmp_path: Path, small_disk: Path
) -> None:
    source = make_file(tmp_path / "map.bin", SIZE_OCTETS + 1)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            torrent = await alfa.view.torrent(hash_of(await alfa.share(source)))
        async with station(tmp_path, "KA1BB", enabled=False) as bravo:
            with pytest.raises(DiskFull, match="make room"):
                await bravo.view.download(torrent, directory=str(small_disk))
            assert list(small_disk.iterdir()) == []
            assert await bravo.view.contents() == []

    run(scenario())


def test_a_stations_home_on_a_full_disk_is_told(tmp_path: Path, small_disk: Path) -> None:
    source = make_file(tmp_path / "map.bin", 300_000)

    async def scenario() -> None:
        (tmp_path / "KA1AA").symlink_to(small_disk)
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(4096))
            with pytest.raises(DiskFull):
                await alfa.share(source)
            leftovers = list(alfa._home.contents_directory.glob("hashing-*"))
            filler.unlink()
            assert leftovers == []
            assert (await alfa.share(source)).state is ContentState.SHARING

    run(scenario())
