"""What the one door to the air costs: how long an emergency waits, rules, records on disk.

A modem that can end a burst behind a frame; with others an emergency waits for the whole burst.

The waiting is computed on virtual time, with a queue that is always full and a channel that
is free; what other stations send comes on top. The rest is processor and disk time.
"""

import statistics
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from bench.report import Figure, Report
from meshdl.air import FrameHeard, ModemReport, ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio import profiles
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.declaration import Control, Declaration, Sideband
from meshdl.radio.keying import Curtail, Key
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.rules import judge
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.air import SimAir
from meshdl.sim.world import Host, World
from meshdl.station.log import StationLog
from meshdl.station.radio.log import append

FORM_OCTETS = 1_000
EMERGENCIES = 60
EVERY_S = 60.0
ROUNDS = 2_000
RECORDS = 200
LOG_S = 0.02
"""What a record takes in the simulation: a disk that is not the best."""

AFSK_1200 = ModemTraits(
    name="AFSK 1200", payload_octets_max=256, payload_bps=1_100.0, audio_low_hz=900.0,
    audio_high_hz=2_500.0, baud=1_200.0, frame_overhead_s=0.15, burst_overhead_s=0.4,
)  # fmt: skip
DATAC1 = ModemTraits(
    name="DATAC1", payload_octets_max=510, payload_bps=976.0, audio_low_hz=660.0,
    audio_high_hz=2_340.0, baud=42.0, fixed_frames=True, burst_overhead_s=0.5,
)  # fmt: skip
DECLARATION = Declaration(
    callsign=Callsign("N0CALL"), profile=profiles.load("us-part97"), licence_class="general",
    control=Control.LOCAL, dial_hz=14_103_000, sideband=Sideband.USB,
)  # fmt: skip


def form(precedence: Precedence, traits: ModemTraits, octets: int) -> Traffic:
    """So many octets in frames of this modem."""
    size = traits.payload_octets_max
    frames = tuple(b"x" * min(size, octets - at) for at in range(0, octets, size))
    return Traffic(
        frames=frames, purpose=Purpose.EXCHANGE, precedence=precedence, to=Callsign("N0AAA")
    )


@dataclass
class Busy:
    """A station whose queue never empties, and how long its emergencies wait for the key."""

    traits: ModemTraits
    declaration: Declaration
    waits_s: list[float] = field(default_factory=list)
    bursts: int = 0

    def __post_init__(self) -> None:
        self.world = World(1)
        limits = AirtimeLimits(duty_cycle_max=1.0, airtime_s_per_hour=3_600.0)
        core = Transmitter(self.declaration, limits=limits, hold_off_s=0.0)
        self.host: Host[events.TransmitterInput, events.TransmitterEffect] = Host(
            self.world, "bench", core, self.perform
        )
        self._asked_at: float | None = None
        self.modem = SimAir(self.world).modem("bench", self.traits, self.report)

    def run(self, rng: Random) -> None:
        """Send routine traffic without a pause, and an emergency form now and then."""
        for n in range(EMERGENCIES):
            # Never behind another one.
            self.world.after(EVERY_S * (n + rng.random() / 2), self.emergency)
        self.routine()
        self.world.run(EVERY_S * EMERGENCIES)

    def report(self, report: ModemReport) -> None:
        """What the modem says; nobody else is on the air."""
        if not isinstance(report, FrameHeard):
            self.host.post(report)

    def routine(self) -> None:
        """Another 20 kB for the queue."""
        self.host.post(events.Submit(form(Precedence.ROUTINE, self.traits, 20 * FORM_OCTETS)))
        self.world.after(5.0, self.routine)

    def emergency(self) -> None:
        """One form, now."""
        self._asked_at = self.world.now
        self.host.post(events.Submit(form(Precedence.EMERGENCY, self.traits, FORM_OCTETS)))

    def perform(self, effect: events.TransmitterEffect) -> None:
        """Disk, channel and modem."""
        match effect:
            case events.WriteLog(serial, record):
                if record.precedence is Precedence.EMERGENCY and self._asked_at is not None:
                    self.waits_s.append(self.world.now + LOG_S - self._asked_at)
                    self._asked_at = None
                self.world.after(LOG_S, partial(self.host.post, events.LogCommitted(serial)))
            case events.ChannelWanted(precedence) if precedence is not None:
                self.world.after(0.0, partial(self.host.post, events.ChannelGranted()))
            case Key():
                self.bursts += 1
                self.modem.key(effect)
            case Curtail():
                self.modem.curtail(effect)
            case _:
                pass


async def measure(report: Report) -> None:
    """All figures of the door."""
    burst_max_s = AirtimeLimits().burst_max_s
    vhf = Declaration(
        callsign=Callsign("N0CALL"), profile=DECLARATION.profile, licence_class="general",
        control=Control.LOCAL, dial_hz=145_010_000, sideband=Sideband.FM,
    )  # fmt: skip
    for traits, declaration in ((AFSK_1200, vhf), (DATAC1, DECLARATION)):
        busy = Busy(traits, declaration)
        began = time.process_time()
        busy.run(Random(1))
        taken_ms = (time.process_time() - began) * 1_000 / busy.bursts
        note = f"{len(busy.waits_s)} forms of {FORM_OCTETS} octets, {burst_max_s:g} s bursts"
        worst = round(max(busy.waits_s), 1)
        name = f"emergency form behind a full queue, {traits.name}"
        at_most = round(traits.burst_s([traits.payload_octets_max]) + 2 * LOG_S, 1)
        report.add(Figure(name, worst, "s", at_most=at_most, note=note))
        report.add(Figure(f"the door, {traits.name}", round(taken_ms, 3), "ms of CPU a burst"))
    report.add(Figure("one verdict", round(verdict_us(), 1), "us of CPU"))
    report.add(Figure("one record made durable", round(durable_ms(), 2), "ms", note="median"))


def verdict_us() -> float:
    """Processor time of one verdict."""
    traffic = form(Precedence.ROUTINE, DATAC1, FORM_OCTETS)
    began = time.process_time()
    for _ in range(ROUNDS):
        judge(DECLARATION, DATAC1, traffic)
    return (time.process_time() - began) / ROUNDS * 1e6


def durable_ms() -> float:
    """From the call to the return of one record of a DATAC1 burst, on this machine's disk."""
    frames = (b"x" * 510,) * 7
    record = RadioRecord(event=RadioEvent.TRANSMISSION, frames=frames)
    with tempfile.TemporaryDirectory() as directory:
        log, taken = StationLog(Path(directory) / "log.sqlite3"), []
        for _ in range(RECORDS):
            began = time.perf_counter()
            append(log, record, at=0.0)
            taken.append((time.perf_counter() - began) * 1_000)
        log.close()
    return statistics.median(taken)
