"""coturn takes the configuration that the guide shows."""

import re
import textwrap
from pathlib import Path

import pytest
from bench.paths.namespaces import namespace
from tests.support.nat import need_turn, turn_server
from tests.support.netns import Host, need_namespaces

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "run-a-signalling-server.md"

HERE = "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlog-file=stdout\n"
"""It does not take the loopback address by itself."""


def test_coturn_takes_the_guides_configuration(tmp_path: Path) -> None:
    need_namespaces()
    need_turn()
    shown = re.search(r"(?m)^    listening-port=3478\n(?:    .*\n)+", GUIDE.read_text())
    assert shown is not None
    with namespace("meshdl-coturn") as name:
        host = Host(name, 0, "")
        host.ip("link", "set", "lo", "up")
        host.ip("addr", "add", "203.0.113.1/32", "dev", "lo")  # of aux-server
        with turn_server(host, textwrap.dedent(shown[0]) + HERE, tmp_path):
            pass  # it listens
    log = (tmp_path / "coturn.log").read_text()
    assert not re.search(r"(?i)bad configuration|unknown|wrong", log), log
