"""Whole stations whose equipment misbehaves: they stay in charge of themselves, and say why."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.real.test_rigctld import Proxy, proxied_rig
from tests.support.full_disk import fill, make_room
from tests.support.kiss_hub import KissHub, kiss_hub
from tests.support.modems import SimulatedAir, SimulatedPort
from tests.support.radio_stations import fast_tncs, radio_station
from tests.support.rigs import dummy_rig, keyed, needs_rigctld
from tests.support.stations import hash_of, make_file, run, until, until_state

from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord
from meshdl.control.content_status import ContentState, ContentStatus
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.radio_view import RadioStatus
from meshdl.errors import ConfigError
from meshdl.ids import ContentHash
from meshdl.radio import keyer, logbook
from meshdl.radio.transfer import calling
from meshdl.station.radio import modem as radio_modem
from meshdl.station.radio_config import RadioConfig
from meshdl.station.station import Station
from meshdl.swarm import inputs
from meshdl.transports.modems import kiss_modem
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.ptt import PushToTalk
from meshdl.transports.modems.rigctld import Rigctld, RigMode
from meshdl.transports.modems.sound_modem import SoundModem
from meshdl.wire import ax25, kiss
from meshdl.wire.ax25 import Address
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import content_tag
from meshdl.wire.onair.pdus import ObjectKind, Objects, Want, Wanted

pytestmark = pytest.mark.real

HF: dict[str, Any] = {
    "modem": "freedv", "mode": "datac3", "ptt": "rigctld", "licence_class": "general",
    "dial_hz": 14_103_000, "sideband": "usb",
}  # fmt: skip


@pytest.fixture(autouse=True)
def tncs_are_fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(calling, "FIRST_WITHIN_S", 0.1)
    with fast_tncs():
        yield


async def status(station: Station) -> RadioStatus:
    return await station.view.radio.status()


async def until_status(station: Station, holds: Callable[[RadioStatus], bool]) -> RadioStatus:
    async def so() -> bool:
        return holds(await status(station))

    await until(so)
    return await status(station)


async def until_content(
    station: Station, content: ContentHash, holds: Callable[[ContentStatus], bool]
) -> None:
    async def so() -> bool:
        return holds(await station.view.content(content))

    await until(so)


async def log_texts(station: Station) -> list[str]:
    return [entry.text async for entry in station.view.log(LogQuery(kind="radio"))]


def from_bravo(hub: KissHub) -> int:
    sources = [str(ax25.decode(one).source) for one in hub.heard]
    return sources.count("N0BBB")


async def _is_so(fact: bool) -> bool:
    return fact


async def refusals(station: Station) -> list[LogEntry]:
    entries = [entry async for entry in station.view.log(LogQuery(kind="radio"))]
    return [one for one in entries if one.radio is not None and one.radio.event == "refusal"]


async def _some(found: Awaitable[list[LogEntry]]) -> bool:
    return bool(await found)


class DeafTnc:
    """A TNC that passes on what it hears, and may take nothing of what it is to send."""

    def __init__(self) -> None:
        self.takes = False
        self.sent: list[bytes] = []
        self.port = 0
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        if not self.takes:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
        decoder = kiss.Decoder(port=0)
        try:
            while octets := await reader.read(4096):
                self.sent += decoder.feed(octets)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    def hear(self, payload: bytes) -> None:
        """Somebody sends this on the air."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(kiss.encode(ax25.encode_ui(Address("N0CCC"), payload)))


@asynccontextmanager
async def deaf_tnc() -> AsyncIterator[DeafTnc]:
    tnc = DeafTnc()
    server = await asyncio.start_server(tnc.serve, "127.0.0.1", 0)
    tnc.port = server.sockets[0].getsockname()[1]
    try:
        yield tnc
    finally:
        server.close()


def test_a_tnc_that_stops_reading_is_told_and_the_station_goes_on_when_it_reads_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kiss_modem, "UNTAKEN_FOR_S", 0.3)
    source = make_file(tmp_path / "map.bin", 200_000)

    async def scenario() -> None:
        async with (
            deaf_tnc() as tnc,
            radio_station(tmp_path, "N0AAA", tnc.port, frame_octets=1000) as alfa,
        ):
            content = hash_of(await alfa.share(source))
            wanted = Want(content_tag(content), (Wanted(Objects(ObjectKind.LEAF, 0, 13)),))
            want = frames.encode((wanted,), sender=None)
            problems: list[str] = []

            async def given_up() -> bool:
                tnc.hear(want)
                # Whoever asks is answered: nothing waits for the TNC.
                problems.append((await status(alfa)).modem_problem)
                return "takes no more octets" in problems[-1]

            await until(given_up)
            tnc.takes = True
            await until_status(alfa, lambda now: now.modem is not None)

            async def sends() -> bool:
                tnc.hear(want)
                return len(tnc.sent) > 20

            await until(sends)

    run(scenario())


