"""In which mode who is spoken to, how long others are waited for, and what a short frame says."""

import itertools

import pytest
from tests.unit.radio.stations import AFSK

from meshdl.air import ModemTraits, ModemUp
from meshdl.ids import Callsign
from meshdl.radio.transfer.addressing import NAMED_FOR_S, Addressing
from meshdl.radio.transfer.modes import Modes
from meshdl.radio.transfer.pace import pace_of
from meshdl.radio.transfer.stations import Stations
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import ContentTag, station_tag
from meshdl.wire.onair.frames import Frame
from meshdl.wire.onair.pdus import ObjectKind, Objects, Want, Wanted
from meshdl.wire.onair.reports import Reports, SignalReport

US, NEAR, FAR = Callsign("KA1ABC"), Callsign("N0AAA"), Callsign("N0BBB")
LEAF = 16_384
EVERY = {mode.name: FREEDV_TRAITS[mode] for mode in FreedvMode}
MODEM = ModemUp(EVERY["DATAC1"], tuple(EVERY[name] for name in EVERY if name != "DATAC1"))
WANT = Want(ContentTag(b"1234"), (Wanted(Objects(ObjectKind.LEAF, 0, 1)),))


@pytest.fixture
def stations() -> Stations:
    made = Stations()
    for call, snr_db in ((NEAR, 20.0), (FAR, -1.0)):
        made.heard(call, now=0.0)
        made.measured(call, snr_db, now=0.0)
    return made


@pytest.fixture
def modes(stations: Stations) -> Modes:
    return Modes(MODEM, stations, burst_max_s=30.0)


def for_symbols(modes: Modes, *hearers: Callsign | None) -> str | None:
    found = modes.for_symbols(hearers, LEAF, now=1.0)
    return found.name if found is not None else None


def names(found: tuple[ModemTraits, ...]) -> set[str]:
    return {one.name for one in found}


def test_who_hears_worst_decides(modes: Modes) -> None:
    assert for_symbols(modes, NEAR) == "DATAC1"
    assert for_symbols(modes, NEAR, FAR) == "DATAC4"
    assert for_symbols(modes, NEAR, None) == "DATAC4"
    assert for_symbols(modes, NEAR, Callsign("N0CCC")) == "DATAC4"


def test_only_permitted_modes_are_used_and_all_where_none_is(modes: Modes) -> None:
    modes.permit(["DATAC3", "DATAC13"])
    assert for_symbols(modes, NEAR) == "DATAC3"
    modes.permit(["DATAC13"])
    assert for_symbols(modes, NEAR) is None
    modes.permit([])
    assert for_symbols(modes, NEAR) == "DATAC1"


def test_a_call_goes_out_in_the_most_robust_mode_that_takes_it(modes: Modes) -> None:
    assert modes.calling.name == "DATAC4"
    modes.permit(["DATAC13", "DATAC1"])
    assert modes.calling.name == "DATAC1"


def test_a_request_that_is_not_answered_is_repeated_in_more_robust_modes(modes: Modes) -> None:
    reached = [names(modes.for_notice([NEAR], tries=tries, now=1.0)) for tries in range(5)]
    assert reached[0] == set(EVERY)
    assert reached[4] == {"DATAC4", "DATAC13"}
    assert all(later <= before for before, later in itertools.pairwise(reached))


def test_waits_are_those_of_the_slowest_permitted_mode(modes: Modes) -> None:
    paces = [pace_of(one, burst_max_s=30.0) for one in MODEM.modes]
    assert modes.pace.slot_s == max(one.slot_s for one in paces)
    assert modes.pace.quiet_s == max(one.quiet_s for one in paces)
    fast = modes.pace_in(EVERY["DATAC1"])
    assert (fast.frame_octets, fast.quiet_s) == (510, modes.pace.quiet_s)
    modes.permit(["DATAC0"])
    assert modes.pace.slot_s == pace_of(EVERY["DATAC0"], burst_max_s=30.0).slot_s


def said(octets: bytes) -> Frame:
    frame = frames.decode(octets)
    assert isinstance(frame, Frame)
    return frame


def test_a_frame_has_reports_where_it_has_room_and_only_there(stations: Stations) -> None:
    addressing = Addressing(US, stations)
    tag = station_tag(US)
    reports = Reports((SignalReport(station_tag(NEAR), 20), SignalReport(station_tag(FAR), -1)))
    made = addressing.frame([WANT], (US, US), MODEM.modes, [NEAR, FAR], now=1.0)
    assert said(made.octets).pdus == (reports, WANT)
    assert said(made.octets).sender == US
    assert made.named
    made = addressing.frame([WANT], (US, tag), MODEM.modes, [NEAR, FAR], now=1.0)
    assert (made.traits.name, len(made.octets)) == ("DATAC0", 14)
    assert said(made.octets) == Frame(pdus=(WANT,), sender=tag)
    assert not made.named
    made = addressing.frame([WANT], (US, US), MODEM.modes, [NEAR, FAR], now=10_000.0)
    assert said(made.octets).pdus == (WANT,)  # what was measured is too old


def test_the_tag_stands_for_the_callsign_once_that_was_on_the_air(stations: Stations) -> None:
    addressing = Addressing(US, stations)
    assert addressing.shorter(US, now=0.0) == US
    addressing.was_named(now=0.0)
    assert addressing.shorter(US, now=NAMED_FOR_S) == station_tag(US)
    assert addressing.shorter(US, now=NAMED_FOR_S + 1) == US
    assert addressing.shorter(None, now=0.0) is None


def test_frames_with_addresses_name_nobody() -> None:
    addressing = Addressing(US, Stations())
    with_addresses = ModemTraits(
        name="TNC", payload_octets_max=256, payload_bps=1200.0, audio_low_hz=900.0,
        audio_high_hz=2500.0, baud=1200.0, carries_sender=True,
    )  # fmt: skip
    assert addressing.sender(with_addresses, calls=True) is None
    assert addressing.sender(AFSK, calls=True) == US
    assert addressing.sender(EVERY["DATAC13"], calls=True) == US
    assert addressing.sender(EVERY["DATAC13"], calls=False) == station_tag(US)
