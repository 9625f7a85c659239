"""The catalogue: contents of this station, records it knows, keys it has pinned.

It says what the station *means to do* with a content and where its files are. Which
octets are right is never asked here: :mod:`meshdl.station.store` finds out from the
files themselves. So a lost catalogue loses wishes, not data.

Instants are Unix time in seconds, and always the caller's.
"""

from pathlib import Path

from meshdl.content.precedence import Precedence
from meshdl.errors import ContentUnknown
from meshdl.ids import ContentHash
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.database import Database, Migration
from meshdl.station.pin_table import PinTable
from meshdl.station.record_table import RecordTable

MIGRATIONS: tuple[Migration, ...] = (
    (
        """CREATE TABLE contents (
            content_hash BLOB PRIMARY KEY CHECK (length(content_hash) = 32),
            state TEXT NOT NULL,
            path TEXT NOT NULL,
            title TEXT NOT NULL,
            octets INTEGER,
            precedence INTEGER NOT NULL,
            added_at REAL NOT NULL,
            error TEXT NOT NULL
        )""",
        """CREATE TABLE records (
            content_hash BLOB NOT NULL,
            originator_key BLOB NOT NULL,
            octets BLOB NOT NULL,
            own INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            first_seen REAL NOT NULL,
            PRIMARY KEY (content_hash, originator_key)
        )""",
        "CREATE INDEX records_by_age ON records (own, first_seen)",
        "CREATE INDEX records_by_key ON records (originator_key, first_seen)",
        """CREATE TABLE pins (
            callsign TEXT PRIMARY KEY,
            station_key BLOB NOT NULL CHECK (length(station_key) = 32),
            first_seen REAL NOT NULL,
            last_seen REAL NOT NULL
        )""",
        "CREATE INDEX pins_by_age ON pins (last_seen)",
    ),
    ("ALTER TABLE contents ADD COLUMN via TEXT NOT NULL DEFAULT 'auto'",),
    ("ALTER TABLE contents ADD COLUMN overheard INTEGER NOT NULL DEFAULT 0",),
    (
        "ALTER TABLE contents ADD COLUMN in_place INTEGER NOT NULL DEFAULT 0",
        # What is broken may have been shared: rather keep a file too many.
        "UPDATE contents SET in_place = 1 WHERE state IN ('sharing', 'broken')",
    ),
)


class Catalogue:
    """The catalogue of one home directory: its contents here, two more tables beside.

    Attributes:
        records: that are known.
        pins: keys that go with callsigns.

    Raises:
        StorageError: from every method, when the database or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, MIGRATIONS)
        self.records = RecordTable(self._database)
        self.pins = PinTable(self._database)

    def put(self, entry: CatalogueEntry) -> None:
        """Add a content, or replace what is known of it."""
        self._database.change(
            "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.content_hash,
                entry.state.value,
                str(entry.path),
                entry.title,
                entry.octets,
                int(entry.precedence),
                entry.added_at,
                entry.error,
                entry.via,
                entry.overheard,
                entry.in_place,
            ),
        )

    def entry(self, content: ContentHash) -> CatalogueEntry:
        """What is known of a content.

        Raises:
            ContentUnknown: nothing.
        """
        for entry in self._entries("WHERE content_hash = ?", content):
            return entry
        raise _unknown(content)

    def entries(self) -> tuple[CatalogueEntry, ...]:
        """Every content, in the order in which they were added."""
        return self._entries("ORDER BY added_at, content_hash")

    def remove(self, content: ContentHash) -> None:
        """Forget a content and our own record of it. Harmless when it is not there."""
        with self._database.transaction():
            self._database.change("DELETE FROM contents WHERE content_hash = ?", (content,))
            self.records.forget_own(content)

    def _entries(self, clause: str, *values: bytes) -> tuple[CatalogueEntry, ...]:
        rows = self._database.rows(
            "SELECT content_hash, state, path, title, octets, precedence, added_at, error, via, "  # noqa: S608 - the clause is ours
            f"overheard, in_place FROM contents {clause}",
            values,
        )
        return tuple(
            CatalogueEntry(
                content_hash=ContentHash(row[0]),
                state=StoredState(row[1]),
                path=Path(row[2]),
                title=row[3],
                octets=row[4],
                precedence=Precedence(row[5]),
                added_at=row[6],
                error=row[7],
                via=row[8],
                overheard=bool(row[9]),
                in_place=bool(row[10]),
            )
            for row in rows
        )

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._database.close()


def _unknown(content: ContentHash) -> ContentUnknown:
    return ContentUnknown(
        f"{content.hex()} is not in the catalogue; `meshdl ls` shows what is, and `meshdl get` "
        "adds a download"
    )
