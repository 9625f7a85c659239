"""What the station log keeps of the radio: one value for everything that happened on the air.

The station stamps it with UTC and chains it to the record before; see
``docs/reference/station-log.md``.
"""

import enum
from dataclasses import dataclass

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign, ContentHash
from meshdl.radio.declaration import Control


class RadioEvent(enum.Enum):
    """What happened."""

    TRANSMISSION = "transmission"
    """A burst is about to be keyed. Written before, or nothing is keyed."""
    ENDED = "ended"
    """What became of that burst."""
    RECEPTION = "reception"
    REFUSAL = "refusal"
    """The rules refused a traffic."""
    SWITCH = "switch"
    """The radio was switched off or on, by the operator or by a fault."""
    EMERGENCY = "emergency"
    """An emergency was declared or ended."""
    UNIDENTIFIED = "unidentified"
    """A communication ended without our callsign, and why."""
    LOG = "log"
    """The log works again after a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioRecord:
    """One record. Fields that do not apply keep their defaults.

    Attributes:
        event: what happened.
        burst: serial that a transmission and its end have in common; 0 for others.
        callsign: whose emission: ours, or the sender's.
        to: for which station.
        asked_by: whose request it answered.
        control_operator: who was in charge.
        control: how the station was controlled.
        dial_hz: what the rig showed.
        modem: its name.
        width_hz: occupied bandwidth.
        duration_s: airtime; of a transmission computed, of its end measured.
        power_w: as configured.
        snr_db: of a reception, where measured.
        purpose: why it was sent.
        precedence: its precedence.
        third_party: it carried a third party's message.
        content: which content it was about.
        chunks: which chunks.
        octets_before: of content, before compression.
        octets_after: the same, as sent.
        frames: payloads, so that what was sent can be read again (47 CFR 97.309(b)(3)).
        verdict: LEGAL, WARNING or BLOCKED.
        section: of the law that decided.
        text: for people.
    """

    event: RadioEvent
    burst: int = 0
    callsign: Callsign | None = None
    to: Callsign | None = None
    asked_by: Callsign | None = None
    control_operator: Callsign | None = None
    control: Control | None = None
    dial_hz: int | None = None
    modem: str = ""
    width_hz: float | None = None
    duration_s: float | None = None
    power_w: float | None = None
    snr_db: float | None = None
    purpose: str = ""
    precedence: Precedence | None = None
    third_party: bool = False
    content: ContentHash | None = None
    chunks: tuple[int, ...] = ()
    octets_before: int = 0
    octets_after: int = 0
    frames: tuple[bytes, ...] = ()
    verdict: str = ""
    section: str = ""
    text: str = ""
