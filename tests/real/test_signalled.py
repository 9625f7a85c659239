"""Links that a carrier of signals introduces: late, crossing, forged and useless signals."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import pytest
import webrtc
from tests.support.loops import run
from tests.support.transports import (
    ALICE,
    BOB,
    WITHIN_S,
    Ear,
    SignalledNetwork,
    running,
)

from meshdl.ids import StationId
from meshdl.links import DialFailed, LinkDown, LinkUp, MessageReceived, Path, PathChanged
from meshdl.signalling.client_events import Description, MoreCandidates, Refusal, SignalBody
from meshdl.transports import signalled
from meshdl.transports.sdp import fingerprint
from meshdl.transports.signalled import CALLS_PER_STATION, SignalledTransport
from meshdl.wire.signalling import IceServer

pytestmark = pytest.mark.real


class Carrier(SignalledNetwork):
    """Carries, remembers, and may hold candidates back.

    Attributes:
        carried: sender and body of each signal.
        holding: whether Bob's candidates stay here.
        crossing: whether an offer waits until one comes the other way.
    """

    def __init__(self, *, holding: bool = False) -> None:
        super().__init__()
        self.carried: list[tuple[StationId, bytes, SignalBody]] = []
        self.holding, self.crossing = holding, False
        self._held: list[tuple[bytes, MoreCandidates]] = []
        self._offers: dict[StationId, tuple[StationId, bytes, SignalBody]] = {}

    def deliver(self, sender: StationId, to: StationId, session: bytes, body: SignalBody) -> None:
        if self.holding and sender == BOB and isinstance(body, MoreCandidates):
            self._held.append((session, body))
            return
        if self.crossing and isinstance(body, Description) and not body.is_answer:
            self._offers[sender] = (to, session, body)
            if len(self._offers) == 2:
                self.crossing = False
                for one, offer in self._offers.items():
                    self.deliver(one, *offer)
            return
        self.carried.append((sender, session, body))
        super().deliver(sender, to, session, body)

    def release(self, *, port: str) -> None:
        """Let the candidate with this port go."""
        for session, body in self._held:
            for one in body.candidates:
                if one.candidate.split(" ")[5] == port:
                    self.transports[ALICE].receive(BOB, session, MoreCandidates((one,)))

    def descriptions(self) -> list[tuple[StationId, bool]]:
        """Who described itself, and whether in an answer."""
        return [
            (sender, body.is_answer)
            for sender, _, body in self.carried
            if isinstance(body, Description)
        ]


@asynccontextmanager
async def linked(carrier: SignalledNetwork) -> AsyncIterator[tuple[Ear, Ear]]:
    async with (
        running(carrier.transport(ALICE)) as alice,
        running(carrier.transport(BOB)) as bob,
    ):
        alice.transport.dial(BOB)
        await alice.up()
        await bob.up()
        yield alice, bob


def shown(ear: Ear) -> list[str]:
    """The other end's addresses, one after the other."""
    ups = [event.remote_address for event in ear.heard(LinkUp)]
    return ups + [event.remote_address for event in ear.heard(PathChanged)]


def remote_port(ear: Ear) -> str:
    """Where the packets go, by port; empty while that is not known."""
    transport = ear.transport
    assert isinstance(transport, SignalledTransport)
    link = transport._link(ear.heard(LinkUp)[0].link)
    assert link is not None
    assert link.connection.sctp is not None
    pair = link.connection.sctp.transport.ice_transport.get_selected_candidate_pair()
    return str(pair.remote.port) if pair is not None else ""


async def talk(alice: Ear, bob: Ear, text: str) -> None:
    alice.transport.send((await alice.up()).link, text)
    while text not in bob.messages():
        await bob.hear(MessageReceived, len(bob.messages()) + 1)


