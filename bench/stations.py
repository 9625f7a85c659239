"""Station processes for the benchmarks: names for many, and what the kernel says of each."""

import os
from pathlib import Path

from meshdl.demo.processes import Running
from meshdl.ids import Callsign


def callsigns(count: int) -> list[Callsign]:
    """So many different ones."""
    return [Callsign(f"KA{n % 10}{chr(65 + n // 10)}{chr(65 + n % 26)}") for n in range(count)]


def peak_octets(one: Running) -> int:
    """The most memory that was ever resident (VmHWM): the program's files count, too."""
    return _status_octets(one.process.pid, "VmHWM")


def resident_octets(pid: int) -> int:
    """Resident memory of a process now (VmRSS)."""
    return _status_octets(pid, "VmRSS")


def cpu_s(one: Running) -> float:
    """Processor time used so far, user and system, all threads."""
    return cpu_s_of(one.process.pid)


def cpu_s_of(pid: int) -> float:
    """The same of any process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_octets(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel does not tell {field} of process {pid}")
