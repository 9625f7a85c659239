"""Who is answered, with how much, and whose turn it is."""

from random import Random

from tests.unit.radio.stations import AFSK, DATAC1
from tests.unit.radio.transfer.desk import (
    LATER,
    NOISE,
    ONE,
    PACE,
    RAW,
    TWO,
    US,
    Desk,
    count,
    heard,
    leaves,
    symbols_in,
)

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer.answering import REQUEST_FOR_S, Answering
from meshdl.radio.transfer.bursts import Burst
from meshdl.radio.transfer.pace import BURST_FRAMES
from meshdl.radio.transfer.requests import REQUESTS_MAX
from meshdl.radio.transfer.sources import SPARE_SYMBOLS
from meshdl.sim.radio_memory import content_of
from meshdl.wire.onair.pdus import (
    FIRST_REPAIR_ID,
    Enough,
    ObjectKind,
    Objects,
    Want,
)


def test_who_has_nothing_gets_the_source_symbols_in_order() -> None:
    desk = Desk()
    desk.want(leaves(0))
    sent = desk.all_bursts()
    ids = [one.first + at for one in sent for at in range(one.count)]
    assert ids == list(range(342))
    assert b"".join(one.octets for one in sent)[:16_384] == NOISE.octets[:16_384]
    assert not desk.answering.owes


def askers_of(burst: Burst | None) -> tuple[Callsign | None, bool]:
    assert burst is not None
    return burst.traffic.asked_by, burst.traffic.asker_attended


def test_an_answer_tells_the_rules_whether_who_asked_is_attended() -> None:
    desk = Desk()
    desk.want(leaves(0), sender=ONE)
    assert askers_of(desk.burst()) == (ONE, False)
    desk = Desk()
    desk.want(leaves(0), sender=ONE, attended=True)
    assert askers_of(desk.burst()) == (ONE, True)


def test_of_several_who_asked_the_attended_one_is_answered() -> None:
    desk = Desk()
    desk.want(leaves(0), sender=ONE)
    desk.want(leaves(0), sender=TWO, attended=True)
    assert askers_of(desk.burst()) == (TWO, True)


def test_who_is_no_longer_attended_is_not_taken_for_it() -> None:
    desk = Desk()
    desk.want(leaves(0), attended=True)
    desk.want(leaves(0))
    assert askers_of(desk.burst()) == (ONE, False)


def test_what_only_the_unattended_want_has_bursts_of_its_own() -> None:
    desk = Desk()
    desk.want(leaves(0, 1, 3, RAW), sender=ONE)
    desk.want(leaves(1, 2, 3, RAW), sender=TWO, attended=True)
    first, second = desk.burst(), desk.burst()
    assert first is not None
    assert second is not None
    assert {askers_of(first), askers_of(second)} == {(ONE, False), (TWO, True)}
    numbers = {askers_of(one)[1]: {key.number for key, _ in one.takes} for one in (first, second)}
    assert numbers == {False: {0}, True: {1, 2}}


def test_who_has_some_gets_repair_symbols_and_a_few_more() -> None:
    desk = Desk()
    desk.want(leaves(0))
    desk.all_bursts()
    desk.want(leaves(0, 1, 40, RAW), now=LATER)
    sent = desk.all_bursts(2 * LATER)
    assert all(one.first >= FIRST_REPAIR_ID for one in sent)
    assert 40 + SPARE_SYMBOLS <= count(sent) <= 60


def test_what_is_not_yet_sent_is_not_taken_for_lost() -> None:
    desk = Desk()
    desk.want(leaves(0))
    first = desk.burst()
    assert first is not None
    desk.answering.sent(first)
    for _ in range(3):
        more = desk.burst()
        assert more is not None
        desk.answering.sent(more)
    # What it needs is still to come, for the most part.
    desk.want(leaves(0, 1, 200, RAW), now=LATER)
    assert 200 < count(desk.all_bursts(2 * LATER)) < 240


def test_the_neediest_decides_and_nobody_is_answered_twice() -> None:
    desk = Desk()
    desk.want(leaves(0))
    desk.all_bursts()
    desk.want(leaves(0, 1, 20, RAW), now=LATER)
    desk.want(leaves(0, 1, 50, RAW), sender=TWO, now=LATER)
    assert 50 <= count(desk.all_bursts(2 * LATER)) < 75


