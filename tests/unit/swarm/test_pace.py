"""How often the core wants to be called, and what makes it more often."""

from tests.unit.swarm.rig import INTERNET, OTHER, SMALL_CHUNKS, Peer, Rig

from meshdl.ids import Callsign, StationId
from meshdl.links import Way
from meshdl.swarm import inputs
from meshdl.swarm.pace import REST_S, TICK_S
from meshdl.swarm.session import DEAD_AFTER_S, PING_AFTER_S
from meshdl.wire import control as wire

NEIGHBOURS = 6


def at_rest() -> tuple[Rig, list[Peer]]:
    """A core with neighbours that want nothing; all of them have just been heard."""
    rig = Rig()
    peers = [rig.bare_link(f"KA1{letter}AA") for letter in "ABCDEF"]
    for peer in peers:
        peer.become(watches=True)
        peer.shake_hands()
    rig.wait(TICK_S)
    for peer in peers:
        peer.say(wire.Pong(0))
    rig.wait(TICK_S)
    return rig, peers


def until_called(rig: Rig) -> float:
    due = rig.swarm.deadline()
    assert due is not None
    return due - rig.now


def ticks(rig: Rig, peers: list[Peer], seconds: float) -> int:
    """How often the core is called while all answer what it asks."""
    count, end = 0, rig.now + seconds
    while (due := rig.swarm.deadline()) is not None and due <= end:
        rig.wait(due - rig.now)
        count += 1
        for peer in peers:
            for message in peer.heard():
                if isinstance(message, wire.Ping):
                    peer.say(wire.Pong(message.token))
    return count


def test_a_core_at_rest_is_called_for_little_but_signs_of_life() -> None:
    rig, peers = at_rest()
    assert ticks(rig, peers, 30.0) <= 30.0 / PING_AFTER_S * 2 + 1
    assert all(peer.linked() for peer in peers)


def test_its_signs_of_life_are_as_punctual_as_ever() -> None:
    rig, peers = at_rest()
    watched = [peer for peer in peers if _asked_within(rig, peer, PING_AFTER_S)]
    assert len(watched) == 2
    rig.wait(DEAD_AFTER_S + TICK_S)
    assert not any(peer.linked() for peer in watched)


def test_rest_ends_when_somebody_wants_something() -> None:
    rig, peers = at_rest()
    rig.seed(SMALL_CHUNKS)
    rig.disk = False
    assert until_called(rig) > TICK_S
    peers[0].say(
        wire.ChunkRequest(SMALL_CHUNKS.hash, 1, ((0, 0, SMALL_CHUNKS.metainfo.chunk_octets),), 3)
    )
    assert until_called(rig) <= TICK_S


def test_there_is_no_rest_while_a_download_waits_for_a_source() -> None:
    rig, _ = at_rest()
    rig.open_for_download(OTHER)
    for _ in range(20):
        assert until_called(rig) <= TICK_S
        rig.wait(TICK_S)


def test_there_is_no_rest_while_metainfo_is_looked_for() -> None:
    rig, _ = at_rest()
    rig.post(inputs.StartDownload(OTHER.hash))
    assert until_called(rig) <= TICK_S


def test_rest_ends_when_two_are_to_hear_of_each_other() -> None:
    rig, peers = at_rest()
    for peer in peers[:2]:
        peer.say(wire.Want(OTHER.hash))
    assert until_called(rig) <= TICK_S


def test_rest_ends_when_a_station_is_heard_that_has_no_link() -> None:
    rig, _ = at_rest()
    rig.post(inputs.StationSeen(StationId("0" * 16), Callsign("KA1NEW"), Way.LAN))
    assert until_called(rig) <= TICK_S


def test_stations_that_discovery_hears_and_that_have_links_end_no_rest() -> None:
    rig, peers = at_rest()
    for peer in peers:
        rig.post(inputs.StationSeen(peer.id, peer.identity.callsign, Way.LAN))
    assert until_called(rig) > TICK_S


def test_rest_ends_when_a_link_comes_up() -> None:
    rig, _ = at_rest()
    rig.bare_link("KA1NEW")
    assert until_called(rig) <= TICK_S


def test_there_is_no_rest_with_a_link_across_the_internet() -> None:
    rig, _ = at_rest()
    far = rig.peer("KA1FAR", traits=INTERNET, way=Way.INTERNET)
    rig.wait(TICK_S)
    far.say(wire.Pong(0))
    rig.wait(TICK_S)
    assert until_called(rig) <= TICK_S


def test_what_keeps_coming_does_not_put_off_a_tick_for_ever() -> None:
    rig, peers = at_rest()
    due = rig.swarm.deadline()
    assert due is not None
    for _ in range(4):
        rig.wait(TICK_S / 2)
        for peer in peers:
            peer.say(wire.Pong(0))
        assert rig.swarm.deadline() == due
    assert due <= rig.now + REST_S


def test_nobody_is_nothing_to_be_called_for() -> None:
    rig, peers = at_rest()
    for peer in peers:
        peer.go()
    rig.wait(REST_S)
    assert rig.swarm.deadline() is None


def _asked_within(rig: Rig, peer: Peer, seconds: float) -> bool:
    rig.wait(max(0.0, rig.swarm.sessions[peer.link].heard_at + seconds + TICK_S - rig.now))
    return any(isinstance(message, wire.Ping) for message in peer.heard())
