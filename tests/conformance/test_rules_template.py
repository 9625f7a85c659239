"""The template of a rules profile in the guide is a profile, and the reference names what is so."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.radio.stations import AFSK, DATAC1, KA1ABC, US, traffic

from meshdl.radio.declaration import Control, Declaration, Sideband
from meshdl.radio.profile import Profile, parse
from meshdl.radio.rules import BRIEF_S, DIAL_TOLERANCE, Level, judge
from meshdl.radio.traffic import Purpose

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = (DOCS / "howto" / "write-a-rules-profile.md").read_text(encoding="utf-8")
RULES = (DOCS / "reference" / "radio-rules.md").read_text(encoding="utf-8")


def template(*, whole: bool) -> Profile:
    """As it stands, or with everything that is optional."""
    [text] = re.findall(r"(?s)```toml\n(.*?)```", GUIDE)
    if whole:
        text = re.sub(r'(?m)^# (?=\[|\w+ = |")', "", text)
    return parse(text)


@pytest.mark.parametrize("whole", [False, True])
def test_the_template_is_a_profile(whole: bool) -> None:
    profile = template(whole=whole)
    assert profile.name == "my-country"
    assert (profile.third_party is not None, "bulletin" in profile.purposes) == (whole, whole)


def test_another_countrys_rules_decide_there() -> None:
    station = Declaration(
        callsign=KA1ABC, profile=template(whole=False), licence_class="novice",
        control=Control.LOCAL, dial_hz=144_850_000, sideband=Sideband.FM,
    )  # fmt: skip
    assert judge(station, AFSK, traffic()).level is Level.LEGAL
    assert "§ 9, table 2" in judge(station, AFSK, traffic()).section
    hf = replace(station, dial_hz=14_100_000, sideband=Sideband.USB)
    assert judge(hf, DATAC1, traffic()).level is Level.BLOCKED
    assert judge(replace(hf, licence_class="full"), DATAC1, traffic()).level is Level.LEGAL
    for refused in (
        traffic(purpose=Purpose.BULLETIN, declared=True),
        traffic(third_party=True),
        traffic(purpose=Purpose.TEST),
    ):
        assert judge(station, AFSK, refused).level is Level.BLOCKED
    unattended = replace(station, control=Control.AUTOMATIC)
    assert judge(unattended, AFSK, traffic()).level is Level.LEGAL
    elsewhere = replace(unattended, dial_hz=145_500_000)
    assert judge(elsewhere, AFSK, traffic()).section == "§ 10"


def test_the_reference_tells_limits_as_they_are() -> None:
    assert f"({BRIEF_S:.0f} s at most)" in RULES
    assert f"within {DIAL_TOLERANCE * 1e6:.0f} ppm" in RULES
    cited = set(re.findall(r"97\.\d+", RULES))
    sections = [US.licensing.section, US.obscured.section, US.beacons.section, US.edges.section]
    sections += [one.section for one in (*US.privileges.all, *US.data.all, *US.automatic.all)]
    assert {found for one in sections for found in re.findall(r"97\.\d+", one)} <= cited
