"""Links by several ways, paths that change, and what is told beyond the local network."""

from dataclasses import replace

import pytest
from tests.unit.swarm.rig import KIB, SMALL_CHUNKS, TRAITS, Rig, identity, serve_all

from meshdl.ids import Callsign, StationId, station_id
from meshdl.links import Path, PathChanged, Way
from meshdl.policy.window import LOCAL, LONG, RequestWindow
from meshdl.swarm import effects, inputs
from meshdl.swarm.session import DEAD_AFTER_S, PING_AFTER_S
from meshdl.wire import control as wire

DIRECT = replace(TRAITS, path=Path.DIRECT, recovers_within_s=10.0)
CALL = Callsign("KA1AAA")


CALLS = tuple(f"KA1{letter}AA" for letter in "ABCDEFGHIJKL")


def own_id(rig: Rig) -> StationId:
    return station_id(rig.identity.key)


def dials(rig: Rig) -> list[Way]:
    return [effect.way for effect in rig.of(effects.Dial)]


@pytest.mark.parametrize("first", Way)
def test_a_link_of_the_local_network_is_kept_whichever_came_first(first: Way) -> None:
    rig = Rig()
    ways = [first, *(way for way in Way if way is not first)]
    traits = {Way.LAN: TRAITS, Way.INTERNET: DIRECT}
    peers = {way: rig.peer("KA1AAA", traits=traits[way], way=way) for way in ways}
    assert {way for way, peer in peers.items() if peer.linked()} == {Way.LAN}


def test_a_station_across_the_internet_is_also_dialled_on_the_local_network() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA", traits=DIRECT, way=Way.INTERNET)
    rig.post(inputs.StationSeen(peer.id, CALL, Way.INTERNET))
    rig.wait(1.0)
    assert dials(rig) == []
    rig.post(inputs.StationSeen(peer.id, CALL, Way.LAN))
    rig.wait(1.0)
    assert dials(rig) == [Way.LAN]


def test_a_link_that_came_to_run_locally_needs_no_other() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA", traits=DIRECT, way=Way.INTERNET)
    rig.post(PathChanged(peer.link, Path.LAN, "192.168.1.2:5000"))
    rig.post(inputs.StationSeen(peer.id, CALL, Way.LAN))
    rig.wait(1.0)
    assert dials(rig) == []
    session = rig.swarm.sessions[peer.link]
    assert (session.traits.path, session.address) == (Path.LAN, "192.168.1.2:5000")
    assert session.peer is not None
    moved = effects.PeerMoved(peer.link, CALL, session.peer.key, Path.LAN, "192.168.1.2:5000")
    assert rig.of(effects.PeerMoved) == [moved]


def test_a_link_that_can_recover_is_given_the_time_it_takes() -> None:
    rig = Rig()
    local = rig.peer("KA1AAA")
    far = rig.peer("KA1AAB", traits=DIRECT, way=Way.INTERNET)
    rig.wait(PING_AFTER_S + DEAD_AFTER_S + 1.0)
    assert (local.linked(), far.linked()) == (False, True)
    rig.wait(DIRECT.recovers_within_s)
    assert not far.linked()


def test_a_link_that_is_waited_for_yields_to_one_that_is_alive() -> None:
    """A station that slept with its lid closed hears of it only when the other dials anew."""
    for waited_s, kept in ((DEAD_AFTER_S / 2, "old"), (DEAD_AFTER_S + 0.3, "new")):
        rig = Rig()
        other = next(name for name in CALLS if station_id(identity(name).key) > own_id(rig))
        old = rig.bare_link(
            other, traits=DIRECT, way=Way.INTERNET, dialled=station_id(identity(other).key)
        )
        old.shake_hands()
        rig.wait(PING_AFTER_S + 0.3 + waited_s)
        new = rig.peer(other, traits=DIRECT, way=Way.INTERNET)
        assert (old.linked(), new.linked()) == (kept == "old", kept == "new")


def test_what_is_held_is_advertised_until_it_is_removed() -> None:
    rig = Rig()
    rig.seed(SMALL_CHUNKS)
    rig.post(inputs.ContentRemoved(SMALL_CHUNKS.hash))
    told = [effect.held for effect in rig.of(effects.Advertise)]
    assert told == [True, False]


def test_what_is_wanted_is_sought_until_complete_and_advertised_from_its_first_chunk() -> None:
    rig = Rig()
    rig.open_for_download(SMALL_CHUNKS)
    assert [effect.wanted for effect in rig.of(effects.Seek)] == [True]
    assert rig.of(effects.Advertise) == []
    peer = rig.peer("KA1AAA")
    peer.has(SMALL_CHUNKS)
    serve_all(SMALL_CHUNKS, peer)
    assert rig.complete(SMALL_CHUNKS)
    rig.wait(1.0)
    assert [effect.wanted for effect in rig.of(effects.Seek)] == [True, False]
    assert [effect.held for effect in rig.of(effects.Advertise)] == [True]


def test_a_paused_download_is_sought_no_longer() -> None:
    rig = Rig()
    rig.open_for_download(SMALL_CHUNKS)
    rig.post(inputs.PauseDownload(SMALL_CHUNKS.hash))
    assert [effect.wanted for effect in rig.of(effects.Seek)] == [True, False]


def test_the_window_suits_the_path_and_changes_with_it() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA", traits=DIRECT, way=Way.INTERNET)
    session = rig.swarm.sessions[peer.link]
    far = session.window
    assert far.octets == LONG.start_octets
    assert far.round_trip_s is not None, "the handshake told it"
    rig.post(PathChanged(peer.link, Path.DIRECT, "192.0.2.9:5000"))
    assert session.window is far, "another address is not another path"
    rig.post(PathChanged(peer.link, Path.LAN, "192.168.1.2:5000"))
    assert session.window.octets == LOCAL.start_octets


def test_what_moved_before_a_link_changed_its_path_is_logged_with_the_path_it_took() -> None:
    rig = Rig()
    rig.seed(SMALL_CHUNKS)
    peer = rig.peer("KA1AAA", traits=replace(DIRECT, path=Path.RELAYED), way=Way.INTERNET)

    def serve_a_chunk(index: int) -> None:
        peer.say(wire.ChunkRequest(SMALL_CHUNKS.hash, 1, ((index, 0, 64 * KIB),)))

    def logged() -> list[tuple[Path, int]]:
        return [(record.path, record.octets) for record in rig.of(effects.Transferred)]

    serve_a_chunk(0)
    rig.post(PathChanged(peer.link, Path.RELAYED, "192.0.2.9:5000"))
    assert logged() == [], "another address is not another path"
    rig.post(PathChanged(peer.link, Path.DIRECT, "192.0.2.9:5000"))
    serve_a_chunk(1)
    serve_a_chunk(2)
    peer.go()
    assert logged() == [(Path.RELAYED, 64 * KIB), (Path.DIRECT, 128 * KIB)]


def test_a_ping_tells_the_window_how_long_the_path_is() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA", traits=DIRECT, way=Way.INTERNET)
    session = rig.swarm.sessions[peer.link]
    session.window = RequestWindow(LONG, now=rig.now)
    rig.wait(PING_AFTER_S + 0.3)
    (ping,) = (message for message in peer.heard() if isinstance(message, wire.Ping))
    rig.wait(0.2)
    peer.say(wire.Pong(ping.token))
    assert session.window.round_trip_s is not None
    assert 0.2 <= session.window.round_trip_s <= 0.5
