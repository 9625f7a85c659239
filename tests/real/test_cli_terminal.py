"""The commands on a real terminal, and with real signals."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.fake_radio import price_of
from tests.support.fake_station import MAP_HASH, FakeStation, content_of

from meshdl.control.server import ControlServer
from meshdl.control.view import ContentState, ShareProgress

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.name != "posix", reason="terminals and signals are POSIX"),
]


def words(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "meshdl", "--home", str(home), *arguments]


def test_ctrl_c_leaves_a_paused_download(tmp_path: Path) -> None:
    station = FakeStation()

    async def whole() -> tuple[int | None, str]:
        async with asyncio.timeout(30.0), ControlServer(station, home=tmp_path):
            command = await asyncio.create_subprocess_exec(
                *words(tmp_path, "get", MAP_HASH.hex()), stderr=subprocess.PIPE
            )
            assert command.stderr is not None
            first = await command.stderr.readline()
            command.send_signal(signal.SIGINT)
            rest = await command.stderr.read()
            return await command.wait(), (first + rest).decode()

    code, said = asyncio.run(whole())
    assert code == 130
    assert f"Go on with: meshdl resume {MAP_HASH.hex()}" in said
    assert "Traceback" not in said
    assert station.held[MAP_HASH].state is ContentState.PAUSED


def test_ctrl_c_at_the_question_about_airtime_is_heard_at_once(tmp_path: Path) -> None:
    unknown = content_of(MAP_HASH, state=ContentState.WAITING, octets=None, sources=())
    station = FakeStation(held={MAP_HASH: unknown})
    station.radio.asked_price = price_of(MAP_HASH.hex())

    async def whole() -> tuple[int | None, str]:
        import pty  # not on Windows

        ours, theirs = pty.openpty()
        async with asyncio.timeout(30.0), ControlServer(station, home=tmp_path):
            command = await asyncio.create_subprocess_exec(
                *words(tmp_path, "get", MAP_HASH.hex(), "--via", "rf"),
                stdin=theirs,
                stderr=subprocess.PIPE,
            )
            os.close(theirs)
            assert command.stderr is not None
            said = b""
            while b"[y/N]" not in said:
                said += await command.stderr.read(1_024)
            ended = asyncio.create_task(command.wait())
            while not ended.done():
                # The question is on the screen a moment before an answer is waited for; what
                # comes in between is as lost as a key that was pressed too early.
                command.send_signal(signal.SIGINT)
                await asyncio.wait([ended], timeout=1.0)
            said += await command.stderr.read()
            code = ended.result()
        os.close(ours)
        return code, said.decode()

    code, said = asyncio.run(whole())
    assert code == 130
    assert "Traceback" not in said
    assert not [told for told in station.told if told[0] == "download"]


def test_the_live_line_is_on_the_terminal_and_the_link_in_the_file(tmp_path: Path) -> None:
    station = FakeStation(
        share_steps=[
            ShareProgress(location="map", octets_done=1, octets=4),
            content_of(MAP_HASH, state=ContentState.SHARING),
        ]
    )
    (tmp_path / "map").write_bytes(b"map")

    async def whole() -> tuple[int | None, str, str]:
        import pty  # not on Windows

        ours, theirs = pty.openpty()
        async with asyncio.timeout(30.0), ControlServer(station, home=tmp_path):
            command = await asyncio.create_subprocess_exec(
                *words(tmp_path, "share", str(tmp_path / "map")),
                stdout=subprocess.PIPE,
                stderr=theirs,
                env=os.environ | {"TERM": "xterm"},
            )
            out, _ = await command.communicate()
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # EIO: nobody has the other end any more
            while octets := os.read(ours, 65_536):
                seen += octets
        os.close(ours)
        return command.returncode, out.decode(), seen.decode()

    code, out, seen = asyncio.run(whole())
    assert code == 0
    assert f"link  meshdl:?xt=urn:btmh:1220{MAP_HASH.hex()}" in out
    assert "25 % of 4 B" in seen
    assert "meshdl:?" not in seen
