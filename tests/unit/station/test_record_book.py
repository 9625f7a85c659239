"""What peers say they hold: in their order, and no more than can be verified."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord, sign
from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.station.catalogue import Catalogue
from meshdl.station.record_book import HELD_PER_PEER_MAX, RecordBook
from meshdl.station.unwritten import Unwritten
from meshdl.swarm import effects

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
CALL = Callsign("KA1AAA")
PEER = StationKey(KEY.public_key().public_bytes_raw())
CONTENT = ContentHash(b"c" * 32)


def record() -> ContentRecord:
    return sign(
        content_hash=CONTENT,
        title="bulletin",
        octets=5,
        originator=CALL,
        precedence=Precedence.ROUTINE,
        tags=(),
        media_type="",
        created_at=1,
        expires_at=4_000_000_000,
        private_key=KEY,
    )


def heard(*records: bytes) -> effects.RecordsHeard:
    return effects.RecordsHeard(PEER, CALL, records)


def with_book(path: Path, scenario: Callable[[RecordBook], Awaitable[None]]) -> None:
    async def whole() -> None:
        catalogue = Catalogue(path / "catalogue.sqlite3")
        gaps = Unwritten(lambda text: None, lambda text, because: None)
        book = RecordBook(catalogue, gaps, key=KEY, callsign=CALL, post=lambda event: None)
        await scenario(book)
        await book.close()
        catalogue.close()

    asyncio.run(whole())


def test_what_a_peer_took_back_at_once_is_not_held(tmp_path: Path) -> None:
    async def scenario(book: RecordBook) -> None:
        book.heard(heard(record().encode()))
        book.forgotten(effects.RecordsForgotten(PEER, (CONTENT,)))
        await book.known()
        assert book.holders(CONTENT) == ()
        book.heard(heard(record().encode()))
        await book.known()
        assert book.holders(CONTENT) == (CALL,)

    with_book(tmp_path, scenario)


def test_a_peer_that_left_before_its_records_were_verified_holds_nothing(tmp_path: Path) -> None:
    async def scenario(book: RecordBook) -> None:
        book.heard(heard(record().encode()))
        book.left(PEER)
        await book.known()
        assert book.holders(CONTENT) == ()

    with_book(tmp_path, scenario)


def test_a_flood_of_records_does_not_pile_up(tmp_path: Path) -> None:
    async def scenario(book: RecordBook) -> None:
        for _ in range(HELD_PER_PEER_MAX // 100 + 1):
            book.heard(heard(*[b"flood"] * 100))
        book.heard(heard(record().encode()))
        await book.known()
        assert book.holders(CONTENT) == (), "there was no room"
        book.heard(heard(record().encode()))
        await book.known()
        assert book.holders(CONTENT) == (CALL,), "there is again"

    with_book(tmp_path, scenario)
