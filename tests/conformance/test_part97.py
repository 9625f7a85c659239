"""The profile of the United States beside 47 CFR Part 97, read a second time.

The tables here are laid out as the law lays them out: bands with the segments of each class
(97.301), emissions by band (97.305(c) with 97.307(f)), lists in sentences (97.221(b), 97.203(d)).
They were written from the text of 2026-07-28, not from the profile, and are in MHz as the
law's are. Both readings must agree at every edge, for every class.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.unit.radio.stations import DATAC1, HF, N0AAA, US, traffic

from meshdl.air import ModemTraits
from meshdl.ids import Callsign
from meshdl.radio.declaration import Control, Declaration
from meshdl.radio.profile import Segment
from meshdl.radio.rules import Level, judge
from meshdl.radio.traffic import Purpose

Edges = tuple[float, float]

BANDS_OF_EXTRA: dict[str, Edges] = {
    "160 m": (1.8, 2.0), "80 m": (3.5, 3.6), "75 m": (3.6, 4.0), "40 m": (7.0, 7.3),
    "30 m": (10.1, 10.15), "20 m": (14.0, 14.35), "17 m": (18.068, 18.168), "15 m": (21.0, 21.45),
    "12 m": (24.89, 24.99), "10 m": (28.0, 29.7),
}  # fmt: skip
"""97.301(b), ITU Region 2, without 2200 m, 630 m and 60 m, which the profile leaves closed."""

ABOVE_30_MHZ: dict[str, Edges] = {
    "6 m": (50.0, 54.0), "2 m": (144.0, 148.0), "1.25 m": (222.0, 225.0), "70 cm": (420.0, 450.0),
    "33 cm": (902.0, 928.0), "23 cm": (1240.0, 1300.0),
}  # fmt: skip
"""97.301(a), ITU Region 2, up to 23 cm, without 219-220 MHz."""

OTHERWISE: dict[str, dict[str, tuple[Edges, ...]]] = {
    "advanced": {
        "80 m": ((3.525, 3.6),), "75 m": ((3.7, 4.0),), "40 m": ((7.025, 7.3),),
        "20 m": ((14.025, 14.15), (14.175, 14.35)), "15 m": ((21.025, 21.2), (21.225, 21.45)),
    },
    "general": {
        "80 m": ((3.525, 3.6),), "75 m": ((3.8, 4.0),), "40 m": ((7.025, 7.125), (7.175, 7.3)),
        "20 m": ((14.025, 14.15), (14.225, 14.35)), "15 m": ((21.025, 21.2), (21.275, 21.45)),
    },
}  # fmt: skip
"""97.301(c) and (d), where they differ from (b)."""

DATA: tuple[tuple[Edges, float | None, float | None, str], ...] = (
    ((1.8, 2.0), 2_800, None, "(3)"),
    ((3.5, 3.6), 2_800, None, "(3)"),
    ((7.0, 7.125), 2_800, None, "(3)"),
    ((10.1, 10.15), 2_800, None, "(3)"),
    ((14.0, 14.15), 2_800, None, "(3)"),
    ((18.068, 18.11), 2_800, None, "(3)"),
    ((21.0, 21.2), 2_800, None, "(3)"),
    ((24.89, 24.93), 2_800, None, "(3)"),
    ((28.0, 28.3), 2_800, None, "(3)"),
    ((50.1, 54.0), 20_000, 19_600, "(5)"),
    ((144.1, 148.0), 20_000, 19_600, "(5)"),
    ((222.0, 225.0), 100_000, 56_000, "(6)"),
    ((420.0, 450.0), 100_000, 56_000, "(6)"),
    ((902.0, 928.0), None, None, "(7)"),
    ((1240.0, 1300.0), None, None, "(7)"),
)
"""97.305(c), RTTY and data: where, Hz, bauds, and the paragraph of 97.307(f)."""

AUTOMATIC: tuple[Edges, ...] = (
    (28.120, 28.189), (24.925, 24.930), (21.090, 21.100), (18.105, 18.110), (14.0950, 14.0995),
    (14.1005, 14.112), (10.140, 10.150), (7.100, 7.105), (3.585, 3.600),
)  # fmt: skip
"""97.221(b), in its order; and all of 6 m and shorter."""

BEACONS: tuple[Edges, ...] = (
    (28.20, 28.30), (50.06, 50.08), (144.275, 144.300), (222.05, 222.06), (432.300, 432.400),
)  # fmt: skip
"""97.203(d); and all of 33 cm and shorter."""

PARTNERS = {
    "Antigua and Barbuda": "V2", "Argentina": "LU", "Australia": "VK", "Belize": "V3",
    "Bolivia": "CP", "Bosnia and Herzegovina": "E7", "Brazil": "PY", "Canada": "VE",
    "Chile": "CE", "Colombia": "HK", "Comoros": "D6", "Costa Rica": "TI", "Cuba": "CO",
    "Dominica": "J7", "Dominican Republic": "HI", "Ecuador": "HC", "El Salvador": "YS",
    "Eswatini": "3DA", "Gambia": "C5", "Ghana": "9G", "Grenada": "J3", "Guatemala": "TG",
    "Guyana": "8R", "Haiti": "HH", "Honduras": "HR", "Israel": "4X", "Jamaica": "6Y",
    "Jordan": "JY", "Liberia": "EL", "Marshall Islands": "V7", "Mexico": "XE",
    "Micronesia": "V6", "Nicaragua": "YN", "Panama": "HP", "Paraguay": "ZP", "Peru": "OA",
    "Philippines": "DU", "Saint Kitts and Nevis": "V4", "Saint Lucia": "J6",
    "Saint Vincent and the Grenadines": "J8", "Sierra Leone": "9L", "South Africa": "ZS",
    "Trinidad and Tobago": "9Y", "Turkey": "TA", "United Kingdom": "G", "Uruguay": "CX",
    "Venezuela": "YV",
}  # fmt: skip
"""Where third parties' messages may go (97.115(a)(2)), with the prefix that is mostly heard."""

