"""Whole contents by radio through real Dire Wolf processes on a simulated air.

Three stations, two of which do not hear each other. The air runs five times as fast as the
world, and so do the clocks of the TNCs and of the stations: what takes a minute on the air
takes twelve seconds here. ``make soak`` has the full sizes at the slow rate, too.
"""

import asyncio
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings as hypothesis
from tests.support import quick_loop
from tests.support.dire_wolf import QUIET, DireWolf, dire_wolves
from tests.support.modem_stations import ModemStation, on_air
from tests.support.radio_stations import LAWFUL
from tests.support.stations import hash_of
from tests.unit.radio.stations import VHF

from meshdl.ids import Callsign
from meshdl.radio.keying import Key
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.sim.radio_memory import RadioContent, content_of
from meshdl.station.config import InternetConfig, LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.log import StationLog
from meshdl.station.radio import modem as radio_modem
from meshdl.station.radio_config import RadioConfig
from meshdl.station.station import Station
from meshdl.transports.modems.kiss_modem import KissModem
from meshdl.transports.modems.kiss_tcp import tcp_line
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings
from meshdl.wire.onair import frames
from meshdl.wire.onair.pdus import ObjectKind, Pdu, Want

SOAK = hypothesis.get_current_profile_name() == "soak"
pytestmark = [pytest.mark.real, pytest.mark.timeout(1500 if SOAK else 600)]

SPEED = 5.0
UHF = replace(VHF, dial_hz=445_000_000)
BAUD = {1200: (AFSK_1200, VHF), 9600: (G3RUH_9600, UHF)}
NOISY = {1200: 2550.0, 9600: 1060.0}
"""Amplitudes at which a frame of 253 octets is lost in every three to ten."""

HIDDEN = [("b", "c"), ("c", "b")]
WITHIN_S = 7200.0 if SOAK else 2000.0
"""On the air; the slowest takes a hundred where nobody else is at work."""


@cache
def picture(width: int, height: int) -> bytes:
    """A PNG of a gradient with noise in it, which no codec makes smaller."""
    rng = np.random.default_rng(7)
    across = np.linspace(0, 127, width)
    down = np.linspace(0, 127, height)[:, None]
    pixels = (across + down + rng.integers(0, 128, (height, width))).clip(0, 255).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b""))
    )


@cache
def bulletin(octets: int) -> bytes:
    """Text as it comes in an emergency: much alike, and yet no two lines are."""
    lines = (
        f"{number:04d} SHELTER {number % 17} HAS {number * 37 % 211} OF {200 + number % 50} BEDS"
        f" FREE, ROAD {number * 13 % 89} IS {'OPEN' if number % 3 else 'CLOSED'}\n"
        for number in range(octets)
    )
    text = b""
    while len(text) < octets:
        text += next(lines).encode("ascii")
    return text[:octets]


def small_picture() -> RadioContent:
    made = picture(300, 228)
    assert 55_000 < len(made) < 65_536
    return content_of("flood.png", made)


def leaf(octets: int = 16_384) -> RadioContent:
    return content_of("map.bin", np.random.default_rng(3).bytes(octets))


def text() -> RadioContent:
    return content_of("bulletin.txt", bulletin(16_384))


def station(
    wolf: DireWolf, name: str, *, journal: Sequence[NewSymbol] = (), seed: int = 1
) -> ModemStation:
    """Who has something calls: whoever asked in vain then asks again, however busy the machine."""
    waveform, declaration = BAUD[wolf.baud]
    settings = TncSettings(waveform=waveform, txdelay_ms=100)
    modem = KissModem(tcp_line("127.0.0.1", wolf.kiss_port), settings, Callsign(name))
    calls = name == "N0AAA"
    return ModemStation(name, declaration, modem, calls=calls, journal=journal, seed=seed)


