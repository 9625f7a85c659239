"""An hour of twenty stations on one channel: what must never happen does not happen.

The fourth lock of the one door to the air; the others are types, an import contract and a
test that reads the source.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from tests.unit.radio.stations import AFSK, VHF

from meshdl.air import CarrierChanged, FrameHeard, ModemReport
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.air import SimAir
from meshdl.sim.world import Host, World

HOUR_S = 3_600.0
SECRET = b"\x00obscured\x00"
URGENT = b"urgent"
SLOT_S = 0.1

MODEM = replace(AFSK, measures_busy=True)


class JumpyClock:
    """A core whose clock may jump, as that of a machine that slept or was set."""

    def __init__(self, core: Transmitter) -> None:
        self.core, self.offset_s = core, 0.0

    def receive(self, event: events.TransmitterInput, *, now: float) -> None:
        self.core.receive(event, now=now + self.offset_s)

    def expire(self, *, now: float) -> None:
        due = self.core.deadline()
        at = now + self.offset_s
        # Adding and subtracting the offset may round: what is due must be seen as due.
        self.core.expire(now=at if due is None or at < due - 1e-6 else max(at, due))

    def deadline(self) -> float | None:
        deadline = self.core.deadline()
        return None if deadline is None else deadline - self.offset_s

    def effects(self) -> Sequence[events.TransmitterEffect]:
        return self.core.effects()


class RadioStation:
    """A transmitter, a disk that may fail, a modem, and slots drawn by lot."""

    def __init__(self, world: World, air: SimAir, name: str) -> None:
        self.world, self.name = world, Callsign(name)
        limits = AirtimeLimits(burst_max_s=12.0, duty_cycle_max=1.0, airtime_s_per_hour=HOUR_S)
        core = Transmitter(replace(VHF, callsign=self.name), limits=limits, hold_off_s=20.0)
        self.core = JumpyClock(core)
        self.host: Host[events.TransmitterInput, events.TransmitterEffect] = Host(
            world, name, self.core, self.perform
        )
        self.disk_works = self.disk_answers = True
        self.busy = self.wanting = False
        self.records: list[tuple[float, RadioRecord]] = []
        self.durable_at: dict[int, float] = {}
        self.off_spans: list[list[float]] = []
        self.urgent_at: list[float] = []
        self.troubled: tuple[float, float] | None = None
        self.finished = False
        self.modem = air.modem(name, MODEM, self.report)

    def report(self, report: ModemReport) -> None:
        match report:
            case FrameHeard(octets=octets):
                if octets.startswith(URGENT):
                    self.host.post(events.EmergencyHeard())
            case CarrierChanged(busy):
                self.busy = busy
                self.host.post(report)
            case _:
                self.host.post(report)

    def submit(
        self, frames: tuple[bytes, ...], precedence: Precedence, *, cleartext: bool = True
    ) -> None:
        traffic = Traffic(
            frames=frames,
            purpose=Purpose.EXCHANGE,
            precedence=precedence,
            to=Callsign("N0CALL"),
            withdraw_key="get",
            cleartext=cleartext,
        )
        if precedence is Precedence.EMERGENCY:
            self.urgent_at.append(self.world.now)
        self.host.post(events.Submit(traffic))

    def switch(self, off: bool) -> None:
        if off:
            self.off_spans.append([self.world.now, float("inf")])
            self.host.post(events.SwitchOff(self.name, "test"))
        else:
            self.off_spans[-1][1] = self.world.now
            self.host.post(events.SwitchOn(self.name))

    def perform(self, effect: events.TransmitterEffect) -> None:  # noqa: C901 - one flat match
        match effect:
            case events.WriteLog(serial, record):
                if self.disk_answers:
                    delay_s = self.world.rng.uniform(0.001, 0.3)
                    self.world.after(delay_s, partial(self.written, serial, record))
            case events.ChannelWanted(precedence):
                self.wanting = precedence is not None
                self.world.after(0.0, self.draw_slot)
            case Key():
                assert effect.serial in self.durable_at, "keyed without a durable record"
                self.modem.key(effect)
            case Curtail():
                self.modem.curtail(effect)
            case Abort():
                self.modem.abort(effect)
            case events.Refused(traffic) | events.Dropped(traffic) if traffic.frames == (URGENT,):
                self.urgent_at.clear()  # off, without a modem, or paused: it waits no longer
            case events.Finished():
                self.finished = True
            case _:
                pass

    def written(self, serial: int, record: RadioRecord) -> None:
        if self.disk_works:
            self.records.append((self.world.now, record))
            self.durable_at[serial] = self.world.now
            self.host.post(events.LogCommitted(serial))
        else:
            self.host.post(events.LogFailed(serial, "no space left on the device"))

    def draw_slot(self) -> None:
        if not self.wanting:
            return
        if not self.busy and self.world.rng.random() < 0.25:
            self.wanting = False
            self.host.post(events.ChannelGranted())
        else:
            self.world.after(SLOT_S, self.draw_slot)

    def off_at(self, at: float) -> bool:
        return any(began <= at < ended for began, ended in self.off_spans)


def simulate(seed: int, *, faults: bool, count: int = 20) -> list[RadioStation]:
    world = World(seed)
    world.trace = []
    air = SimAir(world, loss=0.05)
    stations = [RadioStation(world, air, f"N0A{chr(65 + n)}") for n in range(count)]
    for n in range(0, count, 4):
        air.hide(stations[n].name, stations[n + 1].name)
    at = world.rng.uniform
    for station in stations:
        for _ in range(12):
            frames = tuple(
                b"x" * world.rng.randint(10, 256) for _ in range(world.rng.randint(1, 9))
            )
            precedence = world.rng.choice([Precedence.ROUTINE, Precedence.WELFARE])
            world.after(at(0, HOUR_S), partial(station.submit, frames, precedence))
        world.after(at(0, HOUR_S), partial(station.submit, (URGENT,), Precedence.EMERGENCY))
        secret = partial(station.submit, (SECRET,), Precedence.PRIORITY, cleartext=False)
        world.after(at(0, HOUR_S), secret)
        abort = events.Withdraw("get", "the operator paused it")
        world.after(at(0, HOUR_S), partial(station.host.post, abort))
        if faults and world.rng.random() < 0.7:
            make_faults(world, station)
    world.run(HOUR_S)
    for station in stations:
        station.host.post(events.ShutDown())
    world.run(HOUR_S + 120.0)
    return stations


def make_faults(world: World, station: RadioStation) -> None:
    """One fault, and from when to when it may keep the station from identifying."""
    at = world.rng.uniform
    began, ended = at(0, HOUR_S / 2), at(HOUR_S / 2, HOUR_S)
    recovery_s = 60.0
    match world.rng.randrange(6):
        case 0:
            world.after(began, partial(setattr, station, "disk_works", False))
            world.after(ended, partial(setattr, station, "disk_works", True))
        case 1:
            world.after(began, partial(setattr, station, "disk_answers", False))
            world.after(ended, partial(setattr, station, "disk_answers", True))
        case 2:
            world.after(began, partial(station.switch, True))
            world.after(ended, partial(station.switch, False))
        case 3:
            for _ in range(5):
                jump_s = at(-900, 900)
                world.after(at(0, HOUR_S), partial(setattr, station.core, "offset_s", jump_s))
            began, ended = 0.0, HOUR_S
        case 4:
            world.after(began, partial(station.modem.unplug, "unplugged"))
            world.after(ended, station.modem.plug_in)
        case _:
            world.after(began, partial(setattr, station.modem, "stuck", True))
            ended = HOUR_S
    station.troubled = (began, ended + recovery_s)


def check_identified(station: RadioStation) -> None:
    """Within ten minutes and at the end, except in the time of a fault."""
    name = f"DE {station.name}".encode()
    since: float | None = None
    for at, key in station.modem.keyed:
        since = at if since is None else since
        _, whole = station.modem.ended.get(key.serial, (at, 0))
        if name in key.frames[:whole]:
            ended = at + key.burst_s
            assert ended - since <= 600.0 or in_trouble(station, since, ended), station.name
            since = None
    left = since is not None and not in_trouble(station, since, HOUR_S)
    assert not left, f"{station.name} left without signing"


def in_trouble(station: RadioStation, from_: float, to: float) -> bool:
    if station.troubled is None:
        return False
    began, ended = station.troubled
    return began < to and from_ < ended


def check_nothing_obscured_and_all_logged(station: RadioStation) -> None:
    records = {
        record.burst: (at, record)
        for at, record in station.records
        if record.event is RadioEvent.TRANSMISSION
    }
    for at, key in station.modem.keyed:
        written_at, record = records[key.serial]
        assert written_at <= at
        assert record.frames == key.frames
        assert SECRET not in key.frames
        assert not station.off_at(at)


def check_emergency_waits_for_one_frame(station: RadioStation) -> None:
    """Of its own; then for a gap in what others send, and nothing else of its own goes first."""
    name = f"DE {station.name}".encode()
    frame_s = MODEM.burst_s([MODEM.payload_octets_max])
    for submitted_at in station.urgent_at:
        for at, key in station.modem.keyed:
            ended_at, _ = station.modem.ended.get(key.serial, (at, 0))
            if at < submitted_at < ended_at and station.modem.curtails:
                assert ended_at <= submitted_at + frame_s + 1e-3, f"{station.name} went on"
        for at, key in station.modem.keyed:
            if at < submitted_at or key.frames == (name,):
                continue
            assert URGENT in key.frames, f"{station.name} keyed something else at {at}"
            break


@pytest.mark.parametrize("seed", range(2))
def test_an_hour_of_twenty_stations_keeps_every_invariant(seed: int) -> None:
    stations = simulate(seed, faults=False)
    for station in stations:
        check_identified(station)
        check_nothing_obscured_and_all_logged(station)
        check_emergency_waits_for_one_frame(station)
        assert station.finished
        refusals = [one for _, one in station.records if one.event is RadioEvent.REFUSAL]
        assert [one.section for one in refusals] == ["97.113(a)(4)"]
    sent = sum(len(station.modem.keyed) for station in stations)
    assert sent > 200  # the hour was not quiet
    urgent = [key for one in stations for _, key in one.modem.keyed if URGENT in key.frames]
    assert len(urgent) >= len(stations) - 1  # one may be withdrawn by the operator's pause


@pytest.mark.parametrize("seed", range(10, 14))
def test_faults_silence_stations_and_break_no_invariant(seed: int) -> None:
    stations = simulate(seed, faults=True)
    for station in stations:
        check_identified(station)
        check_nothing_obscured_and_all_logged(station)
        check_emergency_waits_for_one_frame(station)
    told = {one.event for station in stations for _, one in station.records}
    assert {RadioEvent.SWITCH, RadioEvent.UNIDENTIFIED, RadioEvent.LOG} & told


def test_one_seed_is_one_history() -> None:
    first, again, other = (simulate(seed, faults=True, count=6)[0].world for seed in (7, 7, 8))
    assert first.trace == again.trace
    assert first.trace != other.trace
