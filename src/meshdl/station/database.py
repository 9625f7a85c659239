"""SQLite files of the home directory: opened, migrated, guarded. Only this module knows SQLite.

A database is one connection, used by one thread at a time. Every statement outside
:meth:`Database.transaction` is a transaction of its own, durable when it returns.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from meshdl.errors import DiskFull, FileUnreadable, FileUnwritable, StorageError

BUSY_WITHIN_S = 5.0
"""How long another program (a backup, a curious operator) may hold the file."""

Migration: TypeAlias = tuple[str, ...]
"""Statements that lead from one version of a schema to the next."""

Value: TypeAlias = str | bytes | int | float | None
Row: TypeAlias = tuple[Any, ...]


class Database:
    """One SQLite file.

    Args:
        path: of the file; made when it is not there.
        migrations: all versions of the schema so far, the first from nothing. What has
            been released is never edited, only added to.

    Raises:
        StorageError: it cannot be opened, is damaged, or was made by a newer meshdl.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._border():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_WITHIN_S, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare(migrations)
        except StorageError:
            self._connection.close()
            raise

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """Run one statement; its rows.

        Raises:
            StorageError: the database or the disk refused.
        """
        with self._lock, self._border():
            return self._connection.execute(statement, values).fetchall()

    def change(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run one statement; how many rows it changed.

        Raises:
            StorageError: the database or the disk refused.
        """
        with self._lock, self._border():
            return self._connection.execute(statement, values).rowcount

    def insert(self, statement: str, values: Sequence[Value]) -> int:
        """Run one ``INSERT``; the id of the new row.

        Raises:
            StorageError: the database or the disk refused.
        """
        with self._lock, self._border():
            serial = self._connection.execute(statement, values).lastrowid
            assert serial is not None  # one row was inserted
            return serial

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements of the block happen, or none does. Other threads wait.

        Raises:
            StorageError: the database or the disk refused.
        """
        with self._lock:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it already
                    self.rows("ROLLBACK")
                raise
            self.rows("COMMIT")

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        with self._lock:
            self._connection.close()

    def _prepare(self, migrations: Sequence[Migration]) -> None:
        # Write-ahead log: readers and the writer do not wait for each other. FULL: what
        # was committed survives a power cut; on macOS an fsync alone does not ask the drive.
        for pragma in (
            "journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "recursive_triggers = ON",
        ):  # fmt: skip
            self.rows(f"PRAGMA {pragma}")
        with self.transaction():
            version: int = self.rows("PRAGMA user_version")[0][0]
            if version > len(migrations):
                raise FileUnreadable(
                    f"{self._path} has schema {version}, and this meshdl knows {len(migrations)}; "
                    "it was used with a newer meshdl: install that one again"
                )
            for migration in migrations[version:]:
                for statement in migration:
                    self.rows(statement)
            self.rows(f"PRAGMA user_version = {len(migrations)}")

    @contextmanager
    def _border(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._ours(error) from error

    def _ours(self, error: sqlite3.Error) -> StorageError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is detail
        if code == sqlite3.SQLITE_FULL:
            return DiskFull(f"no room to write {self._path} ({error}); make room, then try again")
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return FileUnreadable(
                f"{self._path} is damaged ({error}); move it away, or restore it from a copy, "
                "and start the station again"
            )
        return FileUnwritable(
            f"cannot use {self._path} ({error}); check its owner and mode, and that no other "
            "program holds it"
        )
