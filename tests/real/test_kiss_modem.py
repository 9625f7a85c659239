"""A KISS modem over real sockets and a real terminal line, with TNCs that behave and do not."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from tests.support import loops

from meshdl.air import BurstEnded, FrameHeard, ModemDown, ModemReport, ModemUp
from meshdl.errors import LocalProtocolError
from meshdl.ids import Callsign
from meshdl.radio.keying import Key
from meshdl.transports.modems import kiss_modem
from meshdl.transports.modems.kiss_modem import KissModem, Line
from meshdl.transports.modems.kiss_serial import serial_line
from meshdl.transports.modems.kiss_tcp import tcp_line
from meshdl.transports.modems.tnc import TncSettings, Waveform
from meshdl.wire import ax25, kiss
from meshdl.wire.ax25 import Address
from meshdl.wire.capture import Captured

pytestmark = pytest.mark.real

CALL = Callsign("KA1ABC-7")
WITHIN_S = 20.0
FAST = TncSettings(
    waveform=Waveform(name="fast", baud=100_000, audio_low_hz=0, audio_high_hz=1),
    txdelay_ms=10,
    txtail_ms=0,
    slot_time_ms=10,
    persistence=1,
)
SLOW = TncSettings(
    waveform=Waveform(name="slow", baud=50, audio_low_hz=0, audio_high_hz=1), ahead_s=1
)
"""A frame takes so long that a test never sees its end."""

ReportT = TypeVar("ReportT")


def Burst(serial: int, frames: tuple[bytes, ...]) -> Key:  # noqa: N802 - stands for a Key
    return Key(serial, frames, 0.0)


@dataclass
class FakeTnc:
    """The other end of the line: what was said to it, and who connected."""

    port: int = 0
    said: asyncio.Queue[kiss.KissFrame] = field(default_factory=asyncio.Queue)
    callers: asyncio.Queue[asyncio.StreamWriter] = field(default_factory=asyncio.Queue)
    reads: bool = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.put_nowait(writer)
        decoder = kiss.Decoder()
        if not self.reads:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
        while octets := await reader.read(4096):
            for frame in decoder.frames(octets):
                self.said.put_nowait(frame)
        writer.close()


@asynccontextmanager
async def fake_tnc(*, reads: bool = True) -> AsyncIterator[FakeTnc]:
    tnc = FakeTnc(reads=reads)
    server = await asyncio.start_server(tnc.serve, "127.0.0.1", 0)
    tnc.port = server.sockets[0].getsockname()[1]
    try:
        yield tnc
    finally:
        server.close()
        while not tnc.callers.empty():
            tnc.callers.get_nowait().transport.abort()


@dataclass
class Running:
    """A modem that runs, and what it reported."""

    modem: KissModem
    reports: asyncio.Queue[ModemReport]
    task: asyncio.Task[None]

    async def next(self, kind: type[ReportT]) -> ReportT:
        async with asyncio.timeout(WITHIN_S):
            report = await self.reports.get()
        assert isinstance(report, kind), report
        return report


@asynccontextmanager
async def running(
    line: Line, settings: TncSettings = FAST, overhear: Callable[[Captured], None] | None = None
) -> AsyncIterator[Running]:
    modem = KissModem(line, settings, CALL, overhear=overhear, unix_time=lambda: 1000.0)
    reports: asyncio.Queue[ModemReport] = asyncio.Queue()
    task = asyncio.create_task(modem.run(reports.put_nowait))
    try:
        yield Running(modem, reports, task)
    finally:
        modem.close()
        async with asyncio.timeout(WITHIN_S):
            await task


async def said(tnc: FakeTnc, count: int) -> list[kiss.KissFrame]:
    async with asyncio.timeout(WITHIN_S):
        return [await tnc.said.get() for _ in range(count)]


def test_settings_come_first_then_a_burst_with_our_address_then_its_end() -> None:
    async def scene() -> None:
        async with fake_tnc() as tnc, running(tcp_line("127.0.0.1", tnc.port)) as run:
            up = await run.next(ModemUp)
            assert up.traits == FAST.traits
            run.modem.key(Burst(7, (b"DE KA1ABC-7", b"more")))
            assert await run.next(BurstEnded) == BurstEnded(7)
            *settings, first, second = await said(tnc, 7)
            assert [one.command for one in settings] == [1, 2, 3, 4, 5]
            for heard, payload in ((first, b"DE KA1ABC-7"), (second, b"more")):
                frame = ax25.decode(heard.octets)
                assert (frame.source, frame.info) == (Address("KA1ABC", 7), payload)

    loops.run(scene())


def test_a_callsign_that_is_too_long_for_an_address_is_left_to_the_frames() -> None:
    async def scene() -> None:
        async with fake_tnc() as tnc:
            for call, carries in (("AAA1AAAA-3", False), ("N0CALL-0", True), ("N0CALL", True)):
                up: asyncio.Future[ModemReport] = asyncio.get_running_loop().create_future()
                modem = KissModem(tcp_line("127.0.0.1", tnc.port), FAST, Callsign(call))
                task = asyncio.create_task(modem.run(up.set_result))
                report = await asyncio.wait_for(up, WITHIN_S)
                assert isinstance(report, ModemUp)
                assert report.traits.carries_sender is carries
                modem.close()
                await task

    loops.run(scene())


def test_frames_are_heard_with_their_sender_and_all_are_overheard() -> None:
    async def scene() -> None:
        overheard: list[Captured] = []
        async with (
            fake_tnc() as tnc,
            running(tcp_line("127.0.0.1", tnc.port), overhear=overheard.append) as run,
        ):
            await run.next(ModemUp)
            caller = await tnc.callers.get()
            connect = ax25.Ax25Frame(
                destination=Address("N0AAA"),
                source=Address("N0CALL"),
                kind=ax25.Kind.SABM,
                pid=None,
            )
            for octets in (
                b"no AX.25 at all",
                ax25.encode(connect),
                ax25.encode_ui(Address("N0CALL", 3), b"\xd1hello"),
                ax25.encode_ui(Address("BEACON"), b"hello"),
            ):
                caller.write(kiss.encode(octets))
            heard = await run.next(FrameHeard)
            assert (heard.octets, heard.sender) == (b"\xd1hello", "N0CALL-3")
            heard = await run.next(FrameHeard)
            assert (heard.octets, heard.sender) == (b"hello", None)
            assert len(overheard) == 4
            assert all(one.at == 1000.0 for one in overheard)

    loops.run(scene())


def test_a_tnc_that_vanishes_is_told_and_found_again() -> None:
    async def scene() -> None:
        async with fake_tnc() as tnc, running(tcp_line("127.0.0.1", tnc.port), SLOW) as run:
            await run.next(ModemUp)
            run.modem.key(Burst(1, (b"lost",)))
            (await tnc.callers.get()).transport.abort()
            down = await run.next(ModemDown)
            assert "is gone" in down.reason
            with pytest.raises(LocalProtocolError, match="not up"):
                run.modem.key(Burst(2, (b"too early",)))
            await run.next(ModemUp)
            # The burst that was on its way is forgotten: another may be keyed.
            run.modem.key(Burst(3, (b"again",)))

    loops.run(scene())


def test_a_line_that_was_cut_a_moment_ago_takes_a_burst_and_then_is_told() -> None:
    async def scene() -> None:
        async with fake_tnc() as tnc, running(tcp_line("127.0.0.1", tnc.port), SLOW) as run:
            await run.next(ModemUp)
            assert run.modem._writer is not None
            # The connection is lost, and whoever reads it has not had his turn yet.
            run.modem._writer.transport.abort()
            loop = asyncio.get_running_loop()
            failures: list[dict[str, object]] = []
            loop.set_exception_handler(lambda _loop, context: failures.append(context))
            states = []

            def key() -> None:
                states.append(run.modem.state)
                run.modem.key(Burst(1, (b"into the void",)))

            loop.call_soon(key)
            assert "is gone" in (await run.next(ModemDown)).reason
            assert states == [kiss_modem.State.UP]
            assert failures == []
            await run.next(ModemUp)

    loops.run(scene())


def test_a_tnc_that_is_not_there_yet_is_found_when_it_comes() -> None:
    async def scene() -> None:
        reserved = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = reserved.sockets[0].getsockname()[1]
        reserved.close()
        await reserved.wait_closed()
        tries = 0
        absent = tcp_line("127.0.0.1", port)

        async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            nonlocal tries
            tries += 1
            return await absent.open()

        async with running(Line("the TNC", opened)) as run:
            await until(lambda: tries >= 2)
            assert "no TNC at the TNC" in run.modem.trouble
            tnc = FakeTnc()
            server = await asyncio.start_server(tnc.serve, "127.0.0.1", port)
            await run.next(ModemUp)
            assert run.modem.trouble == ""
            server.close()

    loops.run(scene())


def test_a_tnc_that_stops_reading_is_given_up_and_takes_no_more_memory() -> None:
    async def scene() -> None:
        settings = TncSettings(
            waveform=Waveform(name="wide", baud=1e9, audio_low_hz=0, audio_high_hz=1),
            payload_octets_max=1000,
            persistence=1,
            txdelay_ms=0,
            txtail_ms=0,
            slot_time_ms=0,
        )
        async with (
            fake_tnc(reads=False) as tnc,
            running(tcp_line("127.0.0.1", tnc.port), settings) as run,
        ):
            await run.next(ModemUp)
            for serial in range(1000):
                try:
                    run.modem.key(Burst(serial, (bytes(1000),) * 50))
                except LocalProtocolError:
                    pytest.fail("the burst before did not end")
                report = await run.next(object)
                if isinstance(report, ModemDown):
                    assert "takes no more octets" in report.reason
                    return
            pytest.fail("50 MB were taken by a TNC that reads nothing")

    loops.run(scene())


@pytest.mark.parametrize("curtails", [False, True])
def test_an_abort_and_a_curtailing_forget_what_the_tnc_has_not_got(curtails: bool) -> None:
    async def scene() -> None:
        settings = TncSettings(
            waveform=Waveform(name="slow", baud=1000, audio_low_hz=0, audio_high_hz=1), ahead_s=0.1
        )
        async with fake_tnc() as tnc, running(tcp_line("127.0.0.1", tnc.port), settings) as run:
            await run.next(ModemUp)
            run.modem.key(Burst(1, (b"one", b"two", b"three", b"four")))
            with pytest.raises(LocalProtocolError, match="burst 1 is on its way"):
                run.modem.key(Burst(2, (b"x",)))
            ends = run.modem.curtail if curtails else run.modem.abort
            ends()
            ends()
            assert await run.next(BurstEnded) == BurstEnded(1, 2 if curtails else None)
            run.modem.key(Burst(2, (b"DE KA1ABC-7",)))
            await run.next(BurstEnded)
            await said(tnc, 5)
            payloads = [ax25.decode(one.octets).info for one in await said(tnc, 3)]
            assert payloads == [b"one", b"two", b"DE KA1ABC-7"]

    loops.run(scene())


def test_a_burst_that_no_tnc_takes_is_refused_and_nothing_is_keyed() -> None:
    async def scene() -> None:
        async with fake_tnc() as tnc, running(tcp_line("127.0.0.1", tnc.port)) as run:
            await run.next(ModemUp)
            for frames in ((), (b"",), (b"fine", bytes(257))):
                with pytest.raises(ValueError, match=r"."):
                    run.modem.key(Burst(1, frames))
            run.modem.key(Burst(2, (b"fine",)))
            assert await run.next(BurstEnded) == BurstEnded(2)
            *_, only = await said(tnc, 6)
            assert ax25.decode(only.octets).info == b"fine"

    loops.run(scene())


def test_a_cancelled_modem_hangs_up_and_a_closed_one_reports_nothing() -> None:
    async def scene() -> None:
        async with fake_tnc() as tnc:
            async with running(tcp_line("127.0.0.1", tnc.port), SLOW) as run:
                await run.next(ModemUp)
                run.modem.key(Burst(1, (b"x",)))
            assert run.reports.empty()
            assert run.modem.state is kiss_modem.State.CLOSED
            modem = KissModem(tcp_line("127.0.0.1", tnc.port), FAST, CALL)
            up: asyncio.Future[ModemReport] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(modem.run(up.set_result))
            await asyncio.wait_for(up, WITHIN_S)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await modem.run(lambda _report: pytest.fail("it was closed"))

    loops.run(scene())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")
def test_a_serial_tnc_is_spoken_to_and_its_unplugging_noticed() -> None:
    async def scene() -> None:
        master, slave = os.openpty()
        device = os.ttyname(slave)
        async with running(serial_line(device)) as run:
            await run.next(ModemUp)
            os.close(slave)
            run.modem.key(Burst(1, (b"over the wire",)))
            assert await run.next(BurstEnded) == BurstEnded(1)
            decoder = kiss.Decoder()
            frames: list[kiss.KissFrame] = []
            while len(frames) < 6:
                frames += decoder.frames(await asyncio.to_thread(os.read, master, 4096))
            assert ax25.decode(frames[-1].octets).info == b"over the wire"
            os.write(master, kiss.encode(ax25.encode_ui(Address("N0CALL"), b"\xc0\xdb heard")))
            assert (await run.next(FrameHeard)).octets == b"\xc0\xdb heard"
            os.close(master)
            assert "is gone" in (await run.next(ModemDown)).reason

    loops.run(scene())


def test_a_rate_that_no_serial_tnc_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no rate of a serial TNC"):
        serial_line("/dev/null", bit_rate=9601)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)
