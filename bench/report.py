"""Figures as people read them and as programs do, always with command and machine.

A figure may be promised: the bound that it was promised with stands beside it, and the
report says whether it holds. Rates mean little on their own, so what is compared is
measured in turns in one run (:func:`in_turns`), and told as a ratio.
"""

import asyncio
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TextIO, TypeAlias

from rich.console import Console
from rich.table import Table

from bench.free_memory import touch

LIBRARIES = (
    "meshdl",
    "wrtc",
    "uvloop",
    "aiohttp",
    "zeroconf",
    "aiortc",
    "libtorrent",
    "numpy",
    "pycodec2",
    "zstandard",
)

_COMMAND = ["python", "-m", "bench"]

MeasureRate: TypeAlias = Callable[[int], Awaitable[float]]
"""Moves so many octets once; octets a second."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a figure was measured."""

    cpu: str
    cores: int
    kernel: str
    python: str
    libraries: dict[str, str]

    @classmethod
    def here(cls) -> "Machine":
        """This one."""
        found = {}
        for name in LIBRARIES:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        return cls(
            cpu=_cpu_model(),
            cores=os.cpu_count() or 1,
            kernel=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            libraries=found,
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        value: in ``unit``.
        at_least, at_most: what was promised, if anything.
        note: how it came about, in a few words.
        rounds: what the value is the median of, in the same unit.
    """

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""
    rounds: tuple[float, ...] = ()

    @property
    def promised(self) -> bool:
        """Whether there is a bound."""
        return self.at_least is not None or self.at_most is not None

    @property
    def holds(self) -> bool:
        """Whether the bound is kept; ``True`` without one."""
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    @property
    def bound(self) -> str:
        """The promise, for people."""
        parts = []
        if self.at_least is not None:
            parts.append(f"≥ {self.at_least:g}")
        if self.at_most is not None:
            parts.append(f"≤ {self.at_most:g}")
        return " ".join(parts)


@dataclass(slots=True)
class Report:
    """Collects figures; tells each when it is there, and all at the end.

    Attributes:
        lines: takes one JSON object a figure, if given.
    """

    lines: TextIO | None = None
    machine: Machine = field(default_factory=Machine.here)
    command: str = field(
        default_factory=lambda: shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    )
    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Take a figure."""
        self.figures.append(figure)
        print(f"{figure.name}: {_shown(figure.value)} {figure.unit}  {figure.note}", flush=True)
        if self.lines is not None:
            told = {
                **asdict(figure),
                "holds": figure.holds,
                "command": self.command,
                "machine": asdict(self.machine),
            }
            self.lines.write(json.dumps(told) + "\n")
            self.lines.flush()

    def add_rate(self, name: str, rates: list[float], *, note: str = "") -> float:
        """Take several measurements of a rate in octets a second; their median."""
        middle = statistics.median(rates)
        rounds = tuple(round(rate / 1e6, 1) for rate in rates)
        self.add(Figure(name, round(middle / 1e6, 1), "MB/s", note=note, rounds=rounds))
        return middle

    def add_ratio(
        self, name: str, ours: float, theirs: float, *, at_least: float | None = None
    ) -> None:
        """Take one rate in terms of another of the same run."""
        self.add(Figure(name, round(ours / theirs, 3), "ratio", at_least=at_least))

    def write(self, to: TextIO) -> None:
        """The table of everything."""
        machine = self.machine
        libraries = ", ".join(f"{name} {number}" for name, number in machine.libraries.items())
        caption = (
            f"{machine.cpu}, {machine.cores} cores; {machine.kernel}; Python {machine.python}; "
            f"{libraries}\n{self.command}"
        )
        table = Table(caption=caption, caption_justify="left")
        for column, justify in (("figure", "left"), ("value", "right"), ("unit", "left")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type] # both are one
        for column in ("promised", "holds", "note"):
            table.add_column(column)
        for one in self.figures:
            verdict = ("yes" if one.holds else "NO") if one.promised else ""
            table.add_row(one.name, _shown(one.value), one.unit, one.bound, verdict, _note(one))
        Console(file=to, width=None if to.isatty() else 140).print(table)

    @property
    def kept(self) -> bool:
        """Whether every promise holds."""
        return all(one.holds for one in self.figures)


async def in_turns(
    measures: Mapping[str, MeasureRate], *, octets: int, rounds: int, fills: int = 0
) -> dict[str, list[float]]:
    """Measure everything once, then everything again: what disturbs the machine disturbs all.

    Each begins with nothing left to write: the files of the one before are not its burden.

    Args:
        measures: what is measured, by name.
        octets: that each is told to move.
        rounds: how often.
        fills: octets of memory that one of them may fill, in processes or the page cache; each
            begins with so much :mod:`bench.free_memory`.
    """
    rates: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            await asyncio.to_thread(os.sync)
            if fills:
                await asyncio.to_thread(touch, fills)
            rates[name].append(await measure(octets))
    return rates


def make_content(path: Path, octets: int) -> None:
    """Write a file that no disk can compress and no two chunks of which are alike.

    It is on the disk when this returns: writing it out is not part of what is measured.
    """
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for serial in range(-(-octets // len(block))):
            stamped = serial.to_bytes(8, "big") + block[8:]
            file.write(stamped[: octets - serial * len(block)])
        file.flush()
        os.fsync(file.fileno())


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def _note(figure: Figure) -> str:
    if len(figure.rounds) < 2:
        return figure.note
    spread = f"{min(figure.rounds):g}-{max(figure.rounds):g} in {len(figure.rounds)} rounds"
    return f"{spread}; {figure.note}" if figure.note else spread
