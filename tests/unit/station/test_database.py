"""The guard around SQLite: schemas move forward, damage and misuse are told."""

import sqlite3
from pathlib import Path

import pytest

from meshdl.errors import DiskFull, FileUnreadable, FileUnwritable
from meshdl.station.database import Database

FIRST = ("CREATE TABLE words (word TEXT PRIMARY KEY)", "INSERT INTO words VALUES ('first')")
SECOND = ("ALTER TABLE words ADD COLUMN length INTEGER", "UPDATE words SET length = length(word)")


def test_a_new_file_gets_every_migration_and_an_old_one_the_rest(tmp_path: Path) -> None:
    old = Database(tmp_path / "old", [FIRST])
    old.change("INSERT INTO words VALUES (?)", ["ours"])
    old.close()
    for name in ("old", "new"):
        database = Database(tmp_path / name, [FIRST, SECOND])
        assert ("first", 5) in database.rows("SELECT * FROM words")
        database.close()
    again = Database(tmp_path / "old", [FIRST, SECOND])
    assert again.rows("SELECT * FROM words ORDER BY word") == [("first", 5), ("ours", 4)]
    again.close()


def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path) -> None:
    Database(tmp_path / "db", [FIRST]).close()
    with pytest.raises(FileUnwritable):
        Database(tmp_path / "db", [FIRST, (SECOND[0], "no such statement")])
    database = Database(tmp_path / "db", [FIRST, SECOND])
    assert database.rows("SELECT * FROM words") == [("first", 5)]
    database.close()


def test_a_file_of_a_newer_meshdl_is_left_alone(tmp_path: Path) -> None:
    Database(tmp_path / "db", [FIRST, SECOND]).close()
    with pytest.raises(FileUnreadable, match="newer meshdl"):
        Database(tmp_path / "db", [FIRST])


def test_a_damaged_file_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"this is no database" * 100)
    with pytest.raises(FileUnreadable, match="restore it from a copy"):
        Database(tmp_path / "db", [FIRST])


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable, match="check its owner"):
        Database(tmp_path / "no" / "db", [FIRST])


def test_a_full_disk_is_told_and_undoes_the_transaction(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", [FIRST])
    database.rows("PRAGMA max_page_count = 10")

    def fill() -> None:
        with database.transaction():
            for number in range(10_000):
                database.change("INSERT INTO words VALUES (?)", [f"{number:0200}"])

    with pytest.raises(DiskFull, match="make room"):
        fill()
    assert database.rows("SELECT * FROM words") == [("first",)]
    database.change("INSERT INTO words VALUES ('short')")
    database.close()


def test_an_error_inside_undoes_the_transaction(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", [FIRST])

    def fail() -> None:
        with database.transaction():
            database.change("INSERT INTO words VALUES ('lost')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.rows("SELECT * FROM words") == [("first",)]
    database.close()


def test_what_was_committed_is_seen_by_others_at_once(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", [FIRST])
    assert database.insert("INSERT INTO words VALUES (?)", ["new"]) == 2
    other = sqlite3.connect(tmp_path / "db")
    assert other.execute("SELECT count(*) FROM words").fetchone() == (2,)
    other.close()
    assert database.rows("PRAGMA synchronous") == [(2,)]  # FULL
    assert database.rows("PRAGMA fullfsync") == [(1,)]
    database.close()
