"""KISS modems at real Dire Wolf processes that hear each other over a simulated air."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from tests.real.test_kiss_modem import Burst, Running, running
from tests.support import loops
from tests.support.dire_wolf import DireWolf, dire_wolves, until

from meshdl.air import BurstEnded, FrameHeard, ModemDown, ModemUp
from meshdl.transports.modems.kiss_tcp import tcp_line
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import AirObject, Codec, Cq, Form, ObjectKind, Symbols

pytestmark = pytest.mark.real

FAST = TncSettings(waveform=G3RUH_9600, payload_octets_max=256, txdelay_ms=100)
LEAF = AirObject(
    content=ContentTag(b"abcd"), kind=ObjectKind.LEAF, number=0, form=Form(Codec.RAW, 342)
)


def symbol_frames(count: int) -> tuple[bytes, ...]:
    """Full frames of 256 octets, none like another."""
    return tuple(
        frames.encode([Symbols(LEAF, 5 * at, Random(at).randbytes(240))]) for at in range(count)
    )


async def heard(run: Running, count: int) -> list[bytes]:
    return [(await run.next(FrameHeard)).octets for _ in range(count)]


def test_a_burst_is_one_key_down_and_everybody_hears_it_whole(tmp_path: Path) -> None:
    async def scene(a: DireWolf, b: DireWolf, c: DireWolf) -> None:
        async with (
            running(tcp_line("127.0.0.1", a.kiss_port), FAST) as one,
            running(tcp_line("127.0.0.1", b.kiss_port), FAST) as two,
            running(tcp_line("127.0.0.1", c.kiss_port), FAST) as three,
        ):
            for run in (one, two, three):
                await run.next(ModemUp)
            # Longer than what a TNC is given in advance.
            sent = (*symbol_frames(20), b"DE KA1ABC-7")
            assert FAST.traits.burst_s(map(len, sent)) > 4
            one.modem.key(Burst(1, sent))
            assert await one.next(BurstEnded) == BurstEnded(1)
            assert await heard(two, len(sent)) == list(sent)
            assert await heard(three, len(sent)) == list(sent)
            two.modem.key(Burst(2, (frames.encode([Cq()]),)))
            first = await one.next(FrameHeard)
            assert (first.octets, first.sender) == (frames.encode([Cq()]), "KA1ABC-7")
        until(lambda: a.keyed() == [True, False], "one key-down, and unkeyed", a)
        until(lambda: b.keyed() == [True, False], "one key-down, and unkeyed", b)
        assert c.keyed() == []

    with dire_wolves(tmp_path, ["a", "b", "c"]) as (a, b, c):
        loops.run(scene(a, b, c))


def test_a_dire_wolf_that_is_killed_is_told_and_found_again(tmp_path: Path) -> None:
    async def scene(a: DireWolf, b: DireWolf) -> None:
        async with (
            running(tcp_line("127.0.0.1", a.kiss_port), FAST) as one,
            running(tcp_line("127.0.0.1", b.kiss_port), FAST) as two,
        ):
            await one.next(ModemUp)
            await two.next(ModemUp)
            one.modem.key(Burst(1, symbol_frames(20)))
            await two.next(FrameHeard)
            a.kill()
            while not isinstance(report := await one.next(object), ModemDown):
                assert not isinstance(report, BurstEnded)
            await asyncio.to_thread(a.start)
            await one.next(ModemUp)
            one.modem.key(Burst(2, (b"DE KA1ABC-7",)))
            assert await one.next(BurstEnded) == BurstEnded(2)
            while (await two.next(FrameHeard)).octets != b"DE KA1ABC-7":
                pass

    with dire_wolves(tmp_path, ["a", "b"]) as (a, b):
        loops.run(scene(a, b))


def test_a_hidden_station_hears_nothing_and_the_slow_mode_works_too(tmp_path: Path) -> None:
    async def scene(a: DireWolf, b: DireWolf, c: DireWolf) -> None:
        slow = TncSettings(waveform=AFSK_1200, txdelay_ms=200)
        async with (
            running(tcp_line("127.0.0.1", a.kiss_port), slow) as one,
            running(tcp_line("127.0.0.1", b.kiss_port), slow) as two,
            running(tcp_line("127.0.0.1", c.kiss_port), slow) as three,
        ):
            for run in (one, two, three):
                await run.next(ModemUp)
            sent = symbol_frames(2)
            one.modem.key(Burst(1, sent))
            assert await heard(two, 2) == list(sent)
            assert await one.next(BurstEnded) == BurstEnded(1)
            assert three.reports.empty()

    with dire_wolves(tmp_path, ["a", "b", "c"], baud=1200, deaf=[("c", "a")]) as (a, b, c):
        loops.run(scene(a, b, c))