def test_a_full_log_disk_silences_the_station_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logbook, "RETRY_EVERY_S", 0.2)
    source = make_file(tmp_path / "map.bin", 2_000)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            content = hash_of(await alfa.share(source))
            await until_status(bravo, lambda now: now.modem is not None)
            log = bravo.view._log
            fill(log)
            await bravo.view.download(content.hex(), via="rf")
            now = await until_status(bravo, lambda now: bool(now.silent_because))
            assert now.silent_because.startswith("the station log cannot be written")
            assert "full" in now.silent_because
            sent = from_bravo(hub)
            radio = bravo.radio
            assert radio is not None
            book = radio.shell.core.transmitter._log
            tried = book._serial
            await until(lambda: _is_so(book._serial >= tried + 3))
            assert from_bravo(hub) == sent
            make_room(log)
            await until_state(bravo, content, ContentState.COMPLETE)
            assert (await status(bravo)).silent_because == ""
            assert log.verify().wrong_at is None

    run(scenario())


@pytest.mark.parametrize("in_a_folder", [False, True])
def test_what_is_encrypted_is_refused_with_the_section_and_not_called(
    tmp_path: Path, in_a_folder: bool
) -> None:
    source = tmp_path / "share" / "roster.gpg"
    make_file(source, 3_000)
    secret = bytes.fromhex("8c0d04090302a7a2b06d93b86ff0ff")
    source.write_bytes(secret + source.read_bytes())
    make_file(tmp_path / "share" / "a-map.bin", 2_000)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            content = hash_of(await alfa.share(source.parent if in_a_folder else source))
            await bravo.view.download(content.hex(), via="rf")

            await until(lambda: _some(refusals(alfa)))
            refusal = (await refusals(alfa))[0]
            assert refusal.radio is not None
            assert refusal.radio.section == "97.113(a)(4)"
            assert "obscured" in refusal.text
            warnings = (await alfa.view.status()).warnings
            assert any("97.113(a)(4)" in one for one in warnings)
            assert secret not in b"".join(hub.heard)
            # Nobody is told of it any more either.
            radio = alfa.radio
            assert radio is not None
            parts = radio.shell.core.transfer._parts
            assert parts.calling.call(room_octets=200, now=0.0).haves == ()
            # What is plain is sent as before.
            plain = hash_of(await alfa.share(tmp_path / "share" / "a-map.bin"))
            assert (await bravo.download(plain, via="rf")).state is ContentState.COMPLETE

    run(scenario())


@pytest.mark.parametrize("signed", [True, False])
def test_a_record_that_nobody_signed_makes_nothing_urgent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, signed: bool
) -> None:
    source = make_file(tmp_path / "map.bin", 2_000)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            steps = alfa.view.share(
                [str(source)], title=None, precedence="emergency" if signed else "routine", tags=[]
            )
            shared = [step async for step in steps][-1]
            assert isinstance(shared, ContentStatus)
            content = ContentHash(bytes.fromhex(shared.content_hash))
            radio = alfa.radio
            assert radio is not None
            if not signed:
                right = ContentRecord.decode(radio.contents._offered[content])
                forged = replace(right, precedence=Precedence.EMERGENCY, title="Leave at once")
                radio.contents.told(inputs.OfferRecord(content, forged.encode()))
            got = await bravo.download(content, via="rf")
            assert Path(got.location).read_bytes() == source.read_bytes()
            if signed:
                await until_content(bravo, content, lambda now: now.precedence == "emergency")
            else:
                await until(lambda: _is_so("not signed by" in caplog.text))
                now = await bravo.view.content(content)
                assert (now.precedence, now.title) == ("routine", content.hex()[:12])

    run(scenario())


def sound_ports(monkeypatch: pytest.MonkeyPatch) -> list[SimulatedPort]:
    """The sound cards of the stations that begin from now on."""
    air = SimulatedAir()

    def made(radio: RadioConfig, _address: object, ptt: PushToTalk) -> SoundModem:
        mode = FreedvMode[radio.mode.upper()]
        return SoundModem(
            air.port(), ptt, modes=[mode], listens=[mode], key_up_s=0, tail_s=0, retry_after_s=0.1
        )

    monkeypatch.setattr(radio_modem, "_sound_modem", made)
    return air.ports


