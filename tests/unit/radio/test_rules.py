"""What the United States' rules say of a station, a modem and a message."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.radio.stations import AFSK, DATAC1, DATAC13, HF, N0AAA, US, VHF, traffic

from meshdl.air import ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.declaration import Control, Declaration, Sideband
from meshdl.radio.profile import Profile, covered
from meshdl.radio.rules import Level, Verdict, judge
from meshdl.radio.traffic import Purpose


def at(khz: float, licence_class: str = "extra", control: Control = Control.LOCAL) -> Declaration:
    return replace(HF, dial_hz=round(khz * 1000), licence_class=licence_class, control=control)


def tones(low_hz: float, high_hz: float, baud: float = 100.0) -> ModemTraits:
    return replace(DATAC1, audio_low_hz=low_hz, audio_high_hz=high_hz, baud=baud)


def without(setting: str) -> Declaration:
    changes: dict[str, Any] = {setting: None}
    return replace(HF, **changes)


def level(declaration: Declaration, modem: ModemTraits = DATAC1, **facts: object) -> Level:
    return judge(declaration, modem, traffic(**facts)).level  # type: ignore[arg-type]


def test_an_exchange_in_a_data_segment_is_legal_and_says_by_which_sections() -> None:
    verdict = judge(HF, DATAC1, traffic())
    assert verdict.level is Level.LEGAL
    assert "97.111(a)(1)" in verdict.section
    assert "97.307(f)(3)" in verdict.section


@pytest.mark.parametrize("unset", ["profile", "licence_class", "control", "dial_hz"])
def test_a_station_receives_only_until_everything_is_declared(unset: str) -> None:
    verdict = judge(without(unset), DATAC1, traffic(), emergency=True)
    assert verdict.level is Level.BLOCKED
    assert ("radio.rules" if unset == "profile" else f"radio.{unset}") in verdict.reason


def test_obscured_content_is_refused_even_in_an_emergency() -> None:
    verdict = judge(
        HF,
        DATAC1,
        traffic(cleartext=False, precedence=Precedence.EMERGENCY),
        emergency=True,
    )
    assert (verdict.level, verdict.section) == (Level.BLOCKED, "97.113(a)(4)")


@pytest.mark.parametrize(
    ("khz", "licence_class", "expected"),
    [
        (3_580, "general", Level.LEGAL),
        (3_522, "general", Level.BLOCKED),  # 97.301(d) begins at 3.525
        (3_510, "extra", Level.LEGAL),
        (3_610, "extra", Level.BLOCKED),  # 75 m: no data
        (7_030, "advanced", Level.LEGAL),
        (7_124, "extra", Level.BLOCKED),  # would reach beyond 7.125
        (7_200, "extra", Level.BLOCKED),
        (10_140, "general", Level.LEGAL),
        (5_357, "extra", Level.BLOCKED),  # 60 m is closed in this profile
        (14_020, "general", Level.BLOCKED),
        (14_020, "extra", Level.LEGAL),
        (14_160, "extra", Level.BLOCKED),
        (18_105, "general", Level.LEGAL),
        (18_108, "general", Level.BLOCKED),
        (21_090, "technician", Level.BLOCKED),
        (28_120, "technician", Level.LEGAL),
        (28_400, "technician", Level.BLOCKED),
        (28_120, "novice", Level.LEGAL),
        (50_050, "extra", Level.BLOCKED),  # CW only below 50.1
        (144_050, "extra", Level.BLOCKED),
        (147_999, "extra", Level.BLOCKED),
        (27_000, "extra", Level.BLOCKED),
    ],
)
def test_segments_are_those_of_the_law(khz: float, licence_class: str, expected: Level) -> None:
    assert level(at(khz, licence_class)) is expected


def test_the_occupied_range_counts_and_not_the_dial() -> None:
    # The dial lies outside the band, the emission inside; and the other way round.
    assert level(at(13_999.5), tones(1_000, 2_000)) is Level.LEGAL
    assert level(at(14_149), tones(500, 1_500)) is Level.BLOCKED


def test_the_lower_sideband_lies_below_the_dial() -> None:
    lower = replace(at(14_151), sideband=Sideband.LSB)
    assert level(lower, tones(1_200, 2_200)) is Level.LEGAL
    assert level(lower, tones(800, 2_200)) is Level.BLOCKED


def test_fm_takes_the_deviation_too() -> None:
    assert VHF.occupied(AFSK).width_hz == 15_000  # type: ignore[union-attr]
    assert level(VHF, AFSK) is Level.LEGAL
    wide = judge(replace(VHF, deviation_hz=8_000.0), AFSK, traffic())
    assert (wide.level, "97.307(f)(5)" in wide.section) == (Level.BLOCKED, True)


def test_widths_and_rates_are_capped_by_band() -> None:
    assert level(HF, tones(100, 2_900)) is Level.LEGAL
    assert level(HF, tones(100, 2_901)) is Level.BLOCKED
    assert level(HF, tones(100, 2_900, baud=5_000)) is Level.LEGAL  # no limit on HF since 2024
    fast = replace(AFSK, baud=19_601.0)
    assert level(VHF, fast) is Level.BLOCKED
    assert level(replace(VHF, dial_hz=223_500_000), fast) is Level.LEGAL


@pytest.mark.parametrize("licence_class", ["extra", "Extra", "full", ""])
def test_a_class_that_the_rules_do_not_know_has_no_privileges(licence_class: str) -> None:
    known = licence_class in US.classes
    assert (level(at(14_100, licence_class)) is Level.LEGAL) is known


# -- What for -----------------------------------------------------------------------------


def test_octets_for_nobody_are_a_broadcast() -> None:
    verdict = judge(HF, DATAC1, traffic(to=None))
    assert (verdict.level, verdict.section) == (Level.BLOCKED, "97.113(b)")
    assert level(HF, to=None, asked_by=N0AAA) is Level.LEGAL


@pytest.mark.parametrize("purpose", [Purpose.BULLETIN, Purpose.EMERGENCY])
def test_what_is_sent_unasked_is_declared_by_the_operator(purpose: Purpose) -> None:
    assert level(HF, purpose=purpose) is Level.BLOCKED
    assert level(HF, purpose=purpose, declared=True) is Level.LEGAL


@pytest.mark.parametrize("purpose", [Purpose.CALL, Purpose.TEST])
def test_a_call_is_brief(purpose: Purpose) -> None:
    short, long = (b"c" * 510,), (b"c" * 510,) * 8
    assert judge(HF, DATAC1, traffic(*short, purpose=purpose)).level is Level.LEGAL
    assert judge(HF, DATAC1, traffic(*long, purpose=purpose)).level is Level.BLOCKED


# -- Automatic control ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "khz", [3_585, 7_100, 10_141, 14_095, 14_101, 18_105, 21_091, 24_925, 28_121, 50_200, 145_000]
)
def test_automatic_control_may_begin_contacts_where_the_law_says_so(khz: float) -> None:
    automatic = at(khz, control=Control.AUTOMATIC)
    assert level(automatic, purpose=Purpose.CALL) is Level.LEGAL
    assert level(automatic) is Level.LEGAL


def test_elsewhere_automatic_control_only_answers_the_attended_and_narrowly() -> None:
    automatic = at(14_080, control=Control.AUTOMATIC)
    asked = {"asked_by": N0AAA, "asker_attended": True}
    assert level(automatic, DATAC13, **asked) is Level.LEGAL
    assert level(automatic, DATAC1, **asked) is Level.BLOCKED
    assert level(automatic, DATAC13, asked_by=N0AAA) is Level.BLOCKED
    assert level(automatic, DATAC13, purpose=Purpose.CALL) is Level.BLOCKED
    verdict = judge(automatic, DATAC13, traffic(purpose=Purpose.CALL))
    assert verdict.section == "97.221(c)"
    assert level(automatic, DATAC13, purpose=Purpose.IDENTIFICATION) is Level.LEGAL


def test_the_occupied_range_must_fit_the_automatic_segment() -> None:
    # 14.0950-14.0995 and 14.1005-14.112: the gap between them is the beacons'.
    automatic = at(14_098, control=Control.AUTOMATIC)
    assert level(automatic, tones(1_000, 1_400)) is Level.LEGAL
    assert level(automatic, tones(1_000, 2_000)) is Level.BLOCKED


def test_an_unattended_bulletin_is_a_beacon() -> None:
    automatic = replace(VHF, control=Control.AUTOMATIC)
    verdict = judge(automatic, AFSK, traffic(purpose=Purpose.BULLETIN, declared=True))
    assert (verdict.level, verdict.section) == (Level.BLOCKED, "97.203(d)")
    test = judge(automatic, AFSK, traffic(purpose=Purpose.TEST))
    assert (test.level, test.section) == (Level.BLOCKED, "97.203(d)")
    beacon = replace(automatic, dial_hz=144_288_000)
    assert level(beacon, AFSK, purpose=Purpose.BULLETIN, declared=True) is Level.LEGAL
    assert level(beacon, AFSK, purpose=Purpose.TEST) is Level.LEGAL


# -- Third parties --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("W1ABC", Level.LEGAL), ("AL7X", Level.LEGAL), ("VE3ABC", Level.LEGAL),
        ("XE1ABC", Level.LEGAL), ("DL1ABC", Level.BLOCKED), ("JA1ABC", Level.BLOCKED),
        ("AM1ABC", Level.BLOCKED), ("G4ABC", Level.LEGAL), ("LU1ABC", Level.LEGAL),
        ("LA1ABC", Level.BLOCKED),
    ],
)  # fmt: skip
def test_third_parties_reach_home_and_treaty_partners(to: str, expected: Level) -> None:
    assert level(HF, to=Callsign(to), third_party=True) is expected
    assert level(HF, to=None, asked_by=Callsign(to), third_party=True) is expected
    assert level(HF, to=Callsign(to)) is Level.LEGAL


# -- Emergencies ----------------------------------------------------------------------------


def test_a_declared_emergency_lifts_segments_for_emergency_traffic_only() -> None:
    outside = at(14_200, "technician")
    urgent = traffic(precedence=Precedence.EMERGENCY)
    assert judge(outside, DATAC1, urgent).level is Level.BLOCKED
    lifted = judge(outside, DATAC1, urgent, emergency=True)
    assert (lifted.level, lifted.section) == (Level.WARNING, "97.403, 97.405")
    assert judge(outside, DATAC1, traffic(), emergency=True).level is Level.BLOCKED
    named = traffic(purpose=Purpose.IDENTIFICATION)
    assert judge(outside, DATAC1, named, emergency=True).level is Level.WARNING


def test_a_country_may_know_no_such_exception() -> None:
    outside = replace(at(14_200), profile=replace_profile(emergency=None))
    urgent = traffic(precedence=Precedence.EMERGENCY)
    assert judge(outside, DATAC1, urgent, emergency=True).level is Level.BLOCKED


def replace_profile(**changes: object) -> Profile:

    return msgspec.structs.replace(US, **changes)


# -- Cautions ---------------------------------------------------------------------------------


def test_near_an_edge_the_operator_is_warned() -> None:
    near = judge(at(14_000), tones(20, 1_000), traffic())
    assert (near.level, near.section) == (Level.WARNING, "97.307(b)")
    assert judge(at(14_000), tones(50, 1_000), traffic()).level is Level.LEGAL
    # The class goes on there, data does not.
    data = judge(at(14_148), tones(1_000, 1_980), traffic())
    assert (data.level, data.section) == (Level.WARNING, "97.307(b)")
    assert judge(at(14_148), tones(1_000, 1_950), traffic()).level is Level.LEGAL


def test_where_the_law_knows_exceptions_the_operator_is_warned() -> None:
    line_a = judge(replace(VHF, dial_hz=425_000_000), AFSK, traffic())
    assert (line_a.level, line_a.section) == (Level.WARNING, "97.303(m)")


# -- Properties -------------------------------------------------------------------------------

stations = st.builds(
    lambda khz, cls, control, sideband: replace(
        HF, dial_hz=khz, licence_class=cls, control=control, sideband=sideband
    ),
    st.one_of(
        st.integers(1_700_000, 30_000_000),
        st.integers(49_900_000, 54_100_000),
        st.integers(143_900_000, 148_100_000),
        st.sampled_from(
            [round(edge) for one in US.privileges.all for edge in (one.low_hz, one.high_hz)]
        ),
    ),
    st.sampled_from(US.classes),
    st.sampled_from(Control),
    st.sampled_from(Sideband),
)
messages = st.builds(
    lambda purpose, declared, asked, attended, third, precedence: traffic(
        purpose=purpose, declared=declared, asked_by=N0AAA if asked else None,
        asker_attended=attended, third_party=third, precedence=precedence,
    ),
    st.sampled_from(Purpose), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
    st.sampled_from(Precedence),
)  # fmt: skip


@given(stations, st.floats(50, 3_000), st.floats(50, 3_000), messages, st.booleans())
def test_nothing_is_legal_outside_the_privileges(
    station: Declaration, low: float, width: float, message: object, emergency: bool
) -> None:
    modem = tones(low, low + width)
    verdict = judge(station, modem, message, emergency=emergency)  # type: ignore[arg-type]
    occupied = station.occupied(modem)
    assert occupied is not None
    mine = [one for one in US.privileges.all if station.licence_class in one.classes]
    for hz in (occupied.low_hz, (occupied.low_hz + occupied.high_hz) / 2, occupied.high_hz):
        # Written apart from `covered`, which the rules use.
        inside = any(one.low_khz * 1e3 <= hz <= one.high_khz * 1e3 for one in mine)
        data = any(one.low_khz * 1e3 <= hz <= one.high_khz * 1e3 for one in US.data.all)
        assert verdict.level is not Level.LEGAL or (inside and data)


@given(stations, st.floats(50, 3_000), st.floats(50, 3_000), st.data(), messages, st.booleans())
def test_a_narrower_emission_never_has_a_worse_verdict(
    station: Declaration, low: float, width: float, data: st.DataObject, message: object,
    emergency: bool,
) -> None:  # fmt: skip
    wide = tones(low, low + width)
    inner_low = data.draw(st.floats(low, low + width))
    inner_high = data.draw(st.floats(inner_low, low + width))
    if inner_high - inner_low < 1:
        return
    if station.sideband is Sideband.FM:
        inner_low = low  # what is lower makes FM no narrower
    narrow = tones(inner_low, inner_high)
    verdicts: list[Verdict] = [
        judge(station, modem, message, emergency=emergency)  # type: ignore[arg-type]
        for modem in (narrow, wide)
    ]
    assert verdicts[0].level <= verdicts[1].level


@given(stations, messages)
def test_an_emergency_never_makes_anything_legal(station: Declaration, message: object) -> None:
    calm, urgent = (
        judge(station, DATAC1, message, emergency=emergency)  # type: ignore[arg-type]
        for emergency in (False, True)
    )
    assert urgent.level <= calm.level
    assert (urgent.level is Level.LEGAL) is (calm.level is Level.LEGAL)


@given(stations, messages)
def test_a_refusal_says_where_it_stands_and_what_to_do(
    station: Declaration, message: object
) -> None:
    verdict = judge(station, DATAC1, message)  # type: ignore[arg-type]
    assert verdict.section.startswith("97.")
    assert bool(verdict.remedy) is (verdict.level is not Level.LEGAL)
    assert verdict.level.name in str(verdict)


@given(st.floats(1, 100), st.floats(1, 100), st.floats(1, 100))
def test_segments_that_touch_count_as_one(first: float, second: float, third: float) -> None:
    edges = (0.0, first, first + second, first + second + third)
    segments = [
        US.beacons.all[0].__class__(low_khz=low, high_khz=high, section="x")
        for low, high in ((edges[2], edges[3]), (edges[0], edges[1]), (edges[1], edges[2]))
    ]
    assert covered(segments, 0.0, edges[3] * 1000.0)
    assert not covered(segments[:2], 0.0, edges[3] * 1000.0)
