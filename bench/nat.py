"""How long two stations behind NATs take to a proved link, from the welcome at their server.

The homes, their NATs, coturn and the signalling server are those of the tests, so there is no
delay on the way: what is measured is how many things wait for each other, and for how long.
"""

import asyncio
import datetime as dt
import re
import signal
import statistics
import tempfile
from pathlib import Path

from tests.support.nat import SERVER_URL, Nat, internet
from tests.support.processes import StationProcess, stations, until, up

from bench.report import Figure, Report

ROUNDS = 3
SECONDS_AT_MOST = 2.0

CASES = {
    "hole punching": ((Nat.ORDINARY, Nat.ORDINARY), "direct"),
    "TURN/UDP, symmetric NATs": ((Nat.SYMMETRIC, Nat.SYMMETRIC), "relayed"),
    "TURN/TCP, UDP blocked": ((Nat.UDP_BLOCKED, Nat.ORDINARY), "relayed"),
    "TURN/TCP, UDP blocked at both": ((Nat.UDP_BLOCKED, Nat.UDP_BLOCKED), "relayed"),
}

SETTINGS = f"""
[lan]
enabled = false
[internet]
servers = ["{SERVER_URL}"]
"""

_LINE = re.compile(r"^(\S+ \S+) INFO \S+: (.*)$", re.MULTILINE)


async def measure(report: Report) -> None:
    """One of the two comes anew each time."""
    for name, (nats, path) in CASES.items():
        seconds = await asyncio.to_thread(_rounds, nats, path)
        report.add(
            Figure(
                f"{name}: welcome to link",
                round(statistics.median(seconds), 2),
                "s",
                at_most=SECONDS_AT_MOST,
                rounds=tuple(round(one, 2) for one in seconds),
            )
        )


def _rounds(nats: tuple[Nat, Nat], path: str) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
        directory = Path(name)
        with internet(directory, *nats) as world:
            hosts = [home[0] for home in world.homes]
            with stations(hosts, directory, settings=SETTINGS) as (_, coming):
                until(lambda: coming.links() == 1, "the first link")
                return [_one_round(coming, directory, path) for _ in range(ROUNDS)]


def _one_round(coming: StationProcess, directory: Path, path: str) -> float:
    """Stop it if it runs, start it, and read in its log when it was welcomed and linked."""
    running = coming.host
    known = len(coming.log())
    _stop(coming)
    again = up(running, directory)
    try:
        # A link may come up by the relay, and move to the path that is found next.
        until(lambda: f" over {path}, " in again.log()[known:], f"it is linked, {path}")
        said = _LINE.findall(again.log()[known:])
        welcomed = next(at for at, text in said if text.endswith(" is ready"))
        linked = next(at for at, text in said if " is up over " in text)
        return (_at(linked) - _at(welcomed)).total_seconds()
    finally:
        _stop(again)


def _stop(one: StationProcess) -> None:
    if one.process.poll() is None:
        one.process.send_signal(signal.SIGTERM)
        one.process.wait()


def _at(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007 - a difference
