"""How soon a station that has just come up holds the first verified chunk of a neighbour's.

The clock starts when its control API answers, so at the moment in which it announces
itself; what Python needs to start before that is shown beside it.
"""

import statistics
import tempfile
import time
from pathlib import Path

from bench.report import Figure, Report, make_content
from bench.stations import callsigns
from meshdl.control.changes import ContentChanged
from meshdl.control.content_status import ContentStatus
from meshdl.demo.processes import Running, station

ROUNDS = 5
OCTETS = 50_000_000
SECONDS_AT_MOST = 1.0


async def measure(report: Report) -> None:
    """A new station each time."""
    up, first = [], []
    alfa, *others = callsigns(ROUNDS + 1)
    with tempfile.TemporaryDirectory(prefix="meshdl-bench-") as name:
        root = Path(name)
        path = root / "content.bin"
        make_content(path, OCTETS)
        async with station(root, alfa) as seed:
            content = await seed.share(path)
            for bravo in others:  # a callsign that comes with another key is refused
                began = time.perf_counter()
                async with station(root, bravo) as leech:
                    announced = time.perf_counter()
                    await _first_chunk(leech, content)
                    up.append(announced - began)
                    first.append(time.perf_counter() - announced)
    report.add(Figure("a station's start", round(statistics.median(up), 2), "s"))
    report.add(
        Figure(
            "discovery to first verified chunk",
            round(statistics.median(first), 2),
            "s",
            at_most=SECONDS_AT_MOST,
            rounds=tuple(round(one, 2) for one in first),
        )
    )


async def _first_chunk(leech: Running, content: ContentStatus) -> None:
    await leech.begin(content)
    async for event in leech.client.events():
        if isinstance(event, ContentChanged) and event.content.chunks_done:
            return
