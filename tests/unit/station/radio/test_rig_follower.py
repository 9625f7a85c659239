"""A rig is read in turns, and at once when somebody asks; what it says is a dial or silence."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from meshdl.errors import RigRefused, RigUnavailable
from meshdl.radio.declaration import Sideband
from meshdl.radio.transmitter_events import RigRead, RigSilent
from meshdl.station.radio.rig_follower import Answer, RigFollower
from meshdl.transports.modems.rigctld import Rigctld, RigMode

NEVER_S = 3600.0


class HandRig(Rigctld):
    """A rig that says what the test has set."""

    def __init__(self) -> None:
        super().__init__()
        self.hz: int | RigUnavailable = 14_103_000
        self.name: str | RigUnavailable = "PKTUSB"
        self.reads = 0
        self.closed = False

    async def dial_hz(self) -> int:
        self.reads += 1
        await asyncio.sleep(0)
        if isinstance(self.hz, RigUnavailable):
            raise self.hz
        return self.hz

    async def mode(self) -> RigMode:
        if isinstance(self.name, RigUnavailable):
            raise self.name
        return RigMode(self.name, 3_000)

    async def close(self) -> None:
        self.closed = True


class Following:
    """A follower that runs, and what it told."""

    def __init__(self, every_s: float) -> None:
        self.rig = HandRig()
        self.told: asyncio.Queue[Answer] = asyncio.Queue()
        self.follower = RigFollower(self.rig, self.told.put_nowait, every_s=every_s)

    async def next(self) -> Answer:
        async with asyncio.timeout(20.0):
            return await self.told.get()


def follow(
    scenario: Callable[[Following], Awaitable[None]], *, every_s: float = NEVER_S
) -> Following:
    async def whole() -> Following:
        following = Following(every_s)
        running = asyncio.create_task(following.follower.run())
        await scenario(following)
        following.follower.close()
        await running
        return following

    return asyncio.run(whole())


def test_it_is_read_at_once_and_again_from_time_to_time() -> None:
    async def scenario(following: Following) -> None:
        for _ in range(3):
            assert await following.next() == RigRead(14_103_000, Sideband.USB)

    assert follow(scenario, every_s=0.01).rig.closed


def test_whoever_asks_is_answered_by_a_reading_that_began_afterwards() -> None:
    async def scenario(following: Following) -> None:
        await following.next()
        following.rig.hz = 14_105_000
        following.follower.ask(7)
        assert await following.next() == RigRead(14_105_000, Sideband.USB, 7)
        # An ask that comes while it is being read is another one; a plain one forgets no serial.
        following.follower.ask(8)
        await asyncio.sleep(0)
        following.follower.ask(9)
        following.follower.ask()
        assert await following.next() == RigRead(14_105_000, Sideband.USB, 8)
        assert await following.next() == RigRead(14_105_000, Sideband.USB, 9)

    assert follow(scenario).rig.reads == 4


@pytest.mark.parametrize(
    ("mode", "sideband"),
    [
        ("USB", Sideband.USB), ("PKTUSB", Sideband.USB), ("PKTLSB", Sideband.LSB),
        ("LSB", Sideband.LSB), ("FM", Sideband.FM), ("PKTFM", Sideband.FM),
    ],
)  # fmt: skip
def test_the_modes_of_a_rig_are_sidebands(mode: str, sideband: Sideband) -> None:
    async def scenario(following: Following) -> None:
        following.rig.name = mode
        assert await following.next() == RigRead(14_103_000, sideband)

    follow(scenario)


@pytest.mark.parametrize("mode", ["CW", "AM", "RTTY", "C4FM", "DSB"])
def test_a_mode_in_which_nothing_of_ours_is_sent_is_silence(mode: str) -> None:
    async def scenario(following: Following) -> None:
        following.rig.name = mode
        told = await following.next()
        assert isinstance(told, RigSilent)
        assert f"the rig is in {mode}" in told.reason

    follow(scenario)


def test_a_rig_that_has_no_mode_to_tell_is_in_the_sideband_of_the_settings() -> None:
    async def scenario(following: Following) -> None:
        following.rig.name = RigRefused("refused 'm'")
        assert await following.next() == RigRead(14_103_000, None)
        # One that does not answer is another matter.
        following.rig.name = RigUnavailable("no reply to 'm'")
        following.follower.ask()
        assert await following.next() == RigSilent("no reply to 'm'")

    follow(scenario)


def test_a_rig_that_is_gone_is_told_and_asked_again() -> None:
    async def scenario(following: Following) -> None:
        following.rig.hz = RigUnavailable("is it running?")
        assert await following.next() == RigSilent("is it running?")
        following.rig.hz = 7_100_000
        assert await following.next() == RigRead(7_100_000, Sideband.USB)

    follow(scenario, every_s=0.01)


def test_nothing_is_told_once_it_is_closed() -> None:
    async def scenario(following: Following) -> None:
        await following.next()
        following.follower.ask(1)
        following.follower.close()

    assert follow(scenario).told.empty()
