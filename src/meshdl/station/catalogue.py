"""The catalogue: contents of this station, records it knows, keys it has pinned.

It says what the station *means to do* with a content and where its files are. Which
octets are right is never asked here: :mod:`meshdl.station.store` finds out from the
files themselves. So a lost catalogue loses wishes, not data.

Instants are Unix time in seconds, and always the caller's.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord
from meshdl.control.content_status import Via
from meshdl.errors import ContentUnknown
from meshdl.ids import Callsign, ContentHash, StationKey, station_key
from meshdl.station.database import Database, Migration

RECORDS_MAX = 10_000
"""Records of others that are remembered; 255 octets each. The oldest go first."""

RECORDS_PER_KEY_MAX = 1_000
"""Of one originator, so that one busy station does not push out all others."""

PINS_MAX = 100_000
"""Stations that are remembered; those not seen for longest go first."""

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


class StoredState(enum.StrEnum):
    """What the station means to do with a content.

    What it happens to be doing (waiting, verifying) is not stored: it is seen anew after
    a restart. See :class:`meshdl.control.content_status.ContentState`.
    """

    SHARING = "sharing"
    """The user's own files, served in place."""
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    COMPLETE = "complete"
    """Downloaded, and served to others."""
    BROKEN = "broken"
    """Something needs the operator; the error says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One content of this station.

    Attributes:
        content_hash: names it.
        state: what is to be done with it.
        path: where the complete file or folder is or will be; of a download whose
            metainfo has not come yet, the directory that it will be in.
        title: for people.
        octets: its size, ``None`` while the metainfo has not come.
        precedence: in which order it is served and fetched.
        added_at: when the operator shared it or asked for it.
        error: what is wrong and what to do; empty when nothing is.
        via: over which paths it is fetched.
        overheard: nobody here asked for it; it came by radio and is kept by quota.
        in_place: its files are the operator's, whatever its state: only read, never deleted.
    """

    content_hash: ContentHash
    state: StoredState
    path: Path
    title: str
    octets: int | None
    precedence: Precedence
    added_at: float
    error: str = ""
    via: Via = "auto"
    overheard: bool = False
    in_place: bool = False


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A content record, verified when it came in.

    Attributes:
        content_hash: of the content it is about.
        octets: the encoded record.
        own: whether this station made it.
        first_seen: when this content of this originator was heard of first.
        expires_at: from then on it is not passed on.
    """

    content_hash: ContentHash
    octets: bytes
    own: bool
    first_seen: float
    expires_at: int


class Pinned(enum.Enum):
    """What :meth:`Catalogue.pin` found."""

    NEW = enum.auto()
    """The callsign was not known; now it goes with this key."""
    MATCHES = enum.auto()
    """It goes with this key."""
    DIFFERS = enum.auto()
    """It goes with another key, and still does. The operator must look."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A callsign and the key it was first seen with, see :meth:`Catalogue.pin`."""

    callsign: Callsign
    key: StationKey
    first_seen: float
    last_seen: float