STRANGERS = (
    "DL", "F", "I", "JA", "EA", "SM", "OH", "ON", "PA", "HB", "OE", "SP", "UA", "BY", "VU", "ZL",
    "LA", "OZ", "CT", "HL", "HS", "9V", "9M", "YB", "AM", "AO", "AP", "3D2", "VP8", "ZB2", "VQ9",
    "5Z", "SU", "LX", "LY", "LZ", "HA", "HG", "HV", "HZ", "TF", "TR", "YO", "YU", "4U1UN", "9A",
    "CN", "CU", "D2", "D4", "E5", "J2", "J5", "TJ", "TU", "V5", "V8", "XU", "ZA", "5N", "8P", "8Q",
)  # fmt: skip
"""Some of the countries with which there is none, neighbours in the alphabet among them."""


def segments_of(licence_class: str) -> set[Edges]:
    """97.301 for one class."""
    if licence_class == "novice":  # (e) where data is allowed, and (f)
        return {(28.0, 28.5), (222.0, 225.0), (1270.0, 1295.0)}
    if licence_class == "technician":  # (a), and (e) where data is allowed
        return {(28.0, 28.5), *ABOVE_30_MHZ.values()}
    changed = OTHERWISE.get(licence_class, {})
    found = set(ABOVE_30_MHZ.values())
    for band, whole in BANDS_OF_EXTRA.items():
        found.update(changed.get(band, (whole,)))
    return found


def edges(segments: Iterable[Segment]) -> list[Edges]:
    return sorted((one.low_khz / 1e3, one.high_khz / 1e3) for one in segments)


def within(low_hz: float, high_hz: float, segments: Iterable[Edges]) -> bool:
    """Hertz by hertz would take long: between all edges there is nothing new."""
    cuts = {low_hz, high_hz}
    mine = [(round(low * 1e6), round(high * 1e6)) for low, high in segments]
    cuts.update(edge for one in mine for edge in one if low_hz < edge < high_hz)
    ordered = sorted(cuts)
    return all(
        any(low <= left and right <= high for low, high in mine)
        for left, right in pairwise(ordered)
    )


def tone(low_hz: int, high_hz: int, baud: float = 50.0) -> tuple[Declaration, ModemTraits]:
    """A station whose emission lies exactly there."""
    station = replace(HF, dial_hz=low_hz - 500)
    width_hz = high_hz - low_hz
    modem = replace(DATAC1, audio_low_hz=500.0, audio_high_hz=500.0 + width_hz, baud=baud)
    return station, modem


def all_edges_hz() -> list[int]:
    found = {edge for one in US.classes for segment in segments_of(one) for edge in segment}
    found |= {edge for (segment, *_) in DATA for edge in segment}
    found |= {edge for segment in (*AUTOMATIC, *BEACONS) for edge in segment}
    return sorted(round(edge * 1e6) for edge in found)


