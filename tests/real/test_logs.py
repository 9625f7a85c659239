"""What a server and stations write down: who and what, but not where anybody is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.real.test_nat import get, share
from tests.support.netns import Addressing, network
from tests.support.processes import COMMAND_WITHIN_S, stations, until
from tests.support.stations import make_file

pytestmark = pytest.mark.real

HOSTS = re.compile(r"10\.73\.0\.\d+")


def test_neither_server_nor_stations_write_down_where_anybody_is(tmp_path: Path) -> None:
    log = tmp_path / "signal.log"
    with network(2, Addressing.IPV4) as (first, second), log.open("wb") as file:
        words = ("-m", "meshdl", "signal", "-v", "--host", first.ipv4, "--port", "7374")
        server = subprocess.Popen(first.words(sys.executable, *words), stderr=file)
        settings = f'[internet]\nservers = ["ws://{first.ipv4}:7374"]\n'
        try:
            until(lambda: "listening" in log.read_text("utf-8"), "the server listens")
            with stations((first, second), tmp_path, settings=settings) as (source, sink):
                link = share(source, make_file(tmp_path / "map.bin", 100_000))
                with get(sink, link) as command:
                    assert command.wait(COMMAND_WITHIN_S) == 0, sink.log()
                until(
                    lambda: log.read_text("utf-8").count("opened by") >= 2,
                    "both stations have been at the server",
                )
                stations_said = source.log() + sink.log() + str(source.tell("log"))
        finally:
            server.terminate()
            server.wait()
    assert "is up over lan, 10.73.*" in stations_said
    assert not HOSTS.search(stations_said)
    said = log.read_text("utf-8")
    assert "opened by 10.73.*" in said
    assert not HOSTS.search(said)
