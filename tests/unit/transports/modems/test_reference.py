"""``docs/reference/modems.md`` says of the modes what the program has measured."""

import re
from pathlib import Path

from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, NEEDS_SNR_DB, FreedvMode
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "modems.md"
MINUS = "\u2212"
ROW = re.compile(
    r"\| (DATAC\d+) \| (\d+) \| ([\d.]+) s \| (\d+) bit/s \| (\d+)\u2013(\d+) Hz"
    r" \| [\u2212\d.]+ dB \| [\u2212\d.]+ dB \| ([\u2212\d.]+) dB \|"
)


def test_the_table_of_modes_is_the_program_s() -> None:
    told = {
        found[1]: tuple(float(cell.replace(MINUS, "-")) for cell in found.groups()[1:])
        for found in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    }
    known = {
        mode.name: (
            float(traits.payload_octets_max),
            round(traits.frame_s(1), 2),
            float(round(traits.payload_bps)),
            traits.audio_low_hz,
            traits.audio_high_hz,
            NEEDS_SNR_DB[mode],
        )
        for mode, traits in FREEDV_TRAITS.items()
    }
    assert told == known
    assert len(told) == len(FreedvMode)


def test_what_tncs_occupy_is_the_program_s() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for mode, waveform in (("afsk-1200", AFSK_1200), ("g3ruh-9600", G3RUH_9600)):
        low_hz, high_hz = waveform.audio_low_hz, waveform.audio_high_hz
        assert f"| `{mode}` | {low_hz:.0f}\u2013{high_hz:.0f} Hz |" in page
