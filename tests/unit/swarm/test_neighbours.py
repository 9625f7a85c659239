"""A station that is heard by several ways is dialled by the best one that works."""

from random import Random

from meshdl.ids import Callsign, StationId
from meshdl.links import Way
from meshdl.swarm.neighbours import BACK_OFF_MAX_S, YIELD_FAR_S, YIELD_S, Neighbours

LOW, HIGH = StationId("1" * 16), StationId("f" * 16)
CALL = Callsign("KA1AAA")


def low_hears_high(*ways: Way) -> Neighbours:
    neighbours = Neighbours(LOW, Random(1))
    for way in ways:
        neighbours.seen(HIGH, CALL, way, now=0.0)
    return neighbours


def due(neighbours: Neighbours, *, now: float, **linked: Way | None) -> list[Way]:
    found = {HIGH: linked["by"]} if "by" in linked else {}
    return [way for _, way in neighbours.due(found, room=9, now=now)]


def test_the_local_network_is_dialled_before_the_internet() -> None:
    neighbours = low_hears_high(Way.INTERNET, Way.LAN)
    assert due(neighbours, now=0.0) == [Way.LAN]
    assert due(neighbours, now=100.0) == []  # a dial is under way


def test_the_internet_is_dialled_at_once_when_the_local_dial_fails() -> None:
    neighbours = low_hears_high(Way.LAN, Way.INTERNET)
    due(neighbours, now=0.0)
    neighbours.failed(HIGH, Way.LAN, now=1.0)
    assert due(neighbours, now=1.0) == [Way.INTERNET]


def test_both_ways_are_tried_again_when_both_have_failed() -> None:
    neighbours = low_hears_high(Way.LAN, Way.INTERNET)
    tried = set()
    for second in range(int(4 * BACK_OFF_MAX_S)):
        for way in due(neighbours, now=float(second)):
            tried.add((way, second > BACK_OFF_MAX_S))
            neighbours.failed(HIGH, way, now=float(second))
    assert tried == {(way, late) for way in Way for late in (False, True)}


def test_a_better_way_is_tried_while_a_lesser_one_carries_a_link() -> None:
    neighbours = low_hears_high(Way.INTERNET)
    assert due(neighbours, now=0.0) == [Way.INTERNET]
    neighbours.connected(HIGH)
    assert due(neighbours, now=10.0, by=Way.INTERNET) == []
    neighbours.seen(HIGH, CALL, Way.LAN, now=10.0)
    assert due(neighbours, now=10.0, by=Way.INTERNET) == [Way.LAN]


def test_nothing_is_dialled_beside_the_best_there_is() -> None:
    neighbours = low_hears_high(Way.LAN, Way.INTERNET)
    assert due(neighbours, now=10.0, by=None) == []


def test_a_station_is_forgotten_when_it_is_heard_no_way() -> None:
    neighbours = low_hears_high(Way.LAN, Way.INTERNET)
    neighbours.gone(HIGH, Way.LAN)
    assert due(neighbours, now=0.0) == [Way.INTERNET]
    neighbours.gone(HIGH, Way.INTERNET)
    assert not neighbours.known


def test_a_dial_that_lost_its_way_does_not_keep_others_waiting() -> None:
    neighbours = low_hears_high(Way.LAN, Way.INTERNET)
    assert due(neighbours, now=0.0) == [Way.LAN]
    neighbours.gone(HIGH, Way.LAN)
    assert due(neighbours, now=0.1) == [Way.INTERNET]


def test_the_higher_id_waits_longer_where_a_dial_takes_longer() -> None:
    for way, yields_s in ((Way.LAN, YIELD_S), (Way.INTERNET, YIELD_FAR_S)):
        neighbours = Neighbours(HIGH, Random(1))
        neighbours.seen(LOW, CALL, way, now=0.0)
        assert neighbours.due({}, room=9, now=yields_s - 0.01) == []
        assert neighbours.due({}, room=9, now=yields_s) == [(LOW, way)]


def test_a_lesser_way_waits_for_a_better_one_that_has_not_failed() -> None:
    neighbours = Neighbours(HIGH, Random(1))
    neighbours.seen(LOW, CALL, Way.INTERNET, now=0.0)
    neighbours.seen(LOW, CALL, Way.LAN, now=YIELD_FAR_S - YIELD_S / 2)
    assert neighbours.due({}, room=9, now=YIELD_FAR_S) == []
    assert neighbours.due({}, room=9, now=YIELD_FAR_S + YIELD_S) == [(LOW, Way.LAN)]
