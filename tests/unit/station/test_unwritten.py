"""A full disk costs notes, not the station; the operator hears of it once, and when it is over."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from tests.support.full_disk import fill, make_room

from meshdl.errors import DiskFull
from meshdl.station.log import TEXT_MAX, StationLog
from meshdl.station.unwritten import Book, Unwritten
from meshdl.station.worker import Worker


@dataclass
class Operator:
    """Reads the warnings."""

    warnings: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        self.told.append(text)
        self.warnings.append(text)

    def withdraw(self, text: str, because: str) -> None:
        self.warnings.remove(text)
        self.over.append(because)


def in_loop(path: Path, *steps: Callable[[StationLog, Callable[[str], None]], None]) -> Operator:
    """Each step's notes are in, or are refused, before the next begins."""

    async def whole() -> Operator:
        log, pens, operator = StationLog(path), Worker("log"), Operator()
        unwritten = Unwritten(operator.warn, operator.withdraw)

        def write(text: str) -> None:
            note = partial(log.append, at=1.0, kind="event", text=text.ljust(TEXT_MAX, "."))
            unwritten.submit(pens, Book.LOG, note)

        for step in steps:
            step(log, write)
            await pens.call(lambda: None)
        assert not pens.failure.done()
        await pens.close()
        log.close()
        return operator

    return asyncio.run(whole())


def notes(*texts: str) -> Callable[[StationLog, Callable[[str], None]], None]:
    def step(_: StationLog, write: Callable[[str], None]) -> None:
        for text in texts:
            write(text)

    return step


def full(log: StationLog, _: Callable[[str], None]) -> None:
    fill(log)


def room(log: StationLog, _: Callable[[str], None]) -> None:
    make_room(log)


MANY = [f"during {number}" for number in range(50)]


def test_notes_that_the_disk_does_not_take_are_told_once(tmp_path: Path) -> None:
    operator = in_loop(tmp_path / "log", notes("before"), full, notes(*MANY))
    [warning] = operator.told
    assert operator.warnings == [warning]
    assert "make room" in warning
    assert "transfers go on" in warning


def test_when_it_takes_notes_again_the_warning_is_over_and_the_gap_is_told(tmp_path: Path) -> None:
    operator = in_loop(tmp_path / "log", full, notes(*MANY), room, notes("after", "later"))
    assert operator.warnings == []
    [over] = operator.over
    missing = int(over.split("; ")[1].split(" ")[0])
    log = StationLog(tmp_path / "log")
    kept = [entry.text.rstrip(".") for entry in log.entries()]
    log.close()
    assert kept[-2:] == ["after", "later"]
    assert missing == len(MANY) - len(set(kept) & set(MANY)) > 0


def test_a_second_full_disk_is_told_again(tmp_path: Path) -> None:
    operator = in_loop(
        tmp_path / "log", full, notes(*MANY), room, notes("between"), full, notes(*MANY)
    )
    assert len(operator.told) == 2
    assert len(operator.warnings) == 1


def test_books_have_warnings_of_their_own() -> None:
    operator = Operator()
    unwritten = Unwritten(operator.warn, operator.withdraw)
    for book in Book:
        unwritten.note(book, DiskFull("no room"))
    assert len(set(operator.warnings)) == len(Book)
    unwritten.note(Book.LOG, None)
    assert not any(Book.LOG.value in warning for warning in operator.warnings)
    assert len(operator.warnings) == len(Book) - 1


def test_a_warning_that_cannot_be_logged_does_not_go_round_in_circles(tmp_path: Path) -> None:
    """As at a station: whoever warns writes that into the log."""

    async def whole() -> int:
        log, pens, told = StationLog(tmp_path / "log"), Worker("log"), list[str]()
        fill(log)

        def warn(text: str) -> None:
            told.append(text)
            note = partial(log.append, at=1.0, kind="event", text="." * TEXT_MAX)
            unwritten.submit(pens, Book.LOG, note)

        unwritten = Unwritten(warn, lambda text, because: None)
        for _ in range(20):
            warn("anything")
            await pens.call(lambda: None)
        await pens.close()
        log.close()
        return sum("make room" in text for text in told)

    assert asyncio.run(whole()) == 1


def test_a_bug_is_not_taken_for_a_full_disk() -> None:
    async def whole() -> None:
        pens = Worker("log")
        unwritten = Unwritten(lambda text: None, lambda text, because: None)
        unwritten.submit(pens, Book.LOG, lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await pens.failure
        await pens.close()

    asyncio.run(whole())
