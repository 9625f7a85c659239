"""Whole stations on hosts of their own: `meshdl up` in network namespaces."""

import json
import subprocess
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from random import Random

import pytest
from tests.support.netns import Addressing, network
from tests.support.processes import StationProcess, stations, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

LONG_OCTETS = 192 * 1024 * 1024
"""Takes seconds, so that something can happen meanwhile."""


def random_file(path: Path, octets: int) -> Path:
    path.write_bytes(Random(7).randbytes(octets))
    return path


def share(one: StationProcess, path: Path) -> str:
    return str(one.tell("share", str(path))[-1]["content"]["link"])


def get(one: StationProcess, link: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    return one.begin("get", link, "--directory", str(one.downloads))


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
            assert [command.wait(60) for command in commands] == [0, 0], first.log()
        for one in others:
            assert (one.downloads / "map.bin").read_bytes() == original.read_bytes()
            until(lambda one=one: one.links() == 2, "each has links to both others")  # type: ignore[misc]


def test_a_download_survives_another_address_of_its_source(tmp_path: Path) -> None:
    original = random_file(tmp_path / "map.bin", LONG_OCTETS)
    with (
        network(2, Addressing.IPV4) as hosts,
        stations(hosts, tmp_path) as (source, sink),
    ):
        with get(sink, share(source, original)) as command:
            assert command.stdout is not None
            at_break = next(filter(None, map(octets_done, command.stdout)))
            host = source.host
            host.ip("link", "set", "lan", "down")
            host.ip("addr", "flush", "dev", "lan")
            assert 0 < at_break < LONG_OCTETS
            host.ip("addr", "add", "10.73.0.99/24", "dev", "lan")
            host.ip("link", "set", "lan", "up")
            assert command.wait(90) == 0
        assert (sink.downloads / "map.bin").read_bytes() == original.read_bytes()
        assert "10.73.0.99" in json.dumps(sink.tell("peers"))


def test_a_host_without_a_network_joins_when_one_appears(tmp_path: Path) -> None:
    with ExitStack() as stack:
        hosts = stack.enter_context(network(2, Addressing.UNPLUGGED))
        hosts[0].plug_in(Addressing.IPV4)
        first, second = stack.enter_context(stations(hosts, tmp_path))
        assert second.lan_state() == "no network interface; trying again"
        hosts[1].plug_in(Addressing.IPV4)
        until(lambda: second.links() == 1, "a link over the new interface")
        assert first.links() == 1
