"""What the operator of a signalling server sets: proxies, certificates, who is not wanted; live."""

import asyncio
import hashlib
import signal
import ssl
import threading
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
import pytest
from multidict import CIMultiDict
from tests.real.test_internet import serving
from tests.support.certificates import issued
from tests.support.loops import run
from tests.support.processes import until
from tests.support.signal_ends import station_at
from tests.support.strangers import SignalProcess, signal_process, stranger

from meshdl.signal_server import server as signal_server
from meshdl.signal_server.settings import ServerSettings, read_deny_list
from meshdl.signalling.server_events import JudgeSockets, ServerLimits
from meshdl.wire import signalling as wire

pytestmark = pytest.mark.real

PROXY, STATION, OTHER = "127.0.0.1", "203.0.113.9", "203.0.113.10"


async def first_word(
    stack: AsyncExitStack, port: int, *forwarded_for: str
) -> wire.ServerMessage | None:
    """What the server says to who comes by a proxy that says this of him, a line each."""
    http = await stack.enter_async_context(aiohttp.ClientSession())
    headers = CIMultiDict(("X-Forwarded-For", line) for line in forwarded_for)
    url = f"http://127.0.0.1:{port}/v1"
    socket = await stack.enter_async_context(http.ws_connect(url, headers=headers))
    return wire.decode_server_message((await socket.receive()).data)


def code(word: wire.ServerMessage | None) -> str:
    return word.code if isinstance(word, wire.Refused) else ""


def test_what_a_proxy_says_last_counts_in_whichever_line_it_says_it() -> None:
    async def whole() -> None:
        limits = ServerLimits(sockets_per_address=1)
        async with (
            serving(trusted_proxies=(PROXY,), limits=limits) as server,
            AsyncExitStack() as stack,
        ):
            said = [
                await first_word(stack, server.port, *lines)
                for lines in (
                    (STATION,),
                    (OTHER,),
                    (f"198.51.100.1, {STATION}",),
                    ("198.51.100.2", STATION),  # a proxy that adds a line of its own
                )
            ]
            assert [code(one) for one in said] == ["", "", "too-many", "too-many"]

    run(whole())


def test_who_is_no_proxy_of_ours_says_of_himself_what_he_likes() -> None:
    async def whole() -> None:
        limits = ServerLimits(sockets_per_address=1)
        async with serving(limits=limits) as server, AsyncExitStack() as stack:
            said = [await first_word(stack, server.port, one) for one in (STATION, OTHER)]
            assert [code(one) for one in said] == ["", "too-many"]

    run(whole())


@pytest.mark.parametrize("lines", [(), ("unknown",), (f"{STATION}:4711",), ("",)])
def test_a_proxy_that_names_no_address_is_told_to_the_operator_once(
    caplog: pytest.LogCaptureFixture, lines: tuple[str, ...]
) -> None:
    async def whole() -> None:
        limits = ServerLimits(sockets_per_address=2)
        async with (
            serving(trusted_proxies=(PROXY,), limits=limits) as server,
            AsyncExitStack() as stack,
        ):
            said = [await first_word(stack, server.port, *lines) for _ in range(3)]
            assert [code(one) for one in said] == ["", "", "too-many"]

    run(whole())
    assert caplog.text.count("share the limits of one address") == 1


