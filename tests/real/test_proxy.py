"""Stations at a signalling server behind a real nginx with a certificate, as the guide says."""

import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from bench.ports import free_port
from tests.real.test_tls import station
from tests.support.certificates import authority, issued
from tests.support.processes import until as until_now
from tests.support.proxy import before_one, before_two, nginx
from tests.support.signal_ends import ServerProcess, redis, server_process
from tests.support.stations import hash_of, make_file, run, until, until_linked
from tests.support.strangers import SignalProcess, signal_process

from meshdl.station.station import Station

pytestmark = pytest.mark.real

MIB = 1024 * 1024
CA = authority()
CERTIFICATE = issued(CA, "127.0.0.1")
ELSEWHERE = "127.0.0.67"


def options(port: int) -> tuple[str, ...]:
    """That the guide gives a server behind a proxy."""
    return "--public-name", f"127.0.0.1:{port}", "--trusted-proxy", "127.0.0.1"


def test_stations_meet_behind_a_proxy_and_the_server_knows_where_they_are(tmp_path: Path) -> None:
    trusted, _ = CA.write(tmp_path, "ca")
    port = free_port()
    path = make_file(tmp_path / "bulletin.bin", MIB)

    async def whole(server: SignalProcess) -> None:
        async with (
            station(tmp_path, "KA1AAA", port, ca_file=trusted) as alice,
            station(tmp_path, "KA1BBB", port, ca_file=trusted) as bob,
        ):
            got = await bob.download(hash_of(await alice.share(path)))
            assert Path(got.location).read_bytes() == path.read_bytes()
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    local_addr=(ELSEWHERE, 0), ssl=ssl.create_default_context(cafile=trusted)
                )
            ) as http,
            # It says that it is somebody else; the proxy knows better.
            http.ws_connect(
                f"wss://127.0.0.1:{port}/v1", headers={"X-Forwarded-For": "203.0.113.1"}
            ) as socket,
        ):
            await socket.receive()
        until_now(lambda: f"opened by {ELSEWHERE}" in server.log, "it is written down")
        assert "203.0.113.1" not in server.log

    with (
        signal_process(tmp_path, "-v", "--log-addresses", *options(port)) as server,
        nginx(tmp_path, port, before_one(server.port), CERTIFICATE),
    ):
        run(whole(server))


def test_a_balancer_shares_stations_out_and_those_of_a_dead_process_come_back_by_another(
    tmp_path: Path,
) -> None:
    trusted, _ = CA.write(tmp_path, "ca")
    port = free_port()
    path = make_file(tmp_path / "bulletin.bin", MIB)

    async def server_state(one: Station) -> str:
        (server,) = (await one.view.status()).internet.servers
        return server.state

    async def whole(one: ServerProcess, two: ServerProcess) -> None:
        async with AsyncExitStack() as stack:
            alice, bob = [
                await stack.enter_async_context(station(tmp_path, call, port, ca_file=trusted))
                for call in ("KA1AAA", "KA1BBB")
            ]
            await until_linked(bob)
            # The one with fewer connections gets the next: each has one of them.
            assert one.has_logged("opened by")
            assert two.has_logged("opened by")
            two.kill()

            async def all_back() -> bool:
                states = {await server_state(alice), await server_state(bob)}
                return one.has_logged("opened by", times=2) and states == {"online"}

            await until(all_back)
            carol = await stack.enter_async_context(
                station(tmp_path, "KA1CCC", port, ca_file=trusted)
            )
            got = await carol.download(hash_of(await alice.share(path)))
            assert Path(got.location).read_bytes() == path.read_bytes()

    with (
        redis() as child,
        server_process(tmp_path / "one.log", child.url, *options(port)) as one,
        server_process(tmp_path / "two.log", child.url, *options(port)) as two,
        nginx(tmp_path, port, before_two(one.port, two.port), CERTIFICATE),
    ):
        run(whole(one, two))
