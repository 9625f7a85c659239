"""libcodec2 by ctypes: the FreeDV data waveforms, and nothing of its speech codecs.

The library comes inside the wheel of ``pycodec2`` (the extra ``meshdl[freedv]``), which is
made for voice and offers none of this in Python. A system's own libcodec2 is taken only
when it is 1.2 or later: 1.0 has no DATAC4 and DATAC13, and crashes when told to clip.

Source: ``freedv_api.h`` of codec2 1.2.0; the C names are kept here and nowhere else.
"""

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_ushort, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from meshdl.errors import ModemUnavailable

SAMPLE_RATE_HZ = 8000
"""Of every waveform used here."""

API_VERSION_MIN = 15
"""What ``freedv_get_version`` says in codec2 1.2; it says 14 in 1.0."""

CRC_OCTETS = 2
"""At the end of every frame; the library checks it and we write it."""

_RX_TRIAL, _RX_SYNC, _RX_BITS, _RX_BIT_ERRORS = 1, 2, 4, 8
_UNSYNC = 0

Samples = npt.NDArray[np.int16]
"""Sound: one channel, 8 kHz."""

_FOR_HANDLE_TO_INT = (
    "get_bits_per_modem_frame", "get_n_tx_modem_samples", "get_n_tx_preamble_modem_samples",
    "get_n_tx_postamble_modem_samples", "get_n_max_modem_samples", "nin",
    "get_modem_sample_rate", "get_rx_status",
)  # fmt: skip
_SETTERS = ("set_frames_per_burst", "set_clip", "set_tx_bpf", "set_sync")


@dataclass(frozen=True, slots=True)
class Step:
    """What one call of the demodulator found.

    Attributes:
        synced: it follows a signal, or believes so.
        confirmed: and the signal's unique word was right.
        from_postamble: it has found the end of a burst and looks at what came before it.
        octets: of a frame whose checksum is right.
        failed: the end of a frame whose checksum is wrong.
        snr_db: of that frame, in 3 kHz.
    """

    synced: bool
    confirmed: bool
    from_postamble: bool
    octets: bytes | None
    failed: bool
    snr_db: float


class Waveform:
    """One open modulator and demodulator. Not safe for two threads at once.

    Attributes:
        payload_octets: of a frame.
        frame_samples, preamble_samples, postamble_samples: what each takes on the air.
    """

    def __init__(self, library: "Codec2", mode: int) -> None:
        self._c = library.c
        self._handle: int | None = self._c.freedv_open(mode)
        if self._handle is None:
            raise ModemUnavailable(f"{library} has no FreeDV mode {mode}; install meshdl[freedv]")
        rate_hz = int(self._c.freedv_get_modem_sample_rate(self._handle))
        if rate_hz != SAMPLE_RATE_HZ:
            self.close()
            raise ModemUnavailable(f"FreeDV mode {mode} of {library} runs at {rate_hz} Hz")
        # As in FreeDV's own transmitters: the peaks are clipped and the band is filtered, so
        # that the mean power is 4 to 5 dB higher.
        self._c.freedv_set_clip(self._handle, 1)
        self._c.freedv_set_tx_bpf(self._handle, 1)
        self._c.freedv_set_frames_per_burst(self._handle, 0)
        self._frame_octets = int(self._c.freedv_get_bits_per_modem_frame(self._handle)) // 8
        self.payload_octets = self._frame_octets - CRC_OCTETS
        self.frame_samples = int(self._c.freedv_get_n_tx_modem_samples(self._handle))
        self.preamble_samples = int(self._c.freedv_get_n_tx_preamble_modem_samples(self._handle))
        self.postamble_samples = int(self._c.freedv_get_n_tx_postamble_modem_samples(self._handle))
        self._received = ctypes.create_string_buffer(self._frame_octets)
        self._longest = int(self._c.freedv_get_n_max_modem_samples(self._handle))

    def preamble(self) -> Samples:
        """What comes before the first frame."""
        samples = np.zeros(self.preamble_samples, np.int16)
        self._c.freedv_rawdatapreambletx(self._handle, samples.ctypes.data)
        return samples

    def frame(self, payload: bytes) -> Samples:
        """One frame, its checksum added. The payload has exactly ``payload_octets``."""
        assert len(payload) == self.payload_octets
        check = int(self._c.freedv_gen_crc16(payload, len(payload)))
        samples = np.zeros(self.frame_samples, np.int16)
        framed = payload + check.to_bytes(CRC_OCTETS, "big")
        self._c.freedv_rawdatatx(self._handle, samples.ctypes.data, framed)
        return samples

    def postamble(self) -> Samples:
        """What comes after the last frame."""
        samples = np.zeros(self.postamble_samples, np.int16)
        self._c.freedv_rawdatapostambletx(self._handle, samples.ctypes.data)
        return samples

    @property
    def wanted_samples(self) -> int:
        """How many the next :meth:`demodulate` takes. 0 while it looks at older ones."""
        return min(int(self._c.freedv_nin(self._handle)), self._longest)

    def demodulate(self, samples: Samples) -> Step:
        """Take exactly ``wanted_samples``."""
        assert len(samples) == self.wanted_samples
        kept = np.ascontiguousarray(samples)
        octets = int(self._c.freedv_rawdatarx(self._handle, self._received, kept.ctypes.data))
        status = int(self._c.freedv_get_rx_status(self._handle))
        ended = bool(status & (_RX_BITS | _RX_BIT_ERRORS))
        whole = bool(status & _RX_BITS) and octets == self._frame_octets
        return Step(
            synced=bool(status & _RX_SYNC),
            confirmed=bool(status & _RX_SYNC) and not status & _RX_TRIAL,
            from_postamble=not status & _RX_SYNC and self.wanted_samples == 0,
            octets=self._received.raw[: self.payload_octets] if whole else None,
            failed=ended and not whole,
            snr_db=self._snr_db() if ended else 0.0,
        )

    def end_after(self, frames: int) -> None:
        """Stop following a signal after so many frames; 0: when :meth:`let_go` says so."""
        self._c.freedv_set_frames_per_burst(self._handle, frames)

    def let_go(self) -> None:
        """Stop following a signal that was found by its preamble; look for another."""
        self._c.freedv_set_sync(self._handle, _UNSYNC)

    def close(self) -> None:
        """Give its memory back. Twice is harmless."""
        if self._handle is not None:
            self._c.freedv_close(self._handle)
            self._handle = None

    def _snr_db(self) -> float:
        sync, snr_db = c_int(), c_float()
        self._c.freedv_get_modem_stats(self._handle, byref(sync), byref(snr_db))
        return snr_db.value