def around_edges() -> list[Edges]:
    """Emissions of 100 Hz: just below, across and just above each edge."""
    return [
        (edge + offset, edge + offset + 100)
        for edge in all_edges_hz()
        for offset in (-101, -100, -50, -1, 0, 1)
    ]


# -- Line by line -----------------------------------------------------------------------------


@pytest.mark.parametrize("licence_class", US.classes)
def test_each_class_has_the_segments_of_97_301(licence_class: str) -> None:
    mine = [one for one in US.privileges.all if licence_class in one.classes]
    assert edges(mine) == sorted(segments_of(licence_class))
    paragraph = {"extra": "b", "advanced": "c", "general": "d"}.get(licence_class)
    for one in mine:
        if one.high_khz < 30_000:
            assert one.section == f"97.301({paragraph or 'e'})"
        else:
            assert one.section == f"97.301({'f' if licence_class == 'novice' else 'a'})"
    whole = BANDS_OF_EXTRA | ABOVE_30_MHZ
    for one in mine:
        low, high = whole[one.band]
        assert low * 1e3 <= one.low_khz < one.high_khz <= high * 1e3, one


def test_data_emissions_are_those_of_97_305_and_97_307() -> None:
    mine = [
        ((one.low_khz / 1e3, one.high_khz / 1e3), one.width_hz, one.baud, one.section)
        for one in US.data.all
    ]
    assert sorted(mine) == sorted(
        (where, width, baud, f"97.305(c), 97.307(f){paragraph}")
        for where, width, baud, paragraph in DATA
    )


def test_automatic_segments_are_those_of_97_221() -> None:
    assert edges(US.automatic.all) == sorted([*AUTOMATIC, (50.0, 1300.0)])
    assert {one.section for one in US.automatic.all} == {"97.221(b)"}
    assert US.automatic.answering is not None
    assert (US.automatic.answering.width_hz, US.automatic.answering.section) == (500, "97.221(c)")


def test_beacon_segments_are_those_of_97_203() -> None:
    assert edges(US.beacons.all) == sorted([*BEACONS, (902.0, 1300.0)])
    assert {one.section for one in US.beacons.all} == {"97.203(d)"}


def test_every_rule_without_numbers_cites_its_section() -> None:
    assert US.identification.every_s == 10 * 60
    third = US.third_party
    assert third is not None
    assert US.emergency is not None
    cited = {
        "licensing": US.licensing, "obscured": US.obscured, "identification": US.identification,
        "emergency": US.emergency, "one_way": US.one_way, "edges": US.edges,
        "automatic": US.automatic, "privileges": US.privileges, "data": US.data, "third": third,
    }  # fmt: skip
    assert {name: rule.section for name, rule in cited.items()} == {
        "licensing": "97.7", "obscured": "97.113(a)(4)", "identification": "97.119(a)",
        "emergency": "97.403, 97.405", "one_way": "97.113(b)", "edges": "97.307(b)",
        "automatic": "97.109(d)", "privileges": "97.301", "data": "97.305(c)", "third": "97.115(a)",
    }  # fmt: skip
    assert third.identification_section == "97.115(d)"
    assert {name: (one.section, one.brief, one.declared) for name, one in US.purposes.items()} == {
        "test": ("97.111(b)(1)", True, False), "call": ("97.111(b)(2)", True, False),
        "emergency": ("97.111(b)(4)", False, True), "bulletin": ("97.111(b)(6)", False, True),
        "exchange": ("97.111(a)(1)", False, False),
    }  # fmt: skip
    assert [(one.low_khz, one.high_khz, one.section) for one in US.cautions] == [
        (420_000, 430_000, "97.303(m)"),
        (902_000, 928_000, "97.303(n)"),
        (1_240_000, 1_300_000, "97.303(b), 97.303(d), 97.303(o)"),
    ]