class Catalogue:
    """The catalogue of one home directory.

    Raises:
        StorageError: from every method, when the database or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, MIGRATIONS)

    # Contents.

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

    def set_state(self, content: ContentHash, state: StoredState, *, error: str = "") -> None:
        """Change what is to be done with a content.

        Raises:
            ContentUnknown: there is none such.
        """
        changed = self._database.change(
            "UPDATE contents SET state = ?, error = ? WHERE content_hash = ?",
            (state.value, error, content),
        )
        if not changed:
            raise _unknown(content)

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
            self._database.change("DELETE FROM records WHERE content_hash = ? AND own", (content,))

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

    # Records.

    def remember(self, records: Iterable[ContentRecord], *, own: bool, now: float) -> int:
        """Keep records, each in place of an older one of the same content and originator.

        Records of others above the limits of this module are dropped, the expired and the
        oldest first.

        Returns:
            How many said something new.
        """
        with self._database.transaction():
            news = sum(
                self._remember(record, own=own, now=now)
                for record in records
                if not record.is_expired(now)
            )
            if news:
                self._evict(now)
        return news

    def records(self, *, now: float) -> tuple[KnownRecord, ...]:
        """Every record that has not expired: our own first, then the newest first."""
        return self._records(
            "WHERE expires_at > ? ORDER BY own DESC, first_seen DESC, content_hash", now
        )

    def record(self, content: ContentHash, *, now: float) -> KnownRecord | None:
        """The record to show for a content: our own, else the one made last."""
        found = self._records(
            "WHERE content_hash = ? AND expires_at > ? ORDER BY own DESC, created_at DESC LIMIT 1",
            content,
            now,
        )
        return found[0] if found else None

    def _remember(self, record: ContentRecord, *, own: bool, now: float) -> int:
        return self._database.change(
            """INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET octets = excluded.octets, own = max(own, excluded.own),
                created_at = excluded.created_at, expires_at = excluded.expires_at
            WHERE excluded.created_at > created_at""",
            (
                record.content_hash,
                record.originator_key,
                record.encode(),
                own,
                record.created_at,
                record.expires_at,
                now,
            ),
        )

    def _evict(self, now: float) -> None:
        self._database.change("DELETE FROM records WHERE expires_at <= ?", (now,))
        self._database.change(
            """DELETE FROM records WHERE rowid IN (
                SELECT rowid FROM (
                    SELECT rowid, own, row_number() OVER (
                        PARTITION BY originator_key ORDER BY first_seen DESC, rowid DESC
                    ) AS age FROM records
                ) WHERE age > ? AND NOT own
            )""",
            (RECORDS_PER_KEY_MAX,),
        )
        self._database.change(
            """DELETE FROM records WHERE rowid IN (
                SELECT rowid FROM records WHERE NOT own
                ORDER BY first_seen DESC, rowid DESC LIMIT -1 OFFSET ?
            )""",
            (RECORDS_MAX,),
        )

    def _records(self, clause: str, *values: bytes | float) -> tuple[KnownRecord, ...]:
        rows = self._database.rows(
            "SELECT content_hash, octets, own, first_seen, expires_at "  # noqa: S608 - the clause is ours
            f"FROM records {clause}",
            values,
        )
        return tuple(
            KnownRecord(ContentHash(row[0]), row[1], bool(row[2]), row[3], row[4]) for row in rows
        )

    # Pinned keys.

    def pin(self, callsign: Callsign, key: StationKey, *, now: float) -> Pinned:
        """A station has proved that it owns ``key`` and calls itself ``callsign``.

        The first key seen stays; only :meth:`repin` puts another in its place.
        """
        with self._database.transaction():
            known = next(iter(self._pins("WHERE callsign = ?", callsign)), None)
            if known is not None and known.key != key:
                return Pinned.DIFFERS
            self._database.change(
                """INSERT INTO pins VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET station_key = excluded.station_key,
                    last_seen = max(last_seen, excluded.last_seen)""",
                (callsign, key, now, now),
            )
            if known is not None:
                return Pinned.MATCHES
            self._database.change(
                """DELETE FROM pins WHERE callsign IN (
                    SELECT callsign FROM pins ORDER BY last_seen DESC LIMIT -1 OFFSET ?
                )""",
                (PINS_MAX,),
            )
            return Pinned.NEW

    def repin(self, callsign: Callsign, key: StationKey, *, now: float) -> None:
        """A callsign goes with another key from now on; whoever calls has a reason."""
        self._database.change(
            """INSERT INTO pins VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET station_key = excluded.station_key,
                first_seen = excluded.first_seen, last_seen = excluded.last_seen""",
            (callsign, key, now, now),
        )

    def pins(self) -> Mapping[Callsign, Pin]:
        """Every pinned key."""
        return {pin.callsign: pin for pin in self._pins("ORDER BY callsign")}

    def _pins(self, clause: str, *values: str) -> list[Pin]:
        rows = self._database.rows(
            f"SELECT callsign, station_key, first_seen, last_seen FROM pins {clause}",  # noqa: S608 - the clause is ours
            values,
        )
        pins = []
        for call, octets, first_seen, last_seen in rows:
            try:
                key = station_key(octets)
            except ValueError:
                continue  # nobody can prove that key: as good as no pin
            pins.append(Pin(Callsign(call), key, first_seen, last_seen))
        return pins

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._database.close()


def _unknown(content: ContentHash) -> ContentUnknown:
    return ContentUnknown(
        f"{content.hex()} is not in the catalogue; `meshdl ls` shows what is, and `meshdl get` "
        "adds a download"
    )
