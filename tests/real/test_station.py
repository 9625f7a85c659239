"""Whole stations over real WebRTC, real mDNS, a real disk."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.support.full_disk import fill, lock, make_room, unlock
from tests.support.stations import (
    hash_of,
    make_file,
    run,
    station,
    until,
    until_linked,
)

from meshdl.content.record import ContentRecord
from meshdl.control.content_status import ContentState
from meshdl.control.log_entry import LogQuery
from meshdl.errors import (
    ContentLinkInvalid,
    ContentUnknown,
)
from meshdl.ids import ContentHash
from meshdl.links import Path as LinkPath
from meshdl.station.unwritten import Book

pytestmark = pytest.mark.real

NOBODYS = ContentHash(b"\x5a" * 32)


def folder(root: Path) -> Path:
    """Nested, with an empty file, and longer than one chunk."""
    make_file(root / "map.bin", 3_000_001)
    make_file(root / "sub" / "dir" / "note.txt", 10)
    make_file(root / "sub" / "empty", 0)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_a_folder_reaches_another_station_whole(tmp_path: Path) -> None:
    source = folder(tmp_path / "County net")

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            shared = await alfa.share(source)
            got = await bravo.download(hash_of(shared))
            assert got.state is ContentState.COMPLETE
            assert got.octets_done == got.octets == 3_000_011
            assert contents(Path(got.location)) == contents(source)
            assert not list(Path(got.location).parent.glob("*.part"))
            (source_of,) = got.sources
            assert source_of.callsign == "KA1AA"
            assert source_of.path is LinkPath.LAN
            assert got.duplicate_octets == 0

    run(scenario())


def test_a_download_may_begin_before_anybody_has_the_content(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1BB") as bravo:
            source = make_file(tmp_path / "late.bin", 100_000)
            async with station(tmp_path, "KA1AA") as alfa:
                content = hash_of(await alfa.share(source))
            status = await bravo.view.download(content.hex())
            assert status.state is ContentState.WAITING
            assert "no station within reach has it" in (status.error or "")
            async with station(tmp_path, "KA1AA"):
                done = await bravo.download(content)
            assert Path(done.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_three_stations_help_each_other(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 20_000_000)

    async def scenario() -> None:
        async with (
            station(tmp_path, "KA1AA") as alfa,
            station(tmp_path, "KA1BB") as bravo,
            station(tmp_path, "KA1CC") as charlie,
        ):
            for one in (alfa, bravo, charlie):
                await until_linked(one, 2)
            content = hash_of(await alfa.share(source))
            both = await asyncio.gather(bravo.download(content), charlie.download(content))
            for got in both:
                assert Path(got.location).read_bytes() == source.read_bytes()
            sent = sum(peer.octets_sent for peer in await alfa.view.peers())
            assert sent < 1.5 * len(source.read_bytes())

    run(scenario())


def test_a_full_disk_costs_notes_and_not_the_transfer(tmp_path: Path) -> None:
    first = make_file(tmp_path / "first.bin", 300_000)
    second = make_file(tmp_path / "second.bin", 300_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            view = alfa.view
            content = hash_of(await alfa.share(first))
            fill(view._log)
            lock(view._catalogue)
            async with station(tmp_path, "KA1BB") as bravo:
                got = await bravo.download(content)
                assert Path(got.location).read_bytes() == first.read_bytes()

                async def told_of() -> set[Book]:
                    warnings = (await view.status()).warnings
                    return {book for book in Book if any(book.value in one for one in warnings)}

                async def warned() -> bool:
                    return await told_of() == set(Book)

                await until(warned)
                make_room(view._log)
                unlock(view._catalogue)
                await bravo.download(hash_of(await alfa.share(second)))

                async def over() -> bool:
                    return await told_of() == set()

                await until(over)
            told = [one.text async for one in view.log(LogQuery(kind="event"))]
            assert sum(Book.LOG.value in text for text in told) == 1

    run(scenario())


def test_a_download_ends_well_on_a_disk_that_takes_no_record_of_it(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 300_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            content = hash_of(await alfa.share(source))
            torrent = await alfa.view.torrent(content)
        async with station(tmp_path, "KA1BB") as bravo:
            await bravo.view.download(torrent)
            lock(bravo.view._catalogue)
            async with station(tmp_path, "KA1AA"):
                got = await bravo.download(content)
            await bravo.view.resume(content)  # comes after what the end of the download asked for
            assert Path(got.location).read_bytes() == source.read_bytes()
            warnings = (await bravo.view.status()).warnings
            assert any(Book.CATALOGUE.value in one for one in warnings)
            unlock(bravo.view._catalogue)

    run(scenario())


def test_both_stations_log_the_transfer_and_every_identification(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 500_000)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            content = hash_of(await alfa.share(source))
            began = time.time()
            await bravo.download(content)

            async def logged() -> bool:
                return bool([e async for e in bravo.view.log(LogQuery(kind="transfer"))])

            await until(logged)  # whoever waits for the content does not wait for the log
            (received,) = [e async for e in bravo.view.log(LogQuery(kind="transfer"))]
            assert received.direction == "received"
            assert received.callsign == "KA1AA"
            assert received.content_hash == content.hex()
            assert received.octets == 500_000
            assert received.path is LinkPath.LAN
            assert began <= received.at <= time.time()
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            (sent,) = [e async for e in alfa.view.log(LogQuery(kind="transfer"))]
            assert (sent.direction, sent.callsign, sent.octets) == ("sent", "KA1BB", 500_000)
            said = [
                (e.direction, e.callsign, e.text)
                async for e in alfa.view.log(LogQuery(kind="identification"))
            ]
            assert ("sent", "KA1AA", "DE KA1AA (hello)") in said
            assert ("received", "KA1BB", "DE KA1BB (hello)") in said
            # Bravo was left first, Alfa after it: whoever leaves says goodbye.
            assert ("received", "KA1BB", "DE KA1BB (bye)") in said

    run(scenario())


def test_what_the_neighbours_have_is_listed_with_who_has_it(tmp_path: Path) -> None:
    source = make_file(tmp_path / "Bulletin 7.txt", 900)

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            steps = alfa.view.share(
                [str(source)], title="Bulletin 7", precedence="priority", tags=["wx"]
            )
            # On a busy machine progress comes first.
            shared = [step async for step in steps][-1]

            async def listed() -> bool:
                return bool(await bravo.view.network())

            await until(listed)
            (found,) = await bravo.view.network()
            assert found.content_hash == shared.content_hash  # type: ignore[union-attr]
            assert (found.title, found.octets, found.originator) == ("Bulletin 7", 900, "KA1AA")
            assert (found.precedence, found.tags) == ("priority", ("wx",))
            assert found.media_type == "text/plain"
            assert found.held_by == ("KA1AA",)
            assert not found.held
            got = await bravo.download(found.link)
            # The title and the precedence of the record are the download's, too.
            assert (got.title, got.precedence) == ("Bulletin 7", "priority")
            content = ContentHash(bytes.fromhex(found.content_hash))

            async def passed_on() -> bool:
                return (await alfa.view.network())[0].held_by == ("KA1BB",)

            await until(passed_on)
            await alfa.view.remove(content, delete_files=True)
            assert source.exists()  # what was shared in place is the operator's

            async def withdrawn() -> bool:
                return all(one.held_by == () for one in await bravo.view.network())

            await until(withdrawn)

    run(scenario())


def test_a_forged_record_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_file(tmp_path / "genuine.txt", 900)
    other = make_file(tmp_path / "other.txt", 900)
    encode = ContentRecord.encode

    def forged(record: ContentRecord) -> bytes:
        octets = encode(record)
        return octets.replace(b"genuine.txt", b"obscene.txt")

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa, station(tmp_path, "KA1BB") as bravo:
            await until_linked(bravo)
            monkeypatch.setattr(ContentRecord, "encode", forged)
            await alfa.share(source)
            monkeypatch.setattr(ContentRecord, "encode", encode)
            await alfa.share(other)

            async def listed() -> bool:
                return bool(await bravo.view.network())

            await until(listed)  # records are looked at in the order in which they come
            (found,) = await bravo.view.network()
            assert found.title == "other.txt"

    run(scenario())


def test_a_hash_that_nobody_has_waits_and_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA"), station(tmp_path, "KA1BB") as bravo:
            await until_linked(bravo)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await bravo.download(NOBODYS)
            status = await bravo.view.content(NOBODYS)
            assert status.state is ContentState.WAITING
            assert status.octets is None
            await bravo.view.remove(NOBODYS, delete_files=True)
            with pytest.raises(ContentUnknown):
                await bravo.view.content(NOBODYS)

    run(scenario())


def test_a_text_that_is_no_link_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            with pytest.raises(ContentLinkInvalid):
                await alfa.view.download("the map, please")

    run(scenario())


def test_the_log_that_is_read_holds_what_has_happened_until_then(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with station(tmp_path, "KA1AAA", enabled=False) as alone:
            for number in range(100):
                alone.view._shell.log_event(f"event {number}")
            return [entry.text async for entry in alone.view.log(LogQuery(kind="event"))]

    assert run(scenario())[-1] == "event 99"
