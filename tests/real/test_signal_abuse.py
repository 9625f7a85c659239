"""Ends of sockets that mean no good, at a real ``meshdl signal``: everybody else is unharmed.

In each test two honest stations move a file meanwhile, and a third one that comes afterwards
is served as if nothing had been.
"""

import asyncio
import itertools
import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.real.test_internet import station
from tests.support.stations import hash_of, make_file, run, until
from tests.support.strangers import (
    SignalProcess,
    Stranger,
    kind_of,
    relay_to,
    signal_process,
    stranger,
)

from meshdl.ids import ContentHash
from meshdl.signalling.server_events import ServerLimits
from meshdl.station.station import Station
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Address, Envelope, SessionRefused, decode_signal

pytestmark = pytest.mark.real

KIB, MIB = 1024, 1024 * 1024
LIMITS = ServerLimits()
TOO_FAST = "is closed: too fast"
_rooms = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignalProcess]:
    with signal_process(tmp_path_factory.mktemp("signal"), "-v") as running:
        yield running


@dataclass(slots=True)
class Scene:
    """Two honest stations in a room of their own.

    Attributes:
        content: what moves.
        room: theirs.
    """

    alice: Station
    bob: Station
    content: ContentHash
    room: str
    call: str

    async def enter(self, attacker: Stranger) -> wire.Member:
        """Be let in, and into the room; how Alice is told of there."""
        await attacker.prove()
        joined = await attacker.join(self.room)
        return next(one for one in joined.members if one.callsign == f"{self.call}AAA")


@asynccontextmanager
async def honest(tmp_path: Path, server: SignalProcess) -> AsyncIterator[Scene]:
    """A file moves while the block runs, and has arrived at its end."""
    number = next(_rooms)
    room, letter = f"room-{number}", chr(64 + number)
    path = make_file(tmp_path / "bulletin.bin", 3 * MIB + 5)
    async with AsyncExitStack() as stack:

        async def join(call: str) -> Station:
            made = station(tmp_path, f"K{letter}1{call}", server.port, room=room)
            return await stack.enter_async_context(made)

        alice, bob = await join("AAA"), await join("BBB")
        shared = await alice.share(path)
        getting = asyncio.ensure_future(bob.download(hash_of(shared)))
        try:
            yield Scene(alice, bob, hash_of(shared), room, f"K{letter}1")
            got = await getting
        finally:
            getting.cancel()
        assert Path(got.location).read_bytes() == path.read_bytes()
        late = await join("CCC")
        got = await late.download(hash_of(shared))
        assert Path(got.location).read_bytes() == path.read_bytes()


# Floods.


def test_a_flood_from_one_socket_is_refused_and_ends_it(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def whole() -> None:
        async with honest(tmp_path, server), stranger(server, "KZ1ZAA") as flooder:
            await flooder.prove()
            before = server.log.count(TOO_FAST)
            told = asyncio.ensure_future(flooder.closed())
            lookup = wire.encode(wire.Lookup("cq", secrets.token_bytes(32)))
            with suppress(ConnectionError):
                while not told.done():
                    await flooder.socket.send_str(lookup)
                    await asyncio.sleep(0)  # it hears what it is told
            assert set(await told) <= {"rate", "not-a-member"}
            # Whoever goes on sending may miss the last word: TCP answers it with a reset.
            assert server.log.count(TOO_FAST) == before + 1
            refused = await exchange(server.port, b"GET /metrics HTTP/1.0\r\n\r\n")
            assert b'refused_total{code="rate"}' in refused

    run(whole())


def test_no_address_has_more_sockets_than_its_share(tmp_path: Path, server: SignalProcess) -> None:
    async def whole() -> None:
        async with honest(tmp_path, server), AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(stranger(server, "KZ1ZAB", address="127.0.0.67"))
                for _ in range(LIMITS.sockets_per_address + 20)
            ]
            last = opened[-1]
            refused = await last.hear(wire.Refused)
            assert refused.code == "too-many"
            with pytest.raises(ConnectionError):
                await last.hear(wire.Challenge)
            await opened[0].prove()  # who was there first stays

    run(whole())


