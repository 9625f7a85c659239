"""What a figure says, without measuring anything."""

import asyncio
import io
import json
import mmap
import os
import resource

import pytest
from bench.free_memory import touch
from bench.report import Figure, Machine, MeasureRate, Report, in_turns
from bench.stations import resident_octets

MACHINE = Machine("Abacus 3000", 2, "Linux 6.1", "3.11.7", {"wrtc": "0.1.0"})


@pytest.mark.parametrize(
    ("at_least", "at_most", "holds"),
    [(None, None, True), (2.0, None, True), (2.1, None, False), (None, 2.0, True),
     (None, 1.9, False), (1.0, 3.0, True)],
)  # fmt: skip
def test_a_bound_holds_or_not(at_least: float | None, at_most: float | None, holds: bool) -> None:
    figure = Figure("speed", 2.0, "MB/s", at_least=at_least, at_most=at_most)
    assert figure.holds is holds


def test_a_line_tells_figure_command_and_machine() -> None:
    lines = io.StringIO()
    report = Report(lines, machine=MACHINE, command="python -m bench hashing")
    report.add_rate("speed", [3e6, 1e6, 2e6], note="loopback")
    [told] = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert told["value"] == 2.0
    assert told["unit"] == "MB/s"
    assert told["rounds"] == [3.0, 1.0, 2.0]
    assert told["command"] == "python -m bench hashing"
    assert told["machine"]["cpu"] == "Abacus 3000"
    assert told["machine"]["libraries"] == {"wrtc": "0.1.0"}


def test_a_broken_promise_is_seen_in_table_and_verdict() -> None:
    report = Report(machine=MACHINE)
    report.add_ratio("ours / theirs", 1.0, 2.0, at_least=0.8)
    table = io.StringIO()
    report.write(table)
    assert not report.kept
    assert "0.5" in table.getvalue()
    assert "NO" in table.getvalue()
    assert "Abacus 3000, 2 cores" in table.getvalue()


def test_what_is_compared_is_measured_in_turns() -> None:
    order: list[str] = []

    def stick(name: str) -> MeasureRate:
        async def measure(octets: int) -> float:
            order.append(name)
            return float(octets)

        return measure

    rates = asyncio.run(in_turns({"a": stick("a"), "b": stick("b")}, octets=7, rounds=2))
    assert order == ["a", "b", "a", "b"]
    assert rates == {"a": [7.0, 7.0], "b": [7.0, 7.0]}


def test_each_turn_begins_with_the_memory_that_it_may_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[object] = []

    async def measure(octets: int) -> float:
        order.append("measured")
        return float(octets)

    monkeypatch.setattr("bench.report.touch", order.append)
    asyncio.run(in_turns({"a": measure, "b": measure}, octets=7, rounds=1, fills=21))
    assert order == [21, "measured", 21, "measured"]


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def test_touched_memory_is_free_again() -> None:
    resident, faults = resident_octets(os.getpid()), page_faults()
    touch(1 << 26)
    assert page_faults() - faults >= (1 << 26) // mmap.PAGESIZE
    assert resident_octets(os.getpid()) < resident + (1 << 25)
