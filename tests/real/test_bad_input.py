"""What goes wrong in front of a whole station: a clear word at the command, and nothing lost."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.stations import hash_of, make_file, run, station, until, until_state

from meshdl.cli.main import meshdl
from meshdl.content import bencode
from meshdl.control.content_status import ContentState
from meshdl.ids import ContentHash
from meshdl.station.station import Station

pytestmark = pytest.mark.real

NOBODYS = ContentHash(b"\x5a" * 32)
ROOT = b"r" * 32
UP_WITHIN_S = 100.0


async def tell(home: Path, *words: str) -> Result:
    """Give a command to the station of this home."""
    arguments = [*words, "--home", str(home)]
    return await asyncio.to_thread(CliRunner().invoke, meshdl, arguments)


def torrent_of(name: bytes, file_name: bytes, octets: int) -> bytes:
    """A BitTorrent v2 file that says whatever it likes."""
    properties: bencode.Value = {b"length": octets, b"pieces root": ROOT}
    info: bencode.Value = {
        b"file tree": {file_name: {b"": properties}, b"z": {b"": properties}},
        b"meta version": 2,
        b"name": name,
        b"piece length": 16_384,
    }
    return bencode.encode({b"info": info, b"piece layers": {}})


EVIL = [
    (torrent_of(b"..", b"a", 5), "'..'"),
    (torrent_of(b"/etc", b"a", 5), "'/'"),
    (torrent_of(b"map", b"..", 5), "'..'"),
    (torrent_of(b"map", b"a\\..\\b", 5), "'\\\\'"),
    (torrent_of(b"map", b"aux.txt", 5), "aux.txt"),
    (torrent_of(b"map", b"Z", 5), "same"),
    (torrent_of(b"map", b"a" * 300, 5), "long"),
    (torrent_of(b"map", b"a", 2**50), "refused"),
    (torrent_of(b"map", b"a", 2**50 + 1), "no length"),
    (b"d4:infod", "bencoding"),
]


def test_metainfo_that_means_no_good_is_refused_and_makes_no_file(tmp_path: Path) -> None:
    file = tmp_path / "evil.torrent"

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False):
            home = tmp_path / "KA1AA" / "home"
            for torrent, reason in EVIL:
                file.write_bytes(torrent)
                refused = await tell(home, "get", str(file))
                assert (refused.exit_code, refused.stdout) == (65, "")
                assert refused.stderr.startswith("Error: ")
                assert reason in refused.stderr
            assert (await tell(home, "ls", "--json")).stdout == "[]\n"
        assert not (tmp_path / "KA1AA" / "downloads").exists()
        assert {path.name for path in tmp_path.iterdir()} == {"KA1AA", "evil.torrent"}

    run(scenario())


def test_a_hash_that_nobody_has_is_given_up_when_asked_to_and_goes_on_when_told(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            home = tmp_path / "KA1AA" / "home"
            given_up = await tell(home, "get", NOBODYS.hex(), "--timeout", "0.3")
            assert given_up.exit_code == 69
            assert "no station within reach has had" in given_up.stderr
            assert f"meshdl resume {NOBODYS.hex()}" in given_up.stderr
            assert (await alfa.view.content(NOBODYS)).state is ContentState.PAUSED
            assert (await tell(home, "resume", NOBODYS.hex())).exit_code == 0
            await until_state(alfa, NOBODYS, ContentState.WAITING)

    run(scenario())


def test_an_unreadable_file_is_named_and_the_others_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readable = make_file(tmp_path / "readable", 100_000)
    secret = make_file(tmp_path / "secret", 100_000)
    real = os.open

    def refusing(path: str | Path, flags: int, mode: int = 0o777, **more: int) -> int:
        # The administrator may read everything, so no mode of the file would do.
        if Path(path) == secret:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, flags, mode, **more)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            home = tmp_path / "KA1AA" / "home"
            monkeypatch.setattr(os, "open", refusing)
            refused = await tell(home, "share", str(readable), str(secret))
            assert refused.exit_code == 66
            assert f"cannot read {secret} (Permission denied)" in refused.stderr
            (shared,) = await alfa.view.contents()
            assert shared.title == "readable"

    run(scenario())


def test_the_stations_own_secrets_are_not_shared(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            home = tmp_path / "KA1AA" / "home"
            (tmp_path / "link").symlink_to(home)
            for path in (home / "station.key", home, tmp_path, tmp_path / "link"):
                refused = await tell(home, "share", str(path))
                assert refused.exit_code == 77
                assert "with its private key" in refused.stderr
            assert list(await alfa.view.contents()) == []

    run(scenario())


def test_a_target_that_exists_is_kept(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 100_000)
    mine = make_file(tmp_path / "KA1BB" / "downloads" / "map.bin", 5)
    before = mine.read_bytes()

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
            (tmp_path / "map.torrent").write_bytes(await alfa.view.torrent(content))
        async with station(tmp_path, "KA1BB", enabled=False):
            home = tmp_path / "KA1BB" / "home"
            refused = await tell(home, "get", str(tmp_path / "map.torrent"))
            assert refused.exit_code == 73
            assert f"{mine} is there already" in refused.stderr

    run(scenario())
    assert mine.read_bytes() == before


def up(home: Path) -> "subprocess.CompletedProcess[str]":
    """``meshdl up`` where it cannot come up."""
    return subprocess.run(
        [sys.executable, "-m", "meshdl", "--home", str(home), "up"],
        capture_output=True, text=True, timeout=UP_WITHIN_S, check=False,
    )  # fmt: skip


async def lan_port(one: Station) -> int:
    port = (await one.view.status()).lan.port
    assert port is not None
    return port


def test_a_port_in_use_ends_up_with_the_setting_to_change(tmp_path: Path) -> None:
    home = tmp_path / "KA1BB" / "home"
    home.mkdir(parents=True)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            port = await lan_port(alfa)
            (home / "config.toml").write_text(
                f'[station]\ncallsign = "KA1BB"\n[lan]\nport = {port}\n'
            )
            refused = await asyncio.to_thread(up, home)
            assert refused.returncode == 78
            assert f"Error: lan.port: TCP port {port} cannot be used" in refused.stderr
            assert "Traceback" not in refused.stderr
            assert not (home / "control.json").exists()
        async with station(tmp_path, "KA1BB", enabled=False) as bravo:
            assert (await bravo.view.status()).callsign == "KA1BB"

    run(scenario())


def test_a_second_station_in_one_home_says_who_is_there(tmp_path: Path) -> None:
    home = tmp_path / "KA1AA" / "home"

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False):
            (home / "config.toml").write_text('[station]\ncallsign = "KA1AA"\n')
            refused = await asyncio.to_thread(up, home)
            assert refused.returncode == 75
            assert str(os.getpid()) in refused.stderr
            assert "Traceback" not in refused.stderr
            assert (await tell(home, "status")).exit_code == 0, "the first one goes on"

    run(scenario())


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_ctrl_c_leaves_a_download_that_goes_on_where_it_was(tmp_path: Path) -> None:
    octets = 100_000_000
    source = make_file(tmp_path / "map.bin", octets)
    home = tmp_path / "KA1BB" / "home"

    async def interrupted(bravo: Station, content: ContentHash) -> None:
        command = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "meshdl", "--home", str(home), "get", content.hex()
        )

        async def begun() -> bool:
            held = await bravo.view.contents()
            return any(one.octets_done > 1_000_000 for one in held)

        await until(begun)
        command.send_signal(signal.SIGINT)
        assert await command.wait() == 130

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            content = hash_of(await alfa.share(source))
            async with station(tmp_path, "KA1BB") as bravo:
                await interrupted(bravo, content)
                paused = await bravo.view.content(content)
                assert paused.state is ContentState.PAUSED
                kept = paused.octets_done
                assert 1_000_000 < kept < octets
            async with station(tmp_path, "KA1BB") as bravo:
                assert (await bravo.view.content(content)).state is ContentState.PAUSED
                went_on = await tell(home, "get", content.hex())
                assert went_on.exit_code == 0, went_on.output
                got = await bravo.view.content(content)
                assert sum(one.octets for one in got.sources) <= octets - kept
                assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())
