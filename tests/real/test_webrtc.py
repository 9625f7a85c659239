"""WebRTC when things go wrong: peers that die, liars, garbage, and many links at once."""

import asyncio
import gc
import json
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.loops import run

from meshdl.errors import LinkError, LinkRefused
from meshdl.ids import LinkId, StationId
from meshdl.links import (
    DialFailed,
    LinkBinding,
    LinkDown,
    LinkEvent,
    LinkUp,
    MessageReceived,
    PathChanged,
)
from meshdl.links import Path as LinkPath
from meshdl.transports.exchange import Answer, Offer
from meshdl.transports.sdp import fingerprint
from meshdl.transports.webrtc import WebRtcTransport
from meshdl.transports.webrtc_link import EARLY_MESSAGES_MAX, Link

pytestmark = pytest.mark.real

ALICE, BOB = StationId("a11ce00000000000"), StationId("b0b0000000000000")
WITHIN_S = 20.0

Exchange = Callable[[StationId, Offer], Awaitable[Answer]]


class Carrier:
    """An exchange that does what a test wants; nobody is reached otherwise."""

    def __init__(self) -> None:
        self.carry: Exchange = _nobody

    async def exchange(self, station: StationId, offer: Offer) -> Answer:
        return await self.carry(station, offer)


async def _nobody(station: StationId, _: Offer) -> Answer:
    raise LinkError(f"nobody knows {station}")


class Heard:
    """Events, and a way to wait for them."""

    def __init__(self) -> None:
        self.events: list[LinkEvent] = []
        self._news = asyncio.Event()

    def report(self, event: LinkEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, kind: type[LinkEvent], count: int = 1) -> None:
        async with asyncio.timeout(WITHIN_S):
            while sum(isinstance(event, kind) for event in self.events) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(
    station: StationId, *, links_max: int = 64, dial_timeout_s: float = 15.0
) -> AsyncIterator[tuple[WebRtcTransport, Carrier, Heard]]:
    carrier, heard = Carrier(), Heard()
    transport = WebRtcTransport(
        station, carrier, links_max=links_max, dial_timeout_s=dial_timeout_s, loopback=True
    )
    task = asyncio.create_task(transport.run(heard.report))
    await asyncio.sleep(0)
    try:
        yield transport, carrier, heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


PEER = """
import asyncio, json, sys
from meshdl.ids import StationId
from meshdl.links import LinkUp
from meshdl.transports.exchange import Offer
from meshdl.transports.webrtc import WebRtcTransport

async def main():
    transport = WebRtcTransport(StationId(sys.argv[1]), None, links_max=4, loopback=True)
    def report(event):
        if isinstance(event, LinkUp):
            transport.send(event.link, "here")
    task = asyncio.create_task(transport.run(report))
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    offer = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    answer = await transport.answer(Offer(StationId(offer["station"]), offer["sdp"]))
    print(json.dumps({"station": answer.station, "sdp": answer.sdp}), flush=True)
    await task

asyncio.run(main())
"""


def test_a_killed_peer_leaves_a_link_that_can_be_closed_at_once() -> None:
    async def whole() -> None:
        peer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PEER, BOB, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert peer.stdin is not None
        assert peer.stdout is not None
        stdin, stdout = peer.stdin, peer.stdout

        async def carry(_: StationId, offer: Offer) -> Answer:
            stdin.write(json.dumps({"station": offer.station, "sdp": offer.sdp}).encode() + b"\n")
            return Answer(**json.loads(await stdout.readline()))

        async with running(ALICE) as (transport, carrier, heard):
            carrier.carry = carry
            transport.dial(BOB)
            await heard.until(MessageReceived)
            up = heard.events[0]
            assert isinstance(up, LinkUp)
            peer.kill()
            await peer.wait()
            # Nothing tells; the ping of the core above does. Sending goes on, into a buffer.
            transport.send(up.link, "are you there?")
            while transport.send(up.link, bytes(65_536)):
                await asyncio.sleep(0)
            assert not any(isinstance(event, LinkDown) for event in heard.events)
            began_at = asyncio.get_running_loop().time()
            transport.close(up.link, "no answer")
            await heard.until(LinkDown)
            assert asyncio.get_running_loop().time() - began_at < 5.0
            assert heard.events[-1] == LinkDown(up.link, "no answer")
            stdin.close()

    run(whole())


