"""Whole radio stations on a simulated channel, with contents in memory and a log that holds."""

from collections.abc import Sequence
from functools import partial

from meshdl.air import ModemReport, ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign, ContentHash
from meshdl.radio import transmitter_events as door
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.declaration import Declaration
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.log_records import RadioRecord
from meshdl.radio.station import RadioEffect, RadioInput, RadioStation
from meshdl.radio.transfer import events
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.air import SimAir
from meshdl.sim.radio_memory import RadioContent, RadioMemory
from meshdl.sim.world import Host

LOG_S = (0.001, 0.05)
"""What a log record takes to be durable, at least and at most."""


class SimRadio:
    """One station.

    Args:
        air: the channel.
        name: its callsign.
        declaration: of its operator.
        traits: of its modem.
        limits: of airtime.
        calls: whether it calls CQ.
        others: modes that its modem may send in, beside that of its traits.

    Attributes:
        memory: what it keeps; the attributes beside it are parts of it.
        log_failure: why its log cannot be written; ``None``: it can.
    """

    def __init__(
        self,
        air: SimAir,
        name: str,
        declaration: Declaration,
        traits: ModemTraits,
        *,
        limits: AirtimeLimits | None = None,
        calls: bool = True,
        journal: Sequence[NewSymbol] = (),
        others: tuple[ModemTraits, ...] = (),
    ) -> None:
        self.air, self.world, self.name = air, air.world, Callsign(name)
        self.memory = memory = RadioMemory(journal)
        self.stored, self.finished_at, self.journal = (
            memory.stored,
            memory.finished_at,
            memory.journal,
        )
        self.records, self.durable = memory.records, memory.durable
        self.wrong, self.failures, self.refusals = memory.wrong, memory.failures, memory.refusals
        self.log_failure: str | None = None
        rng = self.world.rng
        limits = limits or AirtimeLimits(
            burst_max_s=30.0, duty_cycle_max=1.0, airtime_s_per_hour=3600.0
        )
        self.transfer = Transfer(
            self.name,
            rng=rng,
            burst_max_s=limits.burst_max_s,
            calls=calls,
            attended=declaration.attended,
        )
        core = RadioStation(Transmitter(declaration, limits=limits), self.transfer, rng=rng)
        self.core = core
        self.host: Host[RadioInput, RadioEffect] = Host(self.world, name, core, self._perform)
        if journal:
            self.host.post(events.SymbolsKept(tuple(journal)))
        self.modem = air.modem(name, traits, self._report, others=others)

    # What a test does.

    def hold(
        self,
        content: RadioContent,
        *,
        leaves: set[int] | None = None,
        precedence: Precedence = Precedence.ROUTINE,
    ) -> None:
        """It has this content, or some leaves of it."""
        self.host.post(self.memory.hold(content, leaves=leaves, precedence=precedence))

    def fetch(self, content: ContentHash, precedence: Precedence = Precedence.ROUTINE) -> None:
        """Its operator wants this content."""
        self.host.post(events.Fetch(content, precedence))

    def kill(self) -> None:
        """As ``kill -9``: the modem stays, nobody listens to it."""
        self.host.kill()

    @property
    def airtime_s(self) -> float:
        """Of all its bursts."""
        return sum(key.burst_s for _, key in self.modem.keyed)

    # What the shell does.

    def _report(self, report: ModemReport) -> None:
        self.host.post(report)

    def _perform(self, effect: RadioEffect) -> None:
        match effect:
            case Key():
                assert effect.serial in self.durable, "keyed without a durable record"
                self.modem.key(effect)
            case Curtail():
                self.modem.curtail(effect)
            case Abort():
                self.modem.abort(effect)
            case door.WriteLog(serial, record):
                delay_s = self.world.rng.uniform(*LOG_S)
                self.world.after(delay_s, partial(self._logged, serial, record))
            case events.ReadObject():
                self.world.after(0.01, partial(self._read, effect))
            case _:
                self.memory.remember(effect, now=self.world.now)

    def _logged(self, serial: int, record: RadioRecord) -> None:
        if self.log_failure is not None:
            self.host.post(door.LogFailed(serial, self.log_failure))
        else:
            self.host.post(self.memory.log(serial, record, now=self.world.now))

    def _read(self, effect: events.ReadObject) -> None:
        self.host.post(self.memory.read(effect))
