"""Real stations in processes of their own, on hosts of a network of namespaces."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.netns import Host

START_WITHIN_S = 60.0
"""Three at once took more than twenty where four others worked on the same two cores."""

COMMAND_WITHIN_S = 100.0
POLL_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class StationProcess:
    """A running ``meshdl up`` and the way to command it."""

    host: Host
    home: Path
    downloads: Path
    process: subprocess.Popen[bytes]

    def words(self, *command: str) -> list[str]:
        """``meshdl`` with these words, on this station's host."""
        return self.host.words(sys.executable, "-m", "meshdl", *command)

    def await_start(self) -> None:
        """Return when it takes commands."""
        until(
            lambda: (self.home / "control.json").exists() or self.process.poll() is not None,
            "the station starts",
            within_s=START_WITHIN_S,
        )
        assert self.process.poll() is None, self.log()

    def tell(self, *command: str) -> list[Any]:
        """Run a command with ``--json``; its lines, decoded."""
        done = subprocess.run(
            self.words(*command, "--json"),
            env=_environment(self.home), capture_output=True, text=True, timeout=COMMAND_WITHIN_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr}\n{self.log()}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def begin(self, *command: str, heard: bool = False) -> Iterator[subprocess.Popen[str]]:
        """A command with ``--json`` that prints as it goes; killed when the block ends.

        Args:
            command: its words.
            heard: the caller reads what it prints, to the end: a full pipe would keep it waiting.
        """
        with subprocess.Popen(
            self.words(*command, "--json"), env=_environment(self.home),
            stdout=subprocess.PIPE if heard else subprocess.DEVNULL, text=True,
        ) as running:  # fmt: skip
            try:
                yield running
            finally:
                running.kill()

    def log(self) -> str:
        """What it said."""
        return (self.home / "stderr").read_text(encoding="utf-8")

    def lan_state(self) -> str:
        """One sentence."""
        return str(self.tell("status")[0]["lan"]["state"])

    def links(self) -> int:
        """To how many peers."""
        return int(self.tell("status")[0]["peers"])


@contextmanager
def stations(
    hosts: Sequence[Host], directory: Path, *, settings: str | Sequence[str] = ""
) -> Iterator[tuple[StationProcess, ...]]:
    """A new station on each host while the block runs; with one's own settings, or all the same."""
    every = [settings] * len(hosts) if isinstance(settings, str) else settings
    _init_all(hosts, directory, every)
    running: list[StationProcess] = []
    try:
        running.extend(up(host, directory) for host in hosts)
        for one in running:
            one.await_start()
        yield tuple(running)
    finally:
        for one in running:
            one.process.send_signal(signal.SIGTERM)
        for one in running:
            try:
                one.process.wait(10)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()


def up(host: Host, directory: Path) -> StationProcess:
    """Start the station whose home was made; end it with its ``process``."""
    home = directory / f"home{host.number}"
    (home / "control.json").unlink(missing_ok=True)
    with (home / "stderr").open("ab") as log:
        process = subprocess.Popen(
            host.words(sys.executable, "-m", "meshdl", "up"), env=_environment(home), stderr=log
        )
    return StationProcess(host, home, directory / f"downloads{host.number}", process)


def _init_all(hosts: Sequence[Host], directory: Path, settings: Sequence[str]) -> None:
    homes = [directory / f"home{host.number}" for host in hosts]
    making = [
        subprocess.Popen(
            [sys.executable, "-m", "meshdl", "init", "--callsign", f"KA{host.number}ABC"],
            env=_environment(home), stdout=subprocess.DEVNULL,
        )
        for host, home in zip(hosts, homes, strict=True)
    ]  # fmt: skip
    assert [one.wait(COMMAND_WITHIN_S) for one in making] == [0] * len(making)
    for host, home, own in zip(hosts, homes, settings, strict=True):
        if own:
            station = f'[station]\ncallsign = "KA{host.number}ABC"\n'
            (home / "config.toml").write_text(station + own, encoding="utf-8")


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"MESHDL_HOME": str(home)}


def until(condition: Callable[[], bool], what: str, *, within_s: float = 60.0) -> float:
    """Poll until it holds.

    Returns:
        How long that took, in seconds.
    """
    started_at = time.monotonic()
    while not condition():
        elapsed_s = time.monotonic() - started_at
        assert elapsed_s < within_s, f"not within {within_s:g} s: {what}"
        time.sleep(POLL_EVERY_S)
    return time.monotonic() - started_at