def test_an_address_that_is_told_after_the_link_came_up_is_known_from_then_on() -> None:
    async def whole() -> None:
        carrier = Carrier(holding=True)
        async with linked(carrier) as (alice, bob):
            await talk(alice, bob, "so that nothing more is found out by itself")
            await talk(bob, alice, "so that nothing more is found out by itself")
            assert not any(shown(alice)), "nobody told it"
            # No other candidate, or the packets would find a better way, and that be told.
            async with asyncio.timeout(WITHIN_S):
                while not (port := remote_port(alice)):
                    await asyncio.sleep(0.01)
                while not shown(alice)[-1]:
                    # The packets may take another way before it is told where this one ends.
                    carrier.release(port=port)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.2):
                            await alice.hear(PathChanged, len(shown(alice)))
                    port = remote_port(alice)

    run(whole())


class Misleading(SignalledNetwork):
    """Tells Alice's candidates to nobody, and each end an address where the other is not."""

    def deliver(self, sender: StationId, to: StationId, session: bytes, body: SignalBody) -> None:
        if isinstance(body, Description):
            line = "a=candidate:1 1 udp 2122260223 192.168.1.7 9 typ host\r\n"
            body = Description(body.sdp + line, body.is_answer)
        elif sender == ALICE and isinstance(body, MoreCandidates):
            return
        super().deliver(sender, to, session, body)


def test_nobody_is_on_the_local_network_for_having_such_an_address() -> None:
    """Behind another router there is the same 192.168.1.0."""

    async def whole() -> None:
        async with linked(Misleading()) as (alice, bob):
            await talk(alice, bob, "so that nothing more is found out by itself")
            await talk(bob, alice, "so that nothing more is found out by itself")
            up = await bob.up()
            assert (up.traits.path, up.remote_address) == (Path.DIRECT, "")
            assert not bob.heard(PathChanged)

    run(whole())


def test_of_two_restarts_that_cross_the_impolite_one_stands() -> None:
    async def whole() -> None:
        carrier = Carrier()
        async with linked(carrier) as (alice, bob):
            carrier.carried.clear()
            carrier.crossing = True
            for transport in carrier.transports.values():
                transport.network_changed()
            async with asyncio.timeout(15):
                while len(carrier.descriptions()) < 3:
                    await asyncio.sleep(0.01)
            await talk(alice, bob, "still here")
            await talk(bob, alice, "and here")
            # The higher id is polite: it takes its own offer back and answers the other's.
            polite, impolite = max(ALICE, BOB), min(ALICE, BOB)
            told = carrier.descriptions()
            assert sorted(told[:2]) == sorted([(ALICE, False), (BOB, False)])
            assert told[2] == (polite, True)
            assert (impolite, True) not in told
            assert alice.heard(LinkDown) == bob.heard(LinkDown) == []
            assert len(alice.heard(LinkUp)) == len(bob.heard(LinkUp)) == 1

    run(whole())


def test_when_the_engine_has_seen_the_new_addresses_too_ice_is_restarted_once_more() -> None:
    """What it gathers at first may be of the interfaces that were."""

    async def whole() -> None:
        carrier = Carrier()
        async with linked(carrier) as (alice, bob):
            carrier.carried.clear()
            carrier.transports[ALICE].network_changed()
            async with asyncio.timeout(WITHIN_S):
                while len(carrier.descriptions()) < 4:
                    await asyncio.sleep(0.01)
            # Each is answered before the next one.
            assert carrier.descriptions() == [(ALICE, False), (BOB, True)] * 2
            await talk(alice, bob, "still here")
            assert alice.heard(LinkDown) == bob.heard(LinkDown) == []

    run(whole())


def with_another_certificate(carrier: Carrier) -> tuple[bytes, Description]:
    """The session, and its first offer as somebody else would make it."""
    sender, session, offer = carrier.carried[0]
    assert sender == ALICE
    assert isinstance(offer, Description)
    told = fingerprint(offer.sdp).hex(":").upper()
    other = Description(offer.sdp.replace(told, ":".join(["AB"] * 32)), is_answer=False)
    assert other != offer
    return session, other


