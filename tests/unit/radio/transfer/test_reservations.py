"""When a WANT gives a turn, to whom, and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.radio.stations import AFSK, DATAC1

from meshdl.air import ModemTraits
from meshdl.ids import Callsign
from meshdl.radio.transfer.pace import pace_of
from meshdl.radio.transfer.reservations import (
    HELPED_OFTEN,
    SPAN_MIN,
    TURNS_FOR_S,
    UNREAD_FRAMES,
    Reservations,
    turn_s,
)
from meshdl.wire.onair.codes import ContentTag, station_tag
from meshdl.wire.onair.pdus import (
    NEEDED_MAX,
    AirObject,
    Codec,
    Form,
    ObjectKind,
    Symbols,
)
from meshdl.wire.onair.turn import TURN_S_MAX, Turn

TAG = ContentTag(b"abcd")
N0AAA = Callsign("N0AAA")
PACE = pace_of(AFSK, burst_max_s=30.0)
NAMED = station_tag(N0AAA)


class Asker:
    """A station that asks for one content of which it has much to get."""

    def __init__(self) -> None:
        self.waits = True
        self.reservations = Reservations(lambda: self.waits)

    def turn(self, now: float, *, tries: int = 0, heard: bool = True) -> Turn | None:
        turn = self.reservations.turn(
            TAG,
            holder=N0AAA,
            lacking=300,
            tries=tries,
            heard=heard,
            traits=AFSK,
            pace=PACE,
            now=now,
        )
        self.reservations.asked(TAG, turn)
        return turn

    def hear(self, first: int, count: int, now: float) -> float | None:
        of = AirObject(content=TAG, kind=ObjectKind.LEAF, number=0, form=Form(Codec.RAW, 342))
        symbols = Symbols(of, first, bytes(48 * count))
        self.reservations.frame_heard(AFSK, PACE)
        return self.reservations.heard(symbols, N0AAA, AFSK, PACE, now=now)

    def carrier(self, from_: float, to: float) -> None:
        self.reservations.carrier(busy=True, traits=AFSK, pace=PACE, now=from_)
        self.reservations.carrier(busy=False, traits=AFSK, pace=PACE, now=to)


def spoilt() -> Asker:
    """It has heard the two ends of a long answer, and nothing between."""
    asker = Asker()
    asker.turn(0.0)
    asker.hear(0, 5, 1.0)
    asker.hear(SPAN_MIN, 5, 30.0)
    return asker


def test_an_answer_that_comes_gives_no_reason_for_turns() -> None:
    asker = Asker()
    assert asker.turn(0.0) is None
    for at in range(0, 300, 10):
        asker.hear(at, 5, 1.0 + at)  # half of it
    assert asker.turn(400.0) is None


def test_after_an_answer_of_which_most_is_missing_its_sender_gets_turns() -> None:
    asker = spoilt()
    turn = asker.turn(40.0)
    assert turn == Turn(turn_s(300, AFSK, PACE), NAMED)
    assert asker.turn(40.0 + TURNS_FOR_S) is None


def test_two_frames_say_nothing_about_loss() -> None:
    asker = Asker()
    asker.turn(0.0)
    asker.hear(0, 5, 1.0)
    asker.hear(SPAN_MIN - 10, 5, 9.0)
    assert asker.turn(40.0) is None


def test_a_turn_that_nobody_takes_up_is_followed_by_a_want_for_all() -> None:
    asker = spoilt()
    assert asker.turn(40.0) is not None
    assert asker.turn(60.0, tries=1) is None
    assert asker.turn(80.0, tries=2) is not None


def test_a_want_that_nobody_answered_is_repeated_with_a_turn_for_whoever_has_it() -> None:
    turn = Asker().turn(10.0, tries=1)
    assert turn is not None
    assert turn.holder is None


def test_nobody_is_silenced_on_a_channel_without_others() -> None:
    assert Asker().turn(10.0, tries=1, heard=False) is None


def test_a_carrier_that_said_nothing_is_company_and_a_long_one_a_reason_for_turns() -> None:
    frame_s = AFSK.frame_s(PACE.frame_octets)
    asker = Asker()
    asker.turn(0.0)
    asker.carrier(2.0, 2.0 + 2 * frame_s)
    assert asker.turn(10.0, tries=1, heard=False) is not None
    # And nobody in particular is asked until something comes.
    for tries in (2, 3):
        turn = asker.turn(10.0 + tries, tries=tries, heard=False)
        assert turn is not None
        assert turn.holder is None
    assert asker.turn(20.0) is None
    asker.carrier(22.0, 23.0 + UNREAD_FRAMES * frame_s)
    assert asker.turn(40.0) == Turn(turn_s(300, AFSK, PACE), NAMED)


def test_a_burst_of_which_two_frames_came_is_no_reason_for_turns() -> None:
    asker = Asker()
    asker.turn(0.0)
    asker.reservations.carrier(busy=True, traits=AFSK, pace=PACE, now=1.0)
    for at in (100, 105):
        asker.hear(at, 5, 5.0)
    asker.reservations.carrier(busy=False, traits=AFSK, pace=PACE, now=15.0)
    assert asker.turn(20.0) is None


def test_a_long_carrier_says_nothing_to_who_asks_for_nothing() -> None:
    asker = Asker()
    asker.waits = False
    asker.carrier(0.0, 60.0)
    assert asker.turn(61.0) is None


def test_turns_that_help_again_and_again_are_given_from_then_on() -> None:
    asker = Asker()
    for number in range(HELPED_OFTEN):
        now = 100.0 * number
        assert asker.turn(now) is None
        assert asker.turn(now + 20.0, tries=1) is not None
        asker.hear(0, 5, now + 30.0)
    assert asker.turn(300.0) is not None


def test_the_end_of_the_burst_that_a_turn_was_for_is_known_from_its_first_frame() -> None:
    asker = spoilt()
    turn = asker.turn(40.0)
    assert turn is not None
    frame_s = AFSK.frame_s(5 * 48)
    ends_at = asker.hear(100, 5, 45.0)
    assert ends_at == pytest.approx(45.0 - frame_s - AFSK.burst_overhead_s + turn.seconds)
    assert asker.hear(105, 5, 47.0) == ends_at
    asker.reservations.rival_heard(now=48.0)
    later = asker.hear(110, 5, 49.0)
    # Then the other one asks first.
    assert ends_at is not None
    assert later is not None
    assert later > ends_at + PACE.slot_s


@given(
    lacking=st.integers(1, 64 * NEEDED_MAX),
    traits=st.sampled_from([AFSK, DATAC1]),
    burst_max_s=st.floats(5.0, 60.0),
)
def test_a_turn_is_for_one_burst_at_the_most(
    lacking: int, traits: ModemTraits, burst_max_s: float
) -> None:
    pace = pace_of(traits, burst_max_s=burst_max_s)
    seconds = turn_s(lacking, traits, pace)
    one_frame_s = traits.burst_overhead_s + traits.frame_s(pace.frame_octets)
    assert 0 < seconds <= TURN_S_MAX
    assert seconds <= max(pace.burst_s, one_frame_s) + 1.0
