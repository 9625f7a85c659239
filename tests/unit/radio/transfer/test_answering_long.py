"""What goes on for long: an answer of many minutes, and many askers."""

from dataclasses import replace

import pytest
from tests.unit.radio.stations import AFSK
from tests.unit.radio.transfer.desk import LATER, ONE, RAW, TWO, Desk, count, leaves, symbols_in

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer.answering import SERVED_MAX
from meshdl.radio.transfer.sources import ANSWER_AIRTIME_S

ALL = 7
"""Leaves of the content: eleven minutes at 1200 baud."""


def sent_in_a_choice_of_modes(desk: Desk) -> tuple[int, float]:
    """Symbols, and the airtime that they took."""
    desk.modes = desk.modes_of(AFSK, replace(AFSK, name="another"))
    desk.want(leaves(0, ALL))
    symbols, airtime_s = 0, 0.0
    while burst := desk.burst():
        symbols += count(symbols_in(burst))
        airtime_s += AFSK.burst_s(map(len, burst.traffic.frames))
        desk.answering.sent(burst)
    return symbols, airtime_s


def test_after_five_minutes_it_waits_to_be_asked_again_where_the_mode_is_chosen() -> None:
    desk = Desk()
    symbols, airtime_s = sent_in_a_choice_of_modes(desk)
    assert airtime_s == pytest.approx(ANSWER_AIRTIME_S, rel=0.1)
    assert not desk.answering.owes
    more, _ = sent_in_a_choice_of_modes(desk)
    assert more > 0.9 * symbols


def test_emergency_traffic_is_sent_to_its_end() -> None:
    desk = Desk()
    desk.noise.precedence = Precedence.EMERGENCY
    symbols, airtime_s = sent_in_a_choice_of_modes(desk)
    assert airtime_s > 2 * ANSWER_AIRTIME_S
    assert symbols >= -(-100_000 // 48)


@pytest.mark.parametrize("others", [SERVED_MAX - 2, SERVED_MAX])
def test_of_so_many_askers_and_no_more_it_is_known_when_they_were_served(others: int) -> None:
    desk = Desk()
    for number in range(-1, others):
        letters = (chr(65 + number // 26 % 26), chr(65 + number % 26))
        sender = ONE if number < 0 else Callsign(f"K0{letters[0]}{letters[1]}")
        desk.want(leaves(0, needed=1, form=RAW), sender=sender, now=float(number))
        burst = desk.burst(LATER + number)
        assert burst is not None
        desk.answering.sent(burst)
    at = LATER + others
    desk.want(leaves(0), sender=ONE, now=at)
    desk.want(leaves(0), sender=TWO, of=desk.other, now=at + 1)
    burst = desk.burst(2 * at)
    assert burst is not None
    # Who was never served goes first. Who was, long ago, is by then nobody that is known.
    known = others < SERVED_MAX
    assert burst.content == (desk.other.tag if known else desk.noise.tag)
