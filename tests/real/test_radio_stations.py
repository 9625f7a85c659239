"""Whole stations on one radio channel: real TCP, real disk, real log; only the waves are not."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.kiss_hub import KissHub, kiss_hub
from tests.support.radio_stations import fast_tncs, on_the_air, radio_station, sent_by
from tests.support.stations import hash_of, make_file, run, station, until, until_state

from meshdl.cli.airtime import price_line
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentState
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.discovery.interfaces import own_addresses
from meshdl.errors import ConfigError
from meshdl.ids import ContentHash
from meshdl.station.config import LanConfig
from meshdl.station.log import StationLog
from meshdl.station.station import Station

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def tncs_are_fast() -> Iterator[None]:
    with fast_tncs():
        yield


SILENT: dict[str, Any] = {"rules": "", "licence_class": "", "control": "", "dial_hz": None}


async def radio_log(one: Station) -> list[LogEntry]:
    return [entry async for entry in one.view.log(LogQuery(kind="radio"))]


async def until_heard(hub: KissHub, frames: int) -> None:
    async def enough() -> bool:
        return len(hub.heard) >= frames

    await until(enough)


async def until_asked_again(hub: KissHub, call: str) -> None:
    asked = len(sent_by(hub, call))

    async def asks() -> bool:
        return len(sent_by(hub, call)) > asked

    await until(asks)


@pytest.mark.parametrize("octets", [1, 16_384, 60_000])
def test_a_file_comes_by_radio_from_its_bare_hash(tmp_path: Path, octets: int) -> None:
    source = make_file(tmp_path / "map.bin", octets)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            content = hash_of(await alfa.share(source))
            got = await bravo.download(content, via="rf")
            assert got.state is ContentState.COMPLETE
            assert got.via == "rf"
            assert got.duplicate_octets == 0
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_every_burst_stands_in_the_log_and_the_log_is_as_it_was_written(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 16_384)

    async def scenario() -> tuple[list[LogEntry], list[LogEntry], list[bytes]]:
        async with kiss_hub() as hub:
            async with (
                radio_station(tmp_path, "N0AAA", hub.port) as alfa,
                radio_station(tmp_path, "N0BBB", hub.port) as bravo,
            ):
                await bravo.download(hash_of(await alfa.share(source)), via="rf")
            # A busy machine's channel is slower than the stations reckon.
            await hub.silence()
            for call in ("N0AAA", "N0BBB"):
                log = StationLog(tmp_path / call / "home" / "log.sqlite3")
                assert log.verify().wrong_at is None
                log.close()
            alfas = StationLog(tmp_path / "N0AAA" / "home" / "log.sqlite3")
            bravos = StationLog(tmp_path / "N0BBB" / "home" / "log.sqlite3")
            found = [
                [entry for entry in log.entries() if entry.kind == "radio"]
                for log in (alfas, bravos)
            ]
            alfas.close()
            bravos.close()
            return found[0], found[1], sent_by(hub, "N0AAA")

    alfa, bravo, on_air = run(scenario())
    logged = [
        frame
        for entry in alfa
        if entry.radio is not None and entry.radio.event == "transmission"
        for frame in entry.radio.frames
    ]
    assert logged == on_air
    # The last word of a station that stops is its callsign.
    assert b"N0AAA" in on_air[-1]
    receptions = [one for one in bravo if one.radio is not None and one.radio.event == "reception"]
    assert {one.callsign for one in receptions} == {"N0AAA"}
    # Frames that came in one go are one entry.
    assert len(receptions) < len(on_air) / 2


def test_a_logger_is_told_of_the_contact_when_the_station_stops(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 1_000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as logger:
        logger.bind(("127.0.0.1", 0))
        logger.settimeout(10.0)
        port = str(logger.getsockname()[1])

        async def scenario() -> None:
            async with (
                kiss_hub() as hub,
                radio_station(tmp_path, "N0AAA", hub.port) as alfa,
                radio_station(tmp_path, "N0BBB", hub.port, adif_udp=port) as bravo,
            ):
                await bravo.download(hash_of(await alfa.share(source)), via="rf")

        run(scenario())
        datagram = logger.recv(4096)
    assert b"<CALL:5>N0AAA" in datagram
    assert b"<STATION_CALLSIGN:5>N0BBB" in datagram


def test_a_station_that_is_switched_off_keys_nothing(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 1_000)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            content = hash_of(await alfa.share(source))
            async with ControlClient(tmp_path / "N0BBB" / "home") as client:
                off = await client.radio.switch_off(reason="storm")
                assert "storm" in off.silent_because
                await client.download(content.hex(), via="rf")

                async def refused() -> bool:
                    return any(
                        one.radio is not None and one.radio.event == "refusal"
                        for one in await radio_log(bravo)
                    )

                await until(refused)
                assert sent_by(hub, "N0BBB") == []
                assert (await client.radio.switch_on()).silent_because == ""
                await until_state(bravo, content, ContentState.COMPLETE)
            assert sent_by(hub, "N0BBB") != []

    run(scenario())


def test_without_a_declaration_a_station_only_listens_and_gets_what_others_ask_for(
    tmp_path: Path,
) -> None:
    source = make_file(tmp_path / "map.bin", 30_000)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
            radio_station(tmp_path, "N0CCC", hub.port, **SILENT) as charlie,
        ):
            content = hash_of(await alfa.share(source))
            await charlie.view.download(content.hex(), via="rf")
            status = await charlie.view.radio.status()
            assert status.silent_because.startswith("receiving only")
            assert status.verdict is not None
            assert status.verdict.level == "BLOCKED"
            await on_the_air(alfa, bravo, charlie)
            await bravo.download(content, via="rf")
            got = await until_state(charlie, content, ContentState.COMPLETE)
            assert Path(got.location).read_bytes() == source.read_bytes()
            assert sent_by(hub, "N0CCC") == []

    run(scenario())


@pytest.mark.parametrize(
    ("octets", "let_through", "frames_needed"), [(60_000, 180, 251), (16_384, 45, 69)]
)
def test_a_station_that_is_killed_goes_on_with_what_it_has(
    tmp_path: Path, octets: int, let_through: int, frames_needed: int
) -> None:
    source = make_file(tmp_path / "map.bin", octets)

    async def scenario() -> None:
        async with kiss_hub() as hub, radio_station(tmp_path, "N0AAA", hub.port) as alfa:
            content = hash_of(await alfa.share(source))
            # Leaves, or part of one, are let through; then the channel fades out.
            hub.loses = lambda _: len(hub.heard) > let_through
            other = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.support.radio_stations",
                str(tmp_path), "N0BBB", str(hub.port), content.hex(),
            )  # fmt: skip
            await until_heard(hub, let_through + 1)
            await until_asked_again(hub, "N0BBB")  # by then it has taken in whatever reached it
            other.kill()
            await other.wait()
            hub.loses = lambda _: False
            before = len(sent_by(hub, "N0AAA"))
            async with radio_station(tmp_path, "N0BBB", hub.port) as bravo:
                # Nobody tells it again what it wants.
                got = await until_state(bravo, content, ContentState.COMPLETE)
                assert Path(got.location).read_bytes() == source.read_bytes()
            sent_again = len(sent_by(hub, "N0AAA")) - before
            assert sent_again < frames_needed * 0.75, "most of it was here already"

    run(scenario())


def test_radio_and_links_fill_one_download_and_neither_brings_what_the_other_brought(
    tmp_path: Path,
) -> None:
    source = make_file(tmp_path / "map.bin", 160_000)
    lan = LanConfig(allow_loopback=not own_addresses())

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port, lan=lan) as bravo,
        ):
            content = hash_of(await alfa.share(source))
            hub.loses = lambda _: len(hub.heard) > 220
            await bravo.view.download(content.hex(), via="hybrid")
            await until_heard(hub, 221)
            await until_asked_again(hub, "N0BBB")  # it has taken in whatever reached it
            await bravo.view._library.stores.checkpoint(content)  # and so has its disk
            by_radio = (await bravo.view.content(content)).octets_done
            assert 0 < by_radio < 160_000
            async with station(tmp_path, "N0CCC") as charlie:
                await charlie.share(source)
                got = await until_state(bravo, content, ContentState.COMPLETE)
                assert Path(got.location).read_bytes() == source.read_bytes()
                assert got.duplicate_octets == 0
                assert sum(one.octets for one in got.sources) == 160_000 - by_radio

    run(scenario())


def test_a_tnc_that_vanishes_and_comes_back_costs_a_while(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 60_000)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            content = hash_of(await alfa.share(source))
            await bravo.view.download(content.hex(), via="rf")
            await until_heard(hub, 100)
            hub.hang_up()
            got = await until_state(bravo, content, ContentState.COMPLETE)
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())


def test_the_price_is_known_before_and_what_is_heard_is_shown(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 16_384)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
            ControlClient(tmp_path / "N0BBB" / "home") as client,
        ):
            content = hash_of(await alfa.share(source))
            unknown = await client.radio.price(content.hex())
            assert unknown.basis == "info"
            assert "for its description alone" in price_line(unknown)
            assert sent_by(hub, "N0BBB") == []
            heard = bravo.view.radio.heard()
            await bravo.download(content, via="rf")
            lines: list[str] = []
            while len(lines) < 30:
                frame = await anext(heard)
                lines.append(f"{'>' if frame.ours else '<'} {frame.line}")
            assert any(line.startswith(">") and content.hex()[:8] in line for line in lines)
            assert any(line.startswith("<") and "N0AAA" in line for line in lines)
            done = await client.radio.price(content.hex())
            assert (done.basis, done.octets, done.airtime_s) == ("metainfo", 0, 0.0)
            status = await client.radio.status()
            assert status.modem == "fast packet"
            assert [one.callsign for one in status.stations] == ["N0AAA"]
            assert status.airtime_s > 0
            assert status.verdict is not None
            # Amateurs are secondary there, which is a warning with its section.
            assert (status.verdict.level, status.verdict.section[:3]) == ("WARNING", "97.")

    run(scenario())


def test_what_is_too_large_or_not_urgent_enough_is_not_offered(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with (
            kiss_hub() as hub,
            radio_station(
                tmp_path, "N0AAA", hub.port, share_max_octets=2_000, share_precedence="priority"
            ) as alfa,
        ):
            for name, octets, precedence in (
                ("large.bin", 2_001, "emergency"),
                ("routine.bin", 100, "routine"),
                ("urgent.bin", 200, "priority"),
            ):
                path = make_file(tmp_path / name, octets)
                shared = alfa.view.share(
                    [str(path)],
                    title=None,
                    precedence=precedence,  # type: ignore[arg-type] # one of them
                    tags=(),
                )
                async for _ in shared:
                    pass
            radio = alfa.radio
            assert radio is not None
            transfer = radio.shell.core.transfer
            return [
                one.shape.metainfo.total_octets
                for one in transfer.contents
                if one.served and one.shape is not None
            ]

    assert run(scenario()) == [200]


def test_without_a_radio_nothing_can_be_asked_for_by_radio(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with station(tmp_path, "N0AAA", enabled=False) as alfa:
            assert not (await alfa.view.radio.status()).enabled
            with pytest.raises(ConfigError, match="radio"):
                await alfa.view.download(ContentHash(bytes(32)).hex(), via="rf")

    run(scenario())
