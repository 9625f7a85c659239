"""The commands on a real terminal, and with real signals."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.fake_radio import price_of
from tests.support.fake_station import MAP_HASH, FakeStation, content_of

from meshdl.control.content_status import ContentState, ShareProgress
from meshdl.control.log_entry import LogEntry
from meshdl.control.server import ControlServer
from meshdl.ids import ContentHash

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


NAMES = "Grüße aus 日本, 73 🎙"


def shown(tmp_path: Path, *command: str, columns: int, **environment: str) -> str:
    """What a command shows on a terminal with so many columns; it must succeed."""
    station = FakeStation(held={MAP_HASH: content_of(MAP_HASH, title=NAMES)})
    # What would count instead of the terminal's own; pytest's workers set it.
    ours_not = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours_not}

    async def whole() -> tuple[int | None, bytes]:
        import pty  # not on Windows
        import termios

        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        async with asyncio.timeout(30.0), ControlServer(station, home=tmp_path):
            running = await asyncio.create_subprocess_exec(
                *words(tmp_path, *command),
                stdout=theirs,
                stderr=subprocess.PIPE,
                env=inherited | {"TERM": "xterm"} | environment,
            )
            os.close(theirs)
            seen = b""
            with suppress(OSError):  # EIO: nobody has the other end any more
                while octets := await asyncio.to_thread(os.read, ours, 65_536):
                    seen += octets
            os.close(ours)
            assert running.stderr is not None
            assert await running.stderr.read() == b""
            return await running.wait(), seen

    code, seen = asyncio.run(whole())
    assert code == 0
    return seen.decode("utf-8")


def test_a_narrow_terminal_shows_every_digit_of_a_table(tmp_path: Path) -> None:
    narrow = shown(tmp_path, "ls", columns=40)
    assert f"HASH  {MAP_HASH.hex()[:12]}\r\n" in narrow
    assert f"TITLE {NAMES}\r\n" in narrow
    assert "SIZE  4.0 MB\r\n" in narrow
    wide = shown(tmp_path, "ls", columns=120)
    assert "HASH" in wide.splitlines()[0]
    assert "TITLE" in wide.splitlines()[0]


def test_no_colour_is_shown_to_whom_wants_none(tmp_path: Path) -> None:
    assert "\x1b[1m" in shown(tmp_path, "ls", columns=120)  # bold, which is no colour
    for command in ("ls", "peers", "log", "status"):
        plain = shown(tmp_path, command, columns=120, NO_COLOR="1")
        colours = ("\x1b[3", "\x1b[4", "\x1b[9", "\x1b[1;3")
        assert not any(colour in plain for colour in colours)


def test_a_terminal_that_cannot_show_a_title_shows_what_it_can(tmp_path: Path) -> None:
    ascii_only = shown(tmp_path, "ls", columns=200, PYTHONIOENCODING="ascii")
    assert "Gr\\xfc\\xdfe aus \\u65e5\\u672c, 73" in ascii_only


def test_json_is_utf_8_whatever_the_terminal_is(tmp_path: Path) -> None:
    said = shown(tmp_path, "ls", "--json", columns=200, PYTHONIOENCODING="latin-1")
    assert json.loads(said)[0]["title"] == NAMES


@pytest.mark.parametrize("command", [["ls"], ["ls", "--json"], ["log"], ["log", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_error(command: list[str], tmp_path: Path) -> None:
    held = {
        (one := ContentHash(number.to_bytes(32, "big"))): content_of(one, title="x" * 200)
        for number in range(600)
    }
    entry = LogEntry(
        serial=1, at=0.0, kind="event", direction=None, callsign=None, station_id=None,
        content_hash=None, octets=None, path=None, text="x" * 500,
    )  # fmt: skip
    station = FakeStation(held=held, log_entries=[entry] * 4_000)

    async def whole() -> tuple[bytes, bytes]:
        async with asyncio.timeout(30.0), ControlServer(station, home=tmp_path):
            running = await asyncio.create_subprocess_exec(
                "sh", "-c", '"$@" | head -c 10', "sh", *words(tmp_path, *command),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            return await running.communicate()

    out, said = asyncio.run(whole())
    assert (len(out), said) == (10, b"")
