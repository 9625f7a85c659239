"""PTT and dial by the real rigctld: on and off once a burst, and off when the station is dead."""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest
from bench.ports import free_port
from tests.support.loops import run
from tests.support.modems import SimulatedAir, TestBurst, running
from tests.support.processes import until
from tests.support.rigs import dummy_rig, keyed, needs_rigctld

from meshdl.air import BurstEnded, ModemDown
from meshdl.errors import RigUnavailable
from meshdl.transports.modems import rigctld
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.rig_ptt import RigPtt
from meshdl.transports.modems.rigctld import Rigctld, RigMode
from meshdl.transports.modems.sound_modem import SoundModem

pytestmark = [pytest.mark.real, needs_rigctld]


class Proxy:
    """Between us and rigctld: remembers every command, and may answer too late."""

    def __init__(self, rig: int) -> None:
        self.commands: list[str] = []
        self.silent = False
        self._rig = rig
        self._clients: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def ptt(self) -> list[str]:
        return [one for one in self.commands if one.startswith("T")]

    def close(self) -> None:
        self._server.close()

    def cut(self) -> None:
        """Reset every connection, as a host that was switched off and on does."""
        for client in self._clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.shutdown(socket.SHUT_RD)
        self._clients.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._clients.append(client)
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        late = b""
        with (
            suppress(ConnectionError),  # one of the two may hang up at any time
            client,
            client.makefile("rb") as lines,
            socket.create_connection(("127.0.0.1", self._rig)) as rig,
        ):
            for line in lines:
                self.commands.append(line.decode().strip())
                rig.sendall(line)
                late += rig.recv(256)
                if not self.silent:
                    client.sendall(late)
                    late = b""


@contextmanager
def proxied_rig(*, ptt: bool = True) -> Iterator[Proxy]:
    with dummy_rig(ptt=ptt) as port:
        proxy = Proxy(port)
        try:
            yield proxy
        finally:
            proxy.close()