CASES = [
    pytest.param(9600, QUIET, leaf, id="leaf-9600-clean"),
    pytest.param(9600, NOISY[9600], small_picture, id="picture-9600-noisy"),
    pytest.param(1200, QUIET, text, id="text-1200-clean"),
    pytest.param(1200, NOISY[1200], text, id="text-1200-noisy"),
]
if SOAK:
    CASES += [
        pytest.param(9600, QUIET, small_picture, id="picture-9600-clean"),
        pytest.param(9600, NOISY[9600], leaf, id="leaf-9600-noisy"),
        pytest.param(1200, QUIET, leaf, id="leaf-1200-clean"),
        pytest.param(1200, NOISY[1200], leaf, id="leaf-1200-noisy"),
        pytest.param(1200, QUIET, small_picture, id="picture-1200-clean"),
        pytest.param(1200, NOISY[1200], small_picture, id="picture-1200-noisy"),
    ]


@pytest.mark.parametrize(("baud", "noise", "made"), CASES)
def test_a_content_reaches_both_who_do_not_hear_each_other_and_one_comes_late(
    tmp_path: Path, baud: int, noise: float, made: object
) -> None:
    assert callable(made)
    wanted: RadioContent = made()

    async def scene(a: DireWolf, b: DireWolf, c: DireWolf) -> None:
        sender, first, late = station(a, "N0AAA"), station(b, "N0BBB"), station(c, "N0CCC")
        began = clock()
        async with on_air(sender, first):
            sender.hold(wanted)
            first.fetch(wanted.content)
            # The late one has missed something of it for certain.
            await first.until(lambda: len(first.memory.journal) > 20, within_s=WITHIN_S)
            async with on_air(late):
                late.fetch(wanted.content)
                await first.whole(wanted, within_s=WITHIN_S)
                tell(f"{len(wanted.octets)} octets: the first had them {clock() - began:.0f} s on")
                await late.whole(wanted, within_s=WITHIN_S)
                tell(f"the late one {clock() - began:.0f} s on; {spent(sender, first, late)}")
        assert not first.memory.wrong
        assert not late.memory.wrong

    with dire_wolves(
        tmp_path, ["a", "b", "c"], baud=baud, noise=noise, deaf=HIDDEN, speed=SPEED
    ) as (a, b, c):
        quick_loop.run(scene(a, b, c), speed=SPEED)
        # One key-down a burst, and none left over.
        for wolf in (a, b, c):
            assert wolf.keyed()[0::2] == [True] * len(wolf.keyed()[0::2])


def test_one_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    wanted = small_picture()

    async def scene(a: DireWolf, b: DireWolf, c: DireWolf) -> None:
        sender, steady, killed = station(a, "N0AAA"), station(b, "N0BBB"), station(c, "N0CCC")
        began = clock()
        async with on_air(sender, steady):
            sender.hold(wanted)
            steady.fetch(wanted.content)
            async with on_air(killed):
                killed.fetch(wanted.content)
                await killed.until(
                    lambda: has_two_leaves(killed),
                    within_s=WITHIN_S,
                )
            kept, leaves = list(killed.memory.journal), held(killed)
            tell(f"killed with {len(kept)} symbols, and {len(leaves)} leaves proved")
            await steady.whole(wanted, within_s=WITHIN_S)
            again = station(c, "N0CCC", journal=kept, seed=2)
            again.hold(wanted, leaves=leaves)
            async with on_air(again):
                again.fetch(wanted.content)
                await again.whole(wanted, within_s=WITHIN_S)
                tell(f"whole after {clock() - began:.0f} s; {spent(sender, steady, again)}")
            # It asked for no leaf that it had, and of the one begun for what it lacked.
            wants = [one for one in said(again.keyed) if isinstance(one, Want)]
            asked = {
                number
                for want in wants
                for one in want.wanted
                if one.objects.kind is ObjectKind.LEAF
                for number in range(one.objects.first, one.objects.first + one.objects.count)
            }
            assert asked
            assert not asked & leaves
            first = wants[0]
            begun = {one.key.number for one in kept if one.key.kind is ObjectKind.LEAF}
            lacking = {one.objects.first: one.needed for one in first.wanted}
            assert all(lacking[number] for number in begun - leaves if number in lacking)
            assert begun & lacking.keys()

    def has_two_leaves(one: ModemStation) -> bool:
        # Without the INFO, which it may have missed, it can prove none, and keeps the symbols.
        return len(one.memory.journal) > (50 if len(held(one)) >= 2 else 750)

    def held(one: ModemStation) -> set[int]:
        stored = one.memory.stored.get(wanted.content)
        return set(stored.held) if stored is not None else set()

    with dire_wolves(tmp_path, ["a", "b", "c"], deaf=HIDDEN, speed=SPEED) as (a, b, c):
        quick_loop.run(scene(a, b, c), speed=SPEED)


