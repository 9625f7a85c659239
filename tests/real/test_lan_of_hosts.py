"""Whole stations on hosts of their own: `meshdl up` in network namespaces."""

import json
import re
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from random import Random

import pytest
from tests.support.netns import Addressing, network
from tests.support.processes import COMMAND_WITHIN_S, StationProcess, stations, until

pytestmark = pytest.mark.real

LONG_OCTETS = 192 * 1024 * 1024
"""Takes seconds, so that something can happen meanwhile."""


def random_file(path: Path, octets: int) -> Path:
    path.write_bytes(Random(7).randbytes(octets))
    return path


def share(one: StationProcess, path: Path) -> str:
    return str(one.tell("share", str(path))[-1]["content"]["link"])


def get(
    one: StationProcess, link: str, *, heard: bool = False
) -> AbstractContextManager["subprocess.Popen[str]"]:
    return one.begin("get", link, "--directory", str(one.downloads), heard=heard)


def octets_done(line: str) -> int:
    return int(json.loads(line)["octets_done"])


@pytest.mark.parametrize("addressing", [Addressing.IPV4, Addressing.IPV6])
def test_three_hosts_find_each_other_and_move_a_file(
    tmp_path: Path, addressing: Addressing
) -> None:
    original = random_file(tmp_path / "map.bin", 5_000_000)
    with (
        network(3, addressing) as hosts,
        stations(hosts, tmp_path) as (first, *others),
    ):
        link = share(first, original)
        with ExitStack() as stack:
            commands = [stack.enter_context(get(one, link)) for one in others]
            assert [command.wait(COMMAND_WITHIN_S) for command in commands] == [0, 0], first.log()
        for one in others:
            assert (one.downloads / "map.bin").read_bytes() == original.read_bytes()
            until(lambda one=one: one.links() == 2, "each has links to both others")  # type: ignore[misc]


def test_a_download_survives_another_address_of_its_source(tmp_path: Path) -> None:
    original = random_file(tmp_path / "map.bin", LONG_OCTETS)
    with (
        network(2, Addressing.IPV4) as hosts,
        stations(hosts, tmp_path) as (source, sink),
    ):
        with get(sink, share(source, original), heard=True) as command:
            assert command.stdout is not None
            at_break = next(filter(None, map(octets_done, command.stdout)))
            host = source.host
            host.ip("link", "set", "lan", "down")
            host.ip("addr", "flush", "dev", "lan")
            assert 0 < at_break < LONG_OCTETS
            host.ip("addr", "add", "10.73.0.99/24", "dev", "lan")
            host.ip("link", "set", "lan", "up")
            command.communicate(timeout=COMMAND_WITHIN_S)
            assert command.returncode == 0
        assert (sink.downloads / "map.bin").read_bytes() == original.read_bytes()
        until(lambda: "10.73.0.99" in json.dumps(sink.tell("peers")), "the new address is shown")


def test_a_host_without_a_network_joins_when_one_appears(tmp_path: Path) -> None:
    with ExitStack() as stack:
        hosts = stack.enter_context(network(2, Addressing.UNPLUGGED))
        hosts[0].plug_in(Addressing.IPV4)
        first, second = stack.enter_context(stations(hosts, tmp_path))
        until(lambda: second.lan_state() == "no network interface; trying again", "it is told")
        hosts[1].plug_in(Addressing.IPV4)
        until(lambda: second.links() == 1, "a link over the new interface")
        until(lambda: first.links() == 1, "the other end has the link too")


DOOR = """
import asyncio, secrets, sys, uvloop
from meshdl.discovery.announcement import Announcement
from meshdl.discovery.book import AddressBook
from meshdl.discovery.events import StationFound
from meshdl.discovery.exchange import LanExchange
from meshdl.discovery.lan import LanDiscovery
from meshdl.discovery.messages import Card
from meshdl.discovery.server import LanServer
from meshdl.ids import Callsign, StationId
from meshdl.transports.exchange import Answer, Offer

own = Announcement(StationId(secrets.token_hex(8)), Callsign("KA1ABC"), secrets.token_hex(8))
asked, answered = asyncio.Event(), asyncio.Event()

async def answer(offer):
    asked.set()
    return Answer(own.station, "fine, " + offer.sdp)

async def main():
    book = AddressBook()
    card = Card("meshdl 0", own.callsign, own.station, own.instance)
    async with LanExchange(book) as exchange, LanServer(card, answer, port=None) as server:
        found = asyncio.Queue()
        discovery = LanDiscovery(own, port=server.port)
        task = asyncio.create_task(discovery.run(found.put_nowait))
        while not isinstance(event := await found.get(), StationFound):
            pass
        book.note(event.station, event.endpoints)
        theirs = await exchange.exchange(event.station, Offer(own.station, "v=0"))
        print(*(endpoint.host for endpoint in event.endpoints), theirs.sdp, flush=True)
        await asked.wait()
        await asyncio.sleep(0.5)
        task.cancel()

uvloop.run(main())  # as a station
"""


def test_link_local_addresses_alone_carry_offers() -> None:
    """Two hosts on a cable: each address needs the scope of the interface it is used on."""
    with network(2, Addressing.LINK_LOCAL) as hosts, ExitStack() as stack:
        doors = [
            stack.enter_context(
                subprocess.Popen(
                    host.words(sys.executable, "-c", DOOR), stdout=subprocess.PIPE, text=True
                )
            )
            for host in hosts
        ]
        for door in doors:
            said, _ = door.communicate(timeout=30)
            address, answer = said.split(" ", 1)
            assert answer == "fine, v=0\n"
            assert re.fullmatch(r"fe80::[0-9a-f:]+%[0-9]+", address)


def test_a_station_with_link_local_addresses_alone_says_what_it_lacks(tmp_path: Path) -> None:
    """libwebrtc leaves them out: its addresses have no scope."""
    with (
        network(2, Addressing.LINK_LOCAL) as hosts,
        stations(hosts, tmp_path) as (one, other),
    ):
        until(lambda: "no link to station" in one.log() + other.log(), "a dial fails")
        assert "no address that WebRTC can use" in one.log() + other.log()
        until(lambda: "links need another address" in one.lan_state(), "it is told")
        hosts[0].ip("addr", "add", "fd73::1/64", "dev", "lan")
        hosts[1].ip("addr", "add", "fd73::2/64", "dev", "lan")
        until(lambda: one.links() == 1, "a link over the new addresses")
        # The other may have dialled before this one looked at its own addresses again.
        until(lambda: one.lan_state() == "announced", "the new address is seen")
