"""Whole contents by FreeDV: real cores, the real codec, noise, fading; the clock is virtual."""

from collections import Counter
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
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.wire.onair.frames import Frame, decode
from meshdl.wire.onair.pdus import ShortSymbol, Symbols

FASTEST_FIRST = tuple(
    sorted(FreedvMode, key=lambda mode: FREEDV_TRAITS[mode].payload_bps, reverse=True)
)

pytestmark = pytest.mark.real

WITHIN_S = 3 * 3600.0
STEADY = None


def noise(octets: int) -> RadioContent:
    return content_of("map.bin", Random(octets).randbytes(octets))


@contextmanager
def channel(
    *modes: FreedvMode, snr_db: float | None, fading: Fading | None = None, seed: int = 1
) -> Iterator[SoundAir]:
    air = SoundAir(World(seed), *modes, snr_db=snr_db, fading=fading)
    try:
        yield air
    finally:
        air.close()


def stations(air: SoundAir, *names: str) -> list[SimRadio]:
    return [
        SimRadio(
            air,
            name,
            replace(HF, callsign=Callsign(name)),
            air.traits,
            others=air.others,
            calls=False,
        )
        for name in names
    ]


def run(air: SoundAir, wanted: RadioContent, receivers: list[SimRadio]) -> None:
    air.world.run(WITHIN_S, stop=lambda: all(is_whole(one, wanted) for one in receivers))
    assert all(is_whole(one, wanted) for one in receivers)


def frames_in(sender: SimRadio, *, since: float = 0.0) -> Counter[str]:
    """How many frames with symbols it has sent, by mode."""
    return Counter(
        key.mode
        for at, key in sender.modem.keyed
        for frame in key.frames
        if at >= since and carries_symbols(frame)
    )


def carries_symbols(octets: bytes) -> bool:
    frame = decode(octets)
    return isinstance(frame, ShortSymbol) or (
        isinstance(frame, Frame) and any(isinstance(pdu, Symbols) for pdu in frame.pdus)
    )


@pytest.mark.parametrize(
    ("snr_db", "fading", "octets", "modes"),
    [
        (10.0, STEADY, 8_000, {"DATAC1"}),
        (10.0, POOR, 6_000, {"DATAC1"}),
        (5.0, STEADY, 3_000, {"DATAC1", "DATAC3"}),
        (5.0, POOR, 2_000, {"DATAC1", "DATAC3"}),
        (0.0, STEADY, 200, {"DATAC3", "DATAC4"}),
        (0.0, POOR, 200, {"DATAC3", "DATAC4"}),
    ],
)
def test_a_content_comes_whole_through_noise_and_fading_in_the_mode_that_fits(
    snr_db: float, fading: Fading | None, octets: int, modes: set[str]
) -> None:
    with channel(*FASTEST_FIRST, snr_db=snr_db, fading=fading) as air:
        sender, receiver = stations(air, "N0AAA", "N0BBB")
        wanted = noise(octets)
        sender.hold(wanted)
        receiver.fetch(wanted.content)
        run(air, wanted, [receiver])
        assert not receiver.memory.unread
        assert not receiver.wrong
        assert frames_in(sender).most_common(1)[0][0] in modes


@pytest.mark.parametrize(
    ("mode", "snr_db", "octets"),
    [(FreedvMode.DATAC1, 2.0, 4_000), (FreedvMode.DATAC3, 0.0, 2_500)],
    ids=["DATAC1", "DATAC3"],
)
def test_a_mode_that_the_operator_has_set_is_used_where_another_would_be_chosen(
    mode: FreedvMode, snr_db: float, octets: int
) -> None:
    with channel(mode, snr_db=snr_db) as air:
        sender, receiver = stations(air, "N0AAA", "N0BBB")
        wanted = noise(octets)
        sender.hold(wanted)
        receiver.fetch(wanted.content)
        run(air, wanted, [receiver])
        modes = {key.mode for one in (sender, receiver) for _, key in one.modem.keyed}
        assert modes == {mode.name}


def test_a_path_that_fades_is_used_in_a_more_robust_mode_from_then_on() -> None:
    with channel(FreedvMode.DATAC1, FreedvMode.DATAC3, FreedvMode.DATAC13, snr_db=12.0) as air:
        sender, receiver = stations(air, "N0AAA", "N0BBB")
        wanted = noise(5_000)
        sender.hold(wanted)
        receiver.fetch(wanted.content)
        air.world.run(WITHIN_S, stop=lambda: len(receiver.journal) >= 40)
        assert frames_in(sender)["DATAC1"] > 0
        air.becomes(snr_db=0.0)
        fades_at = air.world.now
        run(air, wanted, [receiver])
        more_robust = frames_in(sender, since=fades_at)
        assert more_robust["DATAC3"] > 0
        # What came in the one mode counted in the other.
        symbols = 2 * more_robust["DATAC3"]
        assert symbols < 5_000 / 48
        assert not receiver.wrong


def test_a_path_that_becomes_better_is_used_in_a_faster_mode_once_it_is_reported() -> None:
    with channel(FreedvMode.DATAC1, FreedvMode.DATAC3, FreedvMode.DATAC13, snr_db=0.0) as air:
        sender, receiver = stations(air, "N0AAA", "N0BBB")
        first, second, third = noise(600), noise(601), noise(5_000)
        for content in (first, second, third):
            sender.hold(content)
        receiver.fetch(first.content)
        run(air, first, [receiver])
        assert frames_in(sender)["DATAC1"] == 0
        air.becomes(snr_db=12.0)
        # In this answer the receiver hears how good the path is now.
        receiver.fetch(second.content)
        run(air, second, [receiver])
        better_at = air.world.now
        receiver.fetch(third.content)
        run(air, third, [receiver])
        # Ten symbols in a frame of the one, two in a frame of the other.
        by_mode = frames_in(sender, since=better_at)
        assert 10 * by_mode["DATAC1"] > 2 * by_mode["DATAC3"]
        assert not receiver.wrong


def test_a_path_on_which_nothing_comes_through_is_tried_in_more_robust_modes() -> None:
    with channel(FreedvMode.DATAC1, FreedvMode.DATAC4, FreedvMode.DATAC13, snr_db=12.0) as air:
        sender, receiver = stations(air, "N0AAA", "N0BBB")
        wanted = noise(600)
        sender.hold(wanted)
        receiver.fetch(wanted.content)
        air.world.run(WITHIN_S, stop=lambda: frames_in(sender)["DATAC1"] > 0)
        air.becomes(snr_db=-4.0)
        fades_at = air.world.now
        run(air, wanted, [receiver])
        assert frames_in(sender, since=fades_at)["DATAC4"] > 0
        asked_in = [key.mode for at, key in receiver.modem.keyed if at >= fades_at]
        assert asked_in[-1] in {"DATAC4", "DATAC13"}


def test_two_receivers_hear_the_same_bursts_and_lose_different_frames() -> None:
    with channel(FreedvMode.DATAC1, snr_db=10.0, fading=POOR) as air:
        sender, left, right = stations(air, "N0AAA", "N0BBB", "N0CCC")
        air.hide("N0BBB", "N0CCC")
        wanted = noise(8_000)
        sender.hold(wanted)
        left.fetch(wanted.content)
        right.fetch(wanted.content)
        run(air, wanted, [left, right])
        symbols = 167
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
