"""Goodput of one leaf by radio, one receiver, a clean channel; real modems, real cores.

What is measured is a 16 KiB leaf that nothing makes shorter: from the moment in which the WANT
for it goes to the modem until the leaf is verified. The INFO before it is told beside it. The
measuring stick is the modem alone, in the same run: one burst of full frames, from key-down
until the last one is heard.

Dire Wolf runs on a simulated air faster than the world, and everybody's clock with it. FreeDV
runs on virtual time.
"""

import asyncio
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

from tests.support import quick_loop
from tests.support.dire_wolf import DireWolf, dire_wolves
from tests.support.modem_stations import ModemStation, on_air
from tests.support.modems import TestBurst, running

from bench.report import Figure, Report
from meshdl.air import FrameHeard, ModemReport
from meshdl.ids import Callsign
from meshdl.radio import profiles
from meshdl.radio.declaration import Control, Declaration, Sideband
from meshdl.radio.keying import Key
from meshdl.radio.station import RadioStation
from meshdl.radio.transfer import events
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.radio import SimRadio
from meshdl.sim.radio_memory import content_of, is_whole
from meshdl.sim.sound_air import SoundAir
from meshdl.sim.world import World
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.transports.modems.kiss_modem import KissModem
from meshdl.transports.modems.kiss_tcp import tcp_line
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings
from meshdl.wire.onair import frames
from meshdl.wire.onair.pdus import ObjectKind, Want

OF_MODEM_AT_LEAST = 0.8
OF_DATAC1_AT_LEAST = 0.85
CORE_AT_MOST = 10.0
"""Per cent, while receiving."""

SPEED = 4.0
LEAF = content_of("map.bin", Random(1).randbytes(16_384))
FRAME_OCTETS = 256
STICK_FRAMES = {9600: 40, 1200: 10}
WAVEFORM = {9600: G3RUH_9600, 1200: AFSK_1200}
ASKER, HOLDER = Callsign("N0BBB"), Callsign("N0AAA")
WITHIN_S = 1200.0

VHF = Declaration(
    callsign=Callsign("N0CALL"), profile=profiles.load("us-part97"),
    licence_class="general", control=Control.LOCAL, dial_hz=445_010_000,
    sideband=Sideband.FM,
)  # fmt: skip
HF = replace(VHF, dial_hz=14_103_000, sideband=Sideband.USB)


async def measure(report: Report) -> None:
    """Both rates of Dire Wolf, DATAC1, and what receiving costs."""
    for baud in (9600, 1200):
        await asyncio.to_thread(_dire_wolf, report, baud)
    _datac1(report)


def _dire_wolf(report: Report, baud: int) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        dire_wolves(Path(directory), ["a", "b"], baud=baud, speed=SPEED) as (a, b),
    ):
        stick_bps = quick_loop.run(_stick(a, b), speed=SPEED)
        leaf_s, all_s = quick_loop.run(_leaf(a, b), speed=SPEED)
    bits = 8 * len(LEAF.octets)
    name = WAVEFORM[baud].name
    report.add(
        Figure(
            f"{name}, a burst of {STICK_FRAMES[baud]} frames of {FRAME_OCTETS} octets",
            round(stick_bps), "bit/s", note="the modem alone",
        )
    )  # fmt: skip
    report.add(
        Figure(
            f"{name}, a leaf: goodput / the modem's",
            round(bits / leaf_s / stick_bps, 3), "ratio", at_least=OF_MODEM_AT_LEAST,
            note=f"{bits / leaf_s:.0f} bit/s; with its INFO {bits / all_s:.0f} bit/s",
        )
    )  # fmt: skip


async def _stick(a: DireWolf, b: DireWolf) -> float:
    """Payload bits a second of one burst."""
    count = STICK_FRAMES[a.baud]
    payloads = tuple(Random(number).randbytes(FRAME_OCTETS) for number in range(count))
    loop = asyncio.get_running_loop()
    sender = _modem(a, HOLDER)
    async with running(sender), running(_modem(b, ASKER)) as ear:
        began_at = loop.time()
        sender.key(TestBurst(1, payloads))
        try:
            heard = await ear.frames(count)
        except TimeoutError:
            heard = []  # some of them were lost
        took_s = loop.time() - began_at
    if heard != list(payloads):
        raise RuntimeError("the channel was not clean: this machine is too busy")
    return 8 * FRAME_OCTETS * count / took_s