def test_a_description_with_another_certificate_ends_the_link() -> None:
    async def whole() -> None:
        carrier = Carrier()
        async with linked(carrier) as (alice, _):
            session, other = with_another_certificate(carrier)
            carrier.transports[ALICE].receive(BOB, session, other)
            (down,) = await alice.hear(LinkDown)
            assert "another certificate" in down.reason

    run(whole())


def test_nobody_but_the_other_end_has_a_say_in_a_session() -> None:
    async def whole() -> None:
        carrier = Carrier()
        async with linked(carrier) as (alice, _):
            session, other = with_another_certificate(carrier)
            stranger = StationId("5777777777777777")
            carrier.transports[ALICE].receive(stranger, session, Description("", is_answer=False))
            # What comes is dealt with in order, so this would not be what ends the link.
            carrier.transports[ALICE].receive(BOB, session, other)
            (down,) = await alice.hear(LinkDown)
            assert "another certificate" in down.reason

    run(whole())


def offers(carrier: Carrier, sender: StationId, count: int) -> list[bytes]:
    """Calls Alice with an offer of Bob's, again and again; the sessions."""
    offer = next(body for _, _, body in carrier.carried if isinstance(body, Description))
    sessions = [sender.encode()[:8] + bytes([number]) * 8 for number in range(count)]
    for session in sessions:
        carrier.transports[ALICE].receive(sender, session, offer)
    return sessions


class Refusing(Carrier):
    """Keeps what Alice refuses, and whom."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[tuple[StationId, str]] = []
        self.news = asyncio.Event()

    def deliver(self, sender: StationId, to: StationId, session: bytes, body: SignalBody) -> None:
        if sender == ALICE and isinstance(body, Refusal):
            self.refused.append((to, body.reason))
            self.news.set()
        elif to in self.transports:
            super().deliver(sender, to, session, body)


def test_a_station_that_calls_without_end_and_those_who_join_it_leave_room_for_others() -> None:
    async def whole() -> None:
        carrier = Refusing()
        async with (
            running(carrier.transport(ALICE, links_max=16)) as alice,
            running(carrier.transport(BOB)) as bob,
        ):
            bob.transport.dial(ALICE)
            await alice.up()
            loud, other, third = (StationId(letter * 16) for letter in "cde")
            offers(carrier, loud, CALLS_PER_STATION + 3)
            offers(carrier, other, 2)
            offers(carrier, third, 5)
            async with asyncio.timeout(WITHIN_S):
                while len(carrier.refused) < 6:
                    carrier.news.clear()
                    await carrier.news.wait()
            assert [to for to, _ in carrier.refused] == [loud] * 3 + [third] * 3
            assert "you call too often" in carrier.refused[0][1]
            assert "too many stations call" in carrier.refused[-1][1]
            # Whom Alice dials herself she reaches.
            alice.transport.dial(BOB)
            await alice.hear(LinkUp, 2)

    run(whole())


class StunServer(asyncio.DatagramProtocol):
    """Hears that it is asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.set()


@asynccontextmanager
async def stun_server() -> AsyncIterator[tuple[StunServer, IceServer]]:
    """One that never answers, and how it is named."""
    transport, stun = await asyncio.get_running_loop().create_datagram_endpoint(
        StunServer, local_addr=("127.0.0.1", 0)
    )
    with closing(transport):
        port = transport.get_extra_info("sockname")[1]
        yield stun, IceServer((f"stun:127.0.0.1:{port}",))


def test_a_link_is_mended_by_the_servers_that_there_are_then() -> None:
    """Those it was made with may be gone, and their credentials have run out."""

    async def whole() -> None:
        carrier = Carrier()
        async with linked(carrier) as (alice, bob), stun_server() as (stun, named):
            carrier.transports[ALICE].use((named,))
            carrier.transports[ALICE].network_changed()
            async with asyncio.timeout(WITHIN_S):
                await stun.asked.wait()
            await talk(alice, bob, "still here")
            assert alice.heard(LinkDown) == bob.heard(LinkDown) == []

    run(whole())


