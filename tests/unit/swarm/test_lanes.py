"""Several links to one station: still one peer."""

from dataclasses import replace

import pytest
from tests.unit.swarm.rig import SMALL_CHUNKS, TRAITS, Peer, Rig, asked, identity, ranges

from meshdl.ids import Callsign, StationId, station_id
from meshdl.links import DialFailed, Path, Way
from meshdl.policy.lanes import LANES_MAX
from meshdl.policy.penalty import BAN_POINTS
from meshdl.sim.station import SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.fetcher import STALL_AFTER_S
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import control as wire

FAR = replace(TRAITS, path=Path.DIRECT)
CALL = Callsign("KA1AAA")
THEM: StationId = station_id(identity("KA1AAA").key)
LARGE = SimContent(5, 2**20, 16 * 1024)


def lane(rig: Rig, number: int, callsign: str = "KA1AAA") -> Peer:
    """A link that the other side dialled to be this lane."""
    peer = rig.bare_link(callsign, traits=FAR, way=Way.INTERNET)
    peer.become(lanes=LANES_MAX, lane=number)
    peer.shake_hands()
    return peer


def first(rig: Rig, callsign: str = "KA1AAA") -> Peer:
    return lane(rig, 0, callsign)


def want_lanes(rig: Rig, peer: Peer, count: int) -> None:
    """As if the policy had found that so many are worth while."""
    rig.swarm.sessions[peer.link].station.lane_count.wanted = count
    rig.wait(0.3)


def dialled(rig: Rig) -> list[Way]:
    return [effect.way for effect in rig.of(effects.Dial)]


def answer_dial(rig: Rig, callsign: str = "KA1AAA") -> Peer:
    station = station_id(identity(callsign).key)
    peer = rig.bare_link(callsign, dialled=station, traits=FAR, way=Way.INTERNET)
    peer.become(lanes=LANES_MAX)
    peer.shake_hands()
    return peer


def number(rig: Rig, peer: Peer) -> int:
    return rig.swarm.sessions[peer.link].lane


def test_lanes_share_one_peer_that_is_shown_and_logged_once() -> None:
    rig = Rig()
    lanes = [lane(rig, n) for n in range(3)]
    assert all(one.linked() for one in lanes)
    assert len({id(rig.swarm.sessions[one.link].station) for one in lanes}) == 1
    assert len(rig.swarm.peers()) == 1
    assert len(rig.of(effects.PeerUp)) == 1
    assert len(rig.of(effects.Identified)) == 2


def test_every_station_says_how_many_lanes_it_keeps_and_old_ones_are_taken_to_keep_one() -> None:
    rig = Rig()
    peer = rig.bare_link("KA1AAA", traits=FAR, way=Way.INTERNET)
    (hello,) = (m for m in peer.heard() if isinstance(m, wire.Hello))
    assert (hello.lanes, hello.lane) == (LANES_MAX, 0)
    old = rig.peer("KA1BBB", traits=FAR, way=Way.INTERNET)
    want_lanes(rig, old, 8)
    assert dialled(rig) == []


def test_what_is_said_once_is_said_on_the_first_lane_alone() -> None:
    rig = Rig()
    rig.open_for_download(SMALL_CHUNKS)
    rig.post(inputs.OfferRecord(SMALL_CHUNKS.hash, b"record"))
    one, other = lane(rig, 0), lane(rig, 1)
    told = {type(message) for message in one.heard()}
    assert {wire.Records, wire.Want} <= told
    assert not {wire.Records, wire.Want} & {type(message) for message in other.heard()}
    rig.post(inputs.OfferRecord(LARGE.hash, b"another"))
    assert [type(message) for message in other.heard()] == []


def test_every_lane_is_asked_for_what_the_peer_announced_on_the_first() -> None:
    rig = Rig()
    rig.open_for_download(LARGE)
    lanes = [lane(rig, n) for n in range(3)]
    lanes[0].has(LARGE)
    rig.wait(0.3)
    wanted = [ranges(asked(one)) for one in lanes]
    assert all(wanted)
    assert len({found for one in wanted for found in one}) == sum(map(len, wanted))


def test_what_a_lost_lane_was_asked_for_is_asked_on_the_others() -> None:
    rig = Rig()
    rig.open_for_download(LARGE)
    lanes = [lane(rig, n) for n in range(2)]
    lanes[0].has(LARGE)
    rig.wait(0.3)
    lost = ranges(asked(lanes[1]))
    kept = ranges(asked(lanes[0]))
    lanes[1].go()
    assert lanes[0].linked()
    assert rig.of(effects.PeerDown) == []
    serving = kept
    while serving:
        for chunk, offset, octets in serving:
            lanes[0].send_range(LARGE, 0, chunk, offset, octets)
        serving = ranges(asked(lanes[0]))
        kept += serving
    assert set(lost) <= set(kept)
    assert rig.complete(LARGE)