def test_who_reads_nothing_loses_its_socket_and_takes_no_memory(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def whole() -> None:
        async with AsyncExitStack() as stack:
            scene = await stack.enter_async_context(honest(tmp_path, server))
            deaf = await stack.enter_async_context(stranger(server, "KZ1ZAC", deaf=True))
            await scene.enter(deaf)
            before = server.resident_octets
            senders = [
                await stack.enter_async_context(stranger(server, f"KZ1Z{chr(68 + n)}X"))
                for n in range(16)
            ]
            member = wire.Member(deaf.call, deaf.key, deaf.address.instance)

            async def pour(sender: Stranger) -> None:
                await scene.enter(sender)
                for number in range(32):
                    session = number.to_bytes(16, "big")
                    envelope = sender.offer(member, "v=0" + "x" * 30_000, session=session)
                    await sender.say(relay_to(scene.room, member, envelope))

            await asyncio.gather(*(pour(sender) for sender in senders))
            while (await senders[0].hear(wire.MemberLeft)).station != deaf.id:
                pass
            assert server.resident_octets - before < 64 * MIB

    run(whole())


# What is no message.


GARBLED: dict[str, tuple[list[str | bytes], list[str]]] = {
    "KZ1ZBA": (["{" * 5000] * 9, ["malformed"] * 8),
    "KZ1ZBB": (['{"type":"join","room":5}'] * 9, ["malformed"] * 8),
    "KZ1ZBC": ([b"\x00\xff" * 100] * 9, ["malformed"] * 8),
    "KZ1ZBD": (['{"type":"join","room":"' + "x" * 70_000 + '"}'] * 9, ["too-long"] * 8),
    "KZ1ZBE": (["x" * (300 * KIB)], []),
}
"""What each of them says, and the words it is refused with; the last is not even read."""


def test_garbage_is_refused_with_words_and_ends_its_socket(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def garble(call: str) -> list[str]:
        async with stranger(server, call) as garbler:
            await garbler.prove()
            for frame in GARBLED[call][0]:
                if isinstance(frame, str):
                    await garbler.socket.send_str(frame)
                else:
                    await garbler.socket.send_bytes(frame)
            return await garbler.closed()

    async def whole() -> None:
        async with honest(tmp_path, server):
            told = await asyncio.gather(*map(garble, GARBLED))
            assert dict(zip(GARBLED, told, strict=True)) == {
                call: codes for call, (_, codes) in GARBLED.items()
            }

    run(whole())


def test_what_comes_before_authentication_or_is_proved_wrongly_is_refused(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def whole() -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(honest(tmp_path, server))

            async def one(call: str, key: str = "") -> tuple[Stranger, wire.Challenge]:
                made = await stack.enter_async_context(stranger(server, call, key=key))
                return made, await made.hear(wire.Challenge)

            hasty, _ = await one("KZ1ZCA")
            await hasty.say(wire.Join("cq"))
            assert await hasty.closed() == ["malformed"]
            first, challenge = await one("KZ1ZCB")
            recorded = first.authentication(challenge)
            await first.say(recorded)
            await first.hear(wire.Welcome)
            # What was right there is wrong here: the challenge is another one.
            replaying, _ = await one("KZ1ZCB")
            await replaying.say(recorded)
            assert await replaying.closed() == ["signature"]
            posing, challenge = await one("KZ1ZCB", "another key")
            await posing.say(posing.authentication(challenge))
            assert await posing.closed() == ["callsign-pinned"]
            forging, challenge = await one("KZ1ZCC")
            forged = replace_signature(forging.authentication(challenge))
            await forging.say(forged)
            assert await forging.closed() == ["signature"]

    run(whole())


def replace_signature(message: wire.Authenticate) -> wire.Authenticate:
    return wire.Authenticate(
        message.protocol, message.callsign, message.station_key, message.instance, bytes(64)
    )


# Lies to stations.


GARBAGE = {
    "nothing": "",
    "no-description": "hello",
    "nul": "v=0\r\n\x00\x00",
    "long": "v=0\r\n" + "a=x\r\n" * 6000,
    "two-certificates": "v=0\r\n"
    + "".join(f"a=fingerprint:sha-256 {':'.join([octet] * 32)}\r\n" for octet in ("AA", "BB")),
    "sound": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
    f"a=fingerprint:sha-256 {':'.join(['AA'] * 32)}\r\n",
    "half": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
    f"a=fingerprint:sha-256 {':'.join(['AA'] * 32)}\r\na=mid:0\r\na=ice-ufrag:\r\n",
}


def test_descriptions_that_are_none_are_refused_by_a_real_station(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def whole() -> None:
        async with honest(tmp_path, server) as scene, stranger(server, "KZ1ZDA") as liar:
            alice = await scene.enter(liar)
            for name, sdp in GARBAGE.items():
                session = name.encode().ljust(16, b".")[:16]
                await liar.say(relay_to(scene.room, alice, liar.offer(alice, sdp, session=session)))
                while session_of(answer := await liar.hear(wire.Relayed)) != session:
                    pass
                assert kind_of(answer) == "refused", name
                reason = json.loads(answer.envelope.signal)["reason"]
                assert ("media sections" in reason) == (name == "sound"), (name, reason)

    run(whole())


def test_unsigned_repeated_and_stale_signals_get_no_answer(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def whole() -> None:
        async with honest(tmp_path, server) as scene, stranger(server, "KZ1ZDB") as liar:
            alice = await scene.enter(liar)
            good = liar.offer(alice, "v=0", session=b"g" * 16)
            old = liar.offer(alice, "v=0", session=b"o" * 16, age_s=120.0)
            unsigned = Envelope(liar.offer(alice, "v=0", session=b"u" * 16).signal, bytes(64))
            bob_said = SessionRefused(
                Address(b"b" * 32, b"b" * 8), good_address(alice), b"f" * 16, 0, liar.clock_ms, "no"
            )
            foreign = liar.sealed(bob_said)
            last = liar.offer(alice, "v=0", session=b"l" * 16)
            for envelope in (unsigned, old, foreign, good, good, last):
                await liar.say(relay_to(scene.room, alice, envelope))
            sessions: list[bytes] = []
            while not sessions or sessions[-1] != b"l" * 16:
                answer = await liar.hear(wire.Relayed)
                if answer.sender == alice:
                    sessions.append(session_of(answer))
            assert sessions == [b"g" * 16, b"l" * 16]

            async def told() -> bool:
                return len((await scene.alice.view.status()).warnings) >= 3

            await until(told)
            warnings = " ".join((await scene.alice.view.status()).warnings)
            for problem in ("signature does not hold", r"1[2-9]\d s old", "came before"):
                assert re.search(problem, warnings)

    run(whole())


def good_address(member: wire.Member) -> Address:
    return Address(member.station_key, member.instance)


def session_of(relayed: wire.Relayed) -> bytes:
    signal = decode_signal(relayed.envelope.signal)
    assert signal is not None
    return signal.session


def test_an_offer_to_a_station_that_left_comes_back(tmp_path: Path, server: SignalProcess) -> None:
    async def whole() -> None:
        async with honest(tmp_path, server) as scene, stranger(server, "KZ1ZEA") as caller:
            await scene.enter(caller)
            async with stranger(server, "KZ1ZEB") as leaving:
                await scene.enter(leaving)
            await caller.hear(wire.MemberLeft)
            gone = wire.Member(leaving.call, leaving.key, leaving.address.instance)
            offer = caller.offer(gone, "v=0", session=b"s" * 16)
            await caller.say(relay_to(scene.room, gone, offer))
            assert (await caller.hear(wire.Undeliverable)).to == leaving.id
            # And nobody reaches into a room that he is not in.
            await caller.say(wire.Leave(scene.room), relay_to(scene.room, gone, offer))
            assert (await caller.hear(wire.Refused)).code == "not-a-member"

    run(whole())


def test_a_lie_about_who_has_a_content_costs_an_attempt_and_no_more(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def whole() -> None:
        async with honest(tmp_path, server) as scene, stranger(server, "KZ1ZFA") as liar:
            await scene.enter(liar)
            await liar.say(wire.Announce(scene.room, (scene.content,), 600))
            seeker_offers = 0
            while not seeker_offers:
                relayed = await liar.hear(wire.Relayed)
                seeker_offers += kind_of(relayed) == "offer"
            # It says nothing. `honest` sees the content arrive, here and at who comes later.

    run(whole())


# Amplification.


def test_a_stranger_gets_little_more_out_of_the_server_than_it_put_in(
    tmp_path: Path, server: SignalProcess
) -> None:
    async def whole() -> None:
        garbage = b"\x81\x85aaaa\x02\x02\x02\x02\x02"  # masked text frames of five characters
        upgrade = (
            b"GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        for name, sent, most in (
            ("hanging up", upgrade + b"\x88\x80aaaa", 4 * len(upgrade)),
            ("garbage", upgrade + garbage * 20, 8 * len(upgrade)),
            ("no request", b"\r\n" * 20 + b"nonsense\r\n\r\n", 512),
            ("health", b"GET /health HTTP/1.0\r\n\r\n", 512),
            ("metrics", b"GET /metrics HTTP/1.0\r\n\r\n", 4096),
            ("nowhere", b"GET /nowhere HTTP/1.0\r\n\r\n", 512),
        ):
            got = await exchange(server.port, sent)
            assert 0 < len(got) <= most, (name, len(got), got[:2000])

    run(whole())


async def exchange(port: int, sent: bytes) -> bytes:
    """Say this, and hear all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.68", 0))
    writer.write(sent)
    try:
        async with asyncio.timeout(15):
            return await reader.read()
    finally:
        writer.close()


def test_nobody_but_its_room_hears_of_a_station(tmp_path: Path, server: SignalProcess) -> None:
    async def whole() -> None:
        async with honest(tmp_path, server) as scene, stranger(server, "KZ1ZGA") as outsider:
            await outsider.prove()
            await outsider.say(
                wire.Lookup(scene.room, scene.content, 60),
                wire.Announce(scene.room, (scene.content,), 60),
            )
            assert (await outsider.hear(wire.Refused)).code == "not-a-member"
            assert (await outsider.hear(wire.Refused)).code == "not-a-member"
            assert not [one for one in outsider.heard if isinstance(one, wire.Found)]

    run(whole())
