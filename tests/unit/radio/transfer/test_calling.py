"""The CQ: how often, and what it tells."""

from random import Random

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer.calling import (
    CHANNEL_SHARE,
    FIRST_WITHIN_S,
    INTERVAL_MAX_S,
    INTERVAL_MIN_S,
    Calling,
)
from meshdl.radio.transfer.contents import AirContent, Contents, Shape
from meshdl.radio.transfer.stations import REMEMBERED_FOR_S, STATIONS_MAX, Stations
from meshdl.sim.radio_memory import content_of
from meshdl.wire.onair.codes import station_tag
from meshdl.wire.onair.frames import octets_of
from meshdl.wire.onair.pdus import Cq, Have

HERE = Callsign("N0AAA")


class Desk:
    def __init__(self) -> None:
        self.contents, self.stations = Contents(), Stations()
        self.calling = Calling(self.contents, self.stations, "FN42", Random(1))

    def hold(self, number: int) -> AirContent:
        made = content_of(f"{number}.txt", bytes([number]) * 100)
        content = self.contents.open(made.content)
        assert content is not None
        content.shape, content.served = Shape(made.metainfo, made.hashes, 1), True
        return content

    def call(self, room_octets: int = 500) -> Cq:
        return self.calling.call(room_octets=room_octets, now=0.0)

    def due_at(self) -> float:
        due = self.calling.deadline()
        assert due is not None
        return due


def test_intervals_double_until_there_is_news() -> None:
    desk = Desk()
    desk.calling.begin(now=0.0)
    now = desk.due_at()
    assert now <= FIRST_WITHIN_S
    waits = []
    for _ in range(7):
        desk.calling.sent(1.0, now=now)
        waits.append(desk.due_at() - now)
        now = desk.due_at()
    assert 0.75 * INTERVAL_MIN_S <= waits[0] <= 1.25 * INTERVAL_MIN_S
    assert waits[1] > waits[0]
    assert 0.75 * INTERVAL_MAX_S <= waits[-1] <= 1.25 * INTERVAL_MAX_S
    desk.calling.sent(1.0, now=now)
    desk.calling.news(now=now)
    assert desk.due_at() <= now + INTERVAL_MIN_S


def test_many_stations_call_more_seldom() -> None:
    desk = Desk()
    for number in range(19):
        desk.stations.heard(Callsign(f"N0B{chr(65 + number)}"), now=0.0)
    desk.calling.begin(now=0.0)
    desk.calling.sent(2.0, now=0.0)
    assert desk.due_at() >= 0.75 * 20 * 2.0 / CHANNEL_SHARE


def test_an_emergency_is_told_at_once_and_once() -> None:
    desk = Desk()
    desk.calling.begin(now=0.0)
    desk.calling.sent(1.0, now=0.0)
    desk.calling.news(now=5.0, emergency=True)
    assert (desk.due_at(), desk.calling.urgent) == (5.0, True)
    desk.calling.postpone()
    assert (desk.calling.deadline(), desk.calling.urgent) == (None, False)
    desk.calling.sent(1.0, now=6.0)
    assert desk.due_at() >= 6.0 + 0.75 * INTERVAL_MIN_S


def test_an_emergency_is_told_after_a_call_that_was_on_its_way() -> None:
    desk = Desk()
    desk.calling.begin(now=0.0)
    desk.calling.postpone()
    desk.calling.news(now=5.0, emergency=True)
    desk.calling.sent(1.0, now=6.0)  # the one that was on its way
    assert (desk.due_at(), desk.calling.urgent) == (5.0, True)


def test_off_the_air_nothing_is_due() -> None:
    desk = Desk()
    desk.calling.news(now=0.0, emergency=True)
    desk.calling.news(now=0.0)
    assert desk.calling.deadline() is None
    desk.calling.begin(now=0.0)
    desk.calling.stop()
    desk.calling.news(now=0.0)
    assert desk.calling.deadline() is None


def test_it_tells_what_is_sought_and_what_is_here() -> None:
    desk = Desk()
    here = desk.hold(1)
    sought = desk.contents.open(content_of("x", b"x").content)
    assert sought is not None
    sought.wanted = True
    cq = desk.call()
    assert cq.locator == "FN42"
    assert cq.seeks == (sought.tag,)
    [have] = cq.haves
    assert (have.content, have.chunks, have.precedence) == (here.tag, None, Precedence.ROUTINE)


def test_what_is_encrypted_is_not_offered() -> None:
    desk = Desk()
    sealed, plain = desk.hold(1), desk.hold(2)
    sealed.cleartext = False
    assert [have.content for have in desk.call().haves] == [plain.tag]


def test_what_does_not_fit_comes_next_time() -> None:
    desk = Desk()
    ours = {desk.hold(number).tag for number in range(60)}
    told: list[bytes] = []
    for _ in range(3):
        cq = desk.call()
        assert octets_of(cq) <= 200
        told += [have.content for have in cq.haves]
    assert set(told) == ours
    assert len(told) < 3 * 60


def test_emergency_traffic_is_told_every_time() -> None:
    desk = Desk()
    for number in range(60):
        desk.hold(number)
    urgent = desk.hold(99)
    urgent.precedence = Precedence.EMERGENCY
    for _ in range(3):
        assert urgent.tag in {have.content for have in desk.call().haves}


def test_what_others_tell_is_left_out() -> None:
    desk = Desk()
    here = desk.hold(1)
    have = Have(content=here.tag, precedence=Precedence.ROUTINE, size_class=40)
    for name in ("N0AAA", "N0BBB"):
        assert desk.call().haves
        desk.stations.called_cq(Callsign(name), Cq(haves=(have,)), now=0.0)
    assert not desk.call().haves
    here.precedence = Precedence.EMERGENCY
    assert desk.call().haves


def test_where_there_is_little_room_it_says_only_that_we_are_here() -> None:
    desk = Desk()
    desk.hold(1)
    assert desk.call(room_octets=2) == Cq()


def test_stations_are_forgotten_after_an_hour_and_bounded() -> None:
    stations = Stations()
    assert stations.heard(HERE, now=0.0)
    assert not stations.heard(HERE, now=1.0)
    assert stations.called(station_tag(HERE)) == HERE
    for number in range(STATIONS_MAX):
        stations.heard(Callsign(f"N0{chr(65 + number // 26)}{chr(65 + number % 26)}"), now=2.0)
    assert len(stations) == STATIONS_MAX
    stations.heard(Callsign("N0ZZZ"), now=3.0 + REMEMBERED_FOR_S)
    assert len(stations) == 1
    assert stations.called(station_tag(HERE)) is None
