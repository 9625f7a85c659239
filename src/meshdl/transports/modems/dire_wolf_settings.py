"""What a Dire Wolf of ours is told: its command line and its configuration.

It is given no port on the network. Whoever reaches one of those transmits under the station's
callsign, and Dire Wolf listens on all interfaces. It speaks KISS over a pseudo terminal
instead, which nobody but its user can open.

PTT is never Dire Wolf's: a pin that it raised may stay up when it is killed. So its own method
is the one for VOX, none.

Sources: Dire Wolf User Guide 1.6 and 1.7; ``config.c`` of both.
"""

import re
from dataclasses import dataclass, field, replace

from meshdl.air import ModemTraits
from meshdl.transports.modems.tnc import TncSettings

SAMPLE_RATE_HZ = 48_000
"""Five samples a symbol at 9600 baud; all sound cards have it."""

ARGUMENTS = (
    *("-t", "0", "-q", "d", "-q", "h", "-a", "0", "-d", "o"),
    *("-L", "/dev/null", "-c", "/dev/stdin"),
)
"""No colours, no decoded APRS, no levels, no statistics; outputs are printed.

Nothing is logged: what is printed of the log is wanted, see :mod:`.dire_wolf_lines`.
"""

DEVICE_DEFAULT = "default"

_DEVICE = re.compile(r"[!#-&(-~]{1,200}")
"""No space, no quote, no line end: those mean something in the configuration."""

_MS = 10
"""Its times are in hundredths of a second."""


def is_device(text: str) -> bool:
    """Whether it can stand in the configuration."""
    return _DEVICE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class DireWolfSettings:
    """One Dire Wolf with one radio.

    Attributes:
        tnc: times and waveform. Its persistence and port mean nothing here: when to key is
            decided by the station, and there is one port.
        audio_input: of ALSA: ``plughw:1,0``; or ``UDP:PORT``.
        audio_output: of ALSA.
        program: by name, looked for in the usual places, or by path.

    Raises:
        ValueError: a name of a device that cannot be said to Dire Wolf.
    """

    tnc: TncSettings = field(default_factory=TncSettings)
    audio_input: str = DEVICE_DEFAULT
    audio_output: str = DEVICE_DEFAULT
    program: str = "direwolf"

    def __post_init__(self) -> None:
        for device in (self.audio_input, self.audio_output):
            if not is_device(device):
                raise ValueError(f"{device!r:.60} is no sound device: like plughw:1,0")

    @property
    def traits(self) -> ModemTraits:
        """The modem from above."""
        return replace(
            self.tnc.traits, access_within_s=0.0, measures_busy=True, aborts_at_once=True
        )

    def configuration(self, line: str) -> str:
        """For a Dire Wolf that speaks KISS over this terminal line."""
        tnc = self.tnc
        return (
            f"ADEVICE {self.audio_input} {self.audio_output}\n"
            f"ARATE {SAMPLE_RATE_HZ}\nACHANNELS 1\nCHANNEL 0\nMYCALL NOCALL\n"
            f"MODEM {tnc.waveform.baud:.0f}\n"
            f"TXDELAY {_in_units(tnc.txdelay_ms)}\nTXTAIL {_in_units(tnc.txtail_ms)}\n"
            # The station throws the dice; Dire Wolf only looks once more before it keys.
            f"SLOTTIME {_in_units(tnc.slot_time_ms)}\nPERSIST 255\nDWAIT 0\nFULLDUP OFF\n"
            # A frame that it repaired by guessing has no right checksum.
            "FIX_BITS 0\n"
            "AGWPORT 0\nKISSPORT 0\nDNSSD 0\n"
            f"SERIALKISS {line}\n"
        )


def _in_units(time_ms: float) -> int:
    return round(time_ms / _MS)
