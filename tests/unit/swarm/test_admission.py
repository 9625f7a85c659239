"""Who is let in: handshake, forged proofs, pinned keys, bans, glare, life and death."""

from itertools import pairwise

import pytest
from tests.unit.swarm.rig import TRAITS, Peer, Rig, identity

from meshdl.errors import LinkRefused, RemoteProtocolError
from meshdl.ids import Callsign, LinkId, StationId, station_id
from meshdl.links import DialFailed, LinkBinding, LinkUp
from meshdl.swarm import effects, inputs
from meshdl.swarm.handshake import Handshake, HandshakeState
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import control as wire
from meshdl.wire.rotation import KeyRotation, statement

BINDING = LinkBinding(b"A" * 32, b"B" * 32)
MIRRORED = LinkBinding(b"B" * 32, b"A" * 32)


def refusals(rig: Rig) -> list[str]:
    return [refused.reason for refused in rig.of(effects.PeerRefused)]


def test_two_honest_stations_prove_themselves() -> None:
    alfa = Handshake(identity("KA1AAA"), BINDING, nonce=b"a" * 32)
    bravo = Handshake(identity("KA1BBB"), MIRRORED, nonce=b"b" * 32)
    proof_of_bravo = bravo.receive_hello(alfa.hello())
    proof_of_alfa = alfa.receive_hello(bravo.hello())
    assert alfa.receive_proof(proof_of_bravo).callsign == "KA1BBB"
    assert bravo.receive_proof(proof_of_alfa).key == identity("KA1AAA").key
    assert alfa.state is HandshakeState.PROVED
    assert alfa.rank == bravo.rank


def test_whoever_stands_in_the_middle_has_other_fingerprints_and_is_found_out() -> None:
    alfa = Handshake(identity("KA1AAA"), BINDING, nonce=b"a" * 32)
    bravo = Handshake(identity("KA1BBB"), LinkBinding(b"M" * 32, b"N" * 32), nonce=b"b" * 32)
    alfa.receive_hello(bravo.hello())
    with pytest.raises(RemoteProtocolError, match="does not hold"):
        alfa.receive_proof(bravo.receive_hello(alfa.hello()))


def test_a_proof_cannot_be_reflected() -> None:
    alfa = Handshake(identity("KA1AAA"), BINDING, nonce=b"a" * 32)
    ours = alfa.receive_hello(Handshake(identity("KA1BBB"), MIRRORED, nonce=b"b" * 32).hello())
    with pytest.raises(RemoteProtocolError, match="does not hold"):
        alfa.receive_proof(ours)


def test_another_protocol_version_is_refused_with_a_remedy() -> None:
    alfa = Handshake(identity("KA1AAA"), BINDING, nonce=b"a" * 32)
    theirs = Handshake(identity("KA1BBB"), MIRRORED, nonce=b"b" * 32).hello()
    newer = wire.Hello(2, theirs.callsign, theirs.station_key, theirs.instance, theirs.nonce)
    with pytest.raises(LinkRefused, match="update the older station"):
        alfa.receive_hello(newer)


def test_an_honest_peer_is_up_pinned_and_both_sides_are_identified() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    assert peer.linked()
    assert rig.of(effects.PinStation) == [effects.PinStation(Callsign("KA1AAA"), peer.identity.key)]
    assert [up.callsign for up in rig.of(effects.PeerUp)] == ["KA1AAA"]
    assert [(one.callsign, one.sent) for one in rig.of(effects.Identified)] == [
        ("KA1MMM", True),
        ("KA1AAA", False),
    ]


def test_a_forged_signature_ends_the_link() -> None:
    rig = Rig()
    peer = rig.bare_link("KA1AAA")
    peer.say(peer.handshake.hello())
    peer.say(wire.HelloProof(bytes(64)))
    assert not peer.linked()
    assert "does not hold" in refusals(rig)[0]


def test_a_claimed_key_without_its_private_half_is_not_believed() -> None:
    rig = Rig()
    peer = rig.bare_link("KA1AAA")
    hello = peer.handshake.hello()
    theirs = identity("KA1ZZZ").key
    forged = wire.Hello(hello.protocol, hello.callsign, theirs, hello.instance, hello.nonce)
    peer.say(forged)
    ours = next(m for m in peer.heard() if isinstance(m, wire.Hello))
    peer.say(peer.handshake.receive_hello(ours))
    assert not peer.linked()


