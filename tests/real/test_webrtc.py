"""WebRTC links: how they come up and end, where they run, and many at once."""

import asyncio
import gc
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.loops import run
from tests.support.transports import ALICE, BOB
from tests.support.webrtc_ends import WITHIN_S, Heard, running

from meshdl.ids import LinkId, StationId
from meshdl.links import LinkBinding, LinkDown, LinkUp, MessageReceived, PathChanged
from meshdl.links import Path as LinkPath
from meshdl.transports.exchange import Answer, Offer
from meshdl.transports.sdp import fingerprint
from meshdl.transports.webrtc_link import Link

pytestmark = pytest.mark.real


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
