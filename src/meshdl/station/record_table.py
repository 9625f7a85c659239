"""The content records that this station knows, its own and others': a table of the catalogue.

Instants are Unix time in seconds, and always the caller's.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meshdl.content.record import ContentRecord
from meshdl.ids import ContentHash
from meshdl.station.database import Database

RECORDS_MAX = 10_000
"""Records of others that are remembered; 255 octets each. The oldest go first."""

RECORDS_PER_KEY_MAX = 1_000
"""Of one originator, so that one busy station does not push out all others."""


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


class RecordTable:
    """The records in one catalogue.

    Raises:
        StorageError: from every method, when the database or the disk refuses.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

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

    def all(self, *, now: float) -> tuple[KnownRecord, ...]:
        """Every record that has not expired: our own first, then the newest first."""
        return self._select(
            "WHERE expires_at > ? ORDER BY own DESC, first_seen DESC, content_hash", now
        )

    def of(self, content: ContentHash, *, now: float) -> KnownRecord | None:
        """The record to show for a content: our own, else the one made last."""
        found = self._select(
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

    def _select(self, clause: str, *values: bytes | float) -> tuple[KnownRecord, ...]:
        rows = self._database.rows(
            "SELECT content_hash, octets, own, first_seen, expires_at "  # noqa: S608 - the clause is ours
            f"FROM records {clause}",
            values,
        )
        return tuple(
            KnownRecord(ContentHash(row[0]), row[1], bool(row[2]), row[3], row[4]) for row in rows
        )

    def forget_own(self, content: ContentHash) -> None:
        """Forget our own record of a content."""
        self._database.change("DELETE FROM records WHERE content_hash = ? AND own", (content,))
