"""Stations that have nothing in common but a peer, and no server any more."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.real.test_internet import serving, station
from tests.real.test_nat import get, path_to, share
from tests.support.nat import SERVER_URL, Nat, internet
from tests.support.processes import COMMAND_WITHIN_S, stations
from tests.support.processes import until as until_so
from tests.support.stations import hash_of, make_file, run, until_linked

from meshdl.ids import Callsign
from meshdl.station.station import Station

pytestmark = pytest.mark.real

MIB = 1024 * 1024


async def calls(one: Station) -> set[Callsign]:
    return {peer.callsign for peer in await one.view.peers() if peer.link_state.value == "up"}


def test_two_stations_with_one_peer_in_common_come_to_a_link_of_their_own(tmp_path: Path) -> None:
    async def whole() -> None:
        path = make_file(tmp_path / "bulletin.bin", 2 * MIB + 5)
        async with AsyncExitStack() as stack:
            async with serving() as here, serving() as there:
                alice = await stack.enter_async_context(station(tmp_path, "KA1AAA", here))
                bob = await stack.enter_async_context(station(tmp_path, "KA1BBB", here, there))
                carol = await stack.enter_async_context(station(tmp_path, "KA1CCC", there))
                await until_linked(bob, 2)
            # Both servers are gone. Bob has nothing of it, and wants nothing.
            shared = await carol.share(path)
            got = await alice.download(hash_of(shared))
            assert Path(got.location).read_bytes() == path.read_bytes()
            assert await calls(alice) == {"KA1BBB", "KA1CCC"}
            assert [entry.content_hash for entry in await bob.view.contents()] == []

    run(whole())


def in_rooms(*rooms: str) -> str:
    named = ", ".join(f'"{room}"' for room in rooms)
    return f"""
[lan]
enabled = false
[internet]
servers = ["{SERVER_URL}"]
rooms = [{named}]
"""


def test_homes_behind_nats_meet_by_way_of_a_peer_when_the_server_is_dead(tmp_path: Path) -> None:
    original = make_file(tmp_path / "map.bin", 3 * MIB)
    settings = [in_rooms("a"), in_rooms("c"), in_rooms("a", "c")]
    with internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY) as world:
        hosts = [world.homes[0][0], world.homes[1][0], world.public]
        with stations(hosts, tmp_path, settings=settings) as (alice, carol, bob):
            until_so(lambda: bob.links() == 2, "both homes are linked with the third station")
            world.kill_signal()
            link = share(carol, original)
            with get(alice, link) as command:
                assert command.wait(COMMAND_WITHIN_S) == 0, alice.log() + bob.log() + carol.log()
            assert (alice.downloads / original.name).read_bytes() == original.read_bytes()
            # One end may know of a better path a moment after the other.
            until_so(
                lambda: path_to(alice, carol) == path_to(carol, alice) == "direct",
                "the path is direct",
            )
            assert bob.tell("ls") == [[]]
