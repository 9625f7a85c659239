"""The local network and the Internet together: one peer, over the best path there is."""

from pathlib import Path

import pytest
from tests.real.test_nat import (
    FAR,
    MOVE_WITHIN_S,
    SLOWLY,
    get,
    random_file,
    share,
    until_all_on,
    until_moving,
)
from tests.support.nat import Nat, internet, visit
from tests.support.processes import StationProcess, stations, until

pytestmark = pytest.mark.real


def test_a_station_that_leaves_the_local_network_is_the_same_peer_across_the_internet(
    tmp_path: Path,
) -> None:
    """It was found by mDNS and at the server, and leaves with the lid open."""
    with (
        internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY, hosts=2) as world,
        stations(world.homes[0], tmp_path, settings=FAR) as (goes, stays),
    ):
        for one in (goes, stays):
            until(lambda one=one: "is ready" in one.log(), "it is at the server")  # type: ignore[misc]
        until_all_on("lan", goes, stays)
        visit(goes.host, world.homes[1][0])
        until_all_on("direct", goes, stays)
        original = random_file(tmp_path / "map.bin")
        with get(goes, share(stays, original)) as command:
            assert command.wait(MOVE_WITHIN_S) == 0, goes.log() + stays.log()
        assert (goes.downloads / original.name).read_bytes() == original.read_bytes()


def test_a_transfer_across_the_internet_goes_on_over_the_local_network(tmp_path: Path) -> None:
    original = random_file(tmp_path / "map.bin")
    with internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY) as world:
        (stays_at,), (comes_from,) = world.homes
        hosts = [stays_at, comes_from]
        with stations(hosts, tmp_path, settings=SLOWLY) as (stays, comes):
            until_all_on("direct", stays, comes)
            with get(comes, share(stays, original)) as command:
                until_moving(comes)
                visit(comes_from, stays_at)
                until_all_on("lan", stays, comes)
                assert command.wait(MOVE_WITHIN_S) == 0, stays.log() + comes.log()
            assert (comes.downloads / original.name).read_bytes() == original.read_bytes()
            until_logged(comes, {"direct", "lan"}, len(original.read_bytes()))


def until_logged(one: StationProcess, paths: set[str], octets: int) -> None:
    """Return when the log has all that was received, each part with the path that it took."""

    def logged() -> bool:
        parts = [
            (entry["path"], entry["octets"]) for entry in one.tell("log", "--kind", "transfer")
        ]
        return {path for path, _ in parts} == paths and sum(part for _, part in parts) == octets

    until(logged, f"{octets} octets are in the log, by {paths}")