def test_who_connects_and_asks_for_nothing_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_server, "REQUEST_WITHIN_S", 0.3)

    async def closed(port: int, said: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        try:
            async with asyncio.timeout(30):
                return await reader.read()
        finally:
            writer.close()

    async def whole() -> None:
        async with serving() as server, station_at(server.port, "KA1AAA") as alice:
            got = await asyncio.gather(
                closed(server.port, b""),
                closed(server.port, b"GET /v1 HT"),
                closed(server.port, b"GET /v1 HTTP/1.1\r\nHost: x\r\nX-Slow: y"),
                closed(server.port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"),
            )
            assert [one[:12] for one in got] == [b"", b"", b"", b"HTTP/1.1 200"]
            # A station that has nothing to say is something else.
            await alice.says(wire.Lookup("cq", b"c" * 32))
            await alice.hears(wire.Found)

    run(whole())


def test_who_connects_and_begins_no_tls_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal_server, "REQUEST_WITHIN_S", 0.3)
    crt, key = issued(None, "127.0.0.1").write(tmp_path, "server")

    async def whole() -> None:
        async with serving(certificate=crt, key=key) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            async with asyncio.timeout(30):
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            writer.close()

    run(whole())


# SIGHUP.


def shown_certificate(port: int) -> str:
    """Which one the server shows now: the SHA-256 of it."""
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def hang_up(server: SignalProcess) -> None:
    server.process.send_signal(signal.SIGHUP)


def test_a_certificate_that_was_renewed_is_shown_without_a_restart(tmp_path: Path) -> None:
    crt, key = issued(None, "127.0.0.1").write(tmp_path, "server")
    with signal_process(tmp_path, "--certificate", str(crt), "--key", str(key)) as server:
        first = shown_certificate(server.port)
        issued(None, "127.0.0.1").write(tmp_path, "server")
        assert shown_certificate(server.port) == first
        hang_up(server)
        until(lambda: shown_certificate(server.port) != first, "the new one is shown")
        second = shown_certificate(server.port)
        # Half of another pair: what works goes on working, and the operator is told.
        other, _ = issued(None, "127.0.0.1").write(tmp_path, "other")
        crt.write_bytes(other.read_bytes())
        hang_up(server)
        until(lambda: "certificate stays as it was" in server.log, "the operator is told")
        assert "both must be PEM and belong together" in server.log
        assert shown_certificate(server.port) == second


def test_a_deny_list_that_takes_long_to_read_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny = tmp_path / "deny"
    deny.write_text("KA1ZZZ")
    served = threading.Event()

    def read_slowly(path: Path) -> frozenset[str]:
        assert served.wait(30), "somebody is served meanwhile"
        return read_deny_list(path)

    async def whole() -> None:
        settings = ServerSettings(port=0, deny_file=deny)
        async with signal_server.SignalServer(settings) as server:
            monkeypatch.setattr(signal_server, "read_deny_list", read_slowly)
            deny.write_text("KA1AAA")
            reading = asyncio.create_task(server.read_deny_list())
            async with station_at(server.port, "KA1AAA") as bad:
                await bad.hears(wire.Joined)
                served.set()
                await reading
                assert (await bad.hears(wire.Refused)).code == "denied"

    run(whole())


def test_a_new_deny_list_is_held_against_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ten thousand sockets it would keep everybody waiting for a fifth of a second."""
    monkeypatch.setattr(signal_server, "JUDGED_AT_ONCE", 1)
    deny = tmp_path / "deny"
    deny.write_text("")
    turns, judged_in = 0, list[int]()

    async def whole() -> None:
        def turn() -> None:
            nonlocal turns
            turns += 1
            asyncio.get_running_loop().call_soon(turn)

        async with (
            signal_server.SignalServer(ServerSettings(port=0, deny_file=deny)) as server,
            station_at(server.port, "KA1AAA") as bad,
            station_at(server.port, "KA1BBB") as good,
        ):
            await bad.hears(wire.Joined)
            await good.hears(wire.Joined)
            judge = server.core._judge

            def judged(event: JudgeSockets) -> None:
                judged_in.append(turns)
                assert len(event.sockets) == 1
                judge(event)

            monkeypatch.setattr(server.core, "_judge", judged)
            deny.write_text("KA1AAA")
            turn()
            await server.read_deny_list()
            assert (await bad.hears(wire.Refused)).code == "denied"
            assert len(judged_in) == len(set(judged_in)) == 2, "others have a turn between"

    run(whole())


def test_who_is_put_on_the_deny_list_is_put_out(tmp_path: Path) -> None:
    deny = tmp_path / "deny"
    deny.write_text("KA1ZZZ\n")

    async def whole(server: SignalProcess) -> None:
        async with stranger(server, "KA1AAA") as bad, stranger(server, "KA1BBB") as good:
            await bad.prove()
            await good.prove()
            deny.write_text("KA1AAA ; floods\n")
            hang_up(server)
            assert await bad.closed() == ["denied"]
            await good.join("cq")
            # A list that cannot be read is no empty one.
            deny.unlink()
            hang_up(server)
            while "deny list stays as it was" not in server.log:
                await asyncio.sleep(0.01)
            async with stranger(server, "KA1AAA") as again:
                await again.say(again.authentication(await again.hear(wire.Challenge)))
                assert await again.closed() == ["denied"]

    with signal_process(tmp_path, "--deny", str(deny)) as server:
        run(whole(server))
