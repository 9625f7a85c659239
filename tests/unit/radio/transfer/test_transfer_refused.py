"""The transfer core where the rules refuse, a modem vanishes, or has several modes."""

from dataclasses import replace

import pytest
from tests.unit.radio.stations import KA1ABC
from tests.unit.radio.transfer.radio import (
    N0AAA,
    N0BBB,
    NOISE,
    PACKET,
    Radio,
    have,
    hold,
    leaf_symbols,
    wanted,
)

from meshdl.air import CarrierChanged, ModemDown, ModemUp
from meshdl.radio.traffic import Traffic
from meshdl.radio.transfer import events
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.pace import pace_of
from meshdl.radio.transfer.reservations import turn_s
from meshdl.sim.radio_memory import RadioContent
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.wire.onair.codes import content_tag, station_tag
from meshdl.wire.onair.pdus import (
    ObjectKind,
    Objects,
    Pdu,
    Want,
    Wanted,
)
from meshdl.wire.onair.reports import Reports, SignalReport
from meshdl.wire.onair.turn import Turn


def test_an_answer_that_the_rules_refuse_is_not_tried_for_ever() -> None:
    radio, traffic = _answering()
    radio.post(events.NotSent(traffic, "the radio is off", refused=True))
    radio.run(600.0)
    assert radio.on_its_way == []


def test_an_answer_that_was_dropped_waits_before_it_is_tried_again() -> None:
    radio, traffic = _answering()
    radio.post(events.NotSent(traffic, "the queue is full"))
    assert radio.on_its_way == []
    radio.run(60.0)
    assert len(radio.on_its_way) == 1


def test_what_a_vanished_modem_had_to_send_is_sent_by_the_next() -> None:
    radio, lost = _answering()
    radio.post(ModemDown("unplugged"))
    radio.post(events.NotSent(lost, "the modem is gone"))
    radio.post(ModemUp(PACKET))
    radio.run(60.0)
    assert len(radio.on_its_way) == 1


def test_what_was_refused_is_asked_for_again_once_it_may_be() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    radio.run(60.0)
    [traffic] = radio.on_its_way
    radio.on_its_way.clear()
    radio.post(events.NotSent(traffic, "the radio is off", refused=True))
    radio.run(600.0)
    assert radio.on_its_way == []
    radio.post(events.OnAirAgain())
    radio.run(60.0)
    assert len(radio.on_its_way) == 1


def _answering() -> tuple[Radio, Traffic]:
    """A radio that has just given its answer for one leaf to the transmitter."""
    radio = Radio()
    radio.post(hold(NOISE))
    radio.hear(Want(content_tag(NOISE.content), (Wanted(Objects(ObjectKind.LEAF, 0, 1)),)))
    radio.post(events.ObjectRead(_leaf_key(NOISE), NOISE.octets))
    radio.run(60.0)
    [traffic] = radio.on_its_way
    radio.on_its_way.clear()
    return radio, traffic


def _leaf_key(content: RadioContent) -> ObjectKey:
    return ObjectKey(content_tag(content.content), ObjectKind.LEAF, 0)


def mode_of_an_answer(radio: Radio, *pdus: Pdu, snr_db: float | None = None) -> str:
    """In which mode the next burst for N0AAA's WANT goes out, which had these beside it."""
    radio.hear(*pdus, wanted(NOISE), snr_db=snr_db)
    radio.run(120.0)
    [request] = [one for one in radio.others if isinstance(one, events.ReadObject)]
    radio.post(events.ObjectRead(request.key, NOISE.octets))
    radio.run(120.0)
    [traffic] = radio.on_its_way
    return traffic.mode


@pytest.mark.parametrize(
    ("reported_db", "heard_db", "mode"),
    [(10, None, "DATAC1"), (-20, None, "DATAC4"), (None, 10.0, "DATAC1"), (10, -6.0, "DATAC1"),
     (-2, 10.0, "DATAC4"), (1, 10.0, "DATAC3"), (None, None, "DATAC4")],
)  # fmt: skip
def test_who_reports_how_it_hears_us_is_answered_in_the_mode_that_it_will_hear(
    reported_db: int | None, heard_db: float | None, mode: str
) -> None:
    radio = Radio(*FREEDV_TRAITS.values())
    radio.post(hold(NOISE))
    reports = () if reported_db is None else (SignalReport(station_tag(KA1ABC), reported_db),)
    told = [Reports(reports)] if reports else []
    assert mode_of_an_answer(radio, *told, snr_db=heard_db) == mode


def test_what_is_reported_of_others_is_not_taken_for_ours() -> None:
    radio = Radio(*FREEDV_TRAITS.values())
    radio.post(hold(NOISE))
    others = Reports((SignalReport(station_tag(N0BBB), 20),))
    assert mode_of_an_answer(radio, others) == "DATAC4"


def test_a_turn_and_a_report_go_beside_one_want() -> None:
    radio = Radio(*FREEDV_TRAITS.values())
    radio.hear(have(NOISE), snr_db=1.0)
    radio.post(replace(hold(NOISE), held=0))
    radio.post(events.Fetch(NOISE.content))
    radio.run(30.0)
    radio.sent()
    radio.run(140.0)
    pdus = radio.sent()
    # Nobody answered, and N0AAA was heard of late: the answer may have been spoilt.
    assert {type(pdu) for pdu in pdus} == {Want, Turn, Reports}
    [reports] = [pdu for pdu in pdus if isinstance(pdu, Reports)]
    assert reports.heard == (SignalReport(station_tag(N0AAA), 1),)
    [turn] = [pdu for pdu in pdus if isinstance(pdu, Turn)]
    datac3 = FREEDV_TRAITS[FreedvMode.DATAC3]
    # As long as a burst in the mode that N0AAA would answer in.
    assert turn.seconds == turn_s(342, datac3, pace_of(datac3, burst_max_s=30.0))


def test_the_carrier_of_a_burst_in_the_slowest_mode_is_not_taken_for_two() -> None:
    radio = Radio(*FREEDV_TRAITS.values())
    radio.hear(have(NOISE), snr_db=4.0)
    radio.post(replace(hold(NOISE), held=0))
    radio.post(events.Fetch(NOISE.content))
    radio.run(30.0)
    radio.sent()
    datac4 = FREEDV_TRAITS[FreedvMode.DATAC4]
    for frames_carried, by_turns in ((5, False), (7, True)):
        radio.post(CarrierChanged(busy=True))
        radio.now += datac4.burst_s([54] * frames_carried)
        radio.hear(leaf_symbols(NOISE, 0, 1), snr_db=4.0)
        radio.post(CarrierChanged(busy=False))
        radio.run(100.0)
        assert any(isinstance(pdu, Turn) for pdu in radio.sent()) is by_turns
