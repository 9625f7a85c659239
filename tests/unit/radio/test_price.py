"""What a transfer costs in airtime: near what it takes, and never less for more."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.radio.stations import AFSK, DATAC1, DATAC13, HF, VHF

from meshdl.air import ModemTraits
from meshdl.ids import Callsign
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.price import price, symbols_of
from meshdl.radio.transfer.asking import SMALL_OBJECT_SYMBOLS
from meshdl.sim.air import SimAir
from meshdl.sim.radio import SimRadio
from meshdl.sim.radio_memory import content_of
from meshdl.sim.world import World

PACKET = replace(AFSK, carries_sender=True, turnaround_s=0.1)
HF_DATA = replace(DATAC1, turnaround_s=0.2)
DATAC4 = replace(DATAC1, name="DATAC4", payload_octets_max=54, payload_bps=83.0)
FREE = AirtimeLimits(burst_max_s=30.0, airtime_s_per_hour=3600.0, duty_cycle_max=1.0)
STRICT = AirtimeLimits(burst_max_s=30.0, airtime_s_per_hour=300.0, duty_cycle_max=0.25)


def cost(symbols: int, traits: ModemTraits = PACKET, limits: AirtimeLimits = FREE) -> float:
    return price(symbols, traits, limits=limits, identify_every_s=600.0).airtime_s


@pytest.mark.parametrize("traits", [PACKET, HF_DATA], ids=["packet", "hf"])
@pytest.mark.parametrize("octets", [1_000, 16_384, 60_000])
def test_the_price_is_what_a_transfer_takes_on_a_clean_channel(
    traits: ModemTraits, octets: int
) -> None:
    world = World(3)
    air = SimAir(world)
    declaration = HF if traits is HF_DATA else VHF
    stations = [
        SimRadio(air, name, replace(declaration, callsign=Callsign(name)), traits, calls=False)
        for name in ("N0AAA", "N0BBB")
    ]
    wanted = content_of("map.bin", Random(octets).randbytes(octets))
    stations[0].hold(wanted)
    stations[1].fetch(wanted.content)
    world.run(4_000.0, stop=lambda: wanted.content in stations[1].finished_at)
    lasted_s = world.now
    world.run(world.now + 120.0)  # until both have signed off
    took_s = sum(one.airtime_s for one in stations)
    told = price(
        symbols_of(octets) + SMALL_OBJECT_SYMBOLS, traits, limits=FREE, identify_every_s=600.0
    )
    assert told.airtime_s == pytest.approx(took_s, rel=0.25, abs=8.0)
    assert told.lasts_s == pytest.approx(lasted_s, rel=0.35)
    identified = sum(
        one.frames[-1].endswith((b"N0AAA", b"N0BBB"))
        for station in stations
        for _, one in station.modem.keyed
    )
    assert abs(told.identifications - identified) <= 1


def test_nothing_missing_costs_nothing() -> None:
    told = price(0, PACKET, limits=FREE, identify_every_s=600.0)
    assert (told.airtime_s, told.bursts, told.identifications, told.lasts_s) == (0.0, 0, 0, 0.0)


def test_a_modem_that_carries_no_symbols_has_no_price() -> None:
    with pytest.raises(ValueError, match="DATAC13 carries no symbols"):
        cost(10, DATAC13)


@given(st.integers(1, 20_000), st.sampled_from([PACKET, HF_DATA, DATAC4]))
def test_more_is_never_cheaper(symbols: int, traits: ModemTraits) -> None:
    assert 0 < cost(symbols, traits) <= cost(symbols + 1, traits)


def test_short_bursts_cost_more_overhead() -> None:
    assert cost(342, PACKET, replace(FREE, burst_max_s=3.0)) > cost(342)


def test_frames_with_room_for_one_symbol_are_counted_with_what_introduces_them() -> None:
    told = price(100, DATAC4, limits=FREE, identify_every_s=600.0)
    assert told.airtime_s > (100 + told.bursts) * DATAC4.frame_s(54)


def test_a_sender_that_has_used_up_its_airtime_makes_it_last_longer() -> None:
    free = price(5_000, PACKET, limits=FREE, identify_every_s=600.0)
    strict = price(5_000, PACKET, limits=STRICT, identify_every_s=600.0)
    assert strict.lasts_s > free.lasts_s + 3_600.0
    assert strict.identifications > free.identifications


def test_how_long_it_is_held_back_is_told() -> None:
    free, strict = (
        price(3_000, PACKET, limits=limits, identify_every_s=600.0) for limits in (FREE, STRICT)
    )
    assert free.held_back_s == 0.0
    assert strict.held_back_s == pytest.approx(strict.lasts_s - free.lasts_s)


def test_leaf_hashes_are_counted_where_there_are_several_leaves() -> None:
    assert symbols_of(0) == 0
    assert symbols_of(1) == 1
    assert symbols_of(16_384) == 342
    assert symbols_of(32_768) == 2 * 342 + 2
