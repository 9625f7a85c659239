"""The measuring sticks: what others make of the same machine in the same minute.

Each is two processes of its own and a function ``measure_x(octets) -> octets a second``,
so that it can be run in turns with a transfer of ours.
"""

import tempfile
from pathlib import Path

from bench.pairs import measure_pair, measure_star
from bench.report import Report, in_turns

AIORTC_OCTETS_MAX = 64 * 1024 * 1024
"""Its rate is steady long before this, and a gibibyte would take minutes."""

OCTETS = 1024**3
ROUNDS = 3


async def measure_wrtc(octets: int, *, senders: int = 1) -> float:
    """Bare data channels of our WebRTC library out of so many processes, memory to memory."""
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as directory:
        return await measure_star("bench.wrtc_channels", senders, octets, Path(directory))


async def measure_aiortc(octets: int) -> float:
    """A bare data channel of aiortc, memory to memory; of a part of ``octets``."""
    return await _measure("bench.aiortc_pair", min(octets, AIORTC_OCTETS_MAX))


async def measure_libtorrent(octets: int) -> float:
    """BitTorrent v2 by libtorrent, disk to disk, hashing included."""
    return await _measure("bench.libtorrent_pair", octets)


async def measure(report: Report) -> None:
    """The sticks beside each other, without us."""
    rates = await in_turns(
        {"wrtc": measure_wrtc, "aiortc": measure_aiortc, "libtorrent": measure_libtorrent},
        octets=OCTETS,
        rounds=ROUNDS,
    )
    report.add_rate("bare wrtc", rates["wrtc"], note="1 GiB, memory to memory")
    report.add_rate(
        "bare aiortc", rates["aiortc"], note="of 64 MiB, taken for any amount; memory to memory"
    )
    report.add_rate("libtorrent", rates["libtorrent"], note="1 GiB, TCP, disk to disk")


async def _measure(module: str, octets: int) -> float:
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as directory:
        return await measure_pair(module, octets, Path(directory))
