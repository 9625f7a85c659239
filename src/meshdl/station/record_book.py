"""Content records: what this station announces, and what its neighbours say they hold.

A record is a signed fact about a content; who *holds* the content is told by the peers
themselves, for as long as their link is up. Verifying a signature takes a tenth of a
millisecond, so it is done in a thread, and only for records not seen before.
"""

import asyncio
import logging
import mimetypes
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.content.precedence import Precedence
from meshdl.content.record import (
    MEDIA_TYPE_MAX_OCTETS,
    ContentRecord,
    shorten_title,
    sign,
    title_room,
)
from meshdl.errors import RecordInvalid, StorageError
from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.station.catalogue import Catalogue
from meshdl.station.unwritten import Book, Unwritten, attempt
from meshdl.station.worker import Worker
from meshdl.swarm import effects
from meshdl.swarm.inputs import OfferRecord

RECORD_LIFETIME_S = 30 * 24 * 3600
"""A month; the station that shares the content signs a new one after each start."""

RECORDS_DECODED_MAX = 20_000
"""Verified records kept in memory, 255 octets each on the wire."""

HELD_PER_PEER_MAX = 10_000
"""Contents that one peer may say it holds, and records of it that may wait to be verified: it
can say more in a second than a processor verifies in ten."""

Post: TypeAlias = Callable[[OfferRecord], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Verified:
    """Records that are right, and why they are not kept."""

    records: list[ContentRecord]
    error: StorageError | None


class RecordBook:
    """Every record that this station knows.

    Args:
        catalogue: keeps them over a restart.
        unwritten: told of what it did not take.
        key: signs our own.
        callsign: in our own.
        post: takes what is to be announced to the peers.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        unwritten: Unwritten,
        *,
        key: Ed25519PrivateKey,
        callsign: Callsign,
        post: Post,
    ) -> None:
        self._catalogue, self._unwritten = catalogue, unwritten
        self._key, self._callsign = key, callsign
        self._post = post
        self._worker = Worker("records")
        self._decoded: OrderedDict[bytes, ContentRecord] = OrderedDict()
        self._held: dict[StationKey, dict[ContentHash, Callsign]] = {}
        self._unverified: defaultdict[StationKey, int] = defaultdict(int)

    @property
    def failure(self) -> asyncio.Future[None]:
        """Done with an exception when the thread met a bug of ours."""
        return self._worker.failure

    async def announce(
        self,
        content: ContentHash,
        *,
        title: str,
        octets: int,
        path: Path,
        is_folder: bool,
        precedence: Precedence,
        tags: Sequence[str] = (),
    ) -> ContentRecord:
        """Sign a record of a content that is held here, and tell the peers.

        Raises:
            RecordInvalid: title or tags do not fit a record.
        """
        media_type = mimetypes.guess_type(path.name)[0] or ""
        if is_folder or len(media_type) > MEDIA_TYPE_MAX_OCTETS:
            media_type = ""
        now = int(time.time())
        record = sign(
            content_hash=content,
            title=shorten_title(title, title_room(self._callsign, media_type, tags)),
            octets=octets,
            originator=self._callsign,
            precedence=precedence,
            tags=tags,
            media_type=media_type,
            created_at=now,
            expires_at=now + RECORD_LIFETIME_S,
            private_key=self._key,
        )
        await self._worker.call(
            partial(self._catalogue.records.remember, [record], own=True, now=time.time())
        )
        self._post(OfferRecord(content, record.encode()))
        return record

    async def announce_held(
        self,
        content: ContentHash,
        *,
        title: str,
        octets: int,
        path: Path,
        is_folder: bool,
        precedence: Precedence,
    ) -> None:
        """Tell the peers of a content by the record that is known of it, else by our own."""
        found = await self._worker.call(
            partial(self._catalogue.records.of, content, now=time.time())
        )
        if found is not None:
            self._post(OfferRecord(content, found.octets))
            return
        await self.announce(
            content,
            title=title,
            octets=octets,
            path=path,
            is_folder=is_folder,
            precedence=precedence,
        )

    async def known(self) -> list[ContentRecord]:
        """Every record that has not expired, one a content: our own, else the newest."""
        records = await self._worker.call(self._known)
        chosen: dict[ContentHash, ContentRecord] = {}
        for record in records:
            best = chosen.get(record.content_hash)
            if best is None or record.created_at > best.created_at:
                chosen[record.content_hash] = record
        return sorted(chosen.values(), key=lambda record: record.created_at)

    async def find(self, content: ContentHash) -> ContentRecord | None:
        """The record to show for a content."""
        found = await self._worker.call(
            partial(self._catalogue.records.of, content, now=time.time())
        )
        return self._decode(found.octets) if found is not None else None

    def holders(self, content: ContentHash) -> tuple[Callsign, ...]:
        """Callsigns of stations with a link up that say they hold it."""
        return tuple(sorted({held[content] for held in self._held.values() if content in held}))

    def held_by(self, key: StationKey) -> int:
        """How many contents a station says it holds."""
        return len(self._held.get(key, ()))

    # What the core tells.

    def heard(self, effect: effects.RecordsHeard) -> None:
        """A peer told what it holds; each record is verified before anything comes of it."""
        if self._unverified[effect.key] + len(effect.records) > HELD_PER_PEER_MAX:
            _log.info("%s tells of more contents than can be verified", effect.callsign)
            return
        self._unverified[effect.key] += len(effect.records)
        self._worker.submit(partial(self._verify, effect.records), partial(self._verified, effect))

    def heard_on_air(self, octets: bytes, named: Callable[[ContentRecord], None]) -> None:
        """A record came with a content by radio; ``named`` hears of it if it is right."""

        def verified(found: _Verified) -> None:
            self._unwritten.note(Book.CATALOGUE, found.error)
            for record in found.records:
                named(record)

        self._worker.submit(partial(self._verify, (octets,)), verified)

    def forgotten(self, effect: effects.RecordsForgotten) -> None:
        """A peer holds these no longer."""

        def forget(_: None) -> None:
            held = self._held.get(effect.key, {})
            for content in effect.contents:
                held.pop(content, None)

        self._after_what_was_heard(forget)

    def left(self, key: StationKey) -> None:
        """A peer's last link is down."""

        def leave(_: None) -> None:
            self._held.pop(key, None)

        self._after_what_was_heard(leave)

    async def close(self) -> None:
        """Return when everything is kept."""
        await self._worker.close()

    def _after_what_was_heard(self, change: Callable[[None], None]) -> None:
        """Records that a peer told of before are still being verified."""
        self._worker.submit(lambda: None, change)

    def _verified(self, effect: effects.RecordsHeard, found: _Verified) -> None:
        self._unverified[effect.key] -= len(effect.records)
        if not self._unverified[effect.key]:
            del self._unverified[effect.key]
        self._unwritten.note(Book.CATALOGUE, found.error)
        held = self._held.setdefault(effect.key, {})
        for record in found.records:
            if len(held) < HELD_PER_PEER_MAX:
                held[record.content_hash] = effect.callsign

    # In the thread.

    def _verify(self, encoded: Sequence[bytes]) -> _Verified:
        now = time.time()
        records = []
        for octets in encoded:
            try:
                record = self._decode(octets)
            except RecordInvalid as error:
                _log.warning("%s", error)
                continue
            if not record.is_expired(now):
                records.append(record)
        refused = attempt(partial(self._catalogue.records.remember, records, own=False, now=now))
        return _Verified(records, refused)

    def _known(self) -> list[ContentRecord]:
        return [self._decode(one.octets) for one in self._catalogue.records.all(now=time.time())]

    def _decode(self, octets: bytes) -> ContentRecord:
        record = self._decoded.get(octets)
        if record is None:
            record = self._decoded[octets] = ContentRecord.decode(octets)
            if len(self._decoded) > RECORDS_DECODED_MAX:
                self._decoded.popitem(last=False)
        return record