@pytest.mark.parametrize(
    "message",
    [wire.Ping(1), wire.Want(bytes(32)), wire.HelloProof(bytes(64)), wire.ChunkCancel(
        bytes(32), ((0, 0, 1),))],
)  # fmt: skip
def test_no_message_counts_before_the_handshake(message: wire.ControlMessage) -> None:
    rig = Rig()
    peer = rig.bare_link("KA1AAA")
    peer.say(message)
    assert rig.swarm.sessions == {}
    assert len(refusals(rig)) == 1


def test_chunk_octets_before_the_handshake_end_the_link() -> None:
    rig = Rig()
    peer = rig.bare_link("KA1AAA")
    peer.say_octets(bytes(20))
    assert rig.swarm.sessions
    peer.say_octets(b"\x01" + bytes(19))
    assert rig.swarm.sessions == {}


def test_a_second_hello_ends_the_link() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.say(peer.handshake.hello())
    assert not peer.linked()


def test_our_own_key_at_the_other_end_is_told_apart_from_our_own_station() -> None:
    for instance, expected in [(bytes(8), "our own station"), (b"another.", "key of its own")]:
        rig = Rig()
        peer = rig.bare_link("KA1MMM", instance=instance)
        peer.say(peer.handshake.hello())
        assert not rig.swarm.sessions
        assert expected in refusals(rig)[0]


def test_a_changed_key_is_refused_until_the_operator_trusts_it() -> None:
    rig = Rig(pins={Callsign("KA1AAA"): identity("KA1AAA").key})
    stranger = rig.peer("KA1AAA", key="new")
    assert not stranger.linked()
    refused = rig.of(effects.PeerRefused)[0]
    assert f"meshdl trust KA1AAA {stranger.id}" in refused.reason
    assert refused.key == stranger.identity.key
    assert any(isinstance(message, wire.Bye) for message in stranger.heard())
    rig.post(inputs.StationTrusted(Callsign("KA1AAA"), stranger.identity.key))
    assert rig.peer("KA1AAA", key="new").linked()


def handed_over(old: str, *, signer: str = "") -> KeyRotation:
    """KA1AAA goes over from one key to the key "new"."""
    given, taken = identity("KA1AAA", key=old), identity("KA1AAA", key="new")
    signed = statement(callsign="KA1AAA", old_key=given.key, new_key=taken.key)
    return KeyRotation(given.key, identity("KA1AAA", key=signer or old).sign(signed))


def with_new_key(rig: Rig, *rotations: KeyRotation) -> Peer:
    peer = rig.bare_link("KA1AAA", key="new", rotations=rotations)
    peer.shake_hands()
    return peer


def test_a_key_that_the_pinned_one_signed_for_takes_its_place() -> None:
    old = identity("KA1AAA", key="old").key
    rig = Rig(pins={Callsign("KA1AAA"): old})
    peer = with_new_key(rig, handed_over("old"))
    assert peer.linked()
    moved = effects.PinMoved(Callsign("KA1AAA"), old, peer.identity.key)
    assert rig.of(effects.PinMoved) == [moved]
    assert rig.of(effects.PinStation) == []
    former = rig.peer("KA1AAA", key="old")
    assert not former.linked()
    assert "another station key" in refusals(rig)[0]


def test_a_key_that_somebody_else_signed_for_is_refused() -> None:
    rig = Rig(pins={Callsign("KA1AAA"): identity("KA1AAA", key="old").key})
    assert not with_new_key(rig, handed_over("old", signer="thief")).linked()
    assert not with_new_key(rig, handed_over("other")).linked()
    assert rig.of(effects.PinMoved) == []
    assert all("meshdl trust" in reason for reason in refusals(rig))


def test_a_ban_does_not_end_with_a_new_key() -> None:
    rig = Rig()
    banned = rig.peer("KA1AAA", key="old")
    for _ in range(10):
        banned.say_text("garbage")
    assert not banned.linked()
    assert not with_new_key(rig, handed_over("old")).linked()
    assert rig.of(effects.PinMoved) == []