def test_a_wrong_fingerprint_in_the_answer_never_comes_up() -> None:
    async def whole() -> None:
        async with (
            running(ALICE, dial_timeout_s=4.0) as (alice, carrier, at_alice),
            running(BOB, dial_timeout_s=4.0) as (bob, _, at_bob),
        ):

            async def carry(_: StationId, offer: Offer) -> Answer:
                answer = await bob.answer(offer)
                head, found, rest = answer.sdp.partition("a=fingerprint:sha-256 ")
                assert found
                forged = ("01" if rest[:2] != "01" else "02") + rest[2:]
                return Answer(answer.station, head + found + forged)

            carrier.carry = carry
            alice.dial(BOB)
            await at_alice.until(DialFailed)
            await asyncio.sleep(0.1)
            assert [type(event) for event in at_alice.events] == [DialFailed]
            assert not any(isinstance(event, MessageReceived) for event in at_bob.events)

    run(whole())


def garbage() -> list[str]:
    fingerprint = "a=fingerprint:sha-256 " + bytes(range(32)).hex(":").upper() + "\r\n"
    return [
        "",
        "v=0",
        "\x00" * 100,
        "x" * 100_000,
        fingerprint,
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + fingerprint,
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" + fingerprint,
        "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 50 + fingerprint,
        "\ud800",
    ]


@pytest.mark.parametrize("sdp", garbage(), ids=range(len(garbage())))
def test_garbage_for_an_offer_is_refused(sdp: str) -> None:
    async def whole() -> None:
        async with running(BOB, links_max=1) as (bob, _, heard):
            for _ in range(3):  # a refused one leaves its place free
                with pytest.raises(LinkRefused):
                    await bob.answer(Offer(ALICE, sdp))
            assert heard.events == []

    run(whole())


@pytest.mark.parametrize("sdp", garbage(), ids=range(len(garbage())))
def test_garbage_for_an_answer_fails_the_dial(sdp: str) -> None:
    async def whole() -> None:
        async with running(ALICE, links_max=1) as (alice, carrier, heard):

            async def carry(station: StationId, _: Offer) -> Answer:
                return Answer(station, sdp)

            carrier.carry = carry
            alice.dial(BOB)
            await heard.until(DialFailed)
            alice.dial(BOB)
            await heard.until(DialFailed, 2)
            assert "links already" not in str(heard.events)

    run(whole())


def test_the_binding_is_made_of_the_fingerprints_that_were_exchanged() -> None:
    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, at_alice), running(BOB) as (bob, _, at_bob):
            carried: list[str] = []

            async def carry(_: StationId, offer: Offer) -> Answer:
                answer = await bob.answer(offer)
                carried.extend((offer.sdp, answer.sdp))
                return answer

            carrier.carry = carry
            alice.dial(BOB)
            await at_alice.until(LinkUp)
            await at_bob.until(LinkUp)
            ours, theirs = map(fingerprint, carried)
            for heard, expected in (
                (at_alice, LinkBinding(ours, theirs)),
                (at_bob, LinkBinding(theirs, ours)),
            ):
                assert isinstance(heard.events[0], LinkUp)
                assert heard.events[0].binding == expected

    run(whole())


def test_a_neighbour_whose_packets_come_from_elsewhere_than_it_described_is_a_neighbour() -> None:
    """It has just moved here, or is a page that hides where it is."""

    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, _), running(BOB) as (bob, _, at_bob):

            async def carry(_: StationId, offer: Offer) -> Answer:
                moved = re.sub(r"(a=candidate:.*) \d+ typ host", r"\1 9 typ host", offer.sdp)
                return await bob.answer(Offer(offer.station, moved))

            carrier.carry = carry
            alice.dial(BOB)
            await at_bob.until(LinkUp)
            (link,) = bob._links.values()
            assert link.connection.sctp is not None
            ice = link.connection.sctp.transport.ice_transport
            chosen = asyncio.Event()
            ice.on("selectedcandidatepairchange", lambda _event: chosen.set())
            async with asyncio.timeout(WITHIN_S):
                while (pair := ice.get_selected_candidate_pair()) is None:
                    await chosen.wait()
            assert str(pair.remote.type) == "prflx"
            placed = [event.path for event in at_bob.events if isinstance(event, PathChanged)]
            up = at_bob.events[0]
            assert isinstance(up, LinkUp)
            assert {up.traits.path, *placed} == {LinkPath.LAN}

    run(whole())


