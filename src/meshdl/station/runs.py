"""Verified ranges of a download that stand side by side, joined to be written at once.

The call of the system, the claim in the journal and the answer to the core cost as much
for 64 KiB as for a megabyte.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from meshdl.ids import ChunkIndex

PARTS_MAX = 128
"""Systems take a thousand parts in one call; these are 16 MiB of the longest ranges."""


class WrittenRange(Protocol):
    """Whole leaves of a chunk, verified."""

    @property
    def chunk(self) -> ChunkIndex:
        """Which chunk."""

    @property
    def offset(self) -> int:
        """Where in it, octets."""

    @property
    def octets(self) -> bytes | memoryview:
        """What."""

    @property
    def completes_chunk(self) -> bool:
        """Whether it was the last of its chunk."""


@dataclass(slots=True)
class Run:
    """Ranges of one chunk, each beginning where the one before it ends.

    Attributes:
        offset: of the first in the chunk.
        length_octets: of all together.
        completes_chunk: whether all of the chunk stands in the file once this is written.
    """

    chunk: ChunkIndex
    offset: int
    parts: list[bytes | memoryview] = field(default_factory=list)
    length_octets: int = 0
    completes_chunk: bool = False

    @property
    def end(self) -> int:
        """Where it ends in the chunk."""
        return self.offset + self.length_octets

    def append(self, octets: bytes | memoryview) -> None:
        """Lengthen it."""
        self.parts.append(octets)
        self.length_octets += len(octets)


def runs_of(ranges: Iterable[WrittenRange]) -> list[Run]:
    """Join what stands side by side, also when ranges of several chunks come by turns."""
    runs: list[Run] = []
    by_end: dict[tuple[ChunkIndex, int], Run] = {}
    last_of: dict[ChunkIndex, Run] = {}
    for one in ranges:
        run = by_end.pop((one.chunk, one.offset), None)
        if run is None or len(run.parts) == PARTS_MAX:
            run = last_of[one.chunk] = Run(one.chunk, one.offset)
            runs.append(run)
        run.append(one.octets)
        by_end[one.chunk, run.end] = run
        if one.completes_chunk:
            last_of[one.chunk].completes_chunk = True
    return runs
