"""What the server refuses, and whom; over a real socket on loopback."""

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import pytest
from tests.support.fake_station import (
    MAP_HASH,
    NOBODYS_HASH,
    FakeStation,
    content_of,
)

from meshdl.control import server
from meshdl.control.guard import Guard
from meshdl.control.messages import API, JSON_BODY_MAX_OCTETS
from meshdl.control.server import ControlServer
from meshdl.errors import (
    ConfigError,
)

ResultT = TypeVar("ResultT")


def ask(
    home: Path, station: FakeStation, method: str, path: str, **request: Any
) -> tuple[int, Any]:
    """Send one bare request, with the token unless ``headers`` say otherwise."""

    async def whole() -> tuple[int, Any]:
        async with asyncio.timeout(20.0), ControlServer(station, home=home) as server:
            headers = {"Authorization": f"Bearer {server.address.token}"}
            headers |= request.pop("headers", {})
            async with (
                aiohttp.ClientSession(server.address.url) as session,
                session.request(method, path, headers=headers, **request) as answer,
            ):
                octets = await answer.read()
                return answer.status, msgspec.json.decode(octets) if octets else None

    return asyncio.run(whole())


@pytest.fixture
def station() -> FakeStation:
    return FakeStation(held={MAP_HASH: content_of(MAP_HASH)})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer guessed"}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
def test_strangers_are_refused_on_every_path(
    tmp_path: Path, station: FakeStation, headers: dict[str, str], status: int
) -> None:
    for path in (f"{API}/status", f"{API}/openapi.json", "/no-such-route"):
        got, body = ask(tmp_path, station, "GET", path, headers=headers)
        assert (got, body["error"]["kind"]) == (status, "LinkRefused")
    assert station.told == []


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("POST", "/status", {}, 405),
        ("POST", "/downloads", {"data": b"{"}, 400),
        ("POST", "/downloads", {"data": b'{"target": "x", "radio": true}'}, 400),
        ("POST", "/downloads", {"data": b'{"target": 7}'}, 400),
        ("POST", "/shares", {"data": b'{"paths": []}'}, 400),
        ("POST", "/shares", {"data": b'{"paths": ["/a", "maps"]}'}, 400),
        ("POST", "/downloads", {"data": b'{"target": "x", "directory": "maps"}'}, 400),
        ("POST", "/torrents?directory=maps", {"data": b"d"}, 400),
        ("POST", "/shares", {"data": b'{"paths": ["/a", "/b"], "title": "both"}'}, 400),
        ("POST", "/trust", {"data": b'{"callsign": "W1AW", "station_id": "short"}'}, 400),
        (
            "POST",
            "/trust",
            {"data": b'{"callsign": "?", "station_id": "0123456789abcdef"}'},
            400,
        ),
        ("GET", "/log?limit=many", {}, 400),
        ("GET", "/log?before=1", {}, 400),
        ("GET", "/contents/xyz", {}, 422),
        ("GET", f"/contents/{NOBODYS_HASH.hex()}", {}, 404),
        ("POST", "/downloads", {"data": BytesIO(b" " * (JSON_BODY_MAX_OCTETS + 1))}, 413),
    ],
)
def test_bad_requests_get_a_json_error_and_do_nothing(
    tmp_path: Path,
    station: FakeStation,
    method: str,
    path: str,
    request_: dict[str, Any],
    status: int,
) -> None:
    got, body = ask(tmp_path, station, method, API + path, **request_)
    assert got == status
    assert body["error"]["kind"]
    assert body["error"]["message"]
    assert station.told == []


def test_the_description_that_is_served_is_of_what_is_mounted_and_nothing_else(
    tmp_path: Path, station: FakeStation
) -> None:
    status, document = ask(tmp_path, station, "GET", f"{API}/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    described = {
        (method.upper(), API + path)
        for path, methods in document["paths"].items()
        for method in methods
    }
    application = server._application(station, Guard(port=4000, token="secret"))
    mounted = {
        (route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None
    }
    of_itself = {(method, f"{API}/openapi.json") for method in ("GET", "HEAD")}
    assert described == mounted - of_itself


def test_a_method_that_a_path_does_not_have_is_told_those_that_it_has(
    tmp_path: Path, station: FakeStation
) -> None:
    async def scenario() -> None:
        async with ControlServer(station, home=tmp_path) as one, aiohttp.ClientSession() as http:
            headers = {"Authorization": f"Bearer {one.address.token}"}
            async with http.put(f"{one.address.url}{API}/downloads", headers=headers) as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    asyncio.run(scenario())


def test_it_listens_on_loopback_only_and_leaves_no_address_behind(
    tmp_path: Path, station: FakeStation
) -> None:
    async def scenario() -> None:
        async with ControlServer(station, home=tmp_path) as server:
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.2", server.address.port)
            assert (tmp_path / "control.json").exists()
        assert not (tmp_path / "control.json").exists()

    asyncio.run(scenario())


def test_a_port_in_use_is_a_setting_to_change(tmp_path: Path, station: FakeStation) -> None:
    async def scenario() -> None:
        async with ControlServer(station, home=tmp_path) as first:
            with pytest.raises(ConfigError, match=r"control\.port"):
                async with ControlServer(station, home=tmp_path, port=first.address.port):
                    pass

    asyncio.run(scenario())


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"target": "\xff"}', b'{"tarket": "x"}'])
def test_a_body_that_is_not_understood_is_said_to_be_the_askers_mistake(
    tmp_path: Path, station: FakeStation, body: bytes
) -> None:
    status, answer = ask(tmp_path, station, "POST", f"{API}/downloads", data=body)
    assert status == 400
    assert "not understood" in answer["error"]["message"]
    assert station.told == []
