"""``python -m bench [NAME ...]``: measure everything, or what is named.

A module that measures has ``async def measure(report: Report) -> None`` and a line in
``MEASUREMENTS``.
"""

import argparse
import contextlib
import importlib
import sys
import traceback
from pathlib import Path

import uvloop

from bench.report import Report
from meshdl.errors import MeshdlError

MEASUREMENTS = {
    "hashing": "share of a 4 GiB file, beside OpenSSL",
    "one_pair": "1 GiB from one station to another, beside the measuring sticks",
    "many_sources": "one downloader from 1, 4, 10 and 20 stations",
    "many_peers": "one station with 10 and with 50 peers: rate, memory a link",
    "one_seed": "eight downloaders from one station",
    "memory": "peak memory while 4 GiB move",
    "idle": "a station with nothing to do",
    "first_chunk": "from coming up to the first verified chunk",
    "cold_get": "from `get` on a station that has just come up to the first chunk, 20 and 80 ms",
    "nat": "from the welcome at a signalling server to a link, through NATs and TURN",
    "long_path": "100 Mbit/s at 20 and 80 ms, with and without loss, beside TCP",
    "signalling": "a signalling server with idle and with busy stations",
    "erasure": "the on-air erasure code: cost, failures, airtime to 20 receivers, compression",
    "radio_sharing": "contents to many receivers by simulated radio: airtime, calls, an emergency",
    "radio_goodput": "a leaf by real Dire Wolf and by FreeDV: goodput beside the modem's own rate",
    "radio_door": "what waits at the one door to the air, rules, records on disk",
    "tnc_audio": "what AFSK 1200 and G3RUH 9600 of the real Dire Wolf occupy",
    "freedv": "FreeDV modems on simulated air: processor time, frame loss over SNR",
    "baselines": "the measuring sticks without us",
}


async def _measure(names: list[str], report: Report) -> list[str]:
    """Measure them all; those that could not be measured, which must not cost the others."""
    failed = []
    for name in names:
        print(f"-- {name}: {MEASUREMENTS[name]}", flush=True)
        try:
            await importlib.import_module(f"bench.{name}").measure(report)
        except (RuntimeError, TimeoutError, OSError, MeshdlError):
            traceback.print_exc()
            failed.append(name)
    return failed


def main() -> int:
    """Run; 1 when a promised figure does not hold, or there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        epilog="; ".join(f"{name}: {what}" for name, what in MEASUREMENTS.items()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure; default: all")
    parser.add_argument("--json", type=Path, help="write a JSON line for each figure to this file")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in MEASUREMENTS]:
        parser.error(f"no such measurement: {', '.join(unknown)}")
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(asked.json.open("w")) if asked.json else None
        report = Report(lines)
        failed: list[str] = []
        try:
            failed = uvloop.run(_measure(asked.names or list(MEASUREMENTS), report))
        finally:
            report.write(sys.stdout)
    if failed:
        print(f"not measured, see above: {', '.join(failed)}")
    return 0 if report.kept and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
