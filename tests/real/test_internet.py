"""Stations that meet by way of a real signalling server, and move real files."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from tests.support.stations import (
    hash_of,
    make_file,
    run,
    until,
    until_linked,
)

from meshdl.control.log_entry import LogQuery
from meshdl.discovery.interfaces import own_addresses
from meshdl.ids import Callsign, StationKey, station_id
from meshdl.signal_server.server import SignalServer
from meshdl.signal_server.settings import ServerSettings
from meshdl.station import internet, key_rotation
from meshdl.station.catalogue import Catalogue
from meshdl.station.config import InternetConfig, LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.rooms import Rooms
from meshdl.station.station import Station
from meshdl.swarm.lanes import Lanes

pytestmark = pytest.mark.real

MIB = 1024 * 1024


def station(
    directory: Path,
    call: str,
    *servers: SignalServer | int,
    lan: bool = False,
    room: str = "cq",
    urls: tuple[str, ...] = (),
) -> Station:
    """A station that knows these servers, and the local network only when told so."""
    ports = [one if isinstance(one, int) else one.port for one in servers]
    config = StationConfig(
        callsign=Callsign(call),
        download_directory=directory / call / "downloads",
        lan=LanConfig(enabled=lan, allow_loopback=not own_addresses()),
        internet=InternetConfig(
            servers=(*(f"ws://127.0.0.1:{port}" for port in ports), *urls), rooms=(room,)
        ),
    )
    home = Home(directory / call / "home")
    home.create()
    return Station(config, home=home)


@asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[SignalServer]:
    options = replace(ServerSettings(port=0), **settings)  # type: ignore[arg-type]
    async with SignalServer(options) as server:
        yield server


async def until_stations(server: SignalServer, count: int) -> None:
    async def there() -> bool:
        return server.core.stations == count

    await until(there)


def test_two_stations_meet_at_a_server_and_a_file_moves_between_them(tmp_path: Path) -> None:
    async def whole() -> None:
        path = make_file(tmp_path / "bulletin.bin", 3 * MIB + 5)
        async with (
            serving() as server,
            station(tmp_path, "KA1AAA", server) as alice,
            station(tmp_path, "KA1BBB", server) as bob,
        ):
            shared = await alice.share(path)
            got = await bob.download(hash_of(shared))
            assert Path(got.location).read_bytes() == path.read_bytes()
            assert server.core.counts["relayed"] >= 2

    run(whole())


def test_a_transfer_and_its_link_outlive_the_server(tmp_path: Path) -> None:
    async def whole() -> None:
        path = make_file(tmp_path / "bulletin.bin", 3 * MIB)
        async with serving() as server:
            port = server.port
            alice, bob = (station(tmp_path, call, port) for call in ("KA1AAA", "KA1BBB"))
            await alice.__aenter__()
            await bob.__aenter__()
            await until_linked(bob)
            (peer,) = await bob.view.peers()
            up_since = peer.path
        shared = await alice.share(path)
        got = await bob.download(hash_of(shared))
        assert Path(got.location).read_bytes() == path.read_bytes()
        assert up_since is not None
        # Another server at the same place: both are back, and what they have is known.
        async with serving(port=port) as server:
            await until_stations(server, 2)
            async with station(tmp_path, "KA1CCC", port) as carol:
                again = await carol.download(hash_of(shared))
                assert Path(again.location).read_bytes() == path.read_bytes()
            await bob.__aexit__(None, None, None)
            await alice.__aexit__(None, None, None)

    run(whole())


@pytest.mark.parametrize("server", ["refuses", "says nothing", "has no such name"])
def test_a_server_that_is_down_keeps_nobody_from_the_local_network(
    tmp_path: Path, server: str
) -> None:
    async def whole() -> None:
        path = make_file(tmp_path / "bulletin.bin", MIB)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            urls = {
                "refuses": "ws://127.0.0.1:1",
                "says nothing": f"ws://127.0.0.1:{silent.getsockname()[1]}",
                "has no such name": "ws://signal.invalid:7374",
            }
            alice, bob = (
                station(tmp_path, call, lan=True, urls=(urls[server],))
                for call in ("KA1AAA", "KA1BBB")
            )
            async with alice, bob:
                shared = await alice.share(path)
                got = await bob.download(hash_of(shared))
                assert Path(got.location).read_bytes() == path.read_bytes()
                (peer,) = await bob.view.peers()
                assert peer.path is not None
                assert peer.path.value == "lan"
                (known,) = (await bob.view.status()).internet.servers
                assert known.state in {"offline", "connecting"}

    run(whole())


def test_a_station_found_on_the_local_network_and_at_servers_is_one_peer(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            serving() as one,
            serving() as other,
            station(tmp_path, "KA1AAA", one, other, lan=True) as alice,
            station(tmp_path, "KA1BBB", one, other, lan=True) as bob,
        ):
            await until_stations(one, 2)
            await until_stations(other, 2)
            await until_linked(alice)
            await until_linked(bob)
            calls = [peer.callsign for peer in await alice.view.peers()]
            assert calls.count(Callsign("KA1BBB")) == 1

    run(whole())


def test_a_passphrase_keeps_strangers_out_of_a_room(tmp_path: Path) -> None:
    async def whole() -> None:
        async with serving() as server:
            stations = []
            for call, passphrase in (
                ("KA1AAA", "five words"),
                ("KA1BBB", "five words"),
                ("KA1CCC", "other words"),
                ("KA1DDD", None),
            ):
                made = station(tmp_path, call, server, room="county-net")
                if passphrase is not None:
                    rooms = tmp_path / call / "home" / "rooms"
                    rooms.mkdir()
                    (rooms / "county-net.passphrase").write_text(passphrase + "\n")
                stations.append(made)
            async with stations[0] as alice, stations[1], stations[2] as carol, stations[3] as dave:
                await until_stations(server, 4)
                await until_linked(alice)
                assert [peer.callsign for peer in await alice.view.peers()] == ["KA1BBB"]
                assert await carol.view.peers() == []
                assert await dave.view.peers() == []

    run(whole())


def test_the_server_tells_how_it_is(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            serving() as server,
            station(tmp_path, "KA1AAA", server) as alice,
            aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http,
        ):
            await until_stations(server, 1)
            for name in ("one.bin", "other.bin"):
                await alice.share(make_file(tmp_path / name, 1000))
            async with http.get("/health") as response:
                assert (await response.json())["stations"] == 1
            async with http.get("/metrics") as response:
                lines = (await response.text()).splitlines()
            assert "meshdl_signal_stations 1" in lines
            assert "meshdl_signal_sockets 1" in lines, "one for all its contents"
            assert "meshdl_signal_rooms 1" in lines

    run(whole())


def test_callsigns_stay_pinned_after_a_restart(tmp_path: Path) -> None:
    async def whole() -> None:
        state = tmp_path / "state"
        async with serving(state=state) as server, station(tmp_path, "KA1AAA", server):
            await until_stations(server, 1)
        async with serving(state=state) as server:
            async with station(tmp_path / "thief", "KA1AAA", server):

                async def refused() -> bool:
                    return server.core.counts["refused callsign-pinned"] > 0

                await until(refused)
                assert server.core.stations == 0
            async with station(tmp_path, "KA1AAA", server):
                await until_stations(server, 1)

    run(whole())


def test_a_new_key_that_the_old_one_signed_for_is_taken_by_peers_and_servers(
    tmp_path: Path,
) -> None:
    """And by the link that it makes: nobody types `meshdl trust`."""

    async def whole() -> None:
        path = make_file(tmp_path / "bulletin.bin", MIB)
        async with serving() as server, station(tmp_path, "KA1BBB", server) as bob:
            async with station(tmp_path, "KA1AAA", server):
                await until_linked(bob)
            done = key_rotation.rotate(Home(tmp_path / "KA1AAA" / "home"), Callsign("KA1AAA"))
            async with station(tmp_path, "KA1AAA", server) as alice:
                shared = await alice.share(path)
                got = await bob.download(hash_of(shared))
                assert Path(got.location).read_bytes() == path.read_bytes()
                linked = [one for one in await bob.view.peers() if one.path is not None]
                assert [one.station_id for one in linked] == [done.new]
                status = await bob.view.status()
                assert [text for text in status.warnings if done.old in text and done.new in text]
            logged = [one.text async for one in bob.view.log(LogQuery(kind="event"))]
            assert [text for text in logged if "signed for it" in text]
        catalogue = Catalogue(tmp_path / "KA1BBB" / "home" / "catalogue.sqlite3")
        assert station_id(catalogue.pins.all()[Callsign("KA1AAA")].key) == done.new
        catalogue.close()

    run(whole())


def test_who_was_invited_meets_the_keeper_of_a_room_and_nobody_else_does(tmp_path: Path) -> None:
    async def whole() -> None:
        keeper = Rooms(tmp_path / "KA1AAA" / "home" / "rooms")
        keeper.create("county-net")
        until_s = int(time.time()) + 3600
        made = keeper.invite("county-net", station=None, seed=b"s" * 32, expires_at_s=until_s)
        guest = Rooms(tmp_path / "KA1BBB" / "home" / "rooms")
        path = make_file(tmp_path / "bulletin.bin", MIB)
        async with (
            serving() as server,
            station(tmp_path, "KA1AAA", server) as alice,
            station(tmp_path, "KA1BBB", server, room="elsewhere") as bob,
            station(tmp_path, "KA1CCC", server, room="county-net") as carol,
        ):
            shared = await alice.share(path)
            await until_stations(server, 3)
            guest.join(made, StationKey(bytes(32)))  # while it runs
            got = await bob.download(hash_of(shared))
            assert Path(got.location).read_bytes() == path.read_bytes()
            assert [one.callsign for one in await bob.view.peers()] == ["KA1AAA"]
            assert await carol.view.peers() == []
            (known,) = (await bob.view.status()).internet.servers
            rooms = {one.name: (one.joined, one.expires_at) for one in known.rooms}
            assert rooms == {"elsewhere": (True, None), "county-net": (True, until_s)}

    run(whole())


def test_a_station_that_runs_for_long_renews_its_memberships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(internet, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(internet, "RENEW_EVERY_S", 0.2)
    whole_name = Rooms(tmp_path / "KA1AAA" / "home" / "rooms").create("county-net")

    async def whole() -> None:
        async with serving() as server, station(tmp_path, "KA1AAA", server):
            rooms = server.core._directory.rooms

            def ends() -> list[float]:
                return list(rooms[whole_name].members.values()) if whole_name in rooms else []

            async def joined() -> bool:
                return bool(ends())

            await until(joined)
            (first,) = ends()

            async def renewed() -> bool:
                return ends() > [first]

            await until(renewed)

    run(whole())


def test_garbage_on_a_socket_costs_that_socket_and_nobody_elses(tmp_path: Path) -> None:
    async def whole() -> None:
        async with serving() as server, station(tmp_path, "KA1AAA", server):
            await until_stations(server, 1)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(
                b"GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x82\x85aaaagarbage?")  # a binary frame, and then nonsense
            await reader.read()  # until the server closes
            writer.close()
            assert server.core.stations == 1

    run(whole())


def links(one: Station) -> int:
    sessions = one.view._shell.core.sessions.values()
    return sum(session.peer is not None for session in sessions)


def test_more_links_to_one_station_are_made_used_and_closed_and_it_stays_one_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between two addresses of one machine nothing is far, and nothing is lost.
    monkeypatch.setattr(Lanes, "_most", lambda *_: 3)

    async def whole() -> None:
        path = make_file(tmp_path / "bulletin.bin", 8 * MIB)
        async with (
            serving() as server,
            station(tmp_path, "KA1AAA", server) as alice,
            station(tmp_path, "KA1BBB", server) as bob,
        ):
            await until_linked(alice)
            await until_linked(bob)
            core = bob.view._shell.core
            (session,) = core.peers()
            content = hash_of(await alice.share(path))

            async def all_up() -> bool:
                session.station.lane_count.wanted = 3
                return links(alice) == links(bob) == 3

            await until(all_up)
            got = await bob.download(content)
            assert Path(got.location).read_bytes() == path.read_bytes()
            assert [source.callsign for source in got.sources] == ["KA1AAA"]
            served = alice.view._shell.core.sessions.values()
            assert [bool(lane.sent_octets) for lane in served] == [True] * 3
            assert [len(await one.view.peers()) for one in (alice, bob)] == [1, 1]
            session.station.lane_count.wanted = 1

            async def one_left() -> bool:
                return links(alice) == links(bob) == 1

            await until(one_left)
            assert session.link in core.sessions

    run(whole())
