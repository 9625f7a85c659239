"""How fast ``meshdl share`` hashes, beside OpenSSL's SHA-256 of one core.

OpenSSL hashes the same 16 KiB in its cache over and over; we read a file, build the Merkle
tree and write the leaf hashes.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench.report import MeasureRate, Report, in_turns, make_content
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.station.hashing import THREADS_MAX, hash_path

OCTETS = 4 * 1024**3
ROUNDS = 5
OPENSSL_SECONDS = 3
ONE_CORE_AT_LEAST = 0.7


async def measure(report: Report) -> None:
    """One thread and several."""
    several = min(os.cpu_count() or 1, THREADS_MAX)
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
        path = Path(name) / "content.bin"
        make_content(path, OCTETS)
        rates = await in_turns(
            {"openssl": openssl_sha256, "one": _share(path, 1), "several": _share(path, several)},
            octets=OCTETS,
            rounds=ROUNDS,
        )
    note = f"openssl speed -evp sha256 -bytes {LEAF_OCTETS} -elapsed -seconds {OPENSSL_SECONDS}"
    openssl = report.add_rate("SHA-256 of OpenSSL, one core", rates["openssl"], note=note)
    one = report.add_rate("share hashes, 1 thread", rates["one"], note="a file of 4 GiB")
    all_of_them = report.add_rate(
        f"share hashes, {several} threads", rates["several"], note="a file of 4 GiB"
    )
    report.add_ratio(
        "share, 1 thread / OpenSSL, one core", one, openssl, at_least=ONE_CORE_AT_LEAST
    )
    if several > 1:
        report.add_ratio(f"share, {several} threads / 1 thread", all_of_them, one, at_least=1.0)


async def openssl_sha256(_octets: int) -> float:
    """Octets a second of one core, as OpenSSL measures itself.

    By the clock, as ours: left alone it counts processor time, and what the host of a virtual
    machine takes away would be missing from our figure only.
    """
    done = subprocess.run(
        ["openssl", "speed", "-mr", "-evp", "sha256", "-bytes", str(LEAF_OCTETS),
         "-elapsed", "-seconds", str(OPENSSL_SECONDS)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    [found] = [line for line in done.stdout.splitlines() if line.startswith("+F:")]
    return float(found.rsplit(":", 1)[1])


def _share(path: Path, threads: int) -> MeasureRate:
    async def measure(octets: int) -> float:
        began = time.perf_counter()
        hashed = hash_path(path, path.parent, threads=threads)
        assert hashed is not None
        elapsed_s = time.perf_counter() - began
        hashed.leaf_hashes.unlink()
        return octets / elapsed_s

    return measure
