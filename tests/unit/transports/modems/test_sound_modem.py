"""What the conformance suite does not ask of the sound modem."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from tests.support.loops import run
from tests.support.modems import Ptt, RememberingPtt, SimulatedAir, TestBurst, running

from meshdl.air import BurstEnded, CarrierChanged, FrameHeard, ModemDown, ModemUp
from meshdl.errors import RigUnavailable
from meshdl.sim.audio_channel import AudioChannel
from meshdl.transports.modems import sound_modem
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.transports.modems.levels import Verdict
from meshdl.transports.modems.sound_modem import SoundModem

MODES = (FreedvMode.DATAC0, FreedvMode.DATAC3)


def modem(
    air: SimulatedAir, ptt: RememberingPtt, modes: Sequence[FreedvMode] = MODES
) -> SoundModem:
    return SoundModem(
        air.port(), ptt, modes=modes, listens=MODES, key_up_s=0, tail_s=0, retry_after_s=0.02
    )


def test_ptt_is_keyed_around_the_sound_and_once_a_burst() -> None:
    async def body() -> None:
        ptt = RememberingPtt()
        ours = modem(SimulatedAir(), ptt)
        async with running(ours) as ear:
            ours.key(TestBurst(1, (b"a", b"b")))
            await ear.ended(1)
            assert ptt.told == [Ptt.OPEN, Ptt.KEY, Ptt.UNKEY]
        assert ptt.told == [Ptt.OPEN, Ptt.KEY, Ptt.UNKEY, Ptt.CLOSE]

    run(body())


def test_a_curtailed_burst_ends_behind_the_frame_that_has_begun() -> None:
    async def body() -> None:
        air, ptt = SimulatedAir(), RememberingPtt()
        port, theirs = air.port(), modem(air, RememberingPtt())
        ours = SoundModem(port, ptt, modes=MODES, listens=MODES, key_up_s=0, tail_s=0)
        port.holding_after = 3  # the preamble and two frames
        async with running(ours) as ear, running(theirs) as listener:
            ours.key(TestBurst(1, (b"a", b"b", b"c", b"d")))
            await port.playing.wait()
            ours.curtail()
            port.go_on.set()
            await ear.ended(1)
            assert ear.ends(1) == [BurstEnded(1, 2)]
            assert ptt.told == [Ptt.OPEN, Ptt.KEY, Ptt.UNKEY]
            port.holding_after = None
            ours.key(TestBurst(2, (b"urgent",)))
            # The burst had its postamble: whoever listens hears the next one.
            heard = await listener.frames(3)
            assert [one.rstrip(b"\0") for one in heard] == [b"a", b"b", b"urgent"]

    run(body())


def test_an_aborted_burst_counts_no_frames_even_if_it_was_curtailed() -> None:
    async def body() -> None:
        air = SimulatedAir()
        port = air.port()
        ours = SoundModem(port, RememberingPtt(), modes=MODES, key_up_s=0, tail_s=0)
        port.holding_after = 2
        async with running(ours) as ear:
            ours.key(TestBurst(1, (b"a", b"b")))
            await port.playing.wait()
            ours.curtail()
            ours.abort()
            await ear.ended(1)
            assert ear.ends(1) == [BurstEnded(1)]

    run(body())


def test_key_up_and_tail_are_part_of_a_burst() -> None:
    traits = SoundModem(SimulatedAir().port(), RememberingPtt(), key_up_s=0.3, tail_s=0.1).traits
    sound = FREEDV_TRAITS[FreedvMode.DATAC1]
    assert traits.burst_s([510]) == pytest.approx(sound.burst_s([510]) + 0.4)
    assert traits.measures_busy


def test_a_ptt_that_fails_is_unkeyed_and_told() -> None:
    class BrokenPtt(RememberingPtt):
        async def key(self, *, within_s: float) -> None:
            await super().key(within_s=within_s)
            raise RigUnavailable("the radio is off")

    async def body() -> None:
        ptt = BrokenPtt()
        ours = modem(SimulatedAir(), ptt)
        async with running(ours) as ear:
            ours.key(TestBurst(1, (b"a",)))
            await ear.until(lambda: ear.downs > 0)
            assert not ptt.on
            assert ptt.told[:3] == [Ptt.OPEN, Ptt.KEY, Ptt.UNKEY]
            assert BurstEnded(1) not in ear.reports

    run(body())


def test_a_sound_card_that_is_stuck_does_not_hold_the_transmitter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sound_modem, "PLAY_SPARE_S", -0.6)

    async def body() -> None:
        air, ptt = SimulatedAir(), RememberingPtt()
        ours = modem(air, ptt)
        async with running(ours) as ear:
            air.ports[0].holding = True
            ours.key(TestBurst(1, (b"a",)))
            await ear.until(lambda: ear.downs > 0)
            assert ptt.told[:3] == [Ptt.OPEN, Ptt.KEY, Ptt.UNKEY]
            [down] = [one for one in ear.reports if isinstance(one, ModemDown)]
            assert "has not played" in down.reason

    run(body())


def test_an_abort_before_anything_was_keyed_ends_the_burst_too() -> None:
    async def body() -> None:
        ptt = RememberingPtt()
        ours = modem(SimulatedAir(), ptt)
        async with running(ours) as ear:
            ours.key(TestBurst(1, (b"a",)))
            ours.abort()
            await ear.ended(1)
            assert not ptt.on
            ours.key(TestBurst(2, (b"b",)))
            await ear.ended(2)

    run(body())


def test_each_burst_goes_out_in_the_mode_that_it_is_for() -> None:
    async def body() -> None:
        air = SimulatedAir()
        ours, theirs = modem(air, RememberingPtt()), modem(air, RememberingPtt())
        async with running(ours) as ear, running(theirs) as heard:
            await ear.up(1)
            [up] = [one for one in ear.reports if isinstance(one, ModemUp)]
            assert [one.name for one in up.modes] == ["DATAC0", "DATAC3"]
            for serial, mode in enumerate(("DATAC3", "DATAC0", ""), start=1):
                with pytest.raises(ValueError, match="does not send in DATAC1"):
                    ours.key(TestBurst(serial, (b"x",), "DATAC1"))
                with pytest.raises(ValueError, match="takes frames of 1 to 14 octets"):
                    ours.key(TestBurst(serial, (b"x" * 15,), "DATAC0"))
                ours.key(TestBurst(serial, (b"x" * (126 if mode == "DATAC3" else 14),), mode))
                await heard.frames(serial)
                await ear.ended(serial)
            assert [one.mode for one in heard.heard] == ["DATAC3", "", ""]
            assert [len(one.octets) for one in heard.heard] == [126, 14, 14]

    run(body())


def test_a_burst_of_another_makes_the_channel_busy_and_its_end_free() -> None:
    async def body() -> None:
        air = SimulatedAir(AudioChannel(snr_db=10.0, seed=1))
        ours, theirs = modem(air, RememberingPtt(), MODES[1:]), modem(air, RememberingPtt())
        async with running(ours) as ear, running(theirs) as heard:
            ours.key(TestBurst(1, (b"x" * 126,)))
            await heard.until(lambda: CarrierChanged(False) in heard.reports)
            told = [one for one in heard.reports if isinstance(one, CarrierChanged | FrameHeard)]
            assert told[0] == CarrierChanged(True)
            assert told[-1] == CarrierChanged(False)
            assert any(isinstance(one, FrameHeard) for one in told)
            await ear.ended(1)
            assert not any(isinstance(one, CarrierChanged) for one in ear.reports)

    run(body())


def test_what_is_heard_while_it_sends_is_thrown_away() -> None:
    async def body() -> None:
        air = SimulatedAir()
        ours, theirs = modem(air, RememberingPtt()), modem(air, RememberingPtt())
        async with running(ours) as ear, running(theirs) as other:
            air.ports[0].holding = True
            ours.key(TestBurst(1, (b"deaf",)))
            await air.ports[0].playing.wait()
            theirs.key(TestBurst(2, (b"unheard",)))
            await other.ended(2)
            ours.abort()
            await ear.ended(1)
            theirs.key(TestBurst(3, (b"heard",)))
            [octets] = await ear.frames(1)
            assert octets.rstrip(b"\0") == b"heard"

    run(body())


def test_the_level_of_what_comes_in_is_judged(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        air = SimulatedAir()
        ours = modem(air, RememberingPtt())
        async with running(ours):
            before = ours.level.verdict
            await asyncio.sleep(0)  # it listens
            air.ports[0].hear(np.full(20_000, 32_767, np.int16))
            assert (before, ours.level.verdict) == (Verdict.UNKNOWN, Verdict.CLIPPING)

    run(body())
    assert "turn the receiver's audio or the input gain down" in caplog.text
