"""What the station log tells of the radio, as the control API shows it.

Beside the entry's own fields: its callsign is the other station's (whom it was sent to, or who
sent it), its content hash and octets are what it carried, its direction is sent or received.
"""

from typing import Literal, TypeAlias

import msgspec

RadioEventName: TypeAlias = Literal[
    "transmission",
    "ended",
    "reception",
    "refusal",
    "switch",
    "emergency",
    "unidentified",
    "log",
]


class RadioFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event on the air. Fields that do not apply are left out.

    Attributes:
        event: what happened; see ``docs/reference/station-log.md``.
        burst: serial that a transmission and its end have in common.
        own_call: ours, of what we sent or did not send.
        to: for which station.
        asked_by: whose request it answered.
        control_operator: who was in charge.
        control: local, remote or automatic.
        dial_hz: what the rig showed.
        modem: its name.
        width_hz: occupied bandwidth.
        duration_s: airtime; of a transmission computed, of its end measured.
        power_w: as configured.
        snr_db: of a reception, where measured.
        purpose: why it was sent.
        precedence: its precedence.
        third_party: it carried a third party's message.
        chunks: which chunks of the content.
        octets_before: of content, before compression.
        octets_after: the same, as sent.
        frames: payloads as they went over the air, base64 in JSON.
        verdict: LEGAL, WARNING or BLOCKED.
        section: of the law that decided.
    """

    event: RadioEventName
    burst: int | None = None
    own_call: str | None = None
    to: str | None = None
    asked_by: str | None = None
    control_operator: str | None = None
    control: str | None = None
    dial_hz: int | None = None
    modem: str | None = None
    width_hz: float | None = None
    duration_s: float | None = None
    power_w: float | None = None
    snr_db: float | None = None
    purpose: str | None = None
    precedence: str | None = None
    third_party: bool = False
    chunks: tuple[int, ...] = ()
    octets_before: int | None = None
    octets_after: int | None = None
    frames: tuple[bytes, ...] = ()
    verdict: str | None = None
    section: str | None = None