def test_the_arrangements_for_third_parties_are_those_of_the_list() -> None:
    third = US.third_party
    assert third is not None
    for country, prefix in PARTNERS.items():
        assert third.partner(Callsign(f"{prefix}1ABC")) == country
    assert third.partner(Callsign("4U1ITU")) == "United Nations, Geneva"
    assert third.partner(Callsign("4U1VIC")) == "United Nations, Vienna"
    assert len(third.partners) == len(PARTNERS) + 2
    for prefix in STRANGERS:
        call = Callsign(prefix if prefix.startswith("4U1") else f"{prefix}1ABC")
        assert third.partner(call) is None, call
        assert not third.at_home(call)
    for home in ("W1AW", "K1ABC", "N0CALL", "AA1A", "AL7X", "KH6ABC", "NP4A", "KA1ABC-7"):
        assert third.at_home(Callsign(home))
    assert not third.at_home(Callsign("AM1ABC"))


# -- Edge by edge -----------------------------------------------------------------------------


@pytest.mark.parametrize("licence_class", US.classes)
def test_an_attended_station_may_send_where_both_tables_allow_it(licence_class: str) -> None:
    mine = segments_of(licence_class)
    data = [segment for segment, *_ in DATA]
    allowed = 0
    for low_hz, high_hz in around_edges():
        station, modem = tone(round(low_hz), round(high_hz))
        verdict = judge(replace(station, licence_class=licence_class), modem, traffic())
        lawful = within(low_hz, high_hz, mine) and within(low_hz, high_hz, data)
        assert (verdict.level is not Level.BLOCKED) is lawful, (low_hz, high_hz, str(verdict))
        allowed += lawful
    assert allowed


def test_an_unattended_station_begins_only_in_segments_for_it() -> None:
    data = [segment for segment, *_ in DATA]
    mine, alone = segments_of("extra"), [*AUTOMATIC, (50.0, 1300.0)]
    for low_hz, high_hz in around_edges():
        station, modem = tone(round(low_hz), round(high_hz))
        station = replace(station, licence_class="extra", control=Control.AUTOMATIC)
        there = within(low_hz, high_hz, mine) and within(low_hz, high_hz, data)
        begins = judge(station, modem, traffic(purpose=Purpose.CALL)).level is not Level.BLOCKED
        assert begins is (there and within(low_hz, high_hz, alone)), (low_hz, high_hz)
        asked = traffic(asked_by=N0AAA, asker_attended=True)
        assert (judge(station, modem, asked).level is not Level.BLOCKED) is there, (low_hz, high_hz)


def test_an_unattended_bulletin_is_sent_only_where_beacons_are() -> None:
    data = [segment for segment, *_ in DATA]
    mine, beacons = segments_of("extra"), [*BEACONS, (902.0, 1300.0)]
    for low_hz, high_hz in around_edges():
        station, modem = tone(round(low_hz), round(high_hz))
        station = replace(station, licence_class="extra", control=Control.AUTOMATIC)
        bulletin = traffic(purpose=Purpose.BULLETIN, declared=True)
        lawful = all(within(low_hz, high_hz, one) for one in (mine, data, beacons))
        sent = judge(station, modem, bulletin).level is not Level.BLOCKED
        assert sent is lawful, (low_hz, high_hz)


@pytest.mark.parametrize("row", DATA, ids=lambda row: f"{row[0][0]} MHz")
def test_each_data_segment_has_its_width_and_rate(
    row: tuple[Edges, float | None, float | None, str],
) -> None:
    (low, high), width_hz, baud, _ = row
    middle_hz = round((low + high) / 2 * 1e6)
    room_hz = round((high - low) * 1e6) - 2_000

    def level(width: float, rate: float) -> Level:
        half = round(width / 2)
        station, modem = tone(middle_hz - half, middle_hz - half + round(width), rate)
        return judge(replace(station, licence_class="extra"), modem, traffic()).level

    widest = min(width_hz or room_hz, room_hz)
    fastest = baud or 1_000_000.0
    assert level(widest, fastest) is not Level.BLOCKED
    if width_hz is not None:
        assert level(width_hz + 1, 50.0) is Level.BLOCKED
    if baud is not None:
        assert level(1_000.0, baud + 1) is Level.BLOCKED


def test_what_the_profile_leaves_closed_is_closed() -> None:
    for mhz in (0.1365, 0.4755, 5.332, 5.348, 5.3585, 5.373, 5.405, 219.5, 2305.0, 2400.0, 5800.0):
        for licence_class in US.classes:
            station, modem = tone(round(mhz * 1e6), round(mhz * 1e6) + 100)
            verdict = judge(replace(station, licence_class=licence_class), modem, traffic())
            assert (verdict.level, verdict.section) == (Level.BLOCKED, "97.301")
