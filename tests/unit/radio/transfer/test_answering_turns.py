"""What is answered where whoever asks gives turns."""

from random import Random

from tests.unit.radio.stations import AFSK
from tests.unit.radio.transfer.desk import (
    LATER,
    ONE,
    PACE,
    RAW,
    TWO,
    US,
    Desk,
    count,
    leaves,
)

from meshdl.content.precedence import Precedence
from meshdl.radio.transfer.answering import Answering
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.wire.onair.codes import station_tag
from meshdl.wire.onair.pdus import (
    Want,
)
from meshdl.wire.onair.turn import Turn


def test_one_burst_goes_out_for_a_turn_and_none_without() -> None:
    desk = Desk()
    turn = Turn(8, station_tag(US))
    desk.want(leaves(0), turn=turn)
    burst = desk.burst(now=2.0)
    assert burst is not None
    # A slot is in hand for what the burst is not a whole number of frames.
    assert AFSK.burst_s(map(len, burst.traffic.frames)) <= turn.seconds + PACE.slot_s
    desk.answering.sent(burst)
    assert desk.burst(now=3.0) is None
    assert desk.answering.owes
    desk.want(leaves(0, needed=200, form=RAW), turn=turn, now=20.0)
    assert desk.burst(now=22.0) is not None


def test_a_turn_bounds_a_burst_in_whichever_mode_is_chosen_for_it() -> None:
    for snr_db, mode, seconds, frames_sent in (
        (20.0, FreedvMode.DATAC1, 14, 3),
        (1.0, FreedvMode.DATAC3, 14, 4),
        (-3.0, FreedvMode.DATAC4, 14, 2),
        (20.0, FreedvMode.DATAC1, 30, 7),
    ):
        desk = Desk()
        desk.modes = desk.modes_of(*FREEDV_TRAITS.values())
        desk.stations.heard(ONE, now=0.0)
        desk.stations.measured(ONE, snr_db, now=0.0)
        desk.want(leaves(0, 2), turn=Turn(seconds, station_tag(US)))
        burst = desk.burst(now=2.0)
        assert burst is not None
        assert burst.traffic.mode == mode.name
        assert len(burst.traffic.frames) == frames_sent
        assert FREEDV_TRAITS[mode].burst_s(map(len, burst.traffic.frames)) <= seconds


def test_a_turn_that_was_not_taken_is_over_after_its_time() -> None:
    desk = Desk()
    desk.want(leaves(0), turn=Turn(8, station_tag(US)))
    desk.answering.expire(now=20.0)
    assert desk.burst(now=20.0) is None
    due_at = desk.answering.deadline(())
    assert due_at is not None
    assert due_at > 20.0


def test_a_want_without_a_turn_is_answered_to_its_end() -> None:
    desk = Desk()
    desk.want(leaves(0), turn=Turn(8, station_tag(US)))
    desk.want(leaves(0), now=1.0)
    assert count(desk.all_bursts()) == 342


def test_a_burst_that_is_on_its_way_is_the_one_that_a_turn_is_for() -> None:
    desk = Desk()
    desk.want(leaves(0))
    first = desk.burst()
    assert first is not None
    desk.want(leaves(0), turn=Turn(8, station_tag(US)), now=LATER)
    desk.answering.sent(first)
    assert desk.burst(now=LATER + 2.0) is None


def test_who_names_another_is_owed_nothing() -> None:
    desk = Desk()
    desk.want(leaves(0, 2))
    desk.want(leaves(0), sender=TWO)
    desk.answering.asked_of_another(Want(desk.noise.tag, (leaves(0, 2),)), ONE)
    sent = desk.all_bursts()
    assert {one.of.number for one in sent} == {0}


def test_an_emergency_is_not_sent_by_turns() -> None:
    desk = Desk()
    desk.noise.precedence = Precedence.EMERGENCY
    desk.want(leaves(0), turn=Turn(8, station_tag(US)))
    assert count(desk.all_bursts(now=0.0)) == 342


def test_answers_to_a_turn_for_whoever_has_it_are_spread_over_its_time() -> None:
    moments: list[float] = []
    for _ in range(20):
        desk = Desk()
        desk.answering = Answering(
            desk.contents, desk.stations, US, desk.read, Random(len(moments))
        )
        desk.want(leaves(0), turn=Turn(12))
        due_at = desk.answering.deadline(())
        assert due_at is not None
        moments.append(due_at)
        assert count(desk.all_bursts()) == 342
    assert max(moments) - min(moments) > 6.0