def test_a_carrier_that_tells_of_stations_without_end_does_not_have_us_dial_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signalled, "DIALS_AT_ONCE", 4)
    monkeypatch.setattr(signalled, "DIALS_PER_S", 1e-6)

    async def whole() -> None:
        carrier = Carrier()
        async with running(carrier.transport(ALICE)) as alice:
            for number in range(7):
                alice.transport.dial(StationId(f"{number:016x}"))
                # It is told to the carrier, and lost, before the next one.
                failed = await alice.hear(DialFailed, number + 1)
            refused = ["too often" in one.reason for one in failed]
            assert refused == sorted(refused)
            assert 4 <= refused.count(False) <= 5

    run(whole())


class Gathering(Carrier):
    """Notes how far Alice and Bob are with finding candidates when they describe themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[webrtc.RTCIceGatheringState] = []

    def deliver(self, sender: StationId, to: StationId, session: bytes, body: SignalBody) -> None:
        if isinstance(body, Description):
            mine = self.transports[sender]._sessions[session].negotiation.link.connection
            self.states.append(mine.ice_gathering_state)
        super().deliver(sender, to, session, body)


def test_a_description_is_sent_before_candidates_are_found() -> None:
    """A STUN server that does not answer keeps the search going for some ten seconds."""

    async def whole() -> None:
        carrier = Gathering()
        transport, stun = await asyncio.get_running_loop().create_datagram_endpoint(
            StunServer, local_addr=("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        mute = (IceServer((f"stun:127.0.0.1:{port}",)),)
        with closing(transport):
            async with (
                running(carrier.transport(ALICE)) as alice,
                running(carrier.transport(BOB)) as bob,
            ):
                for end in carrier.transports.values():
                    end.use(mute)
                alice.transport.dial(BOB)
                await alice.up()
                await bob.up()
                await stun.asked.wait()
            assert len(carrier.states) == 2
            assert webrtc.RTCIceGatheringState.complete not in carrier.states
            kinds = [type(body) for _, _, body in carrier.carried]
            assert kinds.index(MoreCandidates) > kinds.index(Description)

    run(whole())


class Overtaking(SignalledNetwork):
    """Bob's candidates overtake his answer, and Alice's get lost: she alone can find him."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[str] = []
        self._answer: tuple[bytes, SignalBody] | None = None

    def deliver(self, sender: StationId, to: StationId, session: bytes, body: SignalBody) -> None:
        if sender == ALICE and isinstance(body, MoreCandidates):
            return
        if sender == BOB and isinstance(body, Description):
            self._answer = session, body
            return
        self.came.append(type(body).__name__)
        super().deliver(sender, to, session, body)
        if self._answer is not None:
            (session, body), self._answer = self._answer, None
            self.came.append(type(body).__name__)
            super().deliver(BOB, ALICE, session, body)


def test_candidates_that_overtake_their_description_are_kept_for_it() -> None:
    async def whole() -> None:
        carrier = Overtaking()
        async with linked(carrier):
            pass
        assert carrier.came[:3] == ["Description", "MoreCandidates", "Description"]

    run(whole())


def test_a_server_that_is_none_is_named_and_the_others_are_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def whole() -> None:
        carrier = Carrier()
        async with (
            stun_server() as (stun, named),
            running(carrier.transport(ALICE)),
            running(carrier.transport(BOB)),
        ):
            carrier.transports[ALICE].use((IceServer(("nonsense:",)), named))
            carrier.transports[ALICE].dial(BOB)
            async with asyncio.timeout(WITHIN_S):
                await stun.asked.wait()

    with caplog.at_level(logging.WARNING):
        run(whole())
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["nonsense:"]
