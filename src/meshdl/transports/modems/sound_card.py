"""A sound card, by PortAudio (``sounddevice``).

The card runs at 48 kHz where it can, and we resample: 8 kHz is what cheap cards lack and
what sound servers convert badly. Input stays open; output is opened for each burst, so that
"stopped" means that the last sample has left the card, and PTT can be dropped then.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from meshdl.errors import AudioUnavailable, ModemUnavailable
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.resampling import FACTOR, Decimator, Interpolator

if TYPE_CHECKING:
    import sounddevice

PIECE_S = 0.05
"""How long an abort may go unheard, and how much is handed over at a time."""

LATENCY_S = 0.2
"""Of the card's own buffer: a busy machine must not tear holes into a burst."""

GONE_AFTER_S = 3.0
"""Without any sound coming in: PortAudio does not say when a plug is pulled."""

STOP_WITHIN_S = 1.0
"""Of a call into PortAudio that should end at once."""

_DTYPE = "int16"


class SoundCard:
    """See :class:`meshdl.transports.modems.audio.AudioPort`.

    Args:
        input_device: part of its name, case does not matter; empty for the system's default.
        output_device: likewise.
    """

    def __init__(self, input_device: str = "", output_device: str = "") -> None:
        self._input_name, self._output_name = input_device, output_device
        self._input_rate_hz = self._output_rate_hz = SAMPLE_RATE_HZ

    async def open(self) -> None:
        """Find both devices, and the rates that they run at."""
        await asyncio.to_thread(self._find)

    async def listen(self, heard: Callable[[Samples], None]) -> None:
        """Deliver sound until cancelled or until none comes any more."""
        loop = asyncio.get_running_loop()
        decimator = Decimator() if self._input_rate_hz != SAMPLE_RATE_HZ else None

        def deliver(octets: bytes) -> None:
            patience.reschedule(loop.time() + GONE_AFTER_S)
            sound = np.frombuffer(octets, np.int16)
            heard(decimator.feed(sound) if decimator is not None else sound)

        def callback(data: Any, _frames: int, _time: Any, _status: Any) -> None:
            # In PortAudio's thread. The loop may have ended in the meantime.
            if not loop.is_closed():
                loop.call_soon_threadsafe(sounds.put_nowait, bytes(data))

        sounds: asyncio.Queue[bytes] = asyncio.Queue()
        stream = await asyncio.to_thread(self._open_input, callback)
        try:
            async with asyncio.timeout(GONE_AFTER_S) as patience:
                while True:
                    deliver(await sounds.get())
        except TimeoutError:
            raise AudioUnavailable(
                f"no sound has come from {self._input_name or 'the default input'} for"
                f" {GONE_AFTER_S:g} s; is it still plugged in?"
            ) from None
        finally:
            await _close(stream)

    async def play(self, pieces: Iterator[Samples]) -> None:
        """Play to the end, or until cancelled."""
        stopped = threading.Event()
        playing = _in_thread("play", lambda: self._play(pieces, stopped))
        try:
            await asyncio.shield(playing)
        finally:
            stopped.set()
            if not playing.done():
                # A device that is gone may never return; PTT must be dropped all the same.
                await asyncio.wait([playing], timeout=STOP_WITHIN_S)

    async def close(self) -> None:
        """Nothing is held between the calls."""

    def _find(self) -> None:
        library = load()
        try:
            self._input_rate_hz = _rate_of(
                library.check_input_settings, find(library, self._input_name, "input")
            )
            self._output_rate_hz = _rate_of(
                library.check_output_settings, find(library, self._output_name, "output")
            )
        except library.PortAudioError as error:
            raise AudioUnavailable(f"the sound device cannot be used: {error}") from None

    def _open_input(self, callback: Callable[..., None]) -> Any:
        library = load()
        try:
            stream = library.RawInputStream(
                device=find(library, self._input_name, "input"),
                samplerate=self._input_rate_hz,
                blocksize=int(PIECE_S * self._input_rate_hz),
                channels=1, dtype=_DTYPE, latency=LATENCY_S, callback=callback,
            )  # fmt: skip
            stream.start()
        except library.PortAudioError as error:
            raise AudioUnavailable(f"the input cannot be opened: {error}") from None
        return stream

    def _play(self, pieces: Iterator[Samples], stopped: threading.Event) -> None:
        library = load()
        interpolator = Interpolator() if self._output_rate_hz != SAMPLE_RATE_HZ else None
        try:
            stream = library.RawOutputStream(
                device=find(library, self._output_name, "output"),
                samplerate=self._output_rate_hz,
                channels=1, dtype=_DTYPE, latency=LATENCY_S,
            )  # fmt: skip
        except library.PortAudioError as error:
            raise AudioUnavailable(f"the output cannot be opened: {error}") from None
        try:
            stream.start()
            for piece in _cut(pieces, interpolator):
                if stopped.is_set():
                    stream.abort()
                    return
                stream.write(piece.tobytes())
            stream.stop()
        except library.PortAudioError as error:
            raise AudioUnavailable(f"the output is gone: {error}") from None
        finally:
            stream.close()


