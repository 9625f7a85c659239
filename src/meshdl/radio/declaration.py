"""What the operator has declared: who answers for the transmitter, and on which terms.

Nothing here is ever guessed. What is missing keeps the station silent.
"""

import enum
from dataclasses import dataclass

from meshdl.air import ModemTraits
from meshdl.ids import Callsign
from meshdl.radio.profile import Profile


class Control(enum.Enum):
    """How the transmitter is controlled (47 CFR 97.109, 97.3(a))."""

    LOCAL = "local"
    """The operator is at the transmitter."""
    REMOTE = "remote"
    """The operator attends, by a control link."""
    AUTOMATIC = "automatic"
    """Nobody attends; the program keeps the rules."""


class Sideband(enum.Enum):
    """How the rig turns audio into a signal."""

    USB = "usb"
    LSB = "lsb"
    FM = "fm"


@dataclass(frozen=True, slots=True)
class Occupied:
    """The spectrum that an emission takes, Hz."""

    low_hz: float
    high_hz: float

    @property
    def width_hz(self) -> float:
        """Occupied bandwidth."""
        return self.high_hz - self.low_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One transmitter, as its operator describes it.

    Attributes:
        callsign: of the licence, without SSID.
        air_callsign: the same with the SSID that tells our stations apart, if there is one.
        profile: the country's rules; ``None`` when the operator named none.
        licence_class: of the control operator, in the profile's words.
        control: how the station is controlled.
        control_operator: the callsign of who is in charge of the emission.
        dial_hz: what the rig shows: the suppressed carrier, or the centre in FM.
        rig: dial and sideband are read from the rig before each burst; see
            :mod:`meshdl.radio.rig_dial`.
        sideband: how the rig sends the modem's audio.
        deviation_hz: peak deviation in FM.
        power_w: transmitter power, for the log alone.
    """

    callsign: Callsign
    profile: Profile | None = None
    licence_class: str | None = None
    control: Control | None = None
    control_operator: Callsign | None = None
    dial_hz: int | None = None
    rig: bool = False
    sideband: Sideband = Sideband.USB
    deviation_hz: float = 5_000.0
    power_w: float | None = None
    air_callsign: Callsign | None = None

    def identity(self) -> Callsign:
        """The callsign as it is said on the air."""
        return self.air_callsign or self.callsign

    def missing(self) -> tuple[str, ...]:
        """Settings that must be there before anything is transmitted."""
        needed: tuple[tuple[str, object], ...] = (
            ("rules", self.profile),
            ("licence_class", self.licence_class),
            ("control", self.control),
            ("dial_hz", self.dial_hz),
        )
        told = {"dial_hz"} if self.rig else set()
        return tuple(
            f"radio.{name}" for name, value in needed if value is None and name not in told
        )

    @property
    def attended(self) -> bool:
        """Whether somebody is at the controls, here or by a link; said in every WANT."""
        return self.control in {Control.LOCAL, Control.REMOTE}

    def in_charge(self) -> Callsign:
        """The control operator; the licensee when no other is named (97.103(b))."""
        return self.control_operator or self.callsign

    def occupied(self, traits: ModemTraits) -> Occupied | None:
        """Where an emission of this modem lies; ``None`` without a dial.

        In FM by Carson's rule: twice the deviation and the highest audio frequency.
        """
        if self.dial_hz is None:
            return None
        match self.sideband:
            case Sideband.USB:
                low, high = traits.audio_low_hz, traits.audio_high_hz
            case Sideband.LSB:
                low, high = -traits.audio_high_hz, -traits.audio_low_hz
            case Sideband.FM:
                high = self.deviation_hz + traits.audio_high_hz
                low = -high
        return Occupied(self.dial_hz + low, self.dial_hz + high)