async def on_twenty_metres(port: int) -> None:
    rig = Rigctld(port=port)
    await rig.tune(14_103_000)
    await rig.set_mode(RigMode("PKTUSB", 3_000))
    await rig.close()


async def until_keyed(port: int, *, on: bool) -> None:
    async def so() -> bool:
        return await asyncio.to_thread(keyed, port) is on

    await until(so)


async def guards(count: int) -> bool:
    """Whether so many guards of PTT are left; one that has nothing to drop any more ends."""
    of_ours = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = []
    for child in of_ours:
        with suppress(OSError):
            commands.append(Path(f"/proc/{child}/cmdline").read_bytes())
    return sum(b"ptt_guard" in one for one in commands) == count


@needs_rigctld
def test_a_modem_that_never_ends_its_burst_is_unkeyed_and_the_radio_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyer, "STUCK_AFTER_S", 0.5)
    monkeypatch.setattr(keyer, "STUCK_FACTOR", 0.0)
    ports = sound_ports(monkeypatch)

    async def scenario(rig: Proxy) -> None:
        await on_twenty_metres(rig.port)
        alfa = radio_station(tmp_path, "N0AAA", 1, **HF, rigctld=f"127.0.0.1:{rig.port}")
        async with alfa:
            ports[0].holding = True
            # Half a second is over before a busy machine has looked at the rig.
            await until(lambda: _is_so("T 1" in rig.ptt))
            now = await until_status(alfa, lambda now: now.silent_because.startswith("off"))
            assert "did not unkey in time" in now.silent_because
            await until_keyed(rig.port, on=False)
            assert any("did not unkey in time" in text for text in await log_texts(alfa))
        # The next start is silent too.
        again = radio_station(tmp_path, "N0AAA", 1, **HF, rigctld=f"127.0.0.1:{rig.port}")
        async with again:
            assert "did not unkey in time" in (await status(again)).silent_because

    with proxied_rig() as rig:
        run(scenario(rig))


@needs_rigctld
def test_a_rigctld_that_dies_while_the_rig_is_keyed_is_an_alarm_and_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = sound_ports(monkeypatch)

    async def scenario(rig: int, killed: Callable[[], None]) -> None:
        await on_twenty_metres(rig)
        async with radio_station(tmp_path, "N0AAA", 1, **HF, rigctld=f"127.0.0.1:{rig}") as alfa:
            ports[0].holding = True
            await until_keyed(rig, on=True)
            await asyncio.to_thread(killed)
            await alfa.view.radio.switch_off(reason="the rig is keyed and nobody answers")
            now = await until_status(alfa, lambda now: now.modem is None)
            assert "PTT MAY STILL BE ON" in now.modem_problem
            assert now.silent_because.startswith("off")
            # Once there is a rigctld again, the key is dropped first of all.
            ports[0].holding = False
            with dummy_rig(port=rig):
                await on_twenty_metres(rig)
                await until_status(alfa, lambda now: now.modem is not None)
                await until_keyed(rig, on=False)
                await until(lambda: guards(1))

    with ExitStack() as stack:
        rig = stack.enter_context(dummy_rig())
        run(scenario(rig, stack.close))


@pytest.mark.parametrize(
    ("rules", "text", "words"),
    [
        ("mine.toml", None, "cannot read"),
        ("mine.toml", "[licensing\n", "rules"),
        ("mine.toml", "name = 'mine'\n", "rules"),
        ("de-nowhere", None, "de-nowhere"),
    ],
)
def test_a_station_whose_rules_are_missing_or_broken_does_not_start_and_says_which(
    tmp_path: Path, rules: str, text: str | None, words: str
) -> None:
    async def scenario() -> None:
        station = radio_station(tmp_path, "N0AAA", 1, rules=rules)
        station._home.create()
        if text is not None:
            (station._home.directory / "mine.toml").write_text(text)
        with pytest.raises(ConfigError, match=words) as told:
            async with station:
                pytest.fail("it has started")
        assert told.value.setting.startswith(("radio.rules", "rules"))

    run(scenario())


def test_broken_rules_are_one_line_and_the_exit_code_of_settings(tmp_path: Path) -> None:
    meshdl = [sys.executable, "-m", "meshdl", "--home", str(tmp_path)]
    subprocess.run([*meshdl, "init", "--callsign", "N0CALL"], check=True, capture_output=True)
    with (tmp_path / "config.toml").open("a") as config:
        config.write('\n[radio]\nrules = "mine.toml"\n')
    up = subprocess.run([*meshdl, "up"], capture_output=True, text=True, check=False, timeout=60)
    assert up.returncode == 78
    assert "radio.rules: cannot read" in up.stderr
    assert "Traceback" not in up.stderr
