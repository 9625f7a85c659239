"""What somebody wants on the air, with everything that rules and log must know of it."""

import enum
from dataclasses import dataclass

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign, ContentHash

FRAMES_MAX = 4_096
"""Of one traffic: a 16 KiB leaf in the shortest frames there are, twice over."""


class Purpose(enum.Enum):
    """Why something is sent; each is a rule of the profile."""

    CALL = "call"
    """A brief call to establish two-way contact: CQ."""
    TEST = "test"
    """A brief transmission to adjust the station."""
    EXCHANGE = "exchange"
    """To or for a station: a request, an answer, an acknowledgement."""
    BULLETIN = "bulletin"
    """An information bulletin for amateurs, unasked, declared as such by the operator."""
    EMERGENCY = "emergency"
    """One-way emergency communications, while an emergency is declared."""
    IDENTIFICATION = "identification"
    """Our callsign. Only the transmitter sends it, by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Frames that belong together; they go out in order, in as few bursts as may be.

    Attributes:
        frames: payloads for the modem, each at most ``payload_octets_max``.
        mode: of the modem, which the frames were made for; empty: its own.
        purpose: why; the rules depend on it.
        precedence: in which order it is sent.
        cleartext: anybody with the published description can read it.
        to: the station it is for; ``None`` when it is for all.
        asked_by: whose request this answers; ``None`` when nobody asked.
        asker_attended: that station is under local or remote control, as it says.
        declared: the operator declared this very content as bulletin or emergency traffic.
        third_party: carries a message that did not originate with a licensed amateur.
        content: which content it is about.
        chunks: which chunks of it.
        octets_before: of the content in it, before compression.
        octets_after: the same, as sent.
        note: for the log: "CQ", "symbols 0-99 of leaf 3".
        withdraw_key: :class:`~meshdl.radio.keying.Withdraw` takes back all that have it.
    """

    frames: tuple[bytes, ...]
    purpose: Purpose
    precedence: Precedence = Precedence.ROUTINE
    cleartext: bool = True
    to: Callsign | None = None
    asked_by: Callsign | None = None
    asker_attended: bool = False
    declared: bool = False
    third_party: bool = False
    content: ContentHash | None = None
    chunks: tuple[int, ...] = ()
    octets_before: int = 0
    octets_after: int = 0
    note: str = ""
    withdraw_key: str = ""
    mode: str = ""
