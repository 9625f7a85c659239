"""Other programs take what is there to put a station or a server into service."""

import re
import secrets
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bench.paths.namespaces import namespace
from click.testing import CliRunner
from tests.support.nat import need_program, need_turn, turn_server
from tests.support.netns import Host, need_namespaces

from meshdl.cli.main import meshdl

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("meshdl.service", "meshdl-signal.service")
GUIDE = ROOT / "docs" / "howto" / "run-a-signalling-server.md"

HERE = "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlog-file=stdout\n"
"""It does not take the loopback address by itself."""


def test_coturn_takes_the_guides_configuration(tmp_path: Path) -> None:
    need_namespaces()
    need_turn()
    shown = re.search(r"(?m)^    listening-port=3478\n(?:    .*\n)+", GUIDE.read_text())
    assert shown is not None
    with namespace(f"meshdl-{secrets.token_hex(4)}-coturn") as name:
        host = Host(name, 0, "")
        host.ip("link", "set", "lo", "up")
        host.ip("addr", "add", "203.0.113.1/32", "dev", "lo")  # of aux-server
        with turn_server(host, textwrap.dedent(shown[0]) + HERE, tmp_path):
            pass  # it listens
    log = (tmp_path / "coturn.log").read_text()
    assert not re.search(r"(?i)bad configuration|unknown|wrong", log), log


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_units(unit: str, tmp_path: Path) -> None:
    need_program("systemd-analyze", "systemd")
    text = (DEPLOY / unit).read_text(encoding="utf-8")
    assert "/usr/local/bin/meshdl " in text
    # It wants to find the program, which nobody has installed for this test.
    (tmp_path / unit).write_text(text.replace("/usr/local/bin/meshdl", sys.executable))
    looked = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in looked.stderr.splitlines() if unit in line]
    assert (looked.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_give_options_that_there_are(unit: str) -> None:
    text = (DEPLOY / unit).read_text(encoding="utf-8")
    [line] = re.findall(r"(?m)^ExecStart=/usr/local/bin/meshdl (.*)$", text)
    there_are_its_options(shlex.split(line.replace("$SIGNAL_OPTIONS", "")))


def test_the_container_file_names_what_there_is() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    named = re.findall(r"-r /source/(\S+)", text)
    assert named == ["requirements/build.txt", "requirements/signal.txt"]
    assert all((ROOT / one).is_file() for one in named)
    [entry] = re.findall(r"(?m)^ENTRYPOINT (\[.*\])$", text)
    program, *rest = re.findall(r'"([^"]+)"', entry)
    assert program == "meshdl"
    there_are_its_options(rest)
    port = re.findall(r"(?m)^EXPOSE (\d+)$", text)
    assert f"http://127.0.0.1:{port[0]}/health" in text
    assert port[0] in CliRunner().invoke(meshdl, ["signal", "--help"]).output


def there_are_its_options(words: list[str]) -> None:
    command, options = words[0], [one for one in words if one.startswith("--")]
    shown = CliRunner().invoke(meshdl, [command, "--help"])
    assert shown.exit_code == 0
    assert options
    assert all(re.search(rf"(?m)^\s*{one}\b", shown.output) for one in options), shown.output