def test_a_lane_that_the_other_side_closes_is_no_goodbye() -> None:
    rig = Rig()
    lanes = [lane(rig, n) for n in range(2)]
    identified = len(rig.of(effects.Identified))
    lanes[1].say(wire.Bye("one link less is enough", "KA1AAA"))
    assert [one.linked() for one in lanes] == [True, False]
    assert len(rig.of(effects.Identified)) == identified
    assert not rig.of(effects.PeerDown)
    assert not rig.of(effects.PeerRefused)


def test_when_the_first_lane_ends_the_others_do() -> None:
    rig = Rig()
    lanes = [lane(rig, n) for n in range(3)]
    lanes[0].go("cut")
    assert rig.swarm.sessions == {}
    assert [down.reason for down in rig.of(effects.PeerDown)] == ["cut"]


def test_a_lane_without_a_first_one_is_closed() -> None:
    rig = Rig()
    assert not lane(rig, 1).linked()
    assert rig.of(effects.PeerUp) == []


def test_a_lane_of_another_run_of_the_program_is_closed() -> None:
    rig = Rig()
    first(rig)
    peer = rig.bare_link("KA1AAA", traits=FAR, way=Way.INTERNET, instance=b"next run")
    peer.become(lane=1)
    peer.shake_hands()
    assert not peer.linked()


@pytest.mark.parametrize("lane_number", [LANES_MAX, 255])
def test_a_peer_has_no_more_lanes_than_we_keep(lane_number: int) -> None:
    rig = Rig()
    kept = first(rig)
    assert not lane(rig, lane_number).linked()
    assert kept.linked()


def test_the_local_network_has_one_lane() -> None:
    rig = Rig()
    local = rig.bare_link("KA1AAA")
    local.become(lanes=LANES_MAX)
    local.shake_hands()
    second = rig.bare_link("KA1AAA")
    second.become(lane=1)
    second.shake_hands()
    assert (local.linked(), second.linked()) == (True, False)
    want_lanes(rig, local, 8)
    assert dialled(rig) == []


def test_a_lane_that_is_wanted_is_dialled_once_the_same_way() -> None:
    rig = Rig()
    peer = first(rig)
    want_lanes(rig, peer, 4)
    assert dialled(rig) == [Way.INTERNET] * 3
    peer.say(wire.Ping(1))
    rig.wait(1.0)
    assert len(dialled(rig)) == 3


def test_dialled_lanes_are_numbered_in_the_order_in_which_they_come_up() -> None:
    rig = Rig()
    peer = first(rig)
    want_lanes(rig, peer, 3)
    lanes = [answer_dial(rig), answer_dial(rig)]
    assert [number(rig, one) for one in lanes] == [1, 2]
    assert all(one.linked() for one in [peer, *lanes])


def test_a_lane_that_comes_up_when_the_first_is_gone_is_the_first() -> None:
    rig = Rig()
    peer = first(rig)
    want_lanes(rig, peer, 2)
    peer.go()
    late = answer_dial(rig)
    assert late.linked()
    assert number(rig, late) == 0
    assert len(rig.of(effects.PeerUp)) == 2


@pytest.mark.parametrize("comes_up", [True, False])
def test_what_was_dialled_for_a_station_that_is_gone_takes_nobodys_room(comes_up: bool) -> None:
    rig = Rig(settings=SwarmSettings(max_links=8))
    peer = first(rig)
    want_lanes(rig, peer, 5)
    assert len(dialled(rig)) == 4
    peer.go()
    for _ in range(4):
        if comes_up:
            answer_dial(rig).go()
        else:
            rig.post(DialFailed(THEM, "no link", Way.INTERNET))
    again = first(rig)
    want_lanes(rig, again, 5)
    assert len(dialled(rig)) == 8, "lanes are dialled again"
    for call in ("KA1BBB", "KA1CCC", "KA1DDD"):
        station = station_id(identity(call).key)
        rig.post(inputs.StationSeen(station, Callsign(call), Way.LAN))
    again.say(wire.Ping(1))
    rig.wait(1.0)
    assert len(dialled(rig)) == 11, "and so are others"


def test_a_lane_that_could_not_be_dialled_is_not_the_stations_fault() -> None:
    rig = Rig()
    peer = first(rig)
    rig.post(inputs.StationSeen(THEM, CALL, Way.INTERNET))
    want_lanes(rig, peer, 2)
    rig.post(DialFailed(THEM, "no link", Way.INTERNET))
    assert rig.swarm.neighbours.known[THEM].routes[Way.INTERNET].failures == 0


def test_lanes_that_are_no_longer_wanted_are_closed_by_who_dialled_them() -> None:
    rig = Rig()
    peer = first(rig)
    want_lanes(rig, peer, 3)
    ours = [answer_dial(rig), answer_dial(rig)]
    theirs = lane(rig, 5)
    want_lanes(rig, peer, 1)
    assert [one.linked() for one in [peer, *ours, theirs]] == [True, False, False, True]
    assert isinstance(ours[0].heard()[-1], wire.Bye)


