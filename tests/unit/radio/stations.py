"""Modems and declarations that the tests of the radio rooms share."""

from dataclasses import replace
from typing import Any

from meshdl.air import ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio import profiles
from meshdl.radio.declaration import Control, Declaration, Sideband
from meshdl.radio.traffic import Purpose, Traffic

US = profiles.load("us-part97")

KA1ABC, N0AAA = Callsign("KA1ABC"), Callsign("N0AAA")

DATAC1 = ModemTraits(
    name="DATAC1", payload_octets_max=510, payload_bps=976.0, audio_low_hz=660.0,
    audio_high_hz=2340.0, baud=42.0, fixed_frames=True, burst_overhead_s=0.5,
)  # fmt: skip
DATAC13 = ModemTraits(
    name="DATAC13", payload_octets_max=14, payload_bps=57.0, audio_low_hz=1367.0,
    audio_high_hz=1629.0, baud=42.0, fixed_frames=True, burst_overhead_s=0.5,
)  # fmt: skip
AFSK = ModemTraits(
    name="AFSK 1200", payload_octets_max=256, payload_bps=1200.0, audio_low_hz=900.0,
    audio_high_hz=2500.0, baud=1200.0, frame_overhead_s=0.15, burst_overhead_s=0.4,
)  # fmt: skip

HF = Declaration(
    callsign=KA1ABC, profile=US, licence_class="general", control=Control.LOCAL,
    dial_hz=14_103_000, sideband=Sideband.USB,
)  # fmt: skip
VHF = replace(HF, dial_hz=145_010_000, sideband=Sideband.FM, licence_class="technician")


def traffic(*frames: bytes, purpose: Purpose = Purpose.EXCHANGE, **facts: Any) -> Traffic:
    """Something lawful to send: to N0AAA unless told otherwise."""
    facts.setdefault("to", N0AAA if purpose is Purpose.EXCHANGE else None)
    return Traffic(frames=frames or (b"hello",), purpose=purpose, **facts)


def routine(text: bytes = b"chunk", **facts: Any) -> Traffic:
    """Some of it that can wait."""
    return traffic(text, **facts)


def emergency(text: bytes = b"help", **facts: Any) -> Traffic:
    """Some of it that cannot."""
    return traffic(text, precedence=Precedence.EMERGENCY, **facts)
