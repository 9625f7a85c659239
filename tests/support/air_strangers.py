"""Who is on a simulated channel and keeps to nothing: any frame, under any callsign."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from meshdl.air import BurstEnded, CarrierChanged, FrameHeard, ModemReport, ModemTraits
from meshdl.sim.air import SimAir

PAUSE_S = 0.4


@dataclass(frozen=True, slots=True)
class _Burst:
    """What only the transmitter makes of our own stations'."""

    serial: int
    frames: tuple[bytes, ...]
    burst_s: float
    mode: str = ""


class AirStranger:
    """One of them.

    Args:
        air: the channel.
        call: under which it sends; perhaps another's.
        traits: of its modem.
        listens: whether it waits for a free channel.

    Attributes:
        heard: every frame.
    """

    def __init__(
        self, air: SimAir, call: str, traits: ModemTraits, *, listens: bool = True
    ) -> None:
        self._world, self._traits, self._listens = air.world, traits, listens
        self._waiting: deque[tuple[bytes, ...]] = deque()
        self._busy = self._sending = False
        self._serial = 0
        self.heard: list[FrameHeard] = []
        self.modem = air.modem(call, traits, self._report)

    def say(self, *bursts: Sequence[bytes]) -> None:
        """Send these, one after the other."""
        self._waiting += [tuple(burst) for burst in bursts]
        self._next()

    def say_every(self, every_s: float, times: int, burst: Sequence[bytes]) -> None:
        """Send this again and again."""
        for number in range(times):
            self._world.after(number * every_s, lambda: self.say(burst))

    def _report(self, report: ModemReport) -> None:
        match report:
            case FrameHeard():
                self.heard.append(report)
            case CarrierChanged(busy):
                self._busy = busy
            case BurstEnded():
                self._sending = False
            case _:
                return
        self._world.after(PAUSE_S, self._next)

    def _next(self) -> None:
        if self._sending or not self._waiting or (self._busy and self._listens):
            return
        frames = self._waiting.popleft()
        self._serial += 1
        self._sending = True
        burst = _Burst(self._serial, frames, self._traits.burst_s(map(len, frames)))
        self.modem.key(burst)  # type: ignore[arg-type]
