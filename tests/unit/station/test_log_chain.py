"""Whoever changes, removes or reorders an entry of the log in its file is found."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.control.radio_log import RadioFacts
from meshdl.ids import Callsign
from meshdl.station import log_chain
from meshdl.station.database import Database
from meshdl.station.log import MIGRATIONS, StationLog

SWAP = ";".join(
    f"UPDATE log SET serial = {to} WHERE serial = {from_}"
    for from_, to in ((3, 99), (4, 3), (99, 4))
)
KEEPERS = "DROP TRIGGER log_keeps_entries; DROP TRIGGER log_keeps_words;"


def write(path: Path, count: int) -> str:
    """A log of so many entries; its head."""
    log = StationLog(path)
    for n in range(count):
        log.append(
            at=1_700_000_000.25 + n,
            kind="radio",
            text=f"entry {n}",
            callsign=Callsign("KA1ABC"),
            radio=RadioFacts(event="transmission", burst=n + 1, duration_s=0.1 * n),
        )
    head = log.verify().head
    log.close()
    return head


def tamper(path: Path, statements: str) -> None:
    """As somebody would who has the file and knows SQLite."""
    with sqlite3.connect(path) as connection:
        connection.executescript(KEEPERS + statements)
    connection.close()


def verify(path: Path, head: str | None = None) -> log_chain.Verification:
    database = Database(path, MIGRATIONS)
    try:
        return log_chain.verify(database, head)
    finally:
        database.close()


def test_a_log_that_nobody_touched_is_right(tmp_path: Path) -> None:
    head = write(tmp_path / "log", 5)
    found = verify(tmp_path / "log")
    assert (found.entries, found.unchained, found.wrong_at, found.head) == (5, 0, None, head)
    assert write(tmp_path / "log", 3) != head  # after a restart it goes on in the same chain
    assert verify(tmp_path / "log", head).wrong_at is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log SET text = 'something else' WHERE serial = 3",
        "UPDATE log SET at = at + 1 WHERE serial = 3",
        "UPDATE log SET callsign = 'N0AAA' WHERE serial = 3",
        "UPDATE log SET radio = replace(radio, '\"burst\":3', '\"burst\":4') WHERE serial = 3",
        "UPDATE log SET digest = zeroblob(32) WHERE serial = 3",
        "UPDATE log SET digest = NULL WHERE serial = 3",
        "DELETE FROM log WHERE serial = 3",
        "DELETE FROM log WHERE serial = 3; UPDATE log SET serial = 3 WHERE serial = 4",
        SWAP,
    ],
)
def test_a_changed_removed_or_reordered_entry_is_found(tmp_path: Path, change: str) -> None:
    write(tmp_path / "log", 6)
    tamper(tmp_path / "log", change)
    found = verify(tmp_path / "log")
    assert found.wrong_at == 3
    assert "3" in found.problem


@pytest.mark.parametrize(
    ("change", "wrong_at"),
    [
        ("UPDATE log SET text = 'another' WHERE serial = 3; UPDATE log SET digest = NULL", 1),
        ("INSERT INTO log (at, kind, text) VALUES (1, 'event', 'put in')", 7),
        ("DELETE FROM log", 1),
    ],
)
def test_a_log_without_its_chain_is_no_old_one(tmp_path: Path, change: str, wrong_at: int) -> None:
    write(tmp_path / "log", 6)
    tamper(tmp_path / "log", change)
    assert verify(tmp_path / "log").wrong_at == wrong_at


def test_a_removed_beginning_is_found(tmp_path: Path) -> None:
    write(tmp_path / "log", 6)
    tamper(tmp_path / "log", "DELETE FROM log WHERE serial = 1")
    assert verify(tmp_path / "log").wrong_at == 1


def test_a_removed_end_is_found(tmp_path: Path) -> None:
    write(tmp_path / "log", 6)
    tamper(tmp_path / "log", "DELETE FROM log WHERE serial > 4")
    found = verify(tmp_path / "log")
    assert (found.wrong_at, found.problem) == (5, "entries 5 to 6 are missing at the end")


def test_a_log_made_anew_is_found_by_a_digest_that_was_kept(tmp_path: Path) -> None:
    head = write(tmp_path / "log", 6)
    tamper(
        tmp_path / "log",
        "DELETE FROM log WHERE serial > 4; UPDATE sqlite_sequence SET seq = 4",
    )
    assert verify(tmp_path / "log").wrong_at is None
    assert "cut off" in verify(tmp_path / "log", head).problem


def test_entries_older_than_the_chain_are_covered_by_the_first_that_has_a_digest(
    tmp_path: Path,
) -> None:
    old = Database(tmp_path / "log", MIGRATIONS[:1])
    for n in range(3):
        old.change("INSERT INTO log (at, kind, text) VALUES (?, 'event', 'old')", (float(n),))
    old.close()
    write(tmp_path / "log", 2)
    found = verify(tmp_path / "log")
    assert (found.entries, found.unchained, found.wrong_at) == (5, 3, None)
    tamper(tmp_path / "log", "UPDATE log SET text = 'new' WHERE serial = 2")
    assert verify(tmp_path / "log").wrong_at == 4


def test_the_digest_is_the_one_that_is_documented() -> None:
    entry = (1, 0.5, "radio", "sent", "KA1ABC", None, None, 7, None, "CQ", '{"event":"ended"}')
    # printf '\0...\0[1,0.5,"radio",...]' | sha256sum, made with another program
    assert log_chain.digest(log_chain.ORIGIN, entry).hex() == DOCUMENTED


DOCUMENTED = "9e7d8a9ea3a169f5213bc507577f6c3b8eccd5ca401f702720c7eea218bafdb2"


@given(st.integers(1, 20), st.integers(2, 8))
def test_pages_do_not_matter(count: int, page: int) -> None:
    database = Database(Path(":memory:"), MIGRATIONS)
    before, log_chain.PAGE_ENTRIES = log_chain.PAGE_ENTRIES, page
    try:
        for n in range(count):
            with database.transaction():
                log_chain.append(database, (float(n), "event", *[None] * 6, "x", None))
        assert log_chain.verify(database).entries == count
    finally:
        log_chain.PAGE_ENTRIES = before
        database.close()
