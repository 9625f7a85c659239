"""What the client says reaches the station, and back; over a real socket on loopback."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.fake_station import (
    BULLETIN_HASH,
    MAP_HASH,
    NOBODYS_HASH,
    PEER_ID,
    FakeStation,
    FakeStep,
    content_of,
)

from meshdl.control import endpoints
from meshdl.control.address import ControlAddress, publish
from meshdl.control.changes import ContentChanged, PeerChanged, StationChanged
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentState, ShareProgress, ShareSkipped
from meshdl.control.feed import Feed
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.server import ControlServer
from meshdl.errors import (
    ConfigError,
    ContentLinkInvalid,
    ContentUnknown,
    DiskFull,
    FileUnreadable,
    LinkClosed,
    LinkRefused,
    LocalProtocolError,
    RemoteProtocolError,
    StationNotRunning,
)
from meshdl.ids import Callsign
from meshdl.wire.signalling import IceServer

ResultT = TypeVar("ResultT")


def command(
    home: Path,
    station: FakeStation,
    scenario: Callable[[ControlClient], Awaitable[ResultT]],
) -> ResultT:
    """Run ``scenario`` against a served ``station``."""

    async def whole() -> ResultT:
        async with (
            asyncio.timeout(20.0),
            ControlServer(station, home=home),
            ControlClient(home) as client,
        ):
            return await scenario(client)

    return asyncio.run(whole())


@pytest.fixture
def station() -> FakeStation:
    return FakeStation(held={MAP_HASH: content_of(MAP_HASH)})


def test_values_arrive_as_they_were_sent(tmp_path: Path, station: FakeStation) -> None:
    async def scenario(client: ControlClient) -> None:
        assert await client.status() == await station.status()
        assert tuple(await client.contents()) == tuple(await station.contents())
        assert await client.content(MAP_HASH) == await station.content(MAP_HASH)
        assert tuple(await client.network()) == tuple(await station.network())
        assert tuple(await client.peers()) == tuple(await station.peers())
        assert await client.chunks(MAP_HASH) == await station.chunks(MAP_HASH)
        assert await client.torrent(MAP_HASH) == await station.torrent(MAP_HASH)

    command(tmp_path, station, scenario)


def test_ice_servers_arrive_with_their_credentials(tmp_path: Path, station: FakeStation) -> None:
    known = (
        IceServer(("stun:a.example:3478",)),
        IceServer(("turn:a.example?transport=tcp",), "1790000000:x", "secret"),
    )
    station.stun_and_turn = known
    assert command(tmp_path, station, lambda client: client.ice_servers()) == list(known)


def test_commands_reach_the_station_with_all_their_arguments(
    tmp_path: Path, station: FakeStation
) -> None:
    async def scenario(client: ControlClient) -> None:
        await client.download(
            BULLETIN_HASH.hex(), directory="/tmp/in", precedence="priority", via="webrtc"
        )
        await client.download(b"d4:infoe", directory="/tmp/in", precedence="welfare")
        assert (await client.pause(MAP_HASH)).state is ContentState.PAUSED
        assert (await client.resume(MAP_HASH)).state is ContentState.DOWNLOADING
        await client.trust(Callsign("W1AW"), PEER_ID)
        await client.remove(MAP_HASH, delete_files=True)
        await client.remove(BULLETIN_HASH, delete_files=False)

    command(tmp_path, station, scenario)
    assert station.told == [
        ("download", BULLETIN_HASH.hex(), "/tmp/in", "priority", "webrtc"),
        ("download", b"d4:infoe", "/tmp/in", "welfare", "auto"),
        ("pause", MAP_HASH),
        ("resume", MAP_HASH),
        ("trust", "W1AW", PEER_ID),
        ("remove", MAP_HASH, True),
        ("remove", BULLETIN_HASH, False),
    ]


def test_sharing_tells_progress_and_then_the_content(tmp_path: Path, station: FakeStation) -> None:
    steps: list[FakeStep] = [
        ShareProgress(location="/a", octets_done=1, octets=2),
        ShareSkipped(location="/a", names=("link",), count=1),
        content_of(BULLETIN_HASH),
    ]
    station.share_steps = steps

    async def scenario(client: ControlClient) -> list[object]:
        shared = client.share(["/a"], title="A", precedence="emergency", tags=["wx"])
        return [step async for step in shared]

    assert command(tmp_path, station, scenario) == steps
    assert station.told == [("share", ("/a",), "A", "emergency", ("wx",))]


@pytest.mark.parametrize("before", [0, 1])
def test_an_error_while_sharing_arrives_as_its_class(
    tmp_path: Path, station: FakeStation, before: int
) -> None:
    progress = ShareProgress(location="/a", octets_done=1, octets=2)
    station.share_steps = [*[progress] * before, FileUnreadable("cannot read /a")]

    async def scenario(client: ControlClient) -> None:
        with pytest.raises(FileUnreadable, match="cannot read /a"):
            async for _ in client.share(["/a"]):
                pass

    command(tmp_path, station, scenario)


def test_errors_arrive_as_their_class(tmp_path: Path, station: FakeStation) -> None:
    async def scenario(client: ControlClient) -> None:
        with pytest.raises(ContentUnknown, match="see: meshdl ls"):
            await client.content(NOBODYS_HASH)
        with pytest.raises(ContentLinkInvalid):
            await client.download("nonsense")
        station.failure = DiskFull("no room for 4 MB in /tmp")
        with pytest.raises(DiskFull, match="no room"):
            await client.download(MAP_HASH.hex())
        station.failure = ConfigError("lan.port", "in use")
        with pytest.raises(ConfigError, match=r"^lan\.port: in use$"):
            await client.status()

    command(tmp_path, station, scenario)


def test_a_bug_of_the_station_is_shown_and_logged(
    tmp_path: Path, station: FakeStation, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(client: ControlClient) -> None:
        station.failure = LocalProtocolError("out of step")
        with pytest.raises(LocalProtocolError):
            await client.status()
        station.failure = ZeroDivisionError("oops")
        with pytest.raises(RemoteProtocolError, match="500"):
            await client.status()

    command(tmp_path, station, scenario)
    assert "out of step" in caplog.text
    assert "oops" in caplog.text


def test_events_begin_with_the_whole_state_and_go_on_with_changes(
    tmp_path: Path, station: FakeStation
) -> None:
    changed = content_of(MAP_HASH, octets_done=3_000_000)

    async def scenario(client: ControlClient) -> list[object]:
        read: list[object] = []
        async with aclosing(client.events()) as events:
            async for event in events:
                read.append(event)
                if isinstance(event, PeerChanged):
                    station.change(changed)
                if len(read) == 4:
                    return read
        return read

    first, content, peer, change = command(tmp_path, station, scenario)
    assert isinstance(first, StationChanged)
    assert content == ContentChanged(content_of(MAP_HASH))
    assert isinstance(peer, PeerChanged)
    assert change == ContentChanged(changed)


def test_a_reader_that_falls_behind_is_cut_off(tmp_path: Path, station: FakeStation) -> None:
    station.feed = Feed(queued_max=3)

    async def scenario(client: ControlClient) -> None:
        events = client.events()
        for _ in range(3):  # station, content, peer: the whole state
            await anext(events)
        for _ in range(10):  # at once: the writer gets no turn in between
            station.change(content_of(MAP_HASH))
        with pytest.raises(LinkClosed, match="went away"):
            await anext(events)

    command(tmp_path, station, scenario)


def test_a_reader_that_takes_nothing_is_cut_off(
    tmp_path: Path, station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshdl.control.streams.WRITE_TIMEOUT_S", 0.1)

    def watched() -> bool:
        return station.feed.watched

    async def scenario() -> None:
        async with asyncio.timeout(20.0), ControlServer(station, home=tmp_path) as server:
            to, token = server.address, server.address.token
            _, writer = await asyncio.open_connection("127.0.0.1", to.port, limit=1)
            writer.write(
                f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{to.port}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            while not watched():
                await asyncio.sleep(0.01)
            # More than all buffers on the way hold, and fewer than a reader may be behind.
            for _ in range(300):
                station.change(content_of(MAP_HASH, title="x" * 100_000))
            while watched():
                await asyncio.sleep(0.01)
            writer.transport.abort()

    asyncio.run(scenario())


def test_a_stopping_station_ends_the_stream(tmp_path: Path, station: FakeStation) -> None:
    async def scenario(client: ControlClient) -> None:
        events = client.events()
        for _ in range(3):  # station, content, peer: the whole state
            await anext(events)
        station.feed.close()
        with pytest.raises(LinkClosed, match="meshdl up"):
            await anext(events)

    command(tmp_path, station, scenario)


def test_a_stopping_server_ends_its_streams_in_order(tmp_path: Path, station: FakeStation) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(20.0), AsyncExitStack() as served:
            await served.enter_async_context(ControlServer(station, home=tmp_path))
            async with ControlClient(tmp_path) as client:
                events = client.events()
                for _ in range(3):  # station, content, peer: the whole state
                    await anext(events)
                stopping = asyncio.create_task(served.aclose())
                with pytest.raises(LinkClosed, match="meshdl up"):
                    await anext(events)
                await stopping

    asyncio.run(scenario())


def test_a_reader_that_left_is_forgotten(tmp_path: Path, station: FakeStation) -> None:
    async def scenario(client: ControlClient) -> None:
        async with aclosing(client.events()) as events:
            await anext(events)
            assert station.feed.watched
        async with asyncio.timeout(5.0):
            while station.feed.watched:
                station.change(content_of(MAP_HASH))
                await asyncio.sleep(0.01)

    command(tmp_path, station, scenario)


def test_too_many_readers_are_refused(
    tmp_path: Path, station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "EVENT_STREAMS_MAX", 1)

    async def scenario(client: ControlClient) -> None:
        async with aclosing(client.events()) as first:
            await anext(first)
            with pytest.raises(LinkRefused, match="close one of them"):
                await anext(client.events())

    command(tmp_path, station, scenario)


def test_the_log_is_asked_for_as_chosen(tmp_path: Path, station: FakeStation) -> None:
    entry = LogEntry(
        serial=1,
        at=1_790_000_000.5,
        kind="identification",
        direction="sent",
        callsign="W1AW",
        station_id=PEER_ID,
        content_hash=None,
        octets=None,
        path=None,
        text="hello",
    )
    station.log_entries = [entry]
    query = LogQuery(kind="identification", since=1.5, callsign="W1AW", limit=10)

    async def scenario(client: ControlClient) -> list[LogEntry]:
        return [entry async for entry in client.log(query)]

    assert command(tmp_path, station, scenario) == [entry]
    assert station.told == [("log", query)]


def test_an_empty_log_is_an_empty_answer(tmp_path: Path, station: FakeStation) -> None:
    async def scenario(client: ControlClient) -> list[LogEntry]:
        return [entry async for entry in client.log(LogQuery())]

    assert command(tmp_path, station, scenario) == []


def test_without_a_station_the_client_says_how_to_start_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ControlClient(tmp_path) as client:
            await client.status()

    with pytest.raises(StationNotRunning, match="start it with: meshdl up"):
        asyncio.run(scenario())
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        stale = ControlAddress(port=unused.getsockname()[1], token="old", pid=1)
    publish(tmp_path, stale)
    with pytest.raises(StationNotRunning, match="start it with: meshdl up"):
        asyncio.run(scenario())


def test_a_port_that_another_station_took_is_no_station_of_ours(
    tmp_path: Path, station: FakeStation
) -> None:
    async def scenario() -> None:
        other, ours = tmp_path / "other", tmp_path / "ours"
        other.mkdir()
        ours.mkdir()
        async with ControlServer(station, home=other) as server:
            stale = ControlAddress(port=server.address.port, token="old", pid=1)
            publish(ours, stale)
            async with ControlClient(ours) as client:
                with pytest.raises(StationNotRunning):
                    await client.status()

    asyncio.run(scenario())