def test_no_name_that_a_stranger_writes_is_looked_up() -> None:
    async def whole() -> None:
        async with running(ALICE) as (alice, _, _), running(BOB) as (bob, carrier, _):
            seen: list[str] = []

            async def tampered(_: StationId, offer: Offer) -> Answer:
                named = "a=candidate:9 1 udp 2122260223 tracker.example.com 9 typ host\r\n"
                port = "a=candidate:9 1 tcp 1518214911 127.0.0.1 9 typ host tcptype passive\r\n"
                answer = await alice.answer(Offer(BOB, offer.sdp + named + port))
                seen.append(_remote_of(alice))
                return Answer(answer.station, answer.sdp + named + port)

            carrier.carry = tampered
            dialling = asyncio.create_task(bob._dial(ALICE))
            async with asyncio.timeout(WITHIN_S):
                await dialling
            seen.append(_remote_of(bob))
            assert all("typ host" in sdp for sdp in seen)
            assert not any("tracker" in sdp or "passive" in sdp for sdp in seen)

    run(whole())


def _remote_of(transport: WebRtcTransport) -> str:
    (link,) = transport._links.values()
    described = link.connection.remote_description
    assert described is not None
    return str(described.sdp)


def test_an_offer_of_sound_besides_data_is_refused() -> None:
    sound = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"

    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, heard), running(BOB) as (bob, _, _at_bob):
            carrier.carry = lambda station, offer: bob.answer(
                Offer(offer.station, offer.sdp + sound)
            )
            alice.dial(BOB)
            await heard.until(DialFailed)
            assert "2 media sections" in str(heard.events[0])

    run(whole())


@pytest.mark.parametrize("liar", ["dialler", "answerer"])
def test_an_end_that_takes_short_messages_only_gets_no_link(liar: str) -> None:
    def short(sdp: str) -> str:
        return re.sub(r"a=max-message-size:[0-9]+", "a=max-message-size:300", sdp)

    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, heard), running(BOB) as (bob, _, _at_bob):

            async def carry(_: StationId, offer: Offer) -> Answer:
                sdp = short(offer.sdp) if liar == "dialler" else offer.sdp
                answer = await bob.answer(Offer(offer.station, sdp))
                return answer if liar == "dialler" else Answer(BOB, short(answer.sdp))

            carrier.carry = carry
            alice.dial(BOB)
            await heard.until(DialFailed)
            assert "messages of 300 octets" in str(heard.events[0])

    run(whole())


def test_a_message_that_overtakes_the_opening_waits_for_the_link() -> None:
    async def whole() -> None:
        heard = Heard()
        ended: list[Link] = []
        dialler = Link(LinkId("webrtc:a"), BOB, heard.report, ended.append)
        answerer = Link(LinkId("webrtc:b"), None, lambda _: None, ended.append)
        offer = await dialler.describe(None)
        answer = await answerer.describe(offer)
        answerer.bind(fingerprint(offer), offer)
        early = SimpleNamespace(data="early")
        dialler._on_control(early)  # type: ignore[arg-type] # what the library would call
        assert heard.events == []
        dialler.bind(fingerprint(answer), answer)
        await dialler.take_answer(answer)
        await heard.until(MessageReceived)
        assert [type(event) for event in heard.events] == [LinkUp, MessageReceived]
        for link in (dialler, answerer):
            link.discard()
        assert ended == [dialler, answerer]

    run(whole())


def test_too_many_messages_before_the_link_end_it() -> None:
    async def whole() -> None:
        heard = Heard()
        ended: list[Link] = []
        link = Link(LinkId("webrtc:a"), BOB, heard.report, ended.append)
        early = SimpleNamespace(data="early")
        for _ in range(EARLY_MESSAGES_MAX + 1):
            assert ended == []
            link._on_control(early)  # type: ignore[arg-type] # what the library would call
        assert ended == [link]
        assert heard.events == []

    run(whole())


def test_an_offer_that_comes_back_to_its_own_station_is_refused() -> None:
    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, heard):
            carrier.carry = lambda _, offer: alice.answer(offer)
            alice.dial(BOB)
            await heard.until(DialFailed)
            assert "own offer" in str(heard.events[0])

    run(whole())


def test_an_offer_that_takes_too_long_to_answer_is_refused() -> None:
    async def whole() -> None:
        async with (
            running(ALICE) as (alice, carrier, at_alice),
            running(BOB, dial_timeout_s=0.0, links_max=1) as (bob, _, at_bob),
        ):
            carrier.carry = lambda _, offer: bob.answer(offer)
            for count in (1, 2):  # a refused one leaves its place free
                alice.dial(BOB)
                await at_alice.until(DialFailed, count)
                assert "could not be answered within" in str(at_alice.events[-1])
            assert at_bob.events == []

    run(whole())