def test_an_answer_waits_for_those_who_need_more() -> None:
    desk = Desk()
    desk.want(leaves(0))
    assert desk.burst(now=0.0) is None
    due = desk.answering.deadline(())
    assert due is not None
    assert 0.0 < due <= 2 * PACE.slot_s
    assert desk.burst(now=due) is not None


def test_an_emergency_is_answered_at_once() -> None:
    desk = Desk()
    desk.other.precedence = Precedence.EMERGENCY
    desk.want(leaves(0), of=desk.other)
    assert desk.burst(now=0.0) is not None


def test_an_emergency_does_not_wait_behind_a_burst_that_is_held_off() -> None:
    desk = Desk()
    desk.want(leaves(0))
    assert desk.burst() is not None
    desk.other.precedence = Precedence.EMERGENCY
    desk.want(leaves(0), of=desk.other)
    urgent = desk.burst(busy=(Precedence.ROUTINE,))
    assert urgent is not None
    assert urgent.traffic.precedence is Precedence.EMERGENCY
    assert urgent.content == desk.other.tag


def test_two_askers_take_turns() -> None:
    desk = Desk()
    desk.want(leaves(0, 6))
    desk.want(leaves(0, 2), sender=TWO, of=desk.other)
    order = []
    for at in range(6):
        burst = desk.burst(LATER + at)
        assert burst is not None
        desk.answering.sent(burst)
        order.append(burst.content)
    assert order == [desk.noise.tag, desk.other.tag] * 3


def test_it_is_silent_while_another_answers_and_counts_what_that_one_sends() -> None:
    desk = Desk()
    desk.want(leaves(0))
    desk.answering.heard(heard(0, 0, 200), PACE, now=LATER)
    assert desk.burst() is None
    sent = desk.all_bursts(LATER + 2 * PACE.quiet_s)
    assert count(sent) == 142
    assert sent[0].first == 200


def test_what_another_has_sent_whole_is_not_owed() -> None:
    desk = Desk()
    desk.want(leaves(0))
    for first in range(0, 342, 18):
        desk.answering.heard(heard(0, first, 18), PACE, now=1.0)
    assert not desk.answering.owes


def test_enough_counts_for_who_says_it() -> None:
    desk = Desk()
    desk.want(leaves(0, 2))
    desk.want(leaves(0), sender=TWO)
    enough = Enough(desk.noise.tag, (Objects(ObjectKind.LEAF, 0, 2),))
    desk.answering.enough(enough, ONE)
    assert {one.of.number for one in desk.all_bursts()} == {0}
    desk.want(leaves(0, 2), now=LATER)
    desk.answering.enough(enough, ONE)
    assert not desk.answering.owes


def test_what_did_not_get_on_the_air_is_still_owed() -> None:
    desk = Desk()
    desk.want(leaves(0))
    burst = desk.burst()
    assert burst is not None
    desk.answering.failed(burst, again_at=LATER + 5.0)
    assert desk.burst() is None
    assert count(desk.all_bursts(now=LATER + 5.0)) == 342


def test_what_may_not_go_on_the_air_is_owed_no_more() -> None:
    desk = Desk()
    desk.want(leaves(0))
    burst = desk.burst()
    assert burst is not None
    desk.answering.refused(burst)
    assert not desk.answering.owes


def test_a_burst_says_who_asked_and_what_it_carries() -> None:
    desk = Desk()
    desk.want(leaves(2))
    burst = desk.burst()
    assert burst is not None
    traffic = burst.traffic
    assert (traffic.asked_by, traffic.content, traffic.chunks) == (ONE, NOISE.content, (2,))
    assert traffic.octets_after == 48 * count(symbols_in(burst))
    assert traffic.note.endswith("symbols of leaf 2")
    assert AFSK.burst_s(map(len, traffic.frames)) <= PACE.burst_s + AFSK.frame_s(256)


def test_an_answer_tells_the_rules_whether_its_content_is_encrypted() -> None:
    for cleartext in (True, False):
        desk = Desk()
        desk.noise.cleartext = cleartext
        desk.want(leaves(2))
        burst = desk.burst()
        assert burst is not None
        assert burst.traffic.cleartext is cleartext


def test_what_is_not_here_is_not_owed() -> None:
    desk = Desk()
    assert desk.noise.shape is not None
    desk.noise.shape.held &= ~1
    desk.want(leaves(0, 2))
    assert {one.of.number for one in desk.all_bursts()} == {1}
    desk.want(leaves(500, 3), leaves(0))
    assert not desk.answering.owes