def load() -> "sounddevice":
    """PortAudio's binding.

    Raises:
        ModemUnavailable: it, or PortAudio itself, is not installed.
    """
    try:
        import sounddevice as library
    except (ImportError, OSError) as error:
        raise ModemUnavailable(
            f"sound is not available: {error}; pip install 'meshdl[freedv]', and on Debian"
            " apt-get install libportaudio2"
        ) from None
    return library


def find(library: "sounddevice", name: str, kind: str) -> int | None:
    """The device whose name contains ``name``; ``None`` is the default one.

    Raises:
        AudioUnavailable: there is none, or more than one and none of exactly that name.
    """
    if not name:
        return None
    channels = f"max_{kind}_channels"
    devices = [one for one in library.query_devices() if one[channels] > 0]
    named = [one for one in devices if name.casefold() in one["name"].casefold()]
    exact = [one for one in named if one["name"] == name]
    if len(exact or named) != 1:
        there = ", ".join(repr(one["name"]) for one in named or devices) or "none"
        fault = "more than one" if named else "no"
        raise AudioUnavailable(f"there is {fault} {kind} device like {name!r}; there are: {there}")
    return int((exact or named)[0]["index"])


def _rate_of(check: Callable[..., None], device: int | None) -> int:
    library = load()
    try:
        check(device=device, channels=1, dtype=_DTYPE, samplerate=SAMPLE_RATE_HZ * FACTOR)
    except library.PortAudioError:
        check(device=device, channels=1, dtype=_DTYPE, samplerate=SAMPLE_RATE_HZ)
        return SAMPLE_RATE_HZ
    return SAMPLE_RATE_HZ * FACTOR


def _cut(pieces: Iterator[Samples], interpolator: Interpolator | None) -> Iterator[Samples]:
    step = int(PIECE_S * SAMPLE_RATE_HZ)
    for piece in pieces:
        for begin in range(0, len(piece), step):
            part = piece[begin : begin + step]
            yield interpolator.feed(part) if interpolator is not None else part
    if interpolator is not None:
        yield interpolator.drain()


async def _close(stream: Any) -> None:
    """Close a stream, or leave it to itself: a device that is gone may never let go of it."""

    def close() -> None:
        with contextlib.suppress(load().PortAudioError):
            stream.abort()
            stream.close()

    await asyncio.wait([_in_thread("close", close)], timeout=STOP_WITHIN_S)


def _in_thread(what: str, work: Callable[[], None]) -> asyncio.Future[None]:
    """Run it in a thread that the end of the program does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: AudioUnavailable | None) -> None:
        if not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def run() -> None:
        problem = None
        try:
            work()
        except AudioUnavailable as error:
            problem = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, problem)

    threading.Thread(target=run, name=f"sound: {what}", daemon=True).start()
    return done
