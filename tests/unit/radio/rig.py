"""A transmitter with a log, a channel and a modem that answer as the test says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.unit.radio.stations import AFSK, VHF

from meshdl.air import BurstEnded, ModemTraits, ModemUp
from meshdl.radio import transmitter_events as events
from meshdl.radio.declaration import Declaration
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.traffic import Traffic
from meshdl.radio.transmitter import Transmitter


@dataclass
class Rig:
    """Runs the core on a clock of its own and remembers what it asked for.

    Attributes:
        log_works: records become durable at once.
        clear: channel access grants at once.
        modem_works: bursts end after their computed time.
        curtails: the modem begins no further frame when it is told so.
        dial_hz: what the rig answers at once when it is asked; ``None``: it does not.
    """

    declaration: Declaration = VHF
    traits: ModemTraits = AFSK
    settings: dict[str, Any] = field(default_factory=dict)
    log_works: bool = True
    clear: bool = True
    modem_works: bool = True
    curtails: bool = True
    dial_hz: int | None = None
    now: float = 0.0

    def __post_init__(self) -> None:
        self.core = Transmitter(self.declaration, **self.settings)
        self.records: list[RadioRecord] = []
        self.durable: set[int] = set()
        self.seen: list[events.TransmitterEffect] = []
        self.on_air: list[tuple[float, Key]] = []
        self.wanted: object = None
        # Where the rig that is followed was when each burst was keyed.
        self.keyed_at: dict[int, int | None] = {}
        self.key: Key | None = None
        self.ends_at: float | None = None
        self.sent: int | None = None
        self.give(ModemUp(self.traits))

    def give(self, event: events.TransmitterInput) -> None:
        self.core.receive(event, now=self.now)
        self._settle()

    def submit(self, *traffics: Traffic) -> None:
        for one in traffics:
            self.give(events.Submit(one))

    def run(self, for_s: float) -> None:
        """Let time pass, acting on every deadline and every end of a burst."""
        until = self.now + for_s
        while True:
            times = [at for at in (self.core.deadline(), self.ends_at) if at is not None]
            if not times or min(times) > until:
                break
            self.now = max(self.now, min(times))
            if self.ends_at is not None and self.ends_at <= self.now and self.key is not None:
                self.end_burst()
            else:
                self.core.expire(now=self.now)
                self._settle()
        self.now = until

    def end_burst(self) -> None:
        assert self.key is not None
        ended = BurstEnded(self.key.serial, self.sent)
        self.key = self.ends_at = self.sent = None
        self.give(ended)

    def texts(self) -> list[bytes]:
        """Every frame that has been keyed, in order."""
        return [frame for _, key in self.on_air for frame in key.frames]

    def of(self, kind: type) -> list[Any]:
        return [effect for effect in self.seen if isinstance(effect, kind)]

    def logged(self, event: RadioEvent) -> list[RadioRecord]:
        return [record for record in self.records if record.event is event]

    def _settle(self) -> None:
        while effects := self.core.effects():
            self.seen += effects
            self._perform(effects)

    def _perform(self, effects: Iterable[events.TransmitterEffect]) -> None:  # noqa: C901 - one flat match
        for effect in effects:
            match effect:
                case events.WriteLog(serial, record):
                    self.records.append(record)
                    if self.log_works:
                        self.durable.add(serial)
                        self.core.receive(events.LogCommitted(serial), now=self.now)
                case events.ChannelWanted(precedence):
                    self.wanted = precedence
                    if precedence is not None and self.clear:
                        self.core.receive(events.ChannelGranted(), now=self.now)
                case events.ReadRig(serial) if self.dial_hz is not None:
                    reading = events.RigRead(self.dial_hz, serial=serial)
                    self.core.receive(reading, now=self.now)
                case Key():
                    assert self.key is None, "one burst at a time"
                    assert effect.serial in self.durable, "keyed without a durable record"
                    self.key, self.sent = effect, None
                    self.on_air.append((self.now, effect))
                    if self.core.declaration.rig:
                        self.keyed_at[effect.serial] = self.dial_hz
                    self.ends_at = self.now + effect.burst_s if self.modem_works else None
                case Curtail(serial) if self.curtails and self.modem_works:
                    assert self.key is not None
                    assert self.key.serial == serial
                    self._curtail(self.key)
                case Abort() if self.key is not None and self.modem_works:
                    self.ends_at = self.now
                case _:
                    pass

    def _curtail(self, key: Key) -> None:
        """It ends with the frame that has begun, or the first one if none has."""
        ends_at = self.on_air[-1][0] + self.traits.burst_overhead_s
        for number, frame in enumerate(key.frames[:-1], 1):
            ends_at += self.traits.frame_s(len(frame))
            if ends_at >= self.now:
                self.sent, self.ends_at = number, ends_at
                return
