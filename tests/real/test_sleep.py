"""Stations that sleep: a closed lid, and a clock that jumps."""

import signal
import time
from pathlib import Path

import pytest
from tests.real.test_internet import serving, station, until_stations
from tests.real.test_nat import get, share
from tests.support.nat import SERVER_URL, Nat, internet, plug
from tests.support.processes import COMMAND_WITHIN_S, StationProcess, stations
from tests.support.processes import until as until_so
from tests.support.stations import hash_of, make_file, run, until, until_linked

from meshdl.discovery import wall_clock

pytestmark = pytest.mark.real

MIB = 1024 * 1024

SLOWLY = f"""
[internet]
servers = ["{SERVER_URL}"]
[limits]
download_octets_per_s = 200000
"""


def test_a_download_goes_on_when_the_lid_is_opened_again(tmp_path: Path) -> None:
    """Longer than the others wait: on the local network, and across the Internet."""
    original = make_file(tmp_path / "map.bin", MIB)
    with internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY, hosts=2) as world:
        (sleeping, near), (far, *_) = world.homes
        hosts = [sleeping, near, far]
        with stations(hosts, tmp_path, settings=SLOWLY) as (sleeper, neighbour, friend):
            link = share(friend, original)
            until_so(lambda: sleeper.links() == 2, "linked with both")
            with get(sleeper, link) as command:
                until_so(lambda: moving(sleeper), "octets arrive")
                sleeper.process.send_signal(signal.SIGSTOP)
                plug(sleeping, up=False)
                # They are linked with each other, and have given the sleeper up.
                until_so(lambda: neighbour.links() == 1, "the neighbour has given it up")
                until_so(lambda: friend.links() == 1, "and so has the friend", within_s=60)
                plug(sleeping, up=True)
                sleeper.process.send_signal(signal.SIGCONT)
                until_so(lambda: sleeper.links() == 2, "linked again with both")
                assert command.wait(COMMAND_WITHIN_S) == 0, sleeper.log() + friend.log()
            assert (sleeper.downloads / original.name).read_bytes() == original.read_bytes()


def moving(one: StationProcess) -> bool:
    (contents,) = one.tell("ls")
    return any(content["octets_done"] > 0 for content in contents)


def test_a_clock_that_jumps_ends_no_link_and_refreshes_what_hangs_on_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumped_s = 0.0

    class JumpingClock:
        """What the station's watch over the clock sees."""

        @staticmethod
        def time() -> float:
            return time.time() + jumped_s

    async def whole() -> None:
        nonlocal jumped_s
        async with (
            serving() as server,
            station(tmp_path, "KA1AAA", server) as alice,
            station(tmp_path, "KA1BBB", server) as bob,
        ):
            await until_stations(server, 2)
            await until_linked(alice)
            (before,) = await alice.view.peers()
            for jump_s in (86_400.0, -86_400.0):
                sockets = set(server.sockets)
                jumped_s += jump_s

                async def anew(old: set[int] = sockets) -> bool:
                    return len(server.sockets) == 2 and old.isdisjoint(server.sockets)

                await until(anew)
            await until_stations(server, 2)
            shared = await bob.share(make_file(tmp_path / "bulletin.bin", MIB))
            await alice.download(hash_of(shared))
            (after,) = await alice.view.peers()
            assert after.since == pytest.approx(before.since, abs=0.5), "it is the same link"

    monkeypatch.setattr(wall_clock, "time", JumpingClock)
    run(whole())
