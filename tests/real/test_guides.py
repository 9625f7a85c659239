"""A newcomer types what README and guide show, on machines that are far apart."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.netns import Host, routed
from tests.support.processes import COMMAND_WITHIN_S, START_WITHIN_S, until
from tests.support.stations import make_file

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "howto" / "run-a-signalling-server.md"

SERVER, HERE, THERE = "198.51.100.7", "192.0.2.2", "203.0.113.2"
"""The first is the one that both texts name."""

STATE = "/var/lib/meshdl-signal"
"""Only who runs the test may say where that lies."""


def shown(document: Path, heading: str) -> list[list[str]]:
    """The blocks that stand indented below a heading: their lines, without comments."""
    text = document.read_text(encoding="utf-8")
    [section] = re.findall(rf"(?ms)^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text)
    blocks = re.findall(r"(?m)(?:^    .+\n)+", section)
    # In the tables of commands, what a command is for stands behind four spaces at least.
    return [[re.split(r" {4,}|  # ", line.strip())[0] for line in b.splitlines()] for b in blocks]


@dataclass(frozen=True, slots=True)
class Machine:
    """Somebody's machine, with a user's home directory and ``meshdl`` on the path."""

    host: Host
    user: Path

    def type(self, line: str, *, succeeds: bool = True) -> str:
        """What a command prints."""
        done = subprocess.run(
            self.host.words("sh", "-c", line), env=self._environment(), cwd=self.user,
            capture_output=True, text=True, timeout=COMMAND_WITHIN_S, check=False,
        )  # fmt: skip
        assert not succeeds or done.returncode == 0, f"{line}: {done.stderr}\n{self.said()}"
        return done.stdout

    @contextmanager
    def begin(self, line: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A command that stays in the foreground, until the block ends."""
        with (self.user / "said").open("ab") as log:
            running = subprocess.Popen(
                self.host.words("sh", "-c", f"exec {line}"), env=self._environment(),
                cwd=self.user, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(START_WITHIN_S)
            finally:
                running.kill()

    @contextmanager
    def up(self, line: str) -> Iterator[None]:
        """A station that takes commands."""
        with self.begin(line):
            ready = "meshdl status >status 2>&1 && echo ready"
            until(
                lambda: self.type(ready, succeeds=False) != "", "it runs", within_s=START_WITHIN_S
            )
            yield

    def said(self) -> str:
        """What it said in the foreground."""
        said = self.user / "said"
        return said.read_text(encoding="utf-8") if said.exists() else ""

    def config_file(self) -> Path:
        """Where the doctor says that it is."""
        told = self.type("meshdl doctor", succeeds=False)
        [path] = re.findall(r"(?m)^OK +config +.*, (/.*config\.toml)$", told)
        return Path(path)

    def write_below_internet(self, lines: list[str]) -> None:
        """Change the settings as the texts say."""
        settings = self.config_file()
        before, found, after = settings.read_text().partition("\n[internet]\n")
        assert found
        settings.write_text(f"{before}{found}{chr(10).join(lines)}\n{after}")

    def _environment(self) -> dict[str, str]:
        mine = {
            name: it for name, it in os.environ.items() if not name.startswith(("MESHDL", "XDG"))
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return mine | {"HOME": str(self.user), "PATH": path, "COLUMNS": "200"}


@contextmanager
def machines(directory: Path) -> Iterator[tuple[Machine, ...]]:
    """A server's, and two that are far from each other."""
    with routed(SERVER, HERE, THERE) as hosts:
        made = []
        for host, name in zip(hosts, ("server", "alfa", "bravo"), strict=True):
            (directory / name).mkdir()
            made.append(Machine(host, directory / name))
        yield tuple(made)


def until_shows(machine: Machine, command: str, *words: str) -> None:
    """Return when one line that a command prints has all of these words."""

    def does() -> bool:
        lines = machine.type(command).splitlines()
        return any(all(word in line.split() for word in words) for line in lines)

    until(does, f"{command} shows {' '.join(words)}")


def test_two_stations_meet_through_a_server_by_what_the_readme_shows(tmp_path: Path) -> None:
    [[_, init, up, _], [share, ls, get, peers, log]] = shown(README, "Two stations")
    [[serve], settings] = shown(README, "Stations far apart")
    # Which number a machine has, which callsign, and what is shared, is not the README's to say.
    assert (serve.split()[-1], init.split()[-1]) == (SERVER, "KA1ABC")
    assert (share, get) == ("meshdl share ~/bulletins", "meshdl get 5c58e610db48")
    with machines(tmp_path) as (server, alfa, bravo), ExitStack() as stack:
        alfa.type(init)
        bravo.type(init.replace("KA1ABC", "KA2XYZ"))
        for one in (alfa, bravo):
            with one.up(up):
                one.write_below_internet(settings)
        serving = stack.enter_context(server.begin(serve))
        for one in (alfa, bravo):
            stack.enter_context(one.up(up))
        until_shows(alfa, peers, "KA2XYZ", "up", "direct")
        until_shows(bravo, peers, "KA1ABC", "up", "direct")

        def share_and_get(name: str) -> None:
            original = make_file(alfa.user / name / "7.txt", 100_000)
            told = alfa.type(share.replace("bulletins", name))
            [content] = re.findall(r"(?m)^ +hash +([0-9a-f]{64})$", told)
            digits = content[: len("5c58e610db48")]
            until(lambda: digits in bravo.type(ls), "the other is told what there is")
            bravo.type(get.replace("5c58e610db48", digits))
            got = bravo.user / "Meshdl" / name / "7.txt"
            assert got.read_bytes() == original.read_bytes()

        share_and_get("bulletins")
        assert "direct" in bravo.type(log)
        serving.kill()
        serving.wait()
        share_and_get("links-live-on-without-it")
        until_shows(bravo, peers, "KA1ABC", "up", "direct")


def with_state(command: str, directory: Path) -> str:
    """The guide's command for a server, which keeps its state there."""
    assert STATE in command
    return command.replace(STATE, shlex.quote(str(directory)))


def test_a_closed_room_is_made_by_what_the_guide_shows(tmp_path: Path) -> None:
    blocks = shown(GUIDE, "In a network of your own")
    [serve], settings, [create, invite_one, invite_any], [join] = blocks
    assert SERVER in serve
    server_only = [line for line in settings if not line.startswith("rooms")]
    with machines(tmp_path) as (server, alfa, bravo), ExitStack() as stack:
        stack.enter_context(server.begin(with_state(serve, tmp_path / "state")))
        for one, call in ((alfa, "KA2XYZ"), (bravo, "KA1ABC")):
            one.type(f"meshdl init --callsign {call}")
            one.write_below_internet(server_only)
            stack.enter_context(one.up("meshdl up"))
        until_shows(alfa, "meshdl peers", "KA1ABC", "up")
        alfa.type(create)
        for invite in (invite_one, invite_any):
            link = alfa.type(invite).strip()
            bravo.type(join.replace("meshdl-room:county-net?key=…", link))
        until(
            lambda: "county-net (closed, until" in bravo.type("meshdl status"), "it is in the room"
        )


def test_a_passphrase_lets_into_a_room_by_what_the_guide_shows(tmp_path: Path) -> None:
    [serve], settings, *_ = shown(GUIDE, "In a network of your own")
    assert settings[1:] == ['rooms = ["county-net"]']
    with machines(tmp_path) as (server, alfa, bravo), ExitStack() as stack:
        stack.enter_context(server.begin(with_state(serve, tmp_path / "state")))
        for one, call in ((alfa, "KA1ABC"), (bravo, "KA2XYZ")):
            one.type(f"meshdl init --callsign {call}")
            one.write_below_internet(settings)
            rooms = one.config_file().parent / "rooms"
            rooms.mkdir(mode=0o700)
            (rooms / "county-net.passphrase").write_text("seven words that only we know here\n")
            stack.enter_context(one.up("meshdl up"))
        until_shows(alfa, "meshdl peers", "KA2XYZ", "up", "direct")
        assert "county-net (closed)" in alfa.type("meshdl status")