def test_strangers_that_call_without_end_leave_room_for_our_own_dials() -> None:
    async def whole() -> None:
        async with (
            running(ALICE, links_max=4) as (alice, carrier, heard),
            running(BOB) as (bob, calls, _),
            running(StationId("ca401e0000000000")) as (carol, _, _),
        ):

            async def to_alice(_: StationId, offer: Offer) -> Answer:
                return await alice.answer(offer)

            async def to_carol(_: StationId, offer: Offer) -> Answer:
                return await carol.answer(offer)

            calls.carry, carrier.carry = to_alice, to_carol
            for _ in range(6):
                bob.dial(ALICE)
            await heard.until(LinkUp, 3)
            alice.dial(carol._own)
            await heard.until(LinkUp, 4)
            dialled = [event.dialled for event in heard.events if isinstance(event, LinkUp)]
            assert dialled == [None, None, None, carol._own]

    run(whole())


def test_stations_that_are_none_do_not_fill_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("meshdl.transports.webrtc.LINES_PER_S", 1e-6)
    monkeypatch.setattr("meshdl.transports.webrtc.LINES_AT_ONCE", 3)

    async def nobody(_station: StationId, _offer: Offer) -> Answer:
        raise LinkError("nobody is there")

    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, at_alice):
            carrier.carry = nobody
            with caplog.at_level("INFO", "meshdl.transports.webrtc"):
                for count in range(6):
                    alice.dial(StationId(f"{count:016x}"))
                await at_alice.until(DialFailed, 6)

    run(whole())
    assert 3 <= caplog.text.count("no link to station") <= 4  # the bucket fills by a hair


def test_a_transport_that_does_not_run_takes_no_offers() -> None:
    async def whole() -> None:
        transport = WebRtcTransport(BOB, Carrier(), links_max=1, loopback=True)
        with pytest.raises(LinkRefused, match="not running"):
            await transport.answer(Offer(ALICE, "v=0"))

    run(whole())


def test_twenty_links_carry_messages_at_once() -> None:
    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, at_alice), running(BOB) as (bob, _, at_bob):
            carrier.carry = lambda _, offer: bob.answer(offer)
            for _ in range(20):
                alice.dial(BOB)
            await at_alice.until(LinkUp, 20)
            await at_bob.until(LinkUp, 20)
            for event in at_alice.events:
                if isinstance(event, LinkUp):
                    assert alice.send(event.link, event.binding.local * 2_000)
            await at_bob.until(MessageReceived, 20)
            remotes = {
                event.link: event.binding.remote
                for event in at_bob.events
                if isinstance(event, LinkUp)
            }
            messages = [event for event in at_bob.events if isinstance(event, MessageReceived)]
            assert {one.link: one.message for one in messages} == {
                link: remote * 2_000 for link, remote in remotes.items()
            }

    run(whole())


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux shows in /proc")
def test_thirty_dials_and_closes_leak_nothing() -> None:
    threads_before = set(threading.enumerate())

    def held() -> tuple[int, int]:
        gc.collect()
        fds, threads = (len(list(Path("/proc/self", kind).iterdir())) for kind in ("fd", "task"))
        return fds, threads

    async def whole() -> None:
        async with running(ALICE) as (alice, carrier, at_alice), running(BOB) as (bob, _, at_bob):
            carrier.carry = lambda _, offer: bob.answer(offer)
            before = held()
            for number in range(1, 31):
                alice.dial(BOB)
                await at_alice.until(LinkUp, number)
                await at_bob.until(LinkUp, number)
                if number == 1:
                    tasks, before = asyncio.all_tasks(), held()
                up = [event for event in at_alice.events if isinstance(event, LinkUp)][-1]
                alice.close(up.link, "enough")
                await at_alice.until(LinkDown, number)
                await at_bob.until(LinkDown, number)
            async with asyncio.timeout(WITHIN_S):
                while True:
                    fds, threads = held()
                    # One link more or less is under way at either count.
                    if (
                        fds <= before[0]
                        and threads <= before[1]
                        and len(asyncio.all_tasks()) <= len(tasks)
                    ):
                        break
                    await asyncio.sleep(0.1)

    run(whole())
    assert set(threading.enumerate()) <= threads_before