def test_requests_are_bounded_and_forgotten_in_the_end() -> None:
    desk = Desk()
    large = desk.hold(content_of("c.bin", bytes(5_000_000), chunk_octets=16_384))
    desk.octets[large.tag] = bytes(5_000_000)
    desk.want(*(leaves(first, 64) for first in range(0, 305, 64)), of=large)
    assert len(desk.reads) == REQUESTS_MAX
    desk.answering.expire(now=REQUEST_FOR_S)
    assert not desk.answering.owes


def test_an_object_that_cannot_be_read_is_not_owed() -> None:
    desk = Desk()
    desk.read = desk.reads.append  # type: ignore[method-assign,assignment]
    desk.answering = Answering(desk.contents, desk.stations, US, desk.reads.append, Random(1))
    desk.want(leaves(0))
    assert desk.burst() is None
    desk.answering.was_read(desk.reads[0], None)
    assert not desk.answering.owes


def test_what_is_on_its_way_already_is_not_sent_twice() -> None:
    desk = Desk()
    desk.want(leaves(0))
    desk.all_bursts()
    desk.want(leaves(0, 1, 40, RAW), now=LATER)
    waiting = desk.burst(2 * LATER)
    assert waiting is not None
    desk.want(leaves(0, 1, 40, RAW), sender=TWO, now=2 * LATER)
    desk.answering.sent(waiting)
    assert count(symbols_in(waiting)) + count(desk.all_bursts(3 * LATER)) <= 60


def test_who_asks_while_a_burst_waits_does_not_say_what_got_lost() -> None:
    desk = Desk()
    desk.want(leaves(0))
    desk.all_bursts()
    desk.want(leaves(0, 1, 10, RAW), now=LATER)
    waiting = desk.burst(2 * LATER)
    assert waiting is not None
    # Of fourteen symbols, on no air yet, a hundred are not lacking.
    desk.want(leaves(0, 1, 100, RAW), sender=TWO, now=2 * LATER)
    desk.answering.sent(waiting)
    assert count(symbols_in(waiting)) + count(desk.all_bursts(3 * LATER)) < 125


def test_the_most_urgent_goes_first_whoever_was_served_last() -> None:
    desk = Desk()
    desk.want(leaves(0), sender=TWO, of=desk.other)
    burst = desk.burst()
    assert burst is not None
    desk.answering.sent(burst)
    desk.noise.precedence = Precedence.WELFARE
    desk.want(leaves(0), sender=TWO, now=LATER)
    desk.other.precedence = Precedence.ROUTINE
    desk.want(leaves(1), sender=ONE, of=desk.other, now=LATER)
    first = desk.burst(2 * LATER)
    assert first is not None
    assert first.content == desk.noise.tag


def test_one_that_was_not_there_before_gives_repair_symbols_to_who_has_some() -> None:
    desk = Desk()
    desk.want(leaves(0, 1, 40, RAW))
    assert all(one.first >= FIRST_REPAIR_ID for one in desk.all_bursts())


def test_one_who_asks_on_an_empty_channel_is_answered_at_once() -> None:
    for crowd in (False, True):
        desk = Desk()
        want = Want(desk.noise.tag, (leaves(0),))
        desk.answering.want(want, ONE, PACE, alone=True, crowd=crowd, now=0.0)
        assert (desk.burst(now=0.0) is None) is crowd


def test_a_burst_of_a_slow_modem_is_whole_frames_and_several_of_them() -> None:
    desk = Desk()
    desk.want(leaves(0))
    desk.modes = desk.modes_of(DATAC1)
    burst = desk.burst()
    assert burst is not None
    assert [one.count for one in symbols_in(burst)] == [10] * BURST_FRAMES
    assert DATAC1.burst_s(map(len, burst.traffic.frames)) <= 30.0
    desk.modes = desk.modes_of(DATAC1, burst_max_s=10.0)
    burst = desk.burst()
    assert burst is not None
    assert [one.count for one in symbols_in(burst)] == [10, 10]


def test_what_another_made_up_is_not_made_again() -> None:
    desk, same = Desk(), Desk()
    for one in (desk, same):
        one.want(leaves(0))
        one.all_bursts()
        one.want(leaves(0, 1, 40, RAW), now=LATER)
    first = same.all_bursts(2 * LATER)[0].first
    desk.answering.heard(heard(0, first, 10), PACE, now=LATER)
    sent = desk.all_bursts(3 * LATER)
    ids = {symbols.first + at for symbols in sent for at in range(symbols.count)}
    assert ids
    assert ids.isdisjoint(range(first, first + 10))
