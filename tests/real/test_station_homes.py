"""Whole stations and what each has for itself: its key, its home, its port."""

from pathlib import Path

import pytest
from tests.support.stations import run, station, until, until_linked

from meshdl.control.station_status import LinkState
from meshdl.errors import ConfigError, HomeInUse
from meshdl.ids import Callsign
from meshdl.links import Path as LinkPath
from meshdl.station import keys
from meshdl.station.home import Home

pytestmark = pytest.mark.real


def test_a_station_that_shows_another_key_is_refused_until_it_is_trusted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1BB") as bravo:
            async with station(tmp_path, "KA1AA"):
                await until_linked(bravo)
            (tmp_path / "KA1AA" / "home" / "station.key").unlink()
            async with station(tmp_path, "KA1AA") as alfa:
                new = (await alfa.view.status()).station_id

                async def warned() -> bool:
                    return any(
                        "another station key" in text
                        for text in (await bravo.view.status()).warnings
                    )

                await until(warned)
                assert (await bravo.view.status()).peers == 0
                await bravo.view.trust(Callsign("KA1AA"), new)
                await until_linked(bravo)
                assert (await bravo.view.status()).warnings == ()

    run(scenario())


def test_two_stations_with_one_key_are_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            key = (tmp_path / "KA1AA" / "home" / "station.key").read_bytes()
            other = Home(tmp_path / "KA1BB" / "home")
            other.directory.mkdir(parents=True)
            other.key_file.write_bytes(key)
            async with station(tmp_path, "KA1BB") as bravo:
                for one in (alfa, bravo):

                    async def warned(one: object = one) -> bool:
                        status = await one.view.status()  # type: ignore[attr-defined]
                        return any("same key" in text for text in status.warnings)

                    await until(warned)

    run(scenario())


def test_a_home_is_for_one_station_at_a_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False):
            with pytest.raises(HomeInUse):
                async with station(tmp_path, "KA1AA", enabled=False):
                    pass

    run(scenario())


def test_a_configured_port_that_is_in_use_is_an_error_and_an_unconfigured_one_is_not(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            port = (await alfa.view.status()).lan.port
            with pytest.raises(ConfigError, match=f"{port}"):
                async with station(tmp_path, "KA1BB", port=port):
                    pass
            async with station(tmp_path, "KA1BB") as bravo:
                assert (await bravo.view.status()).lan.port != port

    run(scenario())


def test_a_peer_that_leaves_is_shown_as_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1BB") as bravo:
            async with station(tmp_path, "KA1AA"):
                await until_linked(bravo)
                (peer,) = await bravo.view.peers()
                assert (peer.callsign, peer.link_state, peer.path) == (
                    "KA1AA",
                    LinkState.UP,
                    LinkPath.LAN,
                )

            async def gone() -> bool:
                return not await bravo.view.peers()

            await until(gone)

    run(scenario())


def test_the_key_of_a_new_home_is_made_and_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            first = (await alfa.view.status()).station_id
        async with station(tmp_path, "KA1AA", enabled=False) as alfa:
            assert (await alfa.view.status()).station_id == first
        assert keys.exposed_to(tmp_path / "KA1AA" / "home" / "station.key") is None

    run(scenario())


def test_an_exception_of_the_embedding_program_leaves_as_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "KA1AA", enabled=False):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(scenario())
