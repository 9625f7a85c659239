"""What strangers write, and how often they call: refused, and nobody else is harmed."""

import asyncio
import re
from types import SimpleNamespace

import pytest
from tests.support.loops import run
from tests.support.transports import ALICE, BOB
from tests.support.webrtc_ends import WITHIN_S, Carrier, Heard, running

from meshdl.errors import LinkError, LinkRefused
from meshdl.ids import LinkId, StationId
from meshdl.links import DialFailed, LinkUp, MessageReceived
from meshdl.transports.exchange import Answer, Offer
from meshdl.transports.webrtc import WebRtcTransport
from meshdl.transports.webrtc_link import EARLY_MESSAGES_MAX, Link

pytestmark = pytest.mark.real


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
