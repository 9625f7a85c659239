"""The hash chain of the station log: made when an entry is added, looked over by ``verify``.

    digest(n) = SHA-256(digest(n - 1) || JSON of entry n)        digest(0) = 32 zero octets

The JSON is an array of the columns in the order of :data:`COLUMNS`, without spaces. Entries
that are older than the chain have no digest of their own, but the first one that has covers
them. Serials have no gap. What is cut off at the end is found by the database's own count,
and by a digest that somebody wrote down elsewhere.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from meshdl.station.database import Database, Row, Value

COLUMNS = (
    "serial", "at", "kind", "direction", "callsign", "station_id", "content_hash", "octets",
    "path", "text", "radio",
)  # fmt: skip

ORIGIN = bytes(32)

PAGE_ENTRIES = 500
"""Read at a time."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What looking over the chain found.

    Attributes:
        entries: how many were looked at.
        unchained: how many of them are older than the chain.
        head: digest of the newest entry, hexadecimal: worth keeping elsewhere.
        wrong_at: serial of the first entry that does not fit; ``None``: all fit.
        problem: what is wrong there; empty when nothing is.
    """

    entries: int
    unchained: int
    head: str
    wrong_at: int | None = None
    problem: str = ""


def append(database: Database, row: tuple[Value, ...]) -> int:
    """Add an entry behind the newest one; its serial. Call it in a transaction.

    Args:
        database: with the table ``log``.
        row: the columns behind the serial, in the order of :data:`COLUMNS`.
    """
    newest = database.rows("SELECT serial, digest FROM log ORDER BY serial DESC LIMIT 1")
    serial, before = newest[0] if newest else (0, ORIGIN)
    if before is None:  # the entries so far are older than the chain
        before = _fold(database)
    entry = (serial + 1, *row)
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    return database.insert(
        f"INSERT INTO log ({', '.join(COLUMNS)}, digest) VALUES ({marks})",  # noqa: S608 - names of ours
        (*entry, digest(before, entry)),
    )


def digest(before: bytes, entry: tuple[Value, ...]) -> bytes:
    """Of one entry behind the one with the digest ``before``."""
    return hashlib.sha256(before + msgspec.json.encode(entry)).digest()


def verify(database: Database, head: str | None = None) -> Verification:
    """Look over the whole chain.

    Args:
        database: with the table ``log``.
        head: a digest that was written down earlier; it must be in the chain.

    Raises:
        StorageError: the database cannot be read.
    """
    before, count, unchained, seen = ORIGIN, 0, 0, head is None
    for *entry, stored in _rows(database):
        count += 1
        computed = digest(before, tuple(entry))
        problem = ""
        if entry[0] != count:
            problem = f"entry {count} is missing"
        elif stored is None and (unchained < count - 1 or entry[-1] is not None):
            # The radio's column is as old as the chain: such an entry always had one.
            problem = f"entry {count} has lost its digest"
        elif stored is not None and stored != computed:
            problem = f"entry {count} is not as it was written, or one before it"
        if problem:
            return Verification(count, unchained, before.hex(), count, problem)
        unchained += stored is None
        before = computed
        seen = seen or computed.hex() == head
    if problem := _missing_end(database, count):
        return Verification(count, unchained, before.hex(), count + 1, problem)
    if not seen:
        problem = f"no entry has the digest {head}: the log was made anew, or cut off before it"
        return Verification(count, unchained, before.hex(), count, problem)
    return Verification(count, unchained, before.hex())


def _missing_end(database: Database, count: int) -> str:
    counted = database.rows("SELECT seq FROM sqlite_sequence WHERE name = 'log'")
    written = counted[0][0] if counted else count
    if written > count:
        return f"entries {count + 1} to {written} are missing at the end"
    return ""


def _fold(database: Database) -> bytes:
    before = ORIGIN
    for *entry, _ in _rows(database):
        before = digest(before, tuple(entry))
    return before


def _rows(database: Database) -> Iterator[Row]:
    after = 0
    while rows := database.rows(
        f"SELECT {', '.join(COLUMNS)}, digest FROM log WHERE serial > ? ORDER BY serial LIMIT ?",  # noqa: S608 - names of ours
        (after, PAGE_ENTRIES),
    ):
        yield from rows
        after = rows[-1][0]
