"""What a TNC is set to, and what it costs: from a few settings to honest traits."""

import math
from dataclasses import dataclass
from functools import cached_property

from meshdl.air import ModemTraits
from meshdl.wire import kiss

FRAME_OCTETS = 18 + 2
"""Two addresses, control, protocol identifier; checksum and one flag (AX.25 2.2, 3)."""

STUFFED = 63 / 62
"""Random octets get a zero bit stuffed in every 62 bits (after five ones: 3.6)."""

ACCESS_MISSED = 0.05
"""How often the TNC may wait for the channel longer than its traits say: p-persistence has
no upper bound."""

_LEAD_OCTETS = 2
"""Flags around a burst beside those of its frames."""


def stuffed_bits(octets: bytes) -> int:
    """Zero bits that go in, one after every five ones; octets go out low bit first."""
    bits = f"{int.from_bytes(octets, 'little'):b}"[::-1]
    return bits.count("11111")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """How a TNC modulates.

    Attributes:
        name: for people, and in the log.
        baud: also bits a second, of both that are here.
        audio_low_hz, audio_high_hz: what it occupies, 99 % of the power; of Dire Wolf's sound
            at 48 kHz, rounded outwards to 10 Hz (``python -m bench tnc_audio``).
    """

    name: str
    baud: float
    audio_low_hz: float
    audio_high_hz: float


AFSK_1200 = Waveform(name="AFSK 1200", baud=1200, audio_low_hz=530, audio_high_hz=2900)
"""Bell 202: tones of 1200 and 2200 Hz, and what shifting between them costs."""

G3RUH_9600 = Waveform(name="G3RUH 9600", baud=9600, audio_low_hz=10, audio_high_hz=7240)
"""Scrambled baseband into the modulator of an FM transmitter. Its filter is the sender's choice:
a TNC with a sharper one occupies less, down to 4800 Hz."""


@dataclass(frozen=True, kw_only=True)
class TncSettings:
    """One port of a TNC.

    Attributes:
        port: of the TNC, 0 to 15.
        payload_octets_max: 256 is what every AX.25 station takes (N1); up to 1000 where
            all stations of the channel do.
        txdelay_ms: from keying to the first flag.
        txtail_ms: from the last octet to unkeying.
        slot_time_ms: between two looks at the channel.
        persistence: probability of keying in a free slot.
        ahead_s: of a TNC that takes frames while it sends: how much airtime it is given in
            advance, so that an abort forgets the rest. Too little, or a TNC that does not,
            and a burst falls into several key-downs. Infinite: a burst is given whole.

    Raises:
        ValueError: a setting that a TNC cannot take.
    """

    waveform: Waveform = AFSK_1200
    port: int = 0
    payload_octets_max: int = 256
    txdelay_ms: float = 300
    txtail_ms: float = 30
    slot_time_ms: float = 50
    persistence: float = 0.5
    ahead_s: float = math.inf

    def __post_init__(self) -> None:
        if not 14 <= self.payload_octets_max <= 1000:
            raise ValueError(f"payloads of {self.payload_octets_max} octets; 14 to 1000 are sent")
        if not self.ahead_s > 0:
            raise ValueError(f"{self.ahead_s} s are no airtime to give in advance")
        # What cannot be said in KISS is refused now and not when the TNC is there.
        self.commands()

    def commands(self) -> bytes:
        """What the TNC is told before anything else."""
        return b"".join(
            (
                kiss.encode_txdelay(self.txdelay_ms, port=self.port),
                kiss.encode_persistence(self.persistence, port=self.port),
                kiss.encode_slot_time(self.slot_time_ms, port=self.port),
                kiss.encode_txtail(self.txtail_ms, port=self.port),
                kiss.encode_full_duplex(full_duplex=False, port=self.port),
            )
        )

    @cached_property
    def traits(self) -> ModemTraits:
        """The modem from above; rates are those of random octets."""
        waveform = self.waveform
        octet_s = 8 * STUFFED / waveform.baud
        return ModemTraits(
            name=waveform.name,
            payload_octets_max=self.payload_octets_max,
            payload_bps=8 / octet_s,
            audio_low_hz=waveform.audio_low_hz,
            audio_high_hz=waveform.audio_high_hz,
            baud=waveform.baud,
            frame_overhead_s=FRAME_OCTETS * octet_s,
            burst_overhead_s=(self.txdelay_ms + self.txtail_ms) / 1000 + _LEAD_OCTETS * octet_s,
            turnaround_s=self.txtail_ms / 1000,
            access_within_s=self._access_within_s(),
            carries_sender=True,
        )

    def frame_s(self, payload: bytes) -> float:
        """Airtime of this very frame."""
        around = FRAME_OCTETS * 8 * STUFFED
        return (around + 8 * len(payload) + stuffed_bits(payload)) / self.waveform.baud

    def _access_within_s(self) -> float:
        if self.persistence >= 1:
            return self.slot_time_ms / 1000
        slots = math.ceil(math.log(ACCESS_MISSED) / math.log1p(-self.persistence))
        return slots * self.slot_time_ms / 1000