def test_a_link_without_a_handshake_is_given_up() -> None:
    rig = Rig()
    rig.bare_link("KA1AAA")
    rig.wait(7.5)
    assert rig.swarm.sessions
    rig.wait(1.0)
    assert not rig.swarm.sessions


def test_there_is_an_upper_bound_on_links() -> None:
    rig = Rig(settings=SwarmSettings(max_links=2))
    peers = [rig.peer(callsign) for callsign in ("KA1AAA", "KA1BBB", "KA1CCC")[:2]]
    third = rig.bare_link("KA1CCC")
    assert third.link not in rig.swarm.sessions
    assert [one.link for one in rig.of(effects.CloseLink)] == [third.link]
    assert all(peer.linked() for peer in peers)


def glare(order: tuple[int, int]) -> list[bool]:
    """Two links to one station, one dialled by each side; which of them lives."""
    rig = Rig()
    theirs = station_id(identity("KA1AAA").key)
    links = [rig.bare_link("KA1AAA", dialled=theirs), rig.bare_link("KA1AAA")]
    for position in order:
        if links[position].link in rig.swarm.sessions:
            links[position].shake_hands()
    return [peer.linked() for peer in links]


def test_of_two_links_that_both_sides_dialled_the_lower_ids_is_kept_in_any_order() -> None:
    ours = station_id(identity("KA1MMM").key)
    lower_is_ours = ours < station_id(identity("KA1AAA").key)
    assert glare((0, 1)) == glare((1, 0)) == [lower_is_ours, not lower_is_ours]


def test_of_two_links_of_one_dialler_both_ends_keep_the_same_in_any_order() -> None:
    kept = []
    for order in ((0, 1), (1, 0)):
        rig = Rig()
        links = [rig.bare_link("KA1AAA"), rig.bare_link("KA1AAA")]
        for position in order:
            links[position].shake_hands()
        kept.append([peer.linked() for peer in links])
    assert kept[0] == kept[1]
    assert sum(kept[0]) == 1


def test_a_later_dial_of_the_same_side_replaces_the_link_that_it_lost() -> None:
    rig = Rig()
    old = rig.peer("KA1AAA")
    rig.wait(1.0)
    old.say(wire.Ping(1))
    rig.wait(1.2)
    new = rig.peer("KA1AAA")
    assert (old.linked(), new.linked()) == (False, True)
    assert len(rig.of(effects.PeerUp)) == 2
    assert len(rig.of(effects.PeerDown)) == 1


def test_a_restarted_station_replaces_its_old_run_at_once() -> None:
    rig = Rig()
    theirs = station_id(identity("KA1AAA").key)
    old = rig.bare_link("KA1AAA", dialled=theirs)
    old.shake_hands()
    new = rig.bare_link("KA1AAA", instance=b"next run")
    new.shake_hands()
    assert (old.linked(), new.linked()) == (False, True)


def test_a_dead_peer_is_noticed_within_five_seconds() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.wait(5.0)
    assert not peer.linked()
    assert [down.reason for down in rig.of(effects.PeerDown)] == ["no sign of life"]


def test_an_idle_peer_that_answers_pings_lives_on() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    for _ in range(1000):
        rig.wait(0.02)
        for message in peer.heard():
            if isinstance(message, wire.Ping):
                peer.say(wire.Pong(message.token))
    assert peer.linked()
    assert rig.swarm.sessions[peer.link].round_trip_s == pytest.approx(0.02, abs=0.02)


def test_a_pong_nobody_asked_for_says_nothing_of_the_path() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.say(wire.Pong(0))
    peer.say(wire.Pong(123456))
    assert rig.swarm.sessions[peer.link].round_trip_s is None


def test_a_clock_that_jumps_a_day_ends_no_link() -> None:
    rig = Rig()
    peer, shaking = rig.peer("KA1AAA"), rig.bare_link("KA1BBB")
    rig.wait(1.6)  # a ping is on its way
    rig.jump(86_400.0)
    assert peer.linked()
    shaking.shake_hands()
    assert shaking.linked()


def test_a_ping_is_answered_with_its_token() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.heard()
    peer.say(wire.Ping(99))
    assert peer.heard() == [wire.Pong(99)]


