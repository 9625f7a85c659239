"""Does for the radio core what it wants done: modem, log, store, journal, whoever looks on.

Theory of operation
===================

One driver runs :class:`~meshdl.radio.station.RadioStation`; one flat match performs its
effects. What a modem reports goes straight in. Two threads block for it: one writes the
station log, whose answers alone let a burst be keyed; the other keeps symbols.

Other settings (:meth:`RadioShell.reconfigure`) go through the core: it signs off on the old
ones, and only then another modem takes the place of the one before.

At the end the station signs off: :meth:`RadioShell.close` waits until our callsign is on
the air, if it is owed, and not longer than :data:`SIGN_OFF_WITHIN_S`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from meshdl.air import FrameHeard, ModemDown, ModemReport, ModemUp
from meshdl.driver import Driver
from meshdl.errors import FileUnwritable
from meshdl.ids import Callsign
from meshdl.radio import transmitter_events as door
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.station import FrameUnread, RadioEffect, RadioInput, RadioStation
from meshdl.radio.transfer import events
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.station.disk import RealDisk
from meshdl.station.home import Home
from meshdl.station.log import StationLog
from meshdl.station.modem_address import DireWolf, KissSerial, KissTcp
from meshdl.station.radio import past, switch
from meshdl.station.radio.contents import RadioContents
from meshdl.station.radio.ear import Ear
from meshdl.station.radio.log import RadioLog
from meshdl.station.radio.logger import Logger
from meshdl.station.radio.modem import modem_of, rig_of
from meshdl.station.radio.rig_follower import RigFollower
from meshdl.station.radio.slot import Slot
from meshdl.station.radio.symbol_keeper import SymbolKeeper
from meshdl.station.radio_config import RadioConfig
from meshdl.station.worker import Worker
from meshdl.transports.modems.modem import Modem

SIGN_OFF_WITHIN_S = 20.0
"""Identification waits 15 s for a gap at the most, then it is keyed."""

LOOKED_FOR = "it is being looked for"
NO_MODEM = "no modem is set; name one in radio.modem, or run: meshdl radio setup"

WITH_ADDRESSES = KissTcp | KissSerial | DireWolf
"""Modems whose frames the ear is given with their addresses."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Next:
    """Settings that wait until our callsign was sent on the old ones."""

    config: RadioConfig
    exchanges: bool = False
    modem: Modem | None = None
    taken: asyncio.Event = field(default_factory=asyncio.Event)


