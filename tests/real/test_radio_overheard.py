"""What comes by radio and nobody here asked for: described, kept by quota, taken over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.kiss_hub import kiss_hub
from tests.support.radio_stations import fast_tncs, on_the_air, radio_station, sent_by, wants
from tests.support.stations import hash_of, make_file, run, until

from meshdl.control.content_status import ContentState, ContentStatus
from meshdl.errors import ContentUnknown, TargetExists

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def tncs_are_fast() -> Iterator[None]:
    with fast_tncs():
        yield


def test_what_a_station_tells_of_is_described_and_then_got(tmp_path: Path) -> None:
    source = make_file(tmp_path / "form.txt", 900)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            with pytest.raises(ContentUnknown, match="no station that was heard"):
                await bravo.view.radio.describe("00000000")
            await on_the_air(alfa, bravo)
            steps = alfa.view.share([str(source)], title=None, precedence="emergency", tags=[])
            shared = [step async for step in steps][-1]  # on a busy machine progress comes first
            assert isinstance(shared, ContentStatus)
            tag = shared.content_hash[:8]

            async def told() -> bool:
                heard = (await bravo.view.radio.status()).stations
                return any(one.tag == tag for by in heard for one in by.contents)

            await until(told)
            assert (await bravo.view.radio.price(tag)).basis == "info"
            await bravo.view.radio.describe(tag)

            async def described() -> bool:
                found = await bravo.view.contents()
                return [(one.title, one.octets) for one in found] == [("form.txt", 900)]

            await until(described)
            [found] = await bravo.view.contents()
            assert (found.state, found.octets_done) == (ContentState.OVERHEARD, 0)
            got = await bravo.download(found.content_hash, via="rf")
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_what_nobody_here_asked_for_is_kept_shown_served_and_taken_over(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 30_000)

    async def scenario() -> None:
        async with kiss_hub() as hub:
            async with (
                radio_station(tmp_path, "N0AAA", hub.port) as alfa,
                radio_station(tmp_path, "N0BBB", hub.port) as bravo,
                radio_station(tmp_path, "N0CCC", hub.port) as charlie,
            ):
                await on_the_air(alfa, bravo, charlie)
                content = hash_of(await alfa.share(source))
                await bravo.download(content, via="rf")

                async def all_of_it() -> bool:
                    kept = [one for one in await charlie.view.contents() if one.octets is not None]
                    return [one.octets_done for one in kept] == [30_000]

                await until(all_of_it)
                (kept,) = await charlie.view.contents()
                assert (kept.state, kept.title) == (ContentState.OVERHEARD, "map.bin")
                assert "overheard" in kept.location
            # Those who had it first are gone; the one who only listened serves it.
            async with (
                radio_station(tmp_path, "N0CCC", hub.port) as charlie,
                radio_station(tmp_path, "N0DDD", hub.port) as delta,
            ):
                # Where its place is taken, it stays where it is, and is served from there.
                in_the_way = make_file(tmp_path / "N0CCC" / "downloads" / "map.bin", 5)
                with pytest.raises(TargetExists, match="is there already"):
                    await charlie.download(content, via="auto")
                in_the_way.unlink()
                got = await delta.download(content, via="rf")
                assert Path(got.location).read_bytes() == source.read_bytes()
                mine = await charlie.download(content, via="auto")
                assert mine.state is ContentState.COMPLETE
                assert Path(mine.location) == tmp_path / "N0CCC" / "downloads" / "map.bin"
                assert Path(mine.location).read_bytes() == source.read_bytes()
                assert not list((tmp_path / "N0CCC" / "home" / "overheard").iterdir())
                # It was there already: nothing was asked for on the air.
                assert not wants(sent_by(hub, "N0CCC"))
                assert wants(sent_by(hub, "N0DDD"))
                await charlie.view.remove(content, delete_files=True)
                assert not Path(mine.location).exists()

    run(scenario())


def test_the_oldest_of_what_was_overheard_makes_room(tmp_path: Path) -> None:
    sources = [make_file(tmp_path / f"{name}.bin", 10_000) for name in ("one", "two", "three")]

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
            radio_station(tmp_path, "N0CCC", hub.port, overheard_octets_max=25_000) as charlie,
        ):
            await on_the_air(alfa, bravo, charlie)

            async def titles() -> list[str]:
                return [one.title for one in await charlie.view.contents()]

            for source, expected in zip(
                sources,
                (["one.bin"], ["one.bin", "two.bin"], ["two.bin", "three.bin"]),
                strict=True,
            ):
                await bravo.download(hash_of(await alfa.share(source)), via="rf")

                async def kept(titles_then: list[str] = expected) -> bool:
                    return await titles() == titles_then

                await until(kept)
            home = tmp_path / "N0CCC" / "home" / "overheard"

            async def files() -> bool:
                return sorted(one.name for one in home.glob("*/*.bin")) == ["three.bin", "two.bin"]

            await until(files)

    run(scenario())
