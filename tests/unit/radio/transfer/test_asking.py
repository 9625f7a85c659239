"""When a WANT goes out, and what it says."""

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from tests.unit.radio.stations import AFSK

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer.asking import ASKED_AIRTIME_S, SELDOM_S, TRIES_MAX, Asking
from meshdl.radio.transfer.contents import AirContent, Contents, ObjectKey, Shape
from meshdl.radio.transfer.gathering import Gathering, NewSymbol
from meshdl.radio.transfer.pace import pace_of
from meshdl.radio.transfer.stations import Stations
from meshdl.sim.radio_memory import content_of
from meshdl.wire.onair.pdus import Codec, Form, ObjectKind, Objects, Want, Wanted

PACE = pace_of(AFSK, burst_max_s=30.0)
NOISE = content_of("a.bin", Random(1).randbytes(200_000))
RAW = Form(Codec.RAW, 342)


class Desk:
    """An asking with one content that is wanted."""

    def __init__(self, *, stations: int = 1, attended: bool = False) -> None:
        self.contents, self.stations = Contents(), Stations()
        self.gathering = Gathering(lambda _: True)
        self.asking = Asking(
            self.contents, self.gathering, self.stations, Random(1), attended=attended
        )
        content = self.contents.open(NOISE.content)
        assert content is not None
        self.content: AirContent = content
        content.wanted, content.shape = True, Shape(NOISE.metainfo, NOISE.hashes)
        for number in range(stations):
            self.stations.heard(Callsign(f"N0A{chr(65 + number)}"), now=0.0)
        self.asking.begin(content.tag, PACE, now=0.0)

    def want(self, room_octets: int = 200) -> Want | None:
        return self.asking.want(self.content.tag, AFSK, room_octets=room_octets)

    def due_at(self) -> float | None:
        return self.asking.deadline(urgent=False)

    def hear(self, leaf: int, symbols: range) -> None:
        key = ObjectKey(self.content.tag, ObjectKind.LEAF, leaf)
        for one in symbols:
            octets = NOISE.octets[16_384 * leaf + 48 * one :][:48]
            self.gathering.take(self.content, NewSymbol(key, RAW, one, octets, "N0AAA"))


def leaves(first: int, count: int, needed: int = 0, form: Form | None = None) -> Wanted:
    return Wanted(Objects(ObjectKind.LEAF, first, count), needed, form)


def test_neighbours_that_are_wanted_alike_are_one_run() -> None:
    desk = Desk()
    want = desk.want()
    assert want is not None
    [entry] = want.wanted
    assert entry.objects.first == 0
    # Each leaf takes 109 s: three of them are as much as one WANT may ask for.
    assert entry.objects.count == 3
    assert 8 * 48 * 342 / AFSK.payload_bps * 3 >= ASKED_AIRTIME_S


def test_what_is_here_already_is_told() -> None:
    desk = Desk()
    desk.hear(0, range(300))
    want = desk.want()
    assert want is not None
    assert want.wanted[0] == leaves(0, 1, 42, RAW)
    assert want.wanted[1].needed == 0


def test_a_want_is_cut_to_the_room_there_is() -> None:
    desk = Desk()
    desk.hear(0, range(300))
    whole, cut = desk.want(), desk.want(room_octets=11)
    assert whole is not None
    assert cut is not None
    assert cut.wanted == whole.wanted[:1]
    assert desk.want(room_octets=5) is None


def test_nobody_answers_and_it_asks_again_ever_later_and_then_seldom() -> None:
    desk = Desk()
    waits, now = [], 0.0
    for _ in range(TRIES_MAX):
        due = desk.due_at()
        assert due is not None
        waits.append(due - now)
        now = due
        desk.asking.sent(desk.content.tag, [], PACE, now=now)
    assert all(later > 1.4 * sooner for sooner, later in pairwise(waits[1:]))
    for _ in range(2 * TRIES_MAX):
        due = desk.due_at()
        assert due is not None
        assert SELDOM_S <= due - now <= 1.5 * SELDOM_S + 2 * PACE.slot_s
        now = due
        desk.asking.sent(desk.content.tag, [], PACE, now=now)
    desk.asking.holder_heard(desk.content.tag, PACE, now=now)
    due = desk.due_at()
    assert due is not None
    assert due <= now + 2 * PACE.slot_s


