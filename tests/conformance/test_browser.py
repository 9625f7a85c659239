"""A page on plain http as a peer: real Chromium, a real station, and no crypto.subtle.

What docs/protocol/browsers.md says that a page can do, a page does here.
"""

import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support import chromium
from tests.support.chromium import Page
from tests.support.stations import hash_of, make_file, run, station

from meshdl.discovery.interfaces import own_addresses
from meshdl.station.station import Station

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing()),
]

SCRIPTS = Path(chromium.__file__).parent / "page"
NEEDED = (
    "RTCPeerConnection", "WebAssembly.instantiate", "Worker", "BigInt", "fetch", "WebSocket",
    "indexedDB", "localStorage", "Blob",
)  # fmt: skip
LACKING = (
    "crypto.subtle", "crypto.randomUUID", "SharedArrayBuffer", "navigator.serviceWorker",
    "navigator.storage", "showSaveFilePicker",
)  # fmt: skip
NAME = "alfa.local"
"""Neither localhost nor a loopback address, which a browser takes for secure contexts."""


@asynccontextmanager
async def page_of(one: Station, tmp_path: Path) -> AsyncIterator[Page]:
    """A page that the station itself has served, with the scripts of a peer."""
    address = next(iter(own_addresses()), "127.0.0.1")
    rules = f"--host-resolver-rules=MAP {NAME} {address}"
    async with chromium.chromium(tmp_path / "profile", rules) as page:
        await page.visit(f"http://{NAME}:{await port_of(one)}/")
        for script in ("crypto.js", "peer.js"):
            await page.run((SCRIPTS / script).read_text(encoding="utf-8"))
        yield page


async def port_of(one: Station) -> int:
    port = (await one.view.status()).lan.port
    assert port is not None
    return port


def in_page(tmp_path: Path, scenario: Callable[[Station, Page], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with station(tmp_path, "KA1AA") as alfa, page_of(alfa, tmp_path) as page:
            await scenario(alfa, page)

    run(whole())


def test_a_page_on_plain_http_has_what_a_peer_needs_and_no_subtle_crypto(tmp_path: Path) -> None:
    async def scenario(_: Station, page: Page) -> None:
        assert await page.run("isSecureContext") is False
        for needed in NEEDED:
            assert await page.run(f"typeof {needed}") in {"function", "object"}, needed
        for lacking in LACKING:
            assert await page.run(f"typeof {lacking}") == "undefined", lacking
        assert await page.run("crypto.getRandomValues(new Uint8Array(32)).length") == 32

    in_page(tmp_path, scenario)


def test_the_scripts_of_the_page_hash_and_sign_as_others_do(tmp_path: Path) -> None:
    secret, message = bytes(range(32)), b"CQ CQ DE KA1ABC " * 40
    key = Ed25519PrivateKey.from_private_bytes(secret)

    async def scenario(_: Station, page: Page) -> None:
        await page.run(
            f"secret = octetsOf('{text(secret)}'); message = octetsOf('{text(message)}')"
        )
        for octets in (0, 55, 56, 111, 112, 640):
            part = message[:octets]
            hashed = [hashlib.sha256(part).hexdigest(), hashlib.sha512(part).hexdigest()]
            ours = f"[sha256, sha512].map((one) => hex(one(message.slice(0, {octets}))))"
            assert await page.run(ours) == hashed
        assert await page.run("hex(publicKey(secret))") == key.public_key().public_bytes_raw().hex()
        assert await page.run("hex(sign(secret, message))") == key.sign(message).hex()
        good = "verifies(publicKey(secret), sign(secret, message), message)"
        assert await page.run(good) is True
        assert await page.run(good.replace(", message)", ", secret)", 1)) is False

    in_page(tmp_path, scenario)


def test_a_page_on_plain_http_links_proves_itself_and_fetches_a_verified_chunk(
    tmp_path: Path,
) -> None:
    source = make_file(tmp_path / "map.bin", 4 * 16_384)

    async def scenario(alfa: Station, page: Page) -> None:
        content = hash_of(await alfa.share(source))
        await page.run("(async () => { peer = await Peer.dial('KB2DEF'); })()")
        assert await page.run("peer.shakeHands()") == "KA1AA"
        [peer] = await alfa.view.peers()
        assert peer.callsign == "KB2DEF"
        await page.run(f"content = octetsOf('{text(content)}')")
        info = base64.b64decode(await page.run("peer.info(content).then(base64)"))
        _, _, behind = info.partition(b"11:pieces root32:")
        await page.run(f"root = octetsOf('{text(behind[:32])}')")
        got = base64.b64decode(await page.run("peer.leaf(content, root, 2, 2).then(base64)"))
        assert got == source.read_bytes()[2 * 16_384 : 3 * 16_384]

    in_page(tmp_path, scenario)


def test_a_page_of_another_site_gets_no_answer_from_a_station(tmp_path: Path) -> None:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(text="<title>another site</title>", content_type="text/html")

    async def whole() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            site = web.Application()
            site.router.add_get("/", serve)
            runner = web.AppRunner(site)
            await runner.setup()
            listener = web.TCPSite(runner, "127.0.0.1", 0)
            await listener.start()
            try:
                async with page_of(alfa, tmp_path) as page:
                    door = f"http://{NAME}:{await port_of(alfa)}"
                    card = f"fetch('{door}/').then((one) => one.status, (error) => error.name)"
                    assert await page.run(card) == 200
                    offer = (
                        f"fetch('{door}/rtc/offer', {{method: 'POST', body: '{{}}', "
                        "headers: {'Content-Type': 'application/json'}})"
                        ".then((one) => one.status, (error) => error.name)"
                    )
                    assert await page.run(offer) == 400  # an offer without a description
                    await page.visit(f"http://localhost:{runner.addresses[0][1]}/")
                    assert await page.run(card) == "TypeError"
                    assert await page.run(offer) == "TypeError"
            finally:
                await runner.cleanup()

    run(whole())


def text(octets: bytes) -> str:
    """For a script."""
    return base64.b64encode(octets).decode()
