"""Radio stations on asyncio: real cores over real modems, all else in memory.

The twin of :mod:`meshdl.sim.radio` for modems that have a clock of their own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

from meshdl.air import ModemReport
from meshdl.content.precedence import Precedence
from meshdl.driver import Driver
from meshdl.ids import Callsign, ContentHash
from meshdl.radio import transmitter_events as door
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.declaration import Declaration
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.station import RadioEffect, RadioInput, RadioStation
from meshdl.radio.transfer import events
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.radio_memory import RadioContent, RadioMemory, is_whole
from meshdl.transports.modems.modem import Modem

LIMITS = AirtimeLimits(burst_max_s=30.0, duty_cycle_max=1.0, airtime_s_per_hour=3600.0)


class ModemStation:
    """One station at a modem; run it by :func:`on_air`.

    Args:
        name: its callsign.
        declaration: of its operator; the callsign is put in here.
        modem: not yet running.
        seed: of its dice.
        calls: whether it calls CQ.
        journal: symbols of an earlier run.

    Attributes:
        memory: what it keeps.
        keyed: every burst, with the instant on the loop's clock.
        reports: how many reports of each kind its modem made.
    """

    def __init__(
        self,
        name: str,
        declaration: Declaration,
        modem: Modem,
        *,
        seed: int = 1,
        calls: bool = False,
        journal: Sequence[NewSymbol] = (),
    ) -> None:
        self.name, self.modem = Callsign(name), modem
        self.memory = RadioMemory(journal)
        self.keyed: list[tuple[float, Key]] = []
        self.frames_heard = 0
        rng = Random(f"{name} {seed}")
        transfer = Transfer(
            self.name,
            rng=rng,
            burst_max_s=LIMITS.burst_max_s,
            calls=calls,
            attended=declaration.attended,
        )
        door_ = Transmitter(replace(declaration, callsign=self.name), limits=LIMITS)
        self.core = RadioStation(door_, transfer, rng=rng)
        self._loop = asyncio.get_running_loop()
        self.driver: Driver[RadioInput, RadioEffect] = Driver(self.core, self._perform)
        self._changed = asyncio.Event()
        if journal:
            self.driver.post(events.SymbolsKept(tuple(journal)))

    def hold(
        self,
        content: RadioContent,
        *,
        leaves: set[int] | None = None,
        precedence: Precedence = Precedence.ROUTINE,
    ) -> None:
        """It has this content, or some leaves of it."""
        self.driver.post(self.memory.hold(content, leaves=leaves, precedence=precedence))

    def fetch(self, content: ContentHash, precedence: Precedence = Precedence.ROUTINE) -> None:
        """Its operator wants this content."""
        self.driver.post(events.Fetch(content, precedence))

    async def until(self, condition: Callable[[], bool], *, within_s: float) -> None:
        """Return when it holds after something happened here; by the loop's clock."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def whole(self, content: RadioContent, *, within_s: float) -> None:
        """Return when every octet is here, and the right one."""
        await self.until(lambda: is_whole(self, content), within_s=within_s)

    @property
    def airtime_s(self) -> float:
        """Computed, of all its bursts."""
        return sum(key.burst_s for _, key in self.keyed)

    def report(self, report: ModemReport) -> None:
        """What the modem says."""
        self.driver.post(report)
        self._changed.set()

    def _perform(self, effect: RadioEffect) -> None:
        match effect:
            case Key():
                assert effect.serial in self.memory.durable, "keyed without a durable record"
                self.keyed.append((self._loop.time(), effect))
                self.modem.key(effect)
            case Curtail():
                self.modem.curtail()
            case Abort():
                self.modem.abort()
            case door.WriteLog(serial, record):
                self.driver.post(self.memory.log(serial, record, now=self._loop.time()))
            case events.ReadObject():
                self.driver.post(self.memory.read(effect))
            case _:
                self.memory.remember(effect, now=self._loop.time())
        self._changed.set()


@asynccontextmanager
async def on_air(*stations: ModemStation) -> AsyncIterator[None]:
    """Their modems run until the block ends, and then stop as in a power cut."""
    tasks = [asyncio.create_task(one.modem.run(one.report)) for one in stations]
    try:
        yield
    finally:
        for one, task in zip(stations, tasks, strict=True):
            one.driver.stop()
            one.modem.close()
            task.cancel()
        await asyncio.wait(tasks)
