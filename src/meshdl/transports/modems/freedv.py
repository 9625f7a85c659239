"""FreeDV data modes: bursts of frames to sound, and sound to frames.

Theory of operation
===================

A burst is a preamble, frames, a postamble. Every frame has the mode's fixed length; a
shorter payload is filled with zeros. How many frames come is said nowhere, and the library
would follow noise for ever after the last one. So after each frame the receiver looks for
the postamble where it must be (:mod:`.postamble`), and lets go when it is there:

    SEARCHING --preamble--> FOLLOWING --postamble, or too many failed frames--> SEARCHING
        '------postamble--> LAST FRAME --its end-------------------------------->'

By a postamble that it finds while searching, the library steps back and reads the last
frame of a burst whose preamble was lost.

Where even the postamble is lost, the receiver gives up after one failed frame if it has read
none in this burst, and otherwise after ``FAILURES_MAX`` in a row.

Looking for preambles costs the library far more than following frames. So it sleeps, in every
mode, until a cheap search (:mod:`.burst_search`) suspects something of that mode; then it hears
the sound again from a little before that, as far as it believes in it. While a burst is being
read in one mode, all else rests; a station would not understand two at once anyway.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from meshdl.transports.modems.burst_search import (
    HEAR_AFTER_SAMPLES,
    HOP_SAMPLES,
    LOOK_BACK_SAMPLES,
    BurstSearch,
    Suspicion,
)
from meshdl.transports.modems.codec2 import Codec2, Samples, Step, Waveform, load
from meshdl.transports.modems.freedv_modes import (
    AMBLE_SAMPLES,
    FRAME_SAMPLES,
    FREEDV_TRAITS,
    PAYLOAD_OCTETS,
    FreedvMode,
)
from meshdl.transports.modems.postamble import PostambleDetector

FAILURES_MAX = 2
"""Frames in a row that a burst may lose. More patience would be deafness for the next one."""

STEPS_WITHOUT_SOUND_MAX = 256
"""After a postamble the library looks back at one frame, 47 steps at most."""

_FRAME_END_LAG_SAMPLES = {
    FreedvMode.DATAC0: 1_280,
    FreedvMode.DATAC1: 1_280,
    FreedvMode.DATAC3: 1_280,
    FreedvMode.DATAC4: 1_330,
    FreedvMode.DATAC13: 1_330,
}
"""So much sound has come after a frame when the library tells of it. Measured."""

RECENT_SAMPLES = 4_000
"""What is kept of the sound, to look for a postamble in it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame whose checksum is right.

    Attributes:
        mode: it came in.
        octets: all of the mode's payload, with whatever zeros its sender filled in.
        snr_db: in 3 kHz, as the library estimates it.
    """

    mode: FreedvMode
    octets: bytes
    snr_db: float


class FreedvSender:
    """Makes the sound of bursts in one mode."""

    def __init__(self, mode: FreedvMode, library: Codec2 | None = None) -> None:
        self.mode = mode
        self._waveform = _open(mode, library)

    def burst(self, frames: Iterable[bytes]) -> Iterator[Samples]:
        """The sound of a burst, a piece at a time, so that a long one can begin at once.

        Args:
            frames: each of 1 to the mode's payload in octets. A shorter one than that is
                filled with zeros. One is taken when the sound before it is used up.
        """
        yield self._waveform.preamble()
        for frame in frames:
            yield self._waveform.frame(frame.ljust(self._waveform.payload_octets, b"\0"))
        yield self._waveform.postamble()

    def close(self) -> None:
        """Give its memory back."""
        self._waveform.close()


class FreedvReceiver:
    """Hears several modes at once. Fed by one thread at a time.

    Args:
        modes: to listen for.
    """

    def __init__(self, modes: Collection[FreedvMode], library: Codec2 | None = None) -> None:
        # In the enum's order, so that one input gives one output.
        self._modes = {mode: _ModeReceiver(mode, library) for mode in FreedvMode if mode in modes}
        self._search = BurstSearch({mode: one.ambles for mode, one in self._modes.items()})
        self._kept = np.zeros(0, np.int16)
        self._taken = 0

    @property
    def busy(self) -> bool:
        """Whether a FreeDV signal is on the channel."""
        return any(one.following for one in self._modes.values())

    def feed(self, samples: Samples) -> list[Heard]:
        """Take any amount of sound; the frames that ended in it."""
        pieces = range(0, len(samples), HOP_SAMPLES)
        return [heard for at in pieces for heard in self._feed(samples[at : at + HOP_SAMPLES])]

    def close(self) -> None:
        """Give its memory back."""
        for one in self._modes.values():
            one.close()

    def _feed(self, piece: Samples) -> list[Heard]:
        self._kept = np.concatenate((self._kept, piece))[-LOOK_BACK_SAMPLES:]
        self._taken += len(piece)
        reading = [one for one in self._modes.values() if one.reading]
        if reading:
            self._search.rest(piece)
        else:
            for suspicion in self._search.feed(piece):
                self._modes[suspicion.mode].wake(suspicion)
        awake = reading[:1] or [one for one in self._modes.values() if one.awake]
        return [heard for one in awake for heard in one.feed(self._since(one.heard_to))]

    def _since(self, at: int) -> Samples:
        """The sound from there on."""
        return self._kept[max(0, len(self._kept) - (self._taken - at)) :]


class _ModeReceiver:
    """Finds and follows the bursts of one mode, one at a time.

    Attributes:
        ambles: preamble and postamble.
        heard_to: up to where it has heard the sound.
    """

    def __init__(self, mode: FreedvMode, library: Codec2 | None) -> None:
        self._mode = mode
        self._waveform = _open(mode, library)
        self.ambles = self._waveform.preamble(), self._waveform.postamble()
        self._postamble = PostambleDetector(self.ambles[1], FREEDV_TRAITS[mode])
        self._lag = _FRAME_END_LAG_SAMPLES[mode]
        self._waiting = np.zeros(0, np.int16)
        self._recent = np.zeros(RECENT_SAMPLES, np.int16)
        self.heard_to = self._wakes_until = 0
        self._search()

    @property
    def following(self) -> bool:
        """Whether a burst is there: its unique word was right, its last frame too."""
        return self._confirmed and not self._failures

    @property
    def reading(self) -> bool:
        """Whether it is certain: a frame of it was read."""
        return self.following and self._frames > 0

    @property
    def awake(self) -> bool:
        """Whether it wants to hear more."""
        return self.heard_to < self._wakes_until

    def wake(self, suspicion: Suspicion) -> None:
        """Hear at least this stretch."""
        begin = max(0, suspicion.begin)
        if begin > self.heard_to:
            self.heard_to, self._waiting = begin, np.zeros(0, np.int16)
        self._wakes_until = max(self._wakes_until, suspicion.end)

    def feed(self, samples: Samples) -> list[Heard]:
        """The frames that ended in this sound."""
        self._waiting = np.concatenate((self._waiting, samples))
        self.heard_to += len(samples)
        heard = []
        steps_without_sound = 0
        while (wanted := self._waveform.wanted_samples) <= len(self._waiting):
            steps_without_sound = steps_without_sound + 1 if wanted == 0 else 0
            assert steps_without_sound <= STEPS_WITHOUT_SOUND_MAX, "libcodec2 takes no more sound"
            taken, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
            self._recent = np.concatenate((self._recent, taken))[-RECENT_SAMPLES:]
            step = self._waveform.demodulate(taken)
            self._follow(step)
            # Or it would find the old burst's end in what it remembers, when it wakes.
            if step.synced or step.from_postamble:
                self._wakes_until = max(self._wakes_until, self.heard_to + HEAR_AFTER_SAMPLES)
            if step.octets is not None:
                heard.append(Heard(self._mode, step.octets, step.snr_db))
        return heard

    def close(self) -> None:
        """Give its memory back."""
        self._waveform.close()

    def _search(self) -> None:
        self._confirmed = self._from_postamble = False
        self._frames = self._failures = 0

    def _follow(self, step: Step) -> None:
        if not step.synced:
            self._search()
            self._from_postamble = step.from_postamble
            self._waveform.end_after(1 if step.from_postamble else 0)
            return
        self._confirmed = step.confirmed
        if step.octets is not None:
            self._frames, self._failures = self._frames + 1, 0
        elif step.failed:
            self._failures += 1
        else:
            return
        # From a postamble it must come out of its memory by itself, after this one frame.
        if not self._from_postamble and self._is_over():
            self._waveform.let_go()
            self._search()

    def _is_over(self) -> bool:
        if self._failures >= (FAILURES_MAX if self._frames else 1):
            return True
        return self._postamble.found_in(self._recent, len(self._recent) - self._lag)


def _open(mode: FreedvMode, library: Codec2 | None) -> Waveform:
    waveform = Waveform(library or load(), mode.value)
    assert waveform.payload_octets == PAYLOAD_OCTETS[mode]
    assert waveform.frame_samples == FRAME_SAMPLES[mode]
    assert waveform.preamble_samples == waveform.postamble_samples == AMBLE_SAMPLES
    return waveform