def test_lanes_leave_room_for_other_stations() -> None:
    rig = Rig(settings=SwarmSettings(max_links=4))
    peer = first(rig)
    lanes = [lane(rig, n) for n in range(1, 4)]
    assert [one.linked() for one in lanes] == [True, True, False]
    assert rig.peer("KA1BBB").linked()
    want_lanes(rig, peer, 8)
    assert dialled(rig) == []


def test_sources_that_are_asked_at_once_divide_the_lanes() -> None:
    rig = Rig()
    rig.open_for_download(LARGE)
    peers = [first(rig, call) for call in ("KA1AAA", "KA1BBB", "KA1CCC", "KA1DDD")]
    for peer in peers:
        peer.has(LARGE)
    want_lanes(rig, peers[0], LANES_MAX)
    assert len(dialled(rig)) == LANES_MAX // len(peers) - 1


def test_points_are_those_of_the_station_over_all_its_lanes() -> None:
    rig = Rig()
    lanes = [lane(rig, n) for n in range(3)]
    for _ in range(2):
        for one in lanes:
            one.say_text("nonsense")
    assert not any(one.linked() for one in lanes)
    assert BAN_POINTS <= 20 * 6
    assert not first(rig).linked(), "it is banned"
    assert len(rig.of(effects.PeerDown)) == 1


def test_a_chunk_in_which_one_lane_was_wrong_is_asked_on_none_of_them() -> None:
    rig = Rig()
    rig.open_for_download(LARGE)
    lanes = [lane(rig, n) for n in range(2)]
    lanes[0].has(LARGE)
    rig.wait(0.3)
    wrong = ranges(asked(lanes[1]))[0]
    serving = ranges(asked(lanes[0]))
    lanes[1].send_range(LARGE, 0, *wrong, spoil=True)
    while serving:
        assert wrong not in serving
        for found in serving:
            lanes[0].send_range(LARGE, 0, *found)
        serving = ranges(asked(lanes[0]))


def test_a_peer_that_is_busy_is_busy_on_every_lane() -> None:
    rig = Rig()
    rig.open_for_download(LARGE)
    lanes = [lane(rig, n) for n in range(2)]
    lanes[0].has(LARGE)
    rig.wait(0.3)
    lanes[1].say(wire.ChunkReject(LARGE.hash, tuple(ranges(asked(lanes[1]))), "busy", 1000))
    lanes[0].heard()
    rig.wait(0.9)
    assert asked(lanes[0]) == asked(lanes[1]) == []
    rig.wait(0.5)
    assert asked(lanes[1])


def test_a_stall_of_one_lane_is_not_held_against_the_others() -> None:
    rig = Rig()
    rig.open_for_download(LARGE)
    lanes = [lane(rig, n) for n in range(2)]
    lanes[0].has(LARGE)
    rig.wait(0.3)
    asked(lanes[1])
    served = ranges(asked(lanes[0]))
    for _ in range(6):
        rig.wait(STALL_AFTER_S / 5)
        lanes[1].say(wire.Ping(1))
        chunk, offset, octets = served.pop(0)
        lanes[0].send_range(LARGE, 0, chunk, offset, octets)
        served += ranges(asked(lanes[0]))
    assert any(isinstance(message, wire.ChunkCancel) for message in lanes[1].heard())
    assert rig.swarm.sessions[lanes[1].link].snubbed_until > rig.now
    assert rig.swarm.sessions[lanes[0].link].snubbed_until <= rig.now


def test_a_chunk_that_goes_to_one_lane_is_not_elsewhere_for_another() -> None:
    rig = Rig()
    rig.seed(LARGE)
    lanes, other = [lane(rig, n) for n in range(2)], first(rig, "KA1BBB")
    for one in (lanes[0], other):
        one.say(wire.Want(LARGE.hash))
    for one in (*lanes, other):
        one.heard()
        one.say(wire.ChunkRequest(LARGE.hash, 0, ((0, 0, 16 * 1024),)))
    refused = [[m for m in one.heard() if isinstance(m, wire.ChunkReject)] for one in lanes]
    assert refused == [[], []]
    assert [m.reason for m in other.heard() if isinstance(m, wire.ChunkReject)] == ["elsewhere"]


def test_lanes_have_one_slot_and_one_share_of_the_upload() -> None:
    rig = Rig(settings=SwarmSettings(upload_slots=2))
    rig.seed(LARGE)
    rig.disk = False
    lanes, other = [lane(rig, n) for n in range(3)], first(rig, "KA1BBB")
    wanted = tuple((chunk, 0, 16 * 1024) for chunk in range(30))
    for one in [other, *lanes]:
        one.say(wire.ChunkRequest(LARGE.hash, 0, wanted))
    for number in range(40):
        read = rig.of(effects.ReadRange)[number]
        rig.post(inputs.RangeRead(read.ticket, bytes(read.octets)))
    sent = [one.link for one in rig.of(effects.Send) if isinstance(one.message, bytes)]
    assert len(sent) == 40, "nobody was told busy"
    settled = sent[16:]
    assert settled.count(other.link) == pytest.approx(12, abs=2)
    assert all(settled.count(one.link) == pytest.approx(4, abs=2) for one in lanes)
