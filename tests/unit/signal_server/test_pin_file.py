"""Pins survive the server; what is broken in their file harms no other."""

import asyncio
from pathlib import Path

import pytest

from meshdl.errors import FileUnreadable
from meshdl.ids import Callsign, StationKey
from meshdl.signal_server.pin_file import PinFile

ALFA, BRAVO = Callsign("KA1AAA"), Callsign("KA1BBB")
FIRST, SECOND = StationKey(b"k" * 32), StationKey(b"o" * 32)


def write(path: Path, *pins: tuple[Callsign, StationKey]) -> None:
    """As a server does, until it is stopped."""

    async def whole() -> None:
        file = PinFile(path)
        running = asyncio.create_task(file.run())
        await asyncio.sleep(0)
        for pin in pins:
            file.add(*pin)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(whole())


def test_what_was_pinned_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "pins"
    write(path, (ALFA, FIRST), (BRAVO, FIRST))
    write(path, (ALFA, SECOND))
    assert PinFile(path).load() == {ALFA: SECOND, BRAVO: FIRST}


def test_without_a_file_nothing_is_pinned_and_nothing_written(tmp_path: Path) -> None:
    assert PinFile(tmp_path / "pins").load() == {}
    PinFile(None).add(ALFA, FIRST)
    assert PinFile(None).load() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line", ["KA1BBB", "KA1BBB 00", "? " + "6b" * 32, "KA1BBB " + "00" * 32, "", "\xff\xfe"]
)
def test_a_line_that_is_no_pin_is_skipped(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pins"
    path.write_bytes(f"{line}\n{ALFA} {FIRST.hex()}\n".encode("latin-1"))
    assert PinFile(path).load() == {ALFA: FIRST}


def test_a_line_cut_by_a_crash_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "pins"
    path.write_text(f"{ALFA} {FIRST.hex()[:10]}")
    write(path, (BRAVO, FIRST))
    assert PinFile(path).load() == {BRAVO: FIRST}


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="pins"):
        PinFile(tmp_path).load()


def test_a_file_that_cannot_be_written_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, (ALFA, FIRST))
    assert "cannot write the pins" in caplog.text
