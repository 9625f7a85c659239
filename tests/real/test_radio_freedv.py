"""Whole contents by FreeDV: real cores, the real codec, noise, fading; the clock is virtual."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest
from tests.unit.radio.stations import HF

from meshdl.ids import Callsign
from meshdl.sim.audio_channel import POOR, Fading
from meshdl.sim.radio import SimRadio
from meshdl.sim.radio_memory import RadioContent, content_of, is_whole
from meshdl.sim.sound_air import SoundAir
from meshdl.sim.world import World
from meshdl.transports.modems.freedv_modes import FreedvMode

pytestmark = pytest.mark.real

WITHIN_S = 3 * 3600.0
STEADY = None


def noise(octets: int) -> RadioContent:
    return content_of("map.bin", Random(octets).randbytes(octets))


@contextmanager
def channel(
    mode: FreedvMode, *, snr_db: float | None, fading: Fading | None = None, seed: int = 1
) -> Iterator[SoundAir]:
    air = SoundAir(World(seed), mode, snr_db=snr_db, fading=fading)
    try:
        yield air
    finally:
        air.close()


def stations(air: SoundAir, *names: str) -> list[SimRadio]:
    return [
        SimRadio(air, name, replace(HF, callsign=Callsign(name)), air.traits, calls=False)
        for name in names
    ]


def run(air: SoundAir, wanted: RadioContent, receivers: list[SimRadio]) -> None:
    air.world.run(WITHIN_S, stop=lambda: all(is_whole(one, wanted) for one in receivers))
    assert all(is_whole(one, wanted) for one in receivers)


@pytest.mark.parametrize(
    ("mode", "snr_db", "fading", "octets"),
    [
        (FreedvMode.DATAC1, 10.0, POOR, 16_384),
        (FreedvMode.DATAC1, 7.0, POOR, 16_384),
        (FreedvMode.DATAC1, 4.0, STEADY, 16_384),
        (FreedvMode.DATAC1, 2.0, STEADY, 6_000),
        (FreedvMode.DATAC3, 2.0, POOR, 4_000),
        (FreedvMode.DATAC3, 0.0, POOR, 2_000),
        (FreedvMode.DATAC3, 0.0, STEADY, 4_000),
        (FreedvMode.DATAC4, 0.0, POOR, 500),
    ],
    ids=lambda value: value.name if isinstance(value, FreedvMode) else None,
)
def test_a_content_comes_whole_through_noise_and_fading(
    mode: FreedvMode, snr_db: float, fading: Fading | None, octets: int
) -> None:
    with channel(mode, snr_db=snr_db, fading=fading) as air:
        sender, receiver = stations(air, "N0AAA", "N0BBB")
        wanted = noise(octets)
        sender.hold(wanted)
        receiver.fetch(wanted.content)
        run(air, wanted, [receiver])
        assert not receiver.memory.unread
        assert not receiver.wrong


def test_two_receivers_hear_the_same_bursts_and_lose_different_frames() -> None:
    with channel(FreedvMode.DATAC1, snr_db=6.0, fading=POOR) as air:
        sender, left, right = stations(air, "N0AAA", "N0BBB", "N0CCC")
        air.hide("N0BBB", "N0CCC")
        wanted = noise(12_000)
        sender.hold(wanted)
        left.fetch(wanted.content)
        right.fetch(wanted.content)
        run(air, wanted, [left, right])
        symbols = 250
        once_s = symbols / 10 * air.traits.frame_s(510)
        # Together they cost far less than one after the other would.
        assert sender.airtime_s < 1.9 * once_s


def test_symbols_of_one_mode_count_in_the_next() -> None:
    wanted = noise(8_000)
    with channel(FreedvMode.DATAC1, snr_db=None) as air:
        sender, receiver = stations(air, "N0AAA", "N0BBB")
        sender.hold(wanted)
        receiver.fetch(wanted.content)
        air.world.run(WITHIN_S, stop=lambda: len(receiver.journal) >= 100)
        kept = len(receiver.journal)
        receiver.kill()
    with channel(FreedvMode.DATAC3, snr_db=None, seed=2) as air:
        sender = stations(air, "N0AAA")[0]
        declaration = replace(HF, callsign=Callsign("N0BBB"))
        again = SimRadio(
            air, "N0BBB", declaration, air.traits, calls=False, journal=receiver.journal
        )
        sender.hold(wanted)
        again.hold(wanted, leaves=set())
        again.fetch(wanted.content)
        run(air, wanted, [again])
        symbols = 167
        lacking = symbols - kept
        assert sender.airtime_s < (1.3 * lacking + 20) / 2 * air.traits.frame_s(126)
