"""What Dire Wolf prints that a station must know: carrier, key, and that it is ready.

With ``-d o`` it prints a line whenever one of its outputs changes, whether or not a pin
belongs to it: ``DCD 0 = 1``, ``PTT 0 = 0``. Several of its threads print, piece by piece, so
the end of a carrier can stand behind the beginning of another line. Frames, those of others
and our own, are printed too, their control characters escaped: a frame can forge the end of a
line, but never a line. So only a whole line keys; at the end of another one only a carrier's
end is believed, which harms nobody: Dire Wolf looks itself before it keys.

A frame that comes when it has just opened its line kills it. So it is ready when it speaks
of its log, which it opens after everything that sends.

Source: Dire Wolf 1.6 and 1.7, ``ptt.c``, ``log.c``, and the order of ``direwolf.c``.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

LINE_OCTETS_MAX = 32_768
"""A frame of 2048 octets, each escaped, is shorter. Of a longer line the end counts."""

LAST_WORDS = 3
LAST_WORDS_LENGTH_MAX = 160

_WHOLE = re.compile(rb"(DCD|PTT) 0 = ([01])")
_CARRIER_ENDED = b"DCD 0 = 0"
_READY = b'Log file is "/dev/null"'
_NO_SOUND = b"Pointless to continue without audio device."
_FRAME = b"["


@dataclass(frozen=True, slots=True)
class Ready:
    """It takes frames."""


@dataclass(frozen=True, slots=True)
class CarrierSensed:
    """Its carrier detection changed."""

    busy: bool


@dataclass(frozen=True, slots=True)
class Keyed:
    """It began to send, or ended."""

    on: bool


@dataclass(frozen=True, slots=True)
class NoSound:
    """It has no sound device, and ends some seconds later."""


Said: TypeAlias = Ready | CarrierSensed | Keyed | NoSound


class DireWolfLines:
    """Splits what one Dire Wolf prints, and understands it."""

    def __init__(self) -> None:
        self._begun = b""
        self._words: deque[str] = deque(maxlen=LAST_WORDS)

    def feed(self, octets: bytes) -> list[Said]:
        """What follows from more octets."""
        *lines, self._begun = (self._begun + octets).split(b"\n")
        self._begun = self._begun[-LINE_OCTETS_MAX:]
        return [said for line in lines if (said := self._read(line.rstrip(b"\r"))) is not None]

    @property
    def last_words(self) -> str:
        """Its last lines that are neither of these nor frames; for people."""
        return "; ".join(self._words)

    def _read(self, line: bytes) -> Said | None:
        if whole := _WHOLE.fullmatch(line):
            on = whole[2] == b"1"
            return Keyed(on) if whole[1] == b"PTT" else CarrierSensed(on)
        if line.endswith(_CARRIER_ENDED):
            return CarrierSensed(False)
        if line == _READY:
            return Ready()
        if line == _NO_SOUND:
            return NoSound()
        text = line.decode("latin-1").strip()
        if text and not line.startswith(_FRAME):
            printable = "".join(one if one.isprintable() else "?" for one in text)
            self._words.append(printable[:LAST_WORDS_LENGTH_MAX])
        return None
