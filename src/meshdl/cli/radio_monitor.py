"""``meshdl radio monitor``: everything that is heard, explained, and kept if wanted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import click

from meshdl.air import ModemDown
from meshdl.cli.console import printable
from meshdl.cli.options import emit
from meshdl.control.client import ControlClient
from meshdl.control.radio_view import HeardFrame
from meshdl.errors import ConfigError, FileUnwritable, StationNotRunning, TargetExists
from meshdl.radio.monitor import HeardKind, Monitor
from meshdl.station import config_file
from meshdl.station.home import Home
from meshdl.station.radio.heard_frame import heard_frame
from meshdl.station.radio.listening import Listener, OnAir
from meshdl.station.radio.recordings import read_recording
from meshdl.wire import capture
from meshdl.wire.capture import Captured, Framing

PCAPNG = b"\x0a\x0d\x0d\x0a"
"""What such a file begins with; nothing is appended to another."""

ABSENT_AFTER_S = 1.0
"""A TNC that is not there by then is told; it is looked for all the same."""


def run(
    home: Home,
    *,
    recording: Path | None,
    capture_path: Path | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Explain a recording, or what is heard from now on."""
    with Sink(capture_path, as_json=as_json) as sink:
        if recording is not None:
            _explain(recording, sink)
        else:
            asyncio.run(_follow(home, sink, seconds))


class Sink:
    """Where frames go: lines, JSON, and a capture file.

    Args:
        path: of the capture; a file that is there gets a new section.
        as_json: an object a line in place of words.
    """

    def __init__(self, path: Path | None, *, as_json: bool) -> None:
        self._path, self._as_json = path, as_json
        self._file: BinaryIO | None = None
        self._monitor = Monitor()

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = self._path.open("a+b")
                self._file.seek(0)
                begins = self._file.read(len(PCAPNG))
            except OSError as error:
                raise FileUnwritable(f"cannot write {self._path} ({error.strerror})") from error
            if begins not in {b"", PCAPNG}:
                self._file.close()
                raise TargetExists(f"{self._path} is there, and is no pcapng; give another name")
            self._write(capture.encode_head())
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def hear(self, heard: OnAir) -> None:
        """A frame as a modem or a file gave it."""
        found = self._monitor.hear(heard.captured, snr_db=heard.snr_db)
        if self._as_json:
            emit(heard_frame(found))
        else:
            click.echo(found.line())
        self._keep(heard.captured)

    def show(self, frame: HeardFrame) -> None:
        """A frame that a station explained already."""
        if self._as_json:
            emit(frame)
        else:
            click.echo(f"{printable(frame.line)}{'  (ours)' if frame.ours else ''}")
        addressed = frame.destination or frame.kind in {HeardKind.APRS.value, HeardKind.AX25.value}
        framing = Framing.AX25 if addressed and not frame.ours else Framing.BARE
        self._keep(Captured(at=frame.at, framing=framing, octets=frame.octets))

    def _keep(self, captured: Captured) -> None:
        if self._file is not None:
            self._write(capture.encode(captured))

    def _write(self, octets: bytes) -> None:
        assert self._file is not None
        try:
            self._file.write(octets)
            self._file.flush()
        except OSError as error:
            raise FileUnwritable(f"cannot write {self._path} ({error.strerror})") from error


def _explain(recording: Path, sink: Sink) -> None:
    frames = 0
    for heard in read_recording(recording, _note):
        sink.hear(heard)
        frames += 1
    if not frames:
        _note(f"nothing in {recording} is understood as a frame")


async def _follow(home: Home, sink: Sink, seconds: float | None) -> None:
    async with AsyncExitStack() as stack:
        frames = await stack.enter_async_context(_heard(home))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for one in frames:
                    if isinstance(one, OnAir):
                        sink.hear(one)
                    else:
                        sink.show(one)


@asynccontextmanager
async def _heard(home: Home) -> AsyncIterator[AsyncGenerator[OnAir | HeardFrame]]:
    """What the station hears; without one, what the modem of the settings does."""
    async with AsyncExitStack() as stack:
        try:
            station = await stack.enter_async_context(ControlClient(home.directory))
            if not (await station.radio.status()).enabled:
                raise ConfigError("radio", "the station has none; see: meshdl radio setup")
        except StationNotRunning:
            yield await stack.enter_async_context(aclosing(_by_modem(home)))
        else:
            yield await stack.enter_async_context(aclosing(_by_station(station)))


async def _by_station(station: ControlClient) -> AsyncGenerator[OnAir | HeardFrame]:
    _note("listening to the station; end with Ctrl-C")
    async with aclosing(station.radio.heard()) as frames:
        async for frame in frames:
            yield frame


async def _by_modem(home: Home) -> AsyncGenerator[OnAir | HeardFrame]:
    settings = config_file.load(home.config_file)
    if settings.radio is None:
        raise ConfigError("radio", "there is no [radio] table; see: meshdl radio setup")
    listener = Listener(settings.radio, settings.callsign)
    _note(f"no station runs: listening by {settings.radio.modem}; end with Ctrl-C")
    absent = asyncio.get_running_loop().call_later(ABSENT_AFTER_S, _tell_trouble, listener)
    try:
        async with aclosing(listener.receptions()) as receptions:
            async for one in receptions:
                match one:
                    case OnAir():
                        yield one
                    case ModemDown(reason):
                        _note(reason)
                    case _:
                        pass
    finally:
        absent.cancel()


def _tell_trouble(listener: Listener) -> None:
    if listener.trouble:
        _note(listener.trouble)


def _note(text: str) -> None:
    click.echo(printable(text), err=True)
