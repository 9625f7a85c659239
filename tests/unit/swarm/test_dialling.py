"""Who is dialled, when again, and who is left alone."""

from itertools import pairwise

from tests.unit.swarm.rig import Peer, Rig, identity, refusals

from meshdl.ids import Callsign, StationId, station_id
from meshdl.links import DialFailed
from meshdl.swarm import effects, inputs
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import control as wire


def misbehave(peer: Peer) -> None:
    peer.say_text(" " * (wire.CONTROL_MESSAGE_MAX + 1))


def dials(rig: Rig) -> int:
    return len(rig.of(effects.Dial))


def test_a_banned_station_is_neither_welcome_nor_dialled_until_its_time_is_over() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    misbehave(peer)
    for _ in range(50):
        rig.post(inputs.StationSeen(peer.id, Callsign("KA1AAA")))
        rig.wait(1.0)
    assert dials(rig) == 0
    rig.post(inputs.StationGone(peer.id))
    rig.post(inputs.StationSeen(peer.id, Callsign("KA1AAA")))
    rig.wait(60.0)
    assert dials(rig) == 0
    again = rig.peer("KA1AAA")
    assert not again.linked()
    assert "banned" in refusals(rig)[-1]
    rig.wait(600.0)
    assert dials(rig) > 0
    assert rig.peer("KA1AAA").linked()


def test_a_refused_station_is_left_alone_although_discovery_hears_it_again_and_again() -> None:
    rig = Rig(pins={Callsign("KA1AAA"): identity("KA1AAA").key})
    other = station_id(identity("KA1AAA", key="new").key)
    rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
    rig.wait(0.5)
    for _ in range(120):
        if dials(rig) > len(refusals(rig)):
            rig.bare_link("KA1AAA", key="new", dialled=other).shake_hands()
        rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
        rig.wait(0.5)
    assert 1 <= dials(rig) <= 4


def test_a_station_that_refuses_us_is_left_alone_too() -> None:
    rig = Rig()
    other = station_id(identity("KA1AAA").key)
    rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
    rig.wait(0.5)
    for _ in range(120):
        if dials(rig) > len(refusals(rig)):
            rig.bare_link("KA1AAA", dialled=other).say(wire.Bye("we do not like you"))
        rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
        rig.wait(0.5)
    assert 1 <= dials(rig) <= 4
    assert refusals(rig)[0] == "it refused us: we do not like you"


def test_a_trusted_key_is_dialled_at_once() -> None:
    rig = Rig(pins={Callsign("KA1AAA"): identity("KA1AAA").key})
    new = identity("KA1AAA", key="new")
    other = station_id(new.key)
    rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
    rig.wait(0.5)
    rig.bare_link("KA1AAA", key="new", dialled=other).shake_hands()
    before = dials(rig)
    rig.post(inputs.StationTrusted(Callsign("KA1AAA"), new.key))
    rig.wait(0.7)
    assert dials(rig) == before + 1


def test_failed_dials_are_repeated_ever_more_slowly() -> None:
    rig = Rig()
    other = StationId("ff" * 8)
    rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
    rig.wait(0.5)
    rig.post(DialFailed(other, "no answer"))
    at = [rig.now]
    for _ in range(1200):
        known = dials(rig)
        rig.wait(0.25)
        if dials(rig) > known:
            at.append(rig.now)
            rig.post(DialFailed(other, "no answer"))
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps[0] < 2.0
    assert 45.0 <= max(gaps) <= 80.0
    assert len(at) < 14


def test_a_lost_link_is_dialled_again_soon() -> None:
    rig = Rig()
    other = station_id(identity("KA1AAA").key)
    rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
    rig.wait(0.5)
    peer = rig.bare_link("KA1AAA", dialled=other)
    peer.shake_hands()
    for _ in range(8):
        rig.wait(1.0)
        peer.say(wire.Ping(1))
    before = dials(rig)
    peer.go()
    rig.wait(1.5)
    assert dials(rig) == before + 1


def test_a_dial_that_reaches_somebody_else_is_repeated() -> None:
    rig = Rig()
    other = station_id(identity("KA1AAA").key)
    rig.post(inputs.StationSeen(other, Callsign("KA1AAA")))
    rig.wait(0.5)
    assert dials(rig) == 1
    stranger = rig.bare_link("KA1ZZZ", dialled=other)
    stranger.shake_hands()
    assert stranger.linked()
    rig.wait(2.0)
    assert dials(rig) == 2


def test_no_more_is_dialled_at_once_than_there_is_room_for() -> None:
    rig = Rig(settings=SwarmSettings(max_links=5))
    for number in range(40):
        rig.post(inputs.StationSeen(StationId(f"{number:016x}"), Callsign("KA1AAA")))
        rig.wait(0.1)
    rig.wait(1.0)
    assert dials(rig) == 5


def test_a_neighbour_is_shown_with_the_callsign_it_has_now() -> None:
    rig = Rig()
    station = station_id(identity("KA1AAA").key)
    for callsign in ("KA1AAA", "KA1AAA-7"):
        rig.post(inputs.StationSeen(station, Callsign(callsign)))
    assert rig.swarm.neighbours.known[station].callsign == "KA1AAA-7"
