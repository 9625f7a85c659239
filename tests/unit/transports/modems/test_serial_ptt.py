"""PTT by a control line; of the port only the lines are a fake, because a pty has none."""

import asyncio

import pytest

from meshdl.errors import RigUnavailable
from meshdl.transports.modems.serial_ptt import SerialLine, SerialPtt


class FakeLines:
    """A port that remembers its lines, and may be pulled out."""

    def __init__(self, device: str, on_open: dict[SerialLine, bool]) -> None:
        self.device, self.lines = device, dict(on_open)
        self.history: list[str] = []
        self.gone = self.deaf = False

    def open(self) -> None:
        self._check()
        self.history.append(f"open rts={self.lines[SerialLine.RTS]:d}")

    def close(self) -> None:
        self.history.append("close")

    def set(self, line: SerialLine, on: bool) -> None:
        self._check()
        if not self.deaf:
            self.lines[line] = on
        self.history.append(f"{line.value}={on:d}")

    def state(self, line: SerialLine) -> bool:
        return self.lines[line]

    def _check(self) -> None:
        if self.gone:
            raise OSError(5, "Input/output error")


class Rig:
    """A PTT and the ports that it has opened."""

    def __init__(self, line: SerialLine = SerialLine.RTS, *, inverted: bool = False) -> None:
        self.ports: list[FakeLines] = []
        self.gone_at_first = False
        self.ptt = SerialPtt("/dev/ttyUSB0", line, inverted=inverted, lines=self._make)

    def _make(self, device: str, on_open: dict[SerialLine, bool]) -> FakeLines:
        self.ports.append(FakeLines(device, on_open))
        self.ports[-1].gone = self.gone_at_first
        return self.ports[-1]


@pytest.mark.parametrize("line", SerialLine)
@pytest.mark.parametrize("inverted", [False, True])
def test_the_line_follows_and_is_not_keyed_at_any_other_time(
    line: SerialLine, inverted: bool
) -> None:
    async def body() -> None:
        rig = Rig(line, inverted=inverted)
        await rig.ptt.open()
        [port] = rig.ports
        other = next(one for one in SerialLine if one is not line)
        assert port.lines == {line: inverted, other: False}
        await rig.ptt.key(within_s=1)
        assert port.lines == {line: not inverted, other: False}
        await rig.ptt.unkey()
        assert port.lines == {line: inverted, other: False}
        await rig.ptt.key(within_s=1)
        await rig.ptt.close()
        assert port.lines == {line: inverted, other: False}
        assert port.history[-1] == "close"

    asyncio.run(body())


def test_a_port_that_is_pulled_out_is_told_with_what_to_do() -> None:
    async def body() -> None:
        rig = Rig()
        await rig.ptt.open()
        rig.ports[0].gone = True
        with pytest.raises(RigUnavailable, match="make sure that the radio does not transmit"):
            await rig.ptt.key(within_s=1)
        await rig.ptt.close()

    asyncio.run(body())


def test_a_line_that_does_not_change_is_no_ptt() -> None:
    async def body() -> None:
        rig = Rig()
        await rig.ptt.open()
        rig.ports[0].deaf = True
        with pytest.raises(RigUnavailable, match="RTS does not change"):
            await rig.ptt.key(within_s=1)

    asyncio.run(body())


def test_what_is_not_open_cannot_be_keyed_and_is_off() -> None:
    async def body() -> None:
        rig = Rig()
        with pytest.raises(RigUnavailable, match="not open"):
            await rig.ptt.key(within_s=1)
        await rig.ptt.unkey()
        await rig.ptt.close()
        rig.gone_at_first = True
        with pytest.raises(RigUnavailable, match="cannot be opened"):
            await rig.ptt.open()

    asyncio.run(body())


def test_a_port_that_is_not_there_is_told_by_the_real_library() -> None:
    async def body() -> None:
        with pytest.raises(RigUnavailable, match="/nonexistent/tty cannot be opened"):
            await SerialPtt("/nonexistent/tty", SerialLine.RTS).open()

    asyncio.run(body())