def test_the_station_identifies_itself_every_ten_minutes_at_most_and_at_the_end() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.heard()
    heard: list[float] = []
    for _ in range(1300):
        rig.wait(1.0)
        for message in peer.heard():
            if isinstance(message, wire.Ping):
                peer.say(wire.Pong(message.token))
            elif isinstance(message, wire.StationIdentification):
                assert "KA1MMM" in message.text
                heard.append(rig.now)
    assert len(heard) == 2
    assert heard[1] - heard[0] < 600
    rig.post(inputs.Shutdown())
    assert isinstance(peer.heard()[-1], wire.Bye)
    sent = [one.text for one in rig.of(effects.Identified) if one.sent]
    assert sent == ["DE KA1MMM (hello)", "DE KA1MMM", "DE KA1MMM", "DE KA1MMM (bye)"]


def test_the_identification_of_a_peer_is_told() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.say(wire.StationIdentification("KA1AAA", "DE KA1AAA"))
    peer.say(wire.Bye("done", "KA1AAA"))
    theirs = [one.text for one in rig.of(effects.Identified) if not one.sent]
    assert theirs == ["DE KA1AAA (hello)", "DE KA1AAA", "DE KA1AAA (bye)"]
    assert not peer.linked()


def test_a_station_that_closes_says_goodbye_and_admits_nobody() -> None:
    rig = Rig()
    peer = rig.peer("KA1BBB")
    peer.heard()
    rig.post(inputs.Shutdown())
    assert peer.heard() == [wire.Bye("station closes", "KA1MMM")]
    assert [one.link for one in rig.of(effects.CloseLink)] == [peer.link]
    late = rig.bare_link("KA1AAA")
    assert late.link not in rig.swarm.sessions


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "nonsense", '{"type":"ping"}', '{"type":"ping","token":-1}', "\ud800"]
)
def test_malformed_messages_are_forgiven_now_and_then_but_not_in_a_row(text: str) -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.say_text(text)
    assert peer.linked()
    for _ in range(6):
        peer.say_text(text)
    assert not peer.linked()
    assert "broke the protocol" in refusals(rig)[0]


def test_an_oversized_message_ends_the_link_at_once() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.say_text(" " * (wire.CONTROL_MESSAGE_MAX + 1))
    assert not peer.linked()


def test_messages_of_the_future_are_ignored() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    for _ in range(100):
        peer.say_text('{"type":"telepathy","thought":1}')
    peer.say_text('{"type":"ping","token":4,"mood":"good"}')
    assert peer.linked()
    assert wire.Pong(4) in peer.heard()


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


def test_a_link_of_an_unknown_number_changes_nothing() -> None:
    rig = Rig()
    link = LinkId("never:1")
    rig.post(inputs.LinkBlocked(link))
    rig.post(inputs.RangeRead(77, b"x"))
    rig.post(inputs.HashesRead(77, b""))
    rig.post(inputs.ReadFailed(77, "gone"))
    assert rig.done == []


def test_a_nonce_is_fresh_for_every_link() -> None:
    rig = Rig()
    hellos = []
    for number in range(2):
        rig.post(LinkUp(link=LinkId(f"x:{number}"), traits=TRAITS, binding=BINDING, dialled=None))
    for effect in rig.of(effects.Send):
        assert isinstance(effect.message, str)
        hellos.append(wire.decode(effect.message))
    nonces = {hello.nonce for hello in hellos if isinstance(hello, wire.Hello)}
    assert len(nonces) == 2


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


def test_what_a_peer_writes_cannot_steer_the_operators_terminal() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.say(wire.StationIdentification("KA1AAA", "DE KA1AAA\x1b[2J"))
    peer.say(wire.Bye("\r\nall is well\x07"))
    assert [one.text for one in rig.of(effects.Identified)][2] == "DE KA1AAA?[2J"
    assert rig.of(effects.PeerDown)[0].reason == "??all is well?"
    unproved = rig.bare_link("KA1BBB")
    unproved.say(wire.Bye("go\x00"))
    assert refusals(rig) == ["it refused us: go?"]


def test_a_neighbour_is_shown_with_the_callsign_it_has_now() -> None:
    rig = Rig()
    station = station_id(identity("KA1AAA").key)
    for callsign in ("KA1AAA", "KA1AAA-7"):
        rig.post(inputs.StationSeen(station, Callsign(callsign)))
    assert rig.swarm.neighbours.known[station].callsign == "KA1AAA-7"