class Codec2:
    """The library, loaded.

    Attributes:
        path: which file it is.
        api_version: of its FreeDV interface.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.c = _declare(ctypes.CDLL(path))
        except (OSError, AttributeError) as error:
            raise ModemUnavailable(f"{path} cannot be used as libcodec2: {error}") from None
        self.api_version = int(self.c.freedv_get_version())
        if self.api_version < API_VERSION_MIN:
            raise ModemUnavailable(
                f"{path} has version {self.api_version} of the FreeDV interface, and"
                f" {API_VERSION_MIN} is needed (codec2 1.2)"
            )

    def __str__(self) -> str:
        return f"{Path(self.path).name} (FreeDV interface {self.api_version})"


@cache
def load() -> Codec2:
    """The library of the wheel, or else the system's.

    Raises:
        ModemUnavailable: there is none that will do; the message says what to install.
    """
    problem = "no libcodec2 is installed"
    for path in _candidates():
        try:
            return Codec2(path)
        except ModemUnavailable as error:
            problem = str(error)
    raise ModemUnavailable(f"FreeDV is not available: {problem}; pip install 'meshdl[freedv]'")


def _candidates() -> Iterator[str]:
    spec = importlib.util.find_spec("pycodec2")
    for package in (spec.submodule_search_locations or []) if spec is not None else []:
        # Where auditwheel, delocate and delvewheel put what a wheel brings.
        for found in (
            *Path(package).parent.glob("pycodec2.libs/libcodec2*.so*"),
            *Path(package).glob(".dylibs/libcodec2*.dylib"),
            *Path(package).glob("libcodec2*.dll"),
        ):
            yield str(found)
    system = ctypes.util.find_library("codec2")
    if system is not None:
        yield system


def _declare(c: ctypes.CDLL) -> ctypes.CDLL:
    c.freedv_open.argtypes, c.freedv_open.restype = [c_int], c_void_p
    c.freedv_close.argtypes, c.freedv_close.restype = [c_void_p], None
    c.freedv_get_version.argtypes = []
    for name in _FOR_HANDLE_TO_INT:
        getattr(c, f"freedv_{name}").argtypes = [c_void_p]
    for name in _SETTERS:
        function = getattr(c, f"freedv_{name}")
        function.argtypes, function.restype = [c_void_p, c_int], None
    c.freedv_gen_crc16.argtypes, c.freedv_gen_crc16.restype = [c_char_p, c_int], c_ushort
    c.freedv_rawdatatx.argtypes = [c_void_p, c_void_p, c_char_p]
    c.freedv_rawdatatx.restype = None
    c.freedv_rawdatapreambletx.argtypes = [c_void_p, c_void_p]
    c.freedv_rawdatapostambletx.argtypes = [c_void_p, c_void_p]
    c.freedv_rawdatarx.argtypes = [c_void_p, c_void_p, c_void_p]
    c.freedv_get_modem_stats.argtypes = [c_void_p, POINTER(c_int), POINTER(c_float)]
    c.freedv_get_modem_stats.restype = None
    return c
