"""Whole stations behind NATs: `meshdl up`, `meshdl signal`, coturn and nftables, all real."""

import operator
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import astuple, fields
from pathlib import Path
from random import Random

import pytest
from tests.support.nat import SERVER_URL, Nat, Passed, internet, move, plug, visit
from tests.support.processes import StationProcess, stations, until

pytestmark = pytest.mark.real

OCTETS = 50_000_000

MOVE_WITHIN_S = 200.0
"""Where eleven others worked on the same two cores it took two minutes."""

FAR = f"""
[internet]
servers = ["{SERVER_URL}"]
"""

SLOWLY = (
    FAR
    + """
[limits]
download_octets_per_s = 3000000
"""
)
"""Takes seventeen seconds, so that something can happen meanwhile."""

WITHOUT_MDNS = (
    FAR
    + """
[lan]
enabled = false
"""
)


def random_file(path: Path) -> Path:
    path.write_bytes(Random(7).randbytes(OCTETS))
    return path


def share(one: StationProcess, path: Path) -> str:
    return str(one.tell("share", str(path))[-1]["content"]["link"])


def get(one: StationProcess, link: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    return one.begin("get", link, "--directory", str(one.downloads))


def move_a_file(source: StationProcess, sink: StationProcess, original: Path) -> None:
    with get(sink, share(source, original)) as command:
        assert command.wait(MOVE_WITHIN_S) == 0, source.log() + sink.log()
    assert (sink.downloads / original.name).read_bytes() == original.read_bytes()


def path_to_the_other(one: StationProcess) -> str:
    ((peer,),) = one.tell("peers")
    return str(peer["path"])


def path_to(one: StationProcess, other: StationProcess) -> str:
    (peers,) = one.tell("peers")
    call = f"KA{other.host.number}ABC"
    return next(str(peer["path"]) for peer in peers if peer["callsign"] == call)


def until_all_on(path: str, *every: StationProcess) -> None:
    """One end may know of a better path a moment after the other."""
    for one in every:
        until(lambda one=one: path_to_the_other(one) == path, f"the path is {path}")  # type: ignore[misc]


def most_of_it(octets: int) -> bool:
    """A link may come up by a relay, and the first octets take that way."""
    return octets > OCTETS // 2


PUNCHED, TURN_UDP, TURN_TCP = (operator.attrgetter(f.name) for f in fields(Passed))


@pytest.mark.parametrize(
    ("nats", "path", "carried"),
    [
        ((Nat.ORDINARY, Nat.ORDINARY), "direct", (PUNCHED, PUNCHED)),
        ((Nat.SYMMETRIC, Nat.SYMMETRIC), "relayed", (TURN_UDP, TURN_UDP)),
        ((Nat.UDP_BLOCKED, Nat.ORDINARY), "relayed", (TURN_TCP, None)),
        ((Nat.UDP_BLOCKED, Nat.UDP_BLOCKED), "relayed", (TURN_TCP, TURN_TCP)),
    ],
    ids=["hole-punching", "turn-udp", "turn-tcp", "turn-tcp-both"],
)
def test_a_file_moves_between_homes(
    tmp_path: Path,
    nats: tuple[Nat, Nat],
    path: str,
    carried: tuple[Callable[[Passed], int] | None, ...],
) -> None:
    """By the way that there is; the NATs tell which one the octets really took."""
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, *nats) as world,
        stations([home[0] for home in world.homes], tmp_path, settings=FAR) as (source, sink),
    ):
        until_all_on(path, source, sink)
        move_a_file(source, sink, original)
        until_all_on(path, source, sink)
        for (host, *_), way in zip(world.homes, carried, strict=True):
            passed = Passed.of(host)
            assert way is None or most_of_it(way(passed)), passed


def test_two_stations_of_one_home_use_the_local_path(tmp_path: Path) -> None:
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, Nat.SYMMETRIC, hosts=2) as world,
        stations(world.homes[0], tmp_path, settings=WITHOUT_MDNS) as (source, sink),
    ):
        until_all_on("lan", source, sink)
        move_a_file(source, sink, original)
        until_all_on("lan", source, sink)
        passed = Passed.of(world.homes[0][0])
        assert not any(most_of_it(octets) for octets in astuple(passed)), passed


def test_a_transfer_does_not_notice_that_the_server_is_killed(tmp_path: Path) -> None:
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY) as world,
        stations([home[0] for home in world.homes], tmp_path, settings=SLOWLY) as (source, sink),
    ):
        with get(sink, share(source, original)) as command:
            until_moving(sink)
            world.kill_signal()
            world.start_signal()
            assert command.poll() is None, "octets move meanwhile"
            assert command.wait(MOVE_WITHIN_S) == 0, source.log() + sink.log()
        assert (sink.downloads / original.name).read_bytes() == original.read_bytes()
        for one in (source, sink):
            assert "is down" not in one.log()
            until(lambda one=one: one.log().count("is ready") == 2, "it is at the server again")  # type: ignore[misc]


@pytest.mark.parametrize("happens", ["interface-down", "other-address", "other-network"])
def test_a_transfer_and_its_link_outlive_a_change_of_the_network(
    tmp_path: Path, happens: str
) -> None:
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY, Nat.ORDINARY) as world,
        stations([home[0] for home in world.homes[:2]], tmp_path, settings=SLOWLY) as every,
    ):
        source, sink = every
        with get(sink, share(source, original)) as command:
            until_moving(sink)
            host = world.homes[0][0]
            match happens:
                case "other-address":
                    move(host, 77)
                case "other-network":
                    visit(host, world.homes[2][0])
                case "interface-down":
                    plug(host, up=False)
                    with pytest.raises(subprocess.TimeoutExpired):
                        command.wait(10)
                    plug(host, up=True)
            assert command.poll() is None, "octets are still to come"
            assert command.wait(MOVE_WITHIN_S) == 0, source.log() + sink.log()
        assert (sink.downloads / original.name).read_bytes() == original.read_bytes()
        until_all_on("direct", *every)
        # ICE was restarted; otherwise the link would have been given up, and another made.
        for one in every:
            assert "is down" not in one.log()


def until_moving(sink: StationProcess) -> None:
    def moving() -> bool:
        (contents,) = sink.tell("ls")
        return any(0 < content["octets_done"] < OCTETS for content in contents)

    until(moving, "the first octets have arrived")