def tell(figures: str) -> None:
    """``make soak`` shows them."""
    print(figures)  # noqa: T201 - that is what it is for


def clock() -> float:
    """Of the air, seconds."""
    return asyncio.get_running_loop().time()


def spent(*stations: ModemStation) -> str:
    """Their airtime."""
    return ", ".join(
        f"{one.name} {one.airtime_s:.0f} s of air in {len(one.keyed)} bursts" for one in stations
    )


def said(keyed: Sequence[tuple[float, Key]]) -> list[Pdu]:
    """Everything in these bursts but identifications."""
    found = [frames.decode(octets) for _, key in keyed for octets in key.frames]
    return [pdu for frame in found if isinstance(frame, frames.Frame) for pdu in frame.pdus]


def whole_station(directory: Path, wolf: DireWolf, call: str) -> Station:
    """As ``meshdl up`` makes it: real disk, real log, and a TNC that the settings name."""
    (directory / call).mkdir()
    radio = RadioConfig(
        **LAWFUL | {
            "dial_hz": UHF.dial_hz,
            "modem": f"kiss-tcp:127.0.0.1:{wolf.kiss_port}",
            "mode": "g3ruh-9600",
            "txdelay_ms": 100,
            "duty_cycle_max": 1.0,
            "airtime_s_per_hour": 3600.0,
        }
    )  # fmt: skip
    config = StationConfig(
        callsign=Callsign(call),
        download_directory=directory / call / "downloads",
        lan=LanConfig(enabled=False),
        internet=InternetConfig(peer_exchange=False),
        radio=radio,
    )
    return Station(config, home=Home(directory / call / "home"))


def test_whole_stations_carry_a_file_and_keep_logs_that_are_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests have a faster one.
    monkeypatch.setitem(radio_modem.WAVEFORMS, "g3ruh-9600", G3RUH_9600)
    source = tmp_path / "map.bin"
    source.write_bytes(leaf().octets)

    async def scene(a: DireWolf, b: DireWolf, c: DireWolf) -> None:
        async with (
            whole_station(tmp_path, a, "N0AAA") as sender,
            whole_station(tmp_path, b, "N0BBB") as first,
            whole_station(tmp_path, c, "N0CCC") as second,
        ):
            content = hash_of(await sender.share(source))
            async with asyncio.timeout(WITHIN_S):
                for got in await asyncio.gather(
                    first.download(content, via="rf"), second.download(content, via="rf")
                ):
                    assert Path(got.location).read_bytes() == source.read_bytes()

    def logged(call: str) -> int:
        log = StationLog(tmp_path / call / "home" / "log.sqlite3")
        assert log.verify().wrong_at is None
        facts = [entry.radio for entry in log.entries() if entry.radio is not None]
        log.close()
        return sum(one.event == "transmission" for one in facts)

    with dire_wolves(tmp_path, ["a", "b", "c"], deaf=HIDDEN, speed=SPEED) as (a, b, c):
        quick_loop.run(scene(a, b, c), speed=SPEED)
        for call in ("N0AAA", "N0BBB"):
            assert logged(call) > 0