@contextmanager
def silence(proxy: Proxy, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """No answer comes while the block runs, and only then nobody waits for long."""
    with patch.context() as impatient:
        impatient.setattr(rigctld, "REPLY_WITHIN_S", 0.2)
        proxy.silent = True
        yield
        proxy.silent = False


def modem(air: SimulatedAir, port: int) -> SoundModem:
    return SoundModem(
        air.port(), RigPtt(Rigctld(port=port)), modes=[FreedvMode.DATAC0],
        listens=[FreedvMode.DATAC0], key_up_s=0.01, tail_s=0, retry_after_s=0.05,
    )  # fmt: skip


def test_dial_and_mode_are_set_and_read() -> None:
    async def body(port: int) -> None:
        rig = Rigctld(port=port)
        await rig.tune(14_105_000)
        await rig.set_mode(RigMode("PKTUSB", 3_000))
        assert await rig.dial_hz() == 14_105_000
        assert await rig.mode() == RigMode("PKTUSB", 3_000)
        assert not await rig.ptt()
        with pytest.raises(ValueError, match="no mode of Hamlib"):
            await rig.set_mode(RigMode("USB\nT 1", 0))
        await rig.close()
        await rig.close()

    with dummy_rig() as port:
        run(body(port))


def test_ptt_goes_on_and_off_exactly_once_a_burst() -> None:
    async def body(rig: Proxy) -> None:
        air = SimulatedAir()
        ours = modem(air, rig.port)
        async with running(ours) as ear:
            assert rig.ptt == ["T 0"]  # whatever was left on
            for serial in (1, 2, 3):
                rig.commands.clear()
                ours.key(TestBurst(serial, (b"one", b"two")))
                await ear.ended(serial)
                assert rig.ptt == ["T 1", "T 0"]
            rig.commands.clear()
        assert rig.ptt == []

    with proxied_rig() as rig:
        run(body(rig))


def test_ptt_is_dropped_by_abort_and_by_shutdown() -> None:
    async def body(port: int) -> None:
        air = SimulatedAir()
        ours = modem(air, port)
        held = air.ports[0]
        held.holding = True
        async with running(ours) as ear:
            ours.key(TestBurst(1, (b"a",)))
            await held.playing.wait()
            assert await asyncio.to_thread(keyed, port)
            ours.abort()
            await ear.ended(1)
            assert not await asyncio.to_thread(keyed, port)
            held.playing.clear()
            ours.key(TestBurst(2, (b"a",)))
            await held.playing.wait()
            assert await asyncio.to_thread(keyed, port)
        assert not await asyncio.to_thread(keyed, port)

    with dummy_rig() as port:
        run(body(port))


def test_ptt_is_dropped_when_the_sound_card_fails() -> None:
    async def body(port: int) -> None:
        air = SimulatedAir()
        ours = modem(air, port)
        held = air.ports[0]
        held.holding = True
        async with running(ours) as ear:
            ours.key(TestBurst(1, (b"a",)))
            await held.playing.wait()
            held.unplug()
            await ear.until(lambda: ear.downs > 0)
            assert not await asyncio.to_thread(keyed, port)
            assert BurstEnded(1) not in ear.reports

    with dummy_rig() as port:
        run(body(port))


def test_a_rig_without_ptt_is_told_with_its_remedy_and_nothing_is_sent() -> None:
    async def body(port: int) -> None:
        air = SimulatedAir()
        ours, theirs = modem(air, port), air.port()
        heard: list[int] = []
        theirs.hear = lambda sound: heard.append(len(sound))  # type: ignore[method-assign]
        rig = Rigctld(port=port)
        with pytest.raises(RigUnavailable, match="rigctld -P RIG"):
            await rig.set_ptt(True)
        assert await rig.dial_hz() > 0  # a refusal does not cost the connection
        await rig.close()
        task = asyncio.create_task(ours.run(reports.append))
        async with asyncio.timeout(20):
            while not reports:
                await asyncio.sleep(0.01)
        assert isinstance(reports[0], ModemDown)
        task.cancel()
        await asyncio.wait([task])
        assert heard == []

    reports: list[object] = []
    with dummy_rig(ptt=False) as port:
        run(body(port))


def test_a_rigctld_that_does_not_answer_costs_seconds_not_the_station(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def body(proxy: Proxy) -> None:
        rig = Rigctld(port=proxy.port)
        assert await rig.dial_hz() > 0
        with (
            silence(proxy, monkeypatch),
            pytest.raises(RigUnavailable, match=r"no reply to 'f' in 0\.2 s"),
        ):
            await rig.dial_hz()
        assert not await rig.ptt()  # a new connection, or this were the reply to "f"
        await rig.close()
        with pytest.raises(RigUnavailable, match="is it running"):
            await Rigctld(port=free_port()).dial_hz()

    with proxied_rig() as proxy:
        run(body(proxy))


def test_a_connection_that_was_reset_while_nothing_was_asked_is_made_anew() -> None:
    async def body(proxy: Proxy) -> None:
        rig = Rigctld(port=proxy.port)
        assert await rig.dial_hz() > 0
        proxy.cut()
        assert rig._streams is not None
        _, writer = rig._streams
        async with asyncio.timeout(20.0):
            while not writer.is_closing():
                await asyncio.sleep(0.01)
        assert await rig.dial_hz() > 0
        await rig.close()

    with proxied_rig() as proxy:
        run(body(proxy))


def test_a_guard_that_is_gone_is_told_and_nothing_is_keyed() -> None:
    async def body(port: int) -> None:
        ptt = RigPtt(Rigctld(port=port))
        await ptt.open()
        guard = ptt._guard
        assert guard is not None
        assert guard.stdin is not None
        guard.kill()
        await guard.wait()
        async with asyncio.timeout(20.0):
            while not guard.stdin.is_closing():
                await asyncio.sleep(0.01)
        with pytest.raises(RigUnavailable, match="guard that drops PTT is gone"):
            await ptt.key(within_s=1.0)
        assert not keyed(port)
        await ptt.close()

    with dummy_rig() as port:
        run(body(port))


def test_a_ptt_that_cannot_be_dropped_is_told_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(proxy: Proxy) -> None:
        ptt = RigPtt(Rigctld(port=proxy.port))
        await ptt.open()
        await ptt.key(within_s=60)
        with (
            silence(proxy, monkeypatch),
            pytest.raises(RigUnavailable, match="PTT MAY STILL BE ON"),
        ):
            await ptt.unkey()
        await ptt.close()
        assert proxy.ptt[-1] == "T 0"

    with proxied_rig() as proxy:
        run(body(proxy))


@dataclass
class KeyedStation:
    """A process that has keyed the rig, and the one that guards it."""

    process: subprocess.Popen[str]
    guard: int


@contextmanager
def keyed_station(port: int, within_s: float, how: str) -> Iterator[KeyedStation]:
    command = [sys.executable, "-m", "tests.support.keyed_station", str(port), str(within_s), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as station:
        assert station.stdout is not None
        said = station.stdout.readline()
        assert said.startswith("keyed, guarded by ")
        try:
            yield KeyedStation(station, int(said.split()[-1]))
        finally:
            station.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_ptt_is_dropped_when_the_station_is_killed(how: signal.Signals) -> None:
    with dummy_rig() as port, keyed_station(port, 600, "held") as station:
        assert keyed(port)
        station.process.send_signal(how)
        station.process.wait()
        until(lambda: not keyed(port), "the guard drops PTT")


def test_ptt_is_dropped_when_the_station_is_stuck() -> None:
    with dummy_rig() as port, keyed_station(port, -1.5, "stuck") as station:
        until(lambda: not keyed(port), "the guard drops PTT")
        assert station.process.poll() is None


def test_the_guard_outlives_the_signals_that_end_a_station() -> None:
    with dummy_rig() as port, keyed_station(port, 600, "held") as station:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(station.guard, ending)
        station.process.kill()
        station.process.wait()
        until(lambda: not keyed(port), "the guard drops PTT")
