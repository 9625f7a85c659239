"""Whole stations behind NATs: `meshdl up`, `meshdl signal`, coturn and nftables, all real."""

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

import pytest
from tests.support.nat import SERVER_URL, Nat, internet, move, plug
from tests.support.processes import COMMAND_WITHIN_S, StationProcess, stations, until

pytestmark = pytest.mark.real

OCTETS = 50_000_000

FAR = f"""
[internet]
servers = ["{SERVER_URL}"]
"""

SLOWLY = (
    FAR
    + """
[limits]
download_octets_per_s = 5000000
"""
)
"""Takes ten seconds, so that something can happen meanwhile."""

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
        assert command.wait(COMMAND_WITHIN_S) == 0, source.log() + sink.log()
    assert (sink.downloads / original.name).read_bytes() == original.read_bytes()


def path_to_the_other(one: StationProcess) -> str:
    ((peer,),) = one.tell("peers")
    return str(peer["path"])


def path_to(one: StationProcess, other: StationProcess) -> str:
    (peers,) = one.tell("peers")
    call = f"KA{other.host.number}ABC"
    return next(str(peer["path"]) for peer in peers if peer["callsign"] == call)


@pytest.mark.parametrize(
    ("nats", "path"),
    [
        ((Nat.ORDINARY, Nat.ORDINARY), "direct"),
        ((Nat.SYMMETRIC, Nat.SYMMETRIC), "relayed"),
        ((Nat.UDP_BLOCKED, Nat.ORDINARY), "relayed"),
        ((Nat.UDP_BLOCKED, Nat.UDP_BLOCKED), "relayed"),
    ],
    ids=["hole-punching", "turn-udp", "turn-tcp", "turn-tcp-both"],
)
def test_a_file_moves_between_homes(tmp_path: Path, nats: tuple[Nat, Nat], path: str) -> None:
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, *nats) as world,
        stations([home[0] for home in world.homes], tmp_path, settings=FAR) as (source, sink),
    ):
        move_a_file(source, sink, original)
        # One end may know of a better path a moment after the other.
        for one in (sink, source):
            until(lambda one=one: path_to_the_other(one) == path, f"the path is {path}")  # type: ignore[misc]


def test_two_stations_of_one_home_use_the_local_path(tmp_path: Path) -> None:
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, Nat.SYMMETRIC, hosts=2) as world,
        stations(world.homes[0], tmp_path, settings=WITHOUT_MDNS) as (source, sink),
    ):
        move_a_file(source, sink, original)
        until(lambda: path_to_the_other(sink) == "lan", "the path is local")


def test_a_transfer_does_not_notice_that_the_server_is_killed(tmp_path: Path) -> None:
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY) as world,
        stations([home[0] for home in world.homes], tmp_path, settings=SLOWLY) as (source, sink),
    ):
        with get(sink, share(source, original)) as command:
            assert command.stdout is not None
            until_moving(sink)
            world.kill_signal()
            world.start_signal()
            assert command.wait(COMMAND_WITHIN_S) == 0, source.log() + sink.log()
        assert (sink.downloads / original.name).read_bytes() == original.read_bytes()
        assert "is down" not in sink.log()


@pytest.mark.parametrize("happens", ["interface-down", "other-address"])
def test_a_transfer_outlives_a_change_of_the_network(tmp_path: Path, happens: str) -> None:
    original = random_file(tmp_path / "map.bin")
    with (
        internet(tmp_path, Nat.ORDINARY, Nat.ORDINARY) as world,
        stations([home[0] for home in world.homes], tmp_path, settings=SLOWLY) as (source, sink),
    ):
        with get(sink, share(source, original)) as command:
            until_moving(sink)
            host = world.homes[0][0]
            if happens == "other-address":
                move(host, 77)
            else:
                plug(host, up=False)
                with pytest.raises(subprocess.TimeoutExpired):
                    command.wait(10)
                plug(host, up=True)
            assert command.wait(COMMAND_WITHIN_S) == 0, source.log() + sink.log()
        assert (sink.downloads / original.name).read_bytes() == original.read_bytes()


def until_moving(sink: StationProcess) -> None:
    def moving() -> bool:
        (contents,) = sink.tell("ls")
        return any(0 < content["octets_done"] < OCTETS for content in contents)

    until(moving, "the first octets have arrived")
