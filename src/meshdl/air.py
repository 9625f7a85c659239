"""The border between radio cores and modems: what a modem is from above, and what it reports.

A modem takes one burst at a time and says when it is over. A burst is one key-down: its
frames go out one after the other, in order. A frame is opaque octets; how they are framed
on the air (AX.25 on KISS, a FreeDV payload) is the modem's own matter. Everything above
reads :class:`ModemTraits` and never asks which modem it is.

What a modem is told stands in :mod:`meshdl.radio.keying`; what it reports stands here.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.ids import Callsign


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemTraits:
    """What a modem costs, hears and occupies.

    Attributes:
        name: for people and the log: ``AFSK 1200``, ``DATAC1``.
        payload_octets_max: longest frame it takes whole.
        payload_bps: rate at which payload goes out inside a frame.
        audio_low_hz: lowest audio frequency it sends (99 % of the power), measured.
        audio_high_hz: highest one, likewise.
        baud: symbols a second of one carrier.
        frame_overhead_s: added by every frame: flags, addresses, checksum, preamble.
        fixed_frames: a short frame takes as long as the longest, and arrives with zeros
            behind it.
        burst_overhead_s: added by every burst: key-up, preamble, postamble, tail.
        turnaround_s: from the end of a burst until it hears again.
        access_within_s: how long the modem itself may wait for a clear channel before it
            keys; 0 when it keys at once.
        half_duplex: deaf while it sends.
        measures_busy: reports :class:`CarrierChanged`.
        carries_sender: its frames tell who sends them (AX.25 addresses); otherwise the
            octets must.
        aborts_at_once: an abort unkeys in the middle of a frame. Otherwise what the modem has
            goes out, at most the rest of the burst.
        needs_snr_db: in 3 kHz, by the modem's own measure, so that most frames arrive over a path
            that fades; of a modem that cannot choose it does not matter.
    """

    name: str
    payload_octets_max: int
    payload_bps: float
    audio_low_hz: float
    audio_high_hz: float
    baud: float
    frame_overhead_s: float = 0.0
    fixed_frames: bool = False
    burst_overhead_s: float = 0.0
    turnaround_s: float = 0.0
    access_within_s: float = 0.0
    half_duplex: bool = True
    measures_busy: bool = False
    carries_sender: bool = False
    aborts_at_once: bool = False
    needs_snr_db: float = -math.inf

    def frame_s(self, octets: int) -> float:
        """Airtime of one frame with a payload of ``octets``, without the burst around it.

        Raises:
            ValueError: the modem takes no frame of that length.
        """
        if not 0 < octets <= self.payload_octets_max:
            raise ValueError(
                f"{self.name} takes frames of 1 to {self.payload_octets_max} octets, not {octets}"
            )
        sent = self.payload_octets_max if self.fixed_frames else octets
        return self.frame_overhead_s + 8 * sent / self.payload_bps

    def burst_s(self, lengths: Iterable[int]) -> float:
        """Airtime of one burst of frames of these lengths (octets), key-down to key-up.

        Raises:
            ValueError: as :meth:`frame_s`.
        """
        return self.burst_overhead_s + sum(map(self.frame_s, lengths))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeard:
    """One whole frame was received, its checksum right.

    Attributes:
        octets: the payload.
        at: its end, seconds on the driver's clock.
        sender: whose address the frame has, where frames have addresses. A hope: on the air
            anybody can send under any callsign.
        snr_db: signal to noise in 3 kHz, where the modem measures it.
        mode: the one it came in, as in :attr:`ModemTraits.name`, of a modem that hears others
            than it sends; empty when it came in the modem's own.
    """

    octets: bytes
    at: float
    sender: Callsign | None = None
    snr_db: float | None = None
    mode: str = ""


@dataclass(frozen=True, slots=True)
class CarrierChanged:
    """The channel became busy or free. Our own bursts do not count."""

    busy: bool


@dataclass(frozen=True, slots=True)
class BurstEnded:
    """The burst with this serial is over and the transmitter is unkeyed.

    Attributes:
        frames: how many were sent whole, of a burst that was curtailed; ``None``: all, unless
            it was aborted.
    """

    serial: int
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class ModemUp:
    """The modem can be used; the first report, and again when it is back or set differently.

    Attributes:
        traits: of the mode that it sends in unless it is told another.
        others: of further modes that a burst may go out in.
    """

    traits: ModemTraits
    others: tuple[ModemTraits, ...] = ()

    @property
    def modes(self) -> tuple[ModemTraits, ...]:
        """All that it sends in."""
        return (self.traits, *self.others)

    def mode(self, name: str) -> ModemTraits | None:
        """The one of that name; its own where the name is empty; ``None``: it has no such mode."""
        found = (one for one in self.modes if one.name == name)
        return next(found, None) if name else self.traits


@dataclass(frozen=True, slots=True)
class ModemDown:
    """The modem is gone, and with it any burst that was on its way."""

    reason: str


ModemReport: TypeAlias = ModemUp | ModemDown | FrameHeard | CarrierChanged | BurstEnded
