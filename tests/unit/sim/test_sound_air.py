"""A simulated channel of sound takes whatever a receiver makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.modems import TestBurst

from meshdl.air import FrameHeard, ModemReport
from meshdl.radio.keying import Key
from meshdl.sim.sound_air import SoundAir
from meshdl.sim.world import World
from meshdl.transports.modems.freedv import Heard
from meshdl.transports.modems.freedv_modes import FreedvMode

MODE = FreedvMode.DATAC0
A, B, C = (letter * 14 for letter in (b"a", b"b", b"c"))
EARLIER = b"x" * 14


@pytest.fixture
def air() -> Iterator[SoundAir]:
    made = SoundAir(World(1), MODE)
    yield made
    made.close()


class Receiver:
    """Reads what the test says, all in the first piece of sound that it is given."""

    def __init__(self, *octets: bytes) -> None:
        self.read = [Heard(MODE, one, 3.0) for one in octets]

    def feed(self, _sound: Any) -> list[Heard]:
        read, self.read = self.read, []
        return read

    def close(self) -> None:
        pass


def burst_on(air: SoundAir) -> Key:
    frames = (A, B, C)
    return replace(TestBurst(1, frames), burst_s=air.traits.burst_s(map(len, frames)))


@pytest.mark.parametrize(
    ("read", "told"),
    [
        ([A, B, C], [A, B, C]),
        ([B], [B]),
        ([A, A], [A]),
        ([C, B], [B, C]),  # it went back to the frame before the last
        ([EARLIER, A], [A]),  # to the end of a burst before this one
        ([B, EARLIER, A], [A, B]),
    ],
)
def test_every_frame_of_a_burst_that_was_read_is_told_and_no_other(
    air: SoundAir, read: list[bytes], told: list[bytes]
) -> None:
    reports: list[ModemReport] = []
    sender = air.modem("N0AAA", air.traits, lambda _: None)
    air.modem("N0BBB", air.traits, reports.append)
    air._receivers["N0BBB"] = Receiver(*read)  # type: ignore[assignment]
    sender.key(burst_on(air))
    air.world.run(60.0)
    assert [one.octets for one in reports if isinstance(one, FrameHeard)] == told


def test_what_the_real_receiver_reads_is_told(air: SoundAir) -> None:
    reports: list[ModemReport] = []
    sender = air.modem("N0AAA", air.traits, lambda _: None)
    air.modem("N0BBB", air.traits, reports.append)
    sender.key(burst_on(air))
    air.world.run(60.0)
    assert [one.octets for one in reports if isinstance(one, FrameHeard)] == [A, B, C]
