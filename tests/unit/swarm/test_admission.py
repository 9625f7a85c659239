"""Who is let in: handshake, forged proofs, malformed messages, life and death of a link."""

import pytest
from tests.unit.swarm.rig import TRAITS, Rig, identity, refusals

from meshdl.errors import LinkRefused, RemoteProtocolError
from meshdl.ids import Callsign, LinkId
from meshdl.links import LinkBinding, LinkUp
from meshdl.swarm import effects, inputs
from meshdl.swarm.handshake import Handshake, HandshakeState
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import control as wire

BINDING = LinkBinding(b"A" * 32, b"B" * 32)
MIRRORED = LinkBinding(b"B" * 32, b"A" * 32)


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


def test_whoever_may_know_us_already_was_told_and_the_log_says_so() -> None:
    rig = Rig()
    rig.bare_link("KA1AAA")  # it has not even said hello, and is owed no proof
    half_known = rig.bare_link("KA1BBB")
    half_known.say(half_known.handshake.hello())
    assert any(isinstance(one, wire.HelloProof) for one in half_known.heard())
    rig.post(inputs.Shutdown())
    assert isinstance(half_known.heard()[-1], wire.Bye)
    said = [(one.link, one.text) for one in rig.of(effects.Identified) if one.sent]
    assert said == [
        (half_known.link, "DE KA1MMM (hello)"),
        (half_known.link, "DE KA1MMM (bye)"),
    ]


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