def test_while_symbols_come_it_is_silent() -> None:
    desk = Desk()
    for at in range(10):
        assert desk.asking.symbols_heard(desk.content.tag, PACE, now=float(at))
        due = desk.due_at()
        assert due is not None
        assert due >= at + PACE.quiet_s


def test_another_on_the_air_may_only_hold_the_sender_up() -> None:
    desk = Desk()
    desk.asking.symbols_heard(desk.content.tag, PACE, now=0.0)
    desk.asking.channel_heard(PACE, now=30.0)
    due = desk.due_at()
    assert due is not None
    assert due >= 30.0 + PACE.quiet_s


def test_who_lacks_more_asks_first() -> None:
    much, little = Desk(stations=20), Desk(stations=20)
    for number in range(2):
        little.hear(number, range(330))
        much.hear(number, range(240))
    little.content.shape = much.content.shape = replace_held(0b1_1111_1111_1100)
    for desk in (much, little):
        desk.asking.symbols_heard(desk.content.tag, PACE, now=0.0)
    first, second = much.due_at(), little.due_at()
    assert first is not None
    assert second is not None
    assert first + PACE.slot_s < second


def replace_held(held: int) -> Shape:
    return Shape(NOISE.metainfo, NOISE.hashes, held)


@pytest.mark.parametrize(
    ("theirs", "silent"),
    [
        ([leaves(0, 13)], True),
        ([leaves(0, 5)], False),
        ([leaves(0, 1, 42, RAW), leaves(1, 12)], True),
        ([leaves(0, 1, 41, RAW), leaves(1, 12)], False),
        ([leaves(0, 1, 50, Form(Codec.ZSTD, 300, 7)), leaves(1, 12)], False),
    ],
)
def test_it_is_silent_when_another_asks_for_all_of_it(theirs: list[Wanted], silent: bool) -> None:
    desk = Desk()
    desk.hear(0, range(300))
    heard = desk.asking.overheard(Want(desk.content.tag, tuple(theirs)), PACE, now=0.0)
    assert heard is silent
    due = desk.due_at()
    assert due is not None
    assert (due >= PACE.answer_s) is silent


@pytest.mark.parametrize("attended", [False, True])
def test_a_want_says_whether_somebody_attends_the_station(attended: bool) -> None:
    want = Desk(attended=attended).want()
    assert want is not None
    assert want.attended is attended


@pytest.mark.parametrize(
    ("ours", "theirs", "silent"),
    [(False, False, True), (False, True, True), (True, True, True), (True, False, False)],
)
def test_who_is_attended_does_not_rely_on_the_want_of_who_is_not(
    ours: bool, theirs: bool, silent: bool
) -> None:
    desk = Desk(attended=ours)
    want = Want(desk.content.tag, (leaves(0, 13),), theirs)
    assert desk.asking.overheard(want, PACE, now=0.0) is silent


def test_when_all_that_was_asked_for_is_here_it_asks_for_more() -> None:
    desk = Desk()
    keys = [ObjectKey(desk.content.tag, ObjectKind.LEAF, number) for number in range(2)]
    desk.asking.sent(desk.content.tag, keys, PACE, now=0.0)
    desk.asking.symbols_heard(desk.content.tag, PACE, now=10.0)
    desk.asking.arrived(keys[0], PACE, now=10.0)
    waiting = desk.due_at()
    desk.asking.arrived(keys[1], PACE, now=10.0)
    soon = desk.due_at()
    assert waiting is not None
    assert soon is not None
    assert soon <= 10.0 + 2 * PACE.slot_s < waiting


def test_emergencies_are_due_apart() -> None:
    desk = Desk()
    desk.content.precedence = Precedence.EMERGENCY
    assert desk.asking.deadline(urgent=False) is None
    assert desk.asking.due(urgent=True, now=60.0) == [desk.content.tag]
    assert desk.asking.due(urgent=False, now=60.0) == []


def test_on_long_frames_nothing_takes_less_time() -> None:
    slow = pace_of(replace(AFSK, payload_bps=300.0), burst_max_s=30.0)
    assert slow.slot_s > PACE.slot_s
    assert slow.quiet_s > PACE.quiet_s
    assert pace_of(AFSK, burst_max_s=4.0).burst_s == 4.0
