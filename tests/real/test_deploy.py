"""Other programs take what is there to put a station or a server into service."""

import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from bench.paths.namespaces import namespace
from click.testing import CliRunner
from tests.support.nat import need_program, need_turn, turn_server
from tests.support.netns import Host, need_namespaces
from tests.support.strangers import WITHIN_S, signal_process

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
def test_systemd_waits_until_they_are_up(unit: str) -> None:
    """Or a reload in the middle of a start would end the server for good."""
    assert re.findall(r"(?m)^Type=(.*)$", (DEPLOY / unit).read_text("utf-8")) == ["notify"]


def test_a_station_from_boot_may_use_a_radio() -> None:
    text = (DEPLOY / "meshdl.service").read_text(encoding="utf-8")
    # The last two leave no other devices than those that they name, ProtectClock only a clock.
    assert not re.findall(r"(?m)^(PrivateDevices|ProtectClock|DeviceAllow|DevicePolicy)=", text)


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_give_options_that_there_are(unit: str) -> None:
    text = (DEPLOY / unit).read_text(encoding="utf-8")
    [line] = re.findall(r"(?m)^ExecStart=/usr/local/bin/meshdl (.*)$", text)
    there_are_its_options(shlex.split(line.replace("$SIGNAL_OPTIONS", "")))


def test_the_container_file_names_what_there_is() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    named = re.findall(r"-r\s+/source/(\S+)", text.replace("\\\n", " "))
    assert named == ["requirements/build.txt", "requirements/signal.txt"]
    assert all((ROOT / one).is_file() for one in named)
    program, *rest = words_of("ENTRYPOINT", text)
    assert Path(program).name == "meshdl"
    there_are_its_options(rest)
    port = re.findall(r"(?m)^EXPOSE (\d+)$", text)
    assert f"http://127.0.0.1:{port[0]}/health" in text
    assert port[0] in CliRunner().invoke(meshdl, ["signal", "--help"]).output


def test_an_image_is_built_of_the_source_alone() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    copied = [
        one
        for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", text)
        for one in line.split()[:-1]
    ]  # fmt: skip
    assert all((ROOT / one).exists() for one in copied)
    kept_out, *let_in = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert kept_out == "*"
    assert sorted(let_in) == sorted([*(f"!{one}" for one in copied), "**/__pycache__"])


@pytest.mark.parametrize("listens", [True, False])
def test_the_health_check_asks_the_server_and_no_proxy(
    listens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        free = nobody.getsockname()[1]
    # Podman passes on what the host has.
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free}")
    with signal_process(tmp_path) as server:
        asked = server.port if listens else free
        _, *rest = words_of("HEALTHCHECK CMD", (DEPLOY / "Containerfile").read_text("utf-8"))
        said = [one.replace(":7374/", f":{asked}/") for one in rest]
        assert said != rest
        check = subprocess.run([sys.executable, *said], capture_output=True, check=False)
    assert (check.returncode == 0) is listens, check.stderr


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_server_that_only_starts_hears_signals(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's first process never hears SIGTERM otherwise, and SIGHUP ends all others."""
    with (
        socket.create_server(("127.0.0.1", 0)) as redis,  # one that accepts, and says nothing
        (tmp_path / "log").open("wb") as log,
    ):
        monkeypatch.setenv("MESHDL_REDIS", f"redis://127.0.0.1:{redis.getsockname()[1]}/0")
        words = [sys.executable, "-m", "meshdl", "signal", "--port", "0"]
        process = subprocess.Popen(words, stderr=log)
        try:
            redis.settimeout(WITHIN_S)
            with redis.accept()[0]:
                process.send_signal(number)
                process.send_signal(signal.SIGTERM)
                assert process.wait(WITHIN_S) == 0, (tmp_path / "log").read_text("utf-8")
        finally:
            process.kill()
            process.wait()


def test_a_supervisor_is_told_when_the_server_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"meshdl-{secrets.token_hex(8)}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"\0{name}")
        notify.settimeout(WITHIN_S)
        with signal_process(tmp_path) as server:
            assert notify.recv(64) == b"READY=1"
            with socket.create_connection(("127.0.0.1", server.port), WITHIN_S):
                pass  # at once


def words_of(instruction: str, text: str) -> list[str]:
    """What the one such instruction of a container file runs."""
    [words] = re.findall(rf"(?m)^{instruction} (\[.*\])$", text)
    return list(msgspec.json.decode(words, type=list[str]))


def there_are_its_options(words: list[str]) -> None:
    command, options = words[0], [one for one in words if one.startswith("--")]
    shown = CliRunner().invoke(meshdl, [command, "--help"])
    assert shown.exit_code == 0
    assert options or command == "up"
    assert all(re.search(rf"(?m)^\s*{one}\b", shown.output) for one in options), shown.output
