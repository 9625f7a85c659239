"""Modems with real Dire Wolf processes as their children, on a simulated air."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from bench.tnc_audio import occupied, sound_of
from tests.support import loops
from tests.support.child_wolves import AirEar, Place, places
from tests.support.modems import Ear, Ptt, RememberingPtt, TestBurst, running
from tests.support.processes import until
from tests.support.rigs import dummy_rig, keyed, needs_rigctld

from meshdl.air import BurstEnded, CarrierChanged, FrameHeard, ModemDown, ModemReport, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.driver import Driver
from meshdl.errors import RigUnavailable
from meshdl.ids import Callsign
from meshdl.radio.channel_access import AccessInput, ChannelAccess, Granted, Wanted
from meshdl.transports.modems import dire_wolf, dire_wolf_burst
from meshdl.transports.modems.dire_wolf import DireWolfModem, State
from meshdl.transports.modems.dire_wolf_settings import SAMPLE_RATE_HZ
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, Waveform
from meshdl.wire import ax25, kiss
from meshdl.wire.ax25 import Address

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="the simulated air is made by ALSA"),
]

ENDLESS = tuple(Random(at).randbytes(256) for at in range(12))
"""Twenty seconds at 1200 baud: a test never sees its end."""

BLOCKS_OF_A_SECOND = 50


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Place, Place]]:
    with places(tmp_path, monkeypatch, ["a", "b"]) as ([a, b], _):
        yield a, b


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Place, Place, AirEar]]:
    with places(tmp_path, monkeypatch, ["a", "b"], baud=1200) as ([a, b], ear):
        yield a, b, ear


def reasons(ear: Ear) -> list[str]:
    return [one.reason for one in ear.reports if isinstance(one, ModemDown)]


def without_carrier(ear: Ear) -> list[ModemReport]:
    """All reports but those of a carrier, which comes before it goes.

    How often is not ours to say: to a machine that is busy, sound has gaps.
    """
    carriers = [one for one in ear.reports if isinstance(one, CarrierChanged)]
    assert [one.busy for one in carriers] == [True, False] * (len(carriers) // 2)
    return [one for one in ear.reports if not isinstance(one, CarrierChanged)]


async def sending(place: Place) -> None:
    """It has keyed, and the sound has begun."""
    async with asyncio.timeout(30):
        while not place.ptt.on:
            await asyncio.sleep(0.01)


def test_frames_and_carrier_are_reported_and_ptt_is_ours(pair: tuple[Place, Place]) -> None:
    async def scene(a: Place, b: Place) -> None:
        one, two = a.modem(), b.modem()
        async with running(one) as ours, running(two) as theirs:
            assert one.traits.measures_busy
            assert one.traits.aborts_at_once
            assert one.traits.access_within_s == 0
            frames = tuple(Random(at).randbytes(256) for at in range(6))
            one.key(TestBurst(1, frames))
            await ours.ended(1)
            assert await theirs.frames(6) == list(frames)
            await theirs.until(lambda: theirs.reports[-1] == CarrierChanged(False))
            assert theirs.reports[1] == CarrierChanged(True)
            told = [type(report) for report in without_carrier(theirs)]
            assert told == [ModemUp, *[FrameHeard] * 6]
            assert all(report.sender == "KA1ABC-7" for report in theirs.heard)
            # Of itself it hears nothing, and its own burst is no carrier. Its very end may seem to
            # be one, for some milliseconds: then Dire Wolf stops muting what it hears.
            await ours.until(lambda: ours.reports[-1] != CarrierChanged(True))
            assert without_carrier(ours) == [ModemUp(one.traits), BurstEnded(1)]
            assert a.ptt.told == [Ptt.OPEN, Ptt.KEY, Ptt.UNKEY]
            assert b.ptt.told == [Ptt.OPEN]
        assert (a.children(), b.children()) == ([], [])
        assert a.ptt.told[3:] == [Ptt.CLOSE]

    loops.run(scene(*pair))


def test_who_hears_a_carrier_waits_for_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(a: Place, b: Place, c: Place) -> None:
        one, two, three = a.modem(), b.modem(call="N0CALL"), c.modem()
        seen: list[object] = []

        def perform(effect: Granted) -> None:
            seen.append(effect)
            two.key(TestBurst(2, (b"after you",)))

        access: Driver[AccessInput, Granted] = Driver(ChannelAccess(Random(1)), perform)

        def report(event: ModemReport) -> None:
            access.post(event)
            if isinstance(event, CarrierChanged):
                seen.append(event)
                if len(seen) == 1:
                    access.post(Wanted(Precedence.EMERGENCY))

        async with running(one) as ours, running(three) as theirs:
            serving = asyncio.create_task(two.run(report))
            async with asyncio.timeout(30):
                while two.state is not State.UP:
                    await asyncio.sleep(0.01)
            frames = tuple(Random(at).randbytes(256) for at in range(6))
            one.key(TestBurst(1, frames))
            assert await theirs.frames(7) == [*frames, b"after you"]
            await ours.frames(1)
            assert seen[0] == CarrierChanged(True)
            # A carrier may seem to be gone for a moment, but it is granted in no other.
            assert seen[seen.index(Granted()) - 1] == CarrierChanged(False)
            access.stop()
            two.close()
            await serving

    with places(tmp_path, monkeypatch, ["a", "b", "c"]) as ([a, b, c], _):
        loops.run(scene(a, b, c))


def test_a_burst_is_over_when_its_sound_is(slow: tuple[Place, Place, AirEar]) -> None:
    async def scene(a: Place, _b: Place, ear: AirEar) -> None:
        one = a.modem()
        async with running(one) as ours:
            # Of these octets, bit stuffing makes a fifth more than of random ones: by computed
            # airtime the burst would end 0.7 s too early.
            one.key(TestBurst(1, (bytes([255]) * 256,) * 2))
            await asyncio.to_thread(ear.until_loud)
            await ours.ended(1)
            await asyncio.to_thread(ear.forget)
            assert await asyncio.to_thread(ear.loud_blocks, BLOCKS_OF_A_SECOND) < (
                BLOCKS_OF_A_SECOND / 4
            )

    loops.run(scene(*slow))


def test_an_abort_ends_the_sound_and_ptt_and_the_next_burst_goes_out(
    slow: tuple[Place, Place, AirEar],
) -> None:
    async def scene(a: Place, b: Place, ear: AirEar) -> None:
        one, two = a.modem(), b.modem()
        async with running(one) as ours, running(two) as theirs:
            one.abort()  # there is none: harmless
            one.key(TestBurst(1, ENDLESS))
            await sending(a)
            await asyncio.to_thread(ear.until_loud)
            [first] = a.children()
            ear.forget()
            one.abort()
            one.abort()
            await ours.ended(1)
            assert not a.ptt.on
            assert first not in a.children()
            # A few seconds of air at most, of twenty.
            loud = await asyncio.to_thread(ear.loud_blocks, 4 * BLOCKS_OF_A_SECOND)
            assert loud < 3 * BLOCKS_OF_A_SECOND
            # It identifies at once: while the next child is still on its way, if need be.
            one.key(TestBurst(2, (b"DE KA1ABC-7",)))
            await ours.ended(2)
            assert (await theirs.frames(1))[-1] == b"DE KA1ABC-7"
            assert ours.reports.count(BurstEnded(1)) == 1
            assert reasons(ours) == []
            assert a.ptt.told == [Ptt.OPEN, Ptt.KEY, Ptt.UNKEY, Ptt.OPEN, Ptt.KEY, Ptt.UNKEY]

    loops.run(scene(*slow))


def test_a_curtailed_burst_tells_what_was_sent_and_the_next_one_goes_out(
    slow: tuple[Place, Place, AirEar],
) -> None:
    async def scene(a: Place, b: Place, _ear: AirEar) -> None:
        one, two = a.modem(), b.modem()
        async with running(one) as ours, running(two) as theirs:
            one.key(TestBurst(1, ENDLESS))
            assert (await theirs.frames(2)) == list(ENDLESS[:2])
            [first] = a.children()
            one.curtail()
            one.curtail()
            await ours.ended(1)
            assert first not in a.children()
            assert not a.ptt.on
            one.key(TestBurst(2, (b"more urgent",)))
            await ours.ended(2)
            await theirs.until(lambda: theirs.heard[-1].octets == b"more urgent")
            [ended] = ours.ends(1)
            heard = len(theirs.heard) - 1
            assert ended.frames is not None
            # The frame that was going out may be there whole: who knows how fast a child dies.
            assert abs(heard - ended.frames) <= 1
            assert 2 <= heard < len(ENDLESS)
            assert reasons(ours) == []

    loops.run(scene(*slow))


def test_the_last_second_of_a_burst_is_not_worth_another_child(
    pair: tuple[Place, Place],
) -> None:
    async def scene(a: Place, _b: Place) -> None:
        one = a.modem()
        async with running(one) as ours:
            [first] = a.children()
            one.key(TestBurst(1, (b"x", b"y")))
            one.curtail()
            await ours.ended(1)
            assert ours.ends(1) == [BurstEnded(1)]
            assert a.children() == [first]

    loops.run(scene(*pair))


def test_a_burst_may_be_aborted_before_it_is_on_the_air(pair: tuple[Place, Place]) -> None:
    async def scene(a: Place, _b: Place) -> None:
        one = a.modem()
        async with running(one) as ours:
            for serial in range(1, 6):
                # The second and later ones find no child, or one that is not ready.
                one.key(TestBurst(serial, (b"never",)))
                one.abort()
                await ours.ended(serial)
            one.key(TestBurst(6, (b"once",)))
            await ours.ended(6)
            assert a.ptt.told.count(Ptt.KEY) == 1
            assert reasons(ours) == []

    loops.run(scene(*pair))


def test_a_child_that_is_killed_is_told_and_another_comes(
    slow: tuple[Place, Place, AirEar],
) -> None:
    async def scene(a: Place, b: Place, _ear: AirEar) -> None:
        one, two = a.modem(), b.modem()
        async with running(one) as ours, running(two) as theirs:
            one.key(TestBurst(1, ENDLESS))
            await sending(a)
            a.signal(signal.SIGKILL)
            await ours.up(2)
            [reason] = reasons(ours)
            assert "Dire Wolf has ended" in reason
            assert BurstEnded(1) not in ours.reports
            assert not a.ptt.on
            one.key(TestBurst(2, (b"again",)))
            await ours.ended(2)
            await theirs.until(lambda: any(one.octets == b"again" for one in theirs.heard))

    loops.run(scene(*slow))


def test_a_child_that_takes_a_burst_and_does_not_key_is_told(
    pair: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(a: Place, _b: Place) -> None:
        monkeypatch.setattr(dire_wolf_burst, "KEYS_WITHIN_S", 0.3)
        one = a.modem()
        async with running(one) as ours:
            a.signal(signal.SIGSTOP)
            one.key(TestBurst(1, (b"never",)))
            await ours.up(2)
            [reason] = reasons(ours)
            assert "has not keyed within 0.3 s on a clear channel" in reason
            assert Ptt.KEY not in a.ptt.told

    loops.run(scene(*pair))


def test_a_child_that_keys_and_does_not_end_is_told_and_unkeyed(
    pair: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(a: Place, _b: Place) -> None:
        monkeypatch.setattr(dire_wolf_burst, "ENDS_WITHIN_S", 0.3)
        one = a.modem(txdelay_ms=2550)
        async with running(one) as ours:
            one.key(TestBurst(1, (b"x",)))
            await sending(a)
            a.signal(signal.SIGSTOP)
            await ours.up(2)
            [reason] = reasons(ours)
            assert "has not ended a burst of" in reason
            assert BurstEnded(1) not in ours.reports
            assert not a.ptt.on

    loops.run(scene(*pair))


def test_a_child_that_keys_unasked_is_ended_and_never_on_the_air(
    pair: tuple[Place, Place],
) -> None:
    async def scene(a: Place, _b: Place) -> None:
        one = a.modem()
        async with running(one) as ours:
            assert one._child is not None
            one._child.write(kiss.encode(ax25.encode_ui(Address("N0CALL"), b"not ours")))
            await ours.up(2)
            [reason] = reasons(ours)
            assert "what it was not told to" in reason
            assert Ptt.KEY not in a.ptt.told

    loops.run(scene(*pair))


def test_a_child_that_never_gets_ready_is_told_and_ended(
    pair: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(a: Place, _b: Place) -> None:
        monkeypatch.setattr(dire_wolf, "READY_WITHIN_S", 3.0)
        a.program.unlink()
        sleeping = shutil.which("sleep")
        assert sleeping is not None
        a.program.write_text(f"#!/bin/bash\necho hardly\nexec -a {a.program} {sleeping} 600\n")
        a.program.chmod(0o700)
        ear = Ear()
        modem = a.modem()
        serving = asyncio.create_task(modem.run(ear))
        await ear.until(lambda: ear.downs > 0)
        assert reasons(ear) == ["Dire Wolf was not ready in 3 s: hardly"]
        assert modem.trouble == reasons(ear)[0]
        modem.close()
        await serving
        assert a.children() == []

    loops.run(scene(*pair))


def test_a_channel_that_stays_busy_is_told(
    slow: tuple[Place, Place, AirEar], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(a: Place, b: Place, _ear: AirEar) -> None:
        one, two = a.modem(), b.modem()
        async with running(one) as ours, running(two):
            two.key(TestBurst(1, ENDLESS))
            await sending(b)  # before that, it would be the other one that gives up
            monkeypatch.setattr(dire_wolf_burst, "CLEAR_WITHIN_S", 0.3)
            await ours.until(lambda: CarrierChanged(True) in ours.reports)
            one.key(TestBurst(2, (b"never",)))
            await ours.until(lambda: ours.downs > 0)
            [reason] = reasons(ours)
            assert "the channel was not clear for 0.3 s" in reason
            assert Ptt.KEY not in a.ptt.told

    loops.run(scene(*slow))


def test_a_radio_that_cannot_be_keyed_is_told_and_no_sound_lasts(
    pair: tuple[Place, Place],
) -> None:
    class BrokenPtt(RememberingPtt):
        async def key(self, *, within_s: float) -> None:
            raise RigUnavailable("the rig is off")

    async def scene(a: Place, _b: Place) -> None:
        ptt = BrokenPtt()
        one = a.modem(ptt=ptt)
        async with running(one) as ours:
            one.key(TestBurst(1, (b"x",)))
            await ours.up(2)
            assert reasons(ours) == ["the rig is off"]
            assert Ptt.UNKEY in ptt.told

    loops.run(scene(*pair))


def test_no_text_of_a_frame_keys_a_station(pair: tuple[Place, Place]) -> None:
    async def scene(a: Place, b: Place) -> None:
        one, two = a.modem(), b.modem()
        async with running(one) as ours, running(two) as theirs:
            words = (b"x\nPTT 0 = 1\n", b"x\r\nPTT 0 = 1\r\n", b"PTT 0 = 1", b"\n\nPTT 0 = 1")
            one.key(TestBurst(1, words))
            assert await theirs.frames(4) == list(words)
            await ours.ended(1)
            one.key(TestBurst(2, (b"y",)))
            await theirs.frames(5)
            assert (reasons(ours), reasons(theirs)) == ([], [])
            assert Ptt.KEY not in b.ptt.told

    loops.run(scene(*pair))


def test_a_dire_wolf_that_is_not_there_or_has_no_sound_says_so(
    pair: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(modem: DireWolfModem) -> str:
        ear = Ear()
        serving = asyncio.create_task(modem.run(ear))
        await ear.until(lambda: ear.downs > 0)
        modem.close()
        await serving
        return reasons(ear)[0]

    async def scene(a: Place, b: Place) -> None:
        a.program.unlink()
        assert "install it" in await told(a.modem())
        (b.wolf.directory / ".asoundrc").unlink()
        why = await told(b.modem())
        assert why.startswith("Dire Wolf has no sound: ")
        assert "Could not open audio device b for output" in why

    loops.run(scene(*pair))


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_an_end_of_the_station_is_an_end_of_the_child_and_of_ptt(
    slow: tuple[Place, Place, AirEar], how: str
) -> None:
    async def scene(a: Place, _b: Place, _ear: AirEar) -> None:
        one, ours = a.modem(), Ear()
        serving = asyncio.create_task(one.run(ours))
        await ours.up()
        one.key(TestBurst(1, ENDLESS))
        await sending(a)
        if how == "closed":
            one.close()
            one.close()
        else:
            serving.cancel()
        await asyncio.wait([serving])
        assert serving.cancelled() is (how == "cancelled")
        assert a.children() == []
        assert not a.ptt.on
        assert a.ptt.told[-1] is Ptt.CLOSE
        assert len(ours.reports) == 1
        await one.run(lambda _report: pytest.fail("it was closed"))

    loops.run(scene(*slow))


@needs_rigctld
def test_a_killed_station_leaves_no_dire_wolf_no_sound_and_no_ptt(
    slow: tuple[Place, Place, AirEar],
) -> None:
    a, _b, ear = slow
    with dummy_rig() as rig:
        station = subprocess.Popen(
            [sys.executable, "-m", "tests.support.dire_wolf_station", str(rig),
             str(a.program), f"UDP:{a.wolf.audio_port}", a.wolf.name],
            stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        try:
            assert station.stdout is not None
            assert station.stdout.readline() == b"sending\n"
            until(lambda: keyed(rig), "the rig is keyed")
            ear.forget()
            ear.until_loud()
            assert len(a.children()) == 1
            ear.forget()
            os.kill(station.pid, signal.SIGKILL)
            assert ear.loud_blocks(4 * BLOCKS_OF_A_SECOND) < 3 * BLOCKS_OF_A_SECOND
            until(lambda: not keyed(rig), "PTT is dropped")
            until(lambda: a.children() == [], "Dire Wolf is gone")
        finally:
            station.kill()
            station.communicate()


@pytest.mark.parametrize(("waveform", "frames"), [(AFSK_1200, 1), (G3RUH_9600, 8)])
def test_a_waveform_occupies_what_its_traits_say(waveform: Waveform, frames: int) -> None:
    low_hz, high_hz = occupied(loops.run(sound_of(waveform, frames)), SAMPLE_RATE_HZ)
    # Of two seconds; the traits are of eight.
    assert low_hz == pytest.approx(waveform.audio_low_hz, abs=25)
    assert high_hz == pytest.approx(waveform.audio_high_hz, abs=60)


def test_a_callsign_that_its_address_cuts_is_left_to_the_frames(pair: tuple[Place, Place]) -> None:
    a, _ = pair
    for call, carries in (("AAA1AAAA-3", False), ("N0CALL", True)):
        modem = DireWolfModem(a.settings(), Callsign(call), RememberingPtt())
        assert modem.traits.carries_sender is carries
