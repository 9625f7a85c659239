"""Rates of counters, smoothed for people to read."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

RATE_OVER_S = 2.0
"""Time constant of the rates that are shown."""

Counter: TypeAlias = Hashable


@dataclass(slots=True)
class _Meter:
    """An exponentially weighted rate of one counter."""

    octets: int
    measured_at: float
    rate_octets_per_s: float = 0.0

    def measure(self, octets: int, now: float) -> None:
        seconds = now - self.measured_at
        if seconds <= 0:
            return
        weight = 1 - math.exp(-seconds / RATE_OVER_S)
        latest = max(octets - self.octets, 0) / seconds
        self.rate_octets_per_s += weight * (latest - self.rate_octets_per_s)
        if self.rate_octets_per_s < 1:
            self.rate_octets_per_s = 0.0
        self.octets, self.measured_at = octets, now


class Meters:
    """A meter for each counter that there is."""

    def __init__(self) -> None:
        self._meters: dict[Counter, _Meter] = {}

    def measure(self, counters: Mapping[Counter, int], *, now: float) -> None:
        """Take the octets that every counter has come to; others are forgotten."""
        for gone in self._meters.keys() - counters.keys():
            del self._meters[gone]
        for counter, octets in counters.items():
            self._meters.setdefault(counter, _Meter(octets, now)).measure(octets, now)

    def rate(self, counter: Counter) -> float:
        """Octets a second of late; 0 for what is not counted."""
        meter = self._meters.get(counter)
        return meter.rate_octets_per_s if meter is not None else 0.0

    @property
    def moving(self) -> bool:
        """Whether any counter moved lately."""
        return any(meter.rate_octets_per_s for meter in self._meters.values())
