"""The station log: who moved what, when, how much and over which path, and every identification.

It is what an operator shows when asked what the station did, so entries are only ever
added: the database itself refuses to change or delete one. Order is the order of
adding (the serial), which a clock that jumps does not disturb.

Entries are chained: each carries the SHA-256 of the digest before it and of itself
(:mod:`meshdl.station.log_chain`). Whoever changes, removes or reorders one in the file must
make all later digests anew, and the newest one is easily kept elsewhere.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from meshdl.control.log_entry import Direction, LogEntry, LogKind, LogQuery
from meshdl.control.radio_log import RadioFacts
from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.links import Path as LinkPath
from meshdl.station import log_chain
from meshdl.station.database import Database, Migration, Value

TEXT_MAX = 500
"""Characters of an entry's text. Parts of it come from other stations."""

PAGE_ENTRIES = 500
"""Read at a time, so that a long log neither fills the memory nor holds up a writer."""

MIGRATIONS: tuple[Migration, ...] = (
    (
        """CREATE TABLE log (
            serial INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            direction TEXT,
            callsign TEXT,
            station_id TEXT,
            content_hash TEXT,
            octets INTEGER,
            path TEXT,
            text TEXT NOT NULL
        )""",
        "CREATE INDEX log_by_content ON log (content_hash, serial)",
        "CREATE INDEX log_by_callsign ON log (callsign, serial)",
        """CREATE TRIGGER log_keeps_entries BEFORE DELETE ON log BEGIN
            SELECT raise(ABORT, 'the station log is only ever added to');
        END""",
        """CREATE TRIGGER log_keeps_words BEFORE UPDATE ON log BEGIN
            SELECT raise(ABORT, 'the station log is only ever added to');
        END""",
    ),
    (
        "ALTER TABLE log ADD COLUMN radio TEXT",
        "ALTER TABLE log ADD COLUMN digest BLOB",
    ),
)

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class StationLog:
    """The log of one home directory.

    Raises:
        StorageError: from every method, when the database or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, MIGRATIONS)

    def append(
        self,
        *,
        at: float,
        kind: LogKind,
        text: str = "",
        direction: Direction | None = None,
        callsign: Callsign | None = None,
        station_id: StationId | None = None,
        content: ContentHash | None = None,
        octets: int | None = None,
        path: LinkPath | None = None,
        radio: RadioFacts | None = None,
    ) -> int:
        """Add an entry; when this returns it survives a power cut.

        Args:
            at: Unix time, seconds.
            kind: a transfer, an identification, or another event.
            text: for people; cut to :data:`TEXT_MAX`, on one line.
            direction: whether we sent or received.
            callsign: of the other station; of an identification, who identified.
            station_id: of that station.
            content: which content moved.
            octets: how much of it.
            path: over which path.
            radio: of a radio event, everything about it.

        Returns:
            The serial of the entry.
        """
        row: tuple[Value, ...] = (
            float(at),
            kind,
            direction,
            callsign,
            station_id,
            content.hex() if content is not None else None,
            octets,
            path.value if path is not None else None,
            _UNPRINTABLE.sub(" ", text)[:TEXT_MAX],
            msgspec.json.encode(radio).decode() if radio is not None else None,
        )
        with self._database.transaction():
            return log_chain.append(self._database, row)

    def verify(self, head: str | None = None) -> log_chain.Verification:
        """Compare every entry with the chain; see :func:`meshdl.station.log_chain.verify`."""
        return log_chain.verify(self._database, head)

    def entries(self, query: LogQuery | None = None) -> Iterator[LogEntry]:
        """Entries that ``query`` chooses, the oldest first; without one, all.

        Entries that are added while the iteration goes on are not in it.
        """
        where, values = _where(query or LogQuery())
        limit = -1 if query is None or query.limit is None else max(query.limit, 0)
        first, last = self._database.rows(
            "SELECT min(serial), max(serial) FROM "  # noqa: S608 - no value is in the text
            f"(SELECT serial FROM log WHERE {where} ORDER BY serial DESC LIMIT ?)",
            [*values, limit],
        )[0]
        while first is not None:
            rows = self._database.rows(
                "SELECT serial, at, kind, direction, callsign, station_id, content_hash, octets, "  # noqa: S608 - no value is in the text
                f"path, text, radio FROM log WHERE {where} AND serial BETWEEN ? AND ? "
                "ORDER BY serial LIMIT ?",
                [*values, first, last, PAGE_ENTRIES],
            )
            for row in rows:
                yield _entry(row)
            first = rows[-1][0] + 1 if len(rows) == PAGE_ENTRIES else None

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._database.close()


def _where(query: LogQuery) -> tuple[str, list[Value]]:
    conditions: list[tuple[str, Value]] = [
        ("kind = ?", query.kind),
        ("at >= ?", query.since),
        ("at < ?", query.until),
        ("callsign = ?", query.callsign),
        ("content_hash = ?", query.content_hash),
    ]
    chosen = [(text, value) for text, value in conditions if value is not None]
    return " AND ".join(["true", *(text for text, _ in chosen)]), [value for _, value in chosen]


def _entry(row: tuple[object, ...]) -> LogEntry:
    *fields, radio = row
    facts = dict(zip(LogEntry.__struct_fields__, fields, strict=False))
    if isinstance(radio, str):
        facts["radio"] = msgspec.json.decode(radio, type=RadioFacts)
    return msgspec.convert(facts, LogEntry)