async def _leaf(a: DireWolf, b: DireWolf) -> tuple[float, float]:
    """Seconds from the WANT for the leaf, and from the wish for the content, until it is here."""
    holder = ModemStation(HOLDER, VHF, _modem(a, HOLDER))
    asker = ModemStation(ASKER, VHF, _modem(b, ASKER))
    loop = asyncio.get_running_loop()
    async with on_air(holder, asker):
        for one in (holder, asker):
            await one.until(partial(_is_up, one), within_s=WITHIN_S)
        holder.hold(LEAF)
        began_at = loop.time()
        asker.fetch(LEAF.content)
        await asker.whole(LEAF, within_s=WITHIN_S)
        ended_at = asker.memory.finished_at[LEAF.content]
    return ended_at - _asked_at(asker.keyed), ended_at - began_at


def _datac1(report: Report) -> None:
    air = SoundAir(World(1), FreedvMode.DATAC1)
    try:
        holder, asker = (
            SimRadio(air, name, replace(HF, callsign=name), air.traits, calls=False)
            for name in (HOLDER, ASKER)
        )
        heard: list[FrameHeard] = []
        report_to = asker.modem.report

        def listen(event: ModemReport) -> None:
            if isinstance(event, FrameHeard):
                heard.append(event)
            report_to(event)

        asker.modem.report = listen
        holder.hold(LEAF)
        asker.fetch(LEAF.content)
        air.world.run(WITHIN_S, stop=lambda: is_whole(asker, LEAF))
    finally:
        air.close()
    if not is_whole(asker, LEAF):
        raise RuntimeError("a leaf did not come by DATAC1")
    ended_at = asker.finished_at[LEAF.content]
    leaf_s = ended_at - _asked_at(asker.modem.keyed)
    rate_bps = FREEDV_TRAITS[FreedvMode.DATAC1].payload_bps
    bits = 8 * len(LEAF.octets)
    report.add(
        Figure(
            "DATAC1, a leaf: goodput / the mode's rate",
            round(bits / leaf_s / rate_bps, 3), "ratio", at_least=OF_DATAC1_AT_LEAST,
            note=f"{bits / leaf_s:.0f} bit/s; with its INFO {bits / ended_at:.0f}",
        )
    )  # fmt: skip
    spent_s = _core_s(heard, asker)
    report.add(
        Figure(
            "the cores while receiving a leaf by DATAC1", round(100 * spent_s / leaf_s, 2),
            "% of a core", at_most=CORE_AT_MOST,
            note=f"{spent_s:.2f} s of processor; the demodulator's share: bench freedv",
        )
    )  # fmt: skip


def _core_s(heard: list[FrameHeard], asker: SimRadio) -> float:
    """Processor time of a station's cores for what it heard."""
    rng = Random(1)
    core = RadioStation(
        Transmitter(replace(HF, callsign=ASKER)), Transfer(ASKER, rng=rng, calls=False), rng=rng
    )
    core.receive(asker.modem.up, now=0.0)
    core.receive(events.Fetch(LEAF.content), now=0.0)
    began = time.process_time()
    found = False
    for one in heard:
        core.receive(one, now=one.at)
        found |= any(isinstance(effect, events.LeafFound) for effect in core.effects())
    spent_s = time.process_time() - began
    if not found:
        raise RuntimeError("what was heard makes no leaf the second time")
    return spent_s


def _is_up(one: ModemStation) -> bool:
    return one.core.modem is not None


def _modem(wolf: DireWolf, name: Callsign) -> KissModem:
    settings = TncSettings(waveform=WAVEFORM[wolf.baud], txdelay_ms=100)
    return KissModem(tcp_line("127.0.0.1", wolf.kiss_port), settings, name)


def _asked_at(keyed: list[tuple[float, Key]]) -> float:
    """When the WANT for the leaf was keyed."""
    return next(at for at, key in keyed if any(map(_asks_for_a_leaf, key.frames)))


def _asks_for_a_leaf(octets: bytes) -> bool:
    frame = frames.decode(octets)
    return isinstance(frame, frames.Frame) and any(
        wanted.objects.kind is ObjectKind.LEAF
        for pdu in frame.pdus
        if isinstance(pdu, Want)
        for wanted in pdu.wanted
    )