class RadioShell:
    """The radio core with its driver and everything that it acts on.

    Args:
        config: the operator's ``[radio]`` table.
        call: of the station, with its SSID.
        grid: its locator, or ``None``.
        home: of the station.
        log: its one log.
        warn: takes sentences for the operator.

    Attributes:
        config: the settings that hold now.
        core: to be looked at.
        modems: the modem's place.
        ear: what is heard.
        modem_problem: why there is no modem now; empty when there is one.

    Raises:
        ConfigError: there are no such rules, or they know no such class.
    """

    def __init__(
        self,
        config: RadioConfig,
        *,
        call: Callsign,
        grid: str | None,
        home: Home,
        log: StationLog,
        warn: Callable[[str], None],
    ) -> None:
        self.config, self.call, self._warn, self._home = config, call, warn, home
        self._log = log
        self._off_file = home.radio_off_file
        declaration = config.declaration(call, home.directory)
        rng = random.SystemRandom()
        transmitter = Transmitter(
            declaration,
            limits=config.limits(),
            hold_off_s=config.hold_off_s,
            off_because=switch.off_because(home.radio_off_file),
        )
        transfer = Transfer(
            call,
            rng=rng,
            locator=_locator(grid),
            burst_max_s=config.burst_max_s,
            # A station that only receives would have every call refused.
            calls=not declaration.missing(),
            attended=declaration.attended,
        )
        self.core = RadioStation(transmitter, transfer, rng=rng)
        self.driver: Driver[RadioInput, RadioEffect] = Driver(self.core, self._perform)
        self._pens = Worker("radio log")
        self._logger = Logger.at(config.logger_address())
        self._radio_log = RadioLog(log, self._pens, self.driver.post, written=self._logger.tell)
        self._symbols = SymbolKeeper(RealDisk(), home.symbols_file, warn)
        self.ear = Ear(call, lambda: transmitter.declaration, self._radio_log.heard, time.time)
        self.modems = Slot(self._serve, self._modem_of(config))
        self._rigs = Slot(RigFollower.run, self._follower_of(config))
        self.modem_problem = NO_MODEM if self.modems.thing is None else LOOKED_FOR
        self._contents: RadioContents | None = None
        self._finished = asyncio.Event()
        self._next: _Next | None = None

    def connect(self, contents: RadioContents) -> None:
        """Say where contents are; before it runs."""
        self._contents = contents

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Futures that are done, with an exception, when a bug of ours was met."""
        threads = [self._pens.failure, self._symbols.failure, *self._logger.failures]
        return [self.driver.failure, *threads]

    async def run(self) -> None:
        """Take up what an earlier run heard and sent, then serve the modem until cancelled."""
        look_back = partial(past.read, self._log, self.core.transmitter.declaration, at=time.time())
        self._pens.submit(look_back, self.driver.post)
        kept = await self._symbols.kept()
        if kept:
            self.driver.post(events.SymbolsKept(kept))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.modems.run())
            tasks.create_task(self._rigs.run())

    async def reconfigure(self, config: RadioConfig) -> None:
        """Take other settings; returns when they hold, after our callsign on the old ones.

        Raises:
            ConfigError: they cannot be; nothing has changed.
        """
        declaration = config.declaration(self.call, self._home.directory)
        modem_changes = config.modem_settings() != self.config.modem_settings()
        if self._next is None:
            self._next = _Next(config)
        self._next.config = config
        # An order that still waits may have been for yet another modem.
        self._next.exchanges |= modem_changes
        if self._next.exchanges:
            self._next.modem = self._modem_of(config)
        exchanges, taken = self._next.exchanges, self._next.taken
        self.driver.post(
            door.Reconfigure(declaration, config.limits(), config.hold_off_s, exchanges)
        )
        await taken.wait()

    async def close(self) -> None:
        """Sign off, if our callsign is owed; then nothing is keyed any more."""
        if not self.driver.failure.done():
            self.driver.post(door.ShutDown())
            with suppress(TimeoutError):
                async with asyncio.timeout(SIGN_OFF_WITHIN_S):
                    await self._finished.wait()
        self.modems.close()
        self._rigs.close()
        self.ear.close()
        self.driver.stop()
        await self._symbols.close()
        await self._pens.close()
        await self._logger.close()

    async def _serve(self, modem: Modem) -> None:
        await modem.run(self._report)

    def _modem_of(self, config: RadioConfig) -> Modem | None:
        address = config.modem_address()
        if address is None:
            return None
        ear = self.ear
        return modem_of(config, address, self.call, overhear=ear.captured, unix_time=time.time)

    def _follower_of(self, config: RadioConfig) -> RigFollower | None:
        rig = rig_of(config)
        return RigFollower(rig, self.driver.post) if rig is not None else None

    def _report(self, report: ModemReport) -> None:
        match report:
            case FrameHeard():
                if not isinstance(self.config.modem_address(), WITH_ADDRESSES):
                    self.ear.heard(report)
            case ModemUp(traits):
                self.ear.modem, self.modem_problem = report, ""
                _log.info("the modem is there: %s", traits.name)
            case ModemDown(reason):
                self.modem_problem = reason
                _log.warning("%s", reason)
            case _:
                pass
        self.driver.post(report)

    def _perform(self, effect: RadioEffect) -> None:  # noqa: C901, PLR0912 - one flat match
        contents = self._contents
        assert contents is not None
        match effect:
            case Key():
                self._key(effect)
            case Curtail():
                if self.modems.thing is not None:
                    self.modems.thing.curtail()
            case Abort():
                if self.modems.thing is not None:
                    self.modems.thing.abort()
            case door.ReadRig(serial):
                if self._rigs.thing is not None:
                    self._rigs.thing.ask(serial)
            case door.Reconfigured():
                self._reconfigured(effect)
            case door.WriteLog():
                self._radio_log.write(effect)
            case events.ReadObject():
                contents.read(effect)
            case events.MetainfoFound() | events.LeafHashesFound() | events.LeafFound():
                contents.found(effect)
            case events.KeepSymbols(symbols):
                self._symbols.keep(symbols)
                contents.symbols_heard(symbols)
            case events.ForgetSymbols(key):
                self._symbols.forget(key)
            case events.FetchFailed():
                contents.failed(effect)
                self._warn_unless_silent(f"{effect.content.hex()[:12]} by radio: {effect.reason}")
            case events.StationHeard(callsign):
                _log.info("%s was heard on the air", callsign)
            case events.WrongSymbols():
                self._wrong(effect)
            case door.Switched(because):
                remember = partial(self._remember, because)
                self._pens.submit(remember, self._warn_if)
            case door.Refused(_, verdict):
                self._warn_unless_silent(f"not transmitted: {verdict}")
            case door.Finished():
                self._finished.set()
            case FrameUnread():
                pass  # the ear has explained it
            case _:
                assert_never(effect)

    def _reconfigured(self, effect: door.Reconfigured) -> None:
        """Our callsign was sent on the old settings, if it was owed; nothing is on the air."""
        coming, self._next = self._next, None
        assert coming is not None  # it was ordered
        before, self.config = self.config, coming.config
        if effect.order.modem_changes and not self._finished.is_set():
            self.ear.modem = None
            self.modem_problem = NO_MODEM if coming.modem is None else LOOKED_FOR
            self.modems.put(coming.modem)
        if self.config.rigctld != before.rigctld:
            self._rigs.put(self._follower_of(self.config))
        elif self._rigs.thing is not None:
            self._rigs.thing.ask()
        if self.config.adif_udp != before.adif_udp:
            self._logger.readdress(self.config.logger_address())
        coming.taken.set()

    def _key(self, effect: Key) -> None:
        modem = self.modems.thing
        assert modem is not None  # it was up a moment ago
        modem.key(effect)
        self.ear.keyed(effect)

    def _warn_unless_silent(self, text: str) -> None:
        """A radio that is off, or only receives, says so in its status."""
        if not self.core.transmitter.silent_because():
            self._warn(text)

    def _wrong(self, effect: events.WrongSymbols) -> None:
        senders = ", ".join(effect.senders)
        what = effect.key.content.hex()
        self._warn(f"symbols under the call of {senders} were not of {what}, as they said")

    def _remember(self, because: str | None) -> str:
        try:
            switch.remember(self._off_file, because)
        except FileUnwritable as error:
            return str(error)
        return ""

    def _warn_if(self, problem: str) -> None:
        if problem:
            self._warn(problem)


def _locator(grid: str | None) -> str:
    """As the air has it: four or six characters, the last two in lower case."""
    return "" if grid is None else grid[:4] + grid[4:6].lower()
