"""Who is asked for signs of life, when, and what a suspicion of others is worth."""

from dataclasses import dataclass

import pytest
from tests.unit.swarm.rig import INTERNET, SMALL_CHUNKS, TRAITS, Peer, Rig, serve_all

from meshdl.ids import station_id
from meshdl.links import LinkTraits
from meshdl.policy.watch import watchers
from meshdl.swarm import effects
from meshdl.swarm.session import DEAD_AFTER_S, PING_AFTER_S
from meshdl.swarm.vigil import HEARD_LATELY_S, SELDOM_S, SUSPECT_AFTER_S
from meshdl.wire import control as wire

STATIONS = 9
TICK_S = 0.25


@dataclass
class Mesh:
    """A core with eight peers on the local network; it watches some of them."""

    rig: Rig
    watched: list[Peer]
    others: list[Peer]

    def answer_for(self, seconds: float, *silent: Peer) -> None:
        """Let time pass; all but these answer what they are asked."""
        end = self.rig.now + seconds
        while self.rig.now < end:
            self.rig.wait(TICK_S)
            for peer in self.watched + self.others:
                if peer in silent or not peer.linked():
                    continue
                for message in peer.heard():
                    if isinstance(message, wire.Ping):
                        peer.say(wire.Pong(message.token))


def mesh(*, watches: bool = True, traits: LinkTraits = TRAITS) -> Mesh:
    rig = Rig()
    peers: list[Peer] = []
    for letter in "ABCDEFGH"[: STATIONS - 1]:
        peer = rig.bare_link(f"KA1{letter}AA", traits=traits)
        peer.become(watches=watches)
        peer.shake_hands()
        peers.append(peer)
    own = station_id(rig.identity.key)
    ring = sorted([own, *(peer.id for peer in peers)])
    ours = {peer.id for peer in peers if own in watchers(peer.id, ring)}
    rig.wait(TICK_S)
    for peer in peers:
        peer.heard()
    return Mesh(
        rig,
        [peer for peer in peers if peer.id in ours],
        [peer for peer in peers if peer.id not in ours],
    )


def pings(peer: Peer) -> int:
    return sum(isinstance(message, wire.Ping) for message in peer.heard())


def suspicions(peer: Peer) -> list[bytes]:
    return [message.station for message in peer.heard() if isinstance(message, wire.Suspect)]


def test_those_we_watch_are_asked_soon_and_the_others_seldom() -> None:
    net = mesh()
    assert (len(net.watched), len(net.others)) == (2, 6)
    net.rig.wait(PING_AFTER_S)
    assert [pings(peer) for peer in net.watched] == [1, 1]
    net = mesh()
    net.answer_for(SELDOM_S - 1.0)
    assert [pings(peer) for peer in net.others] == [0] * 6
    net.rig.wait(1.0)
    assert [pings(peer) for peer in net.others] == [1] * 6


def test_who_is_left_watches_when_the_watchers_go() -> None:
    net = mesh()
    left = net.others[:2]
    for peer in net.watched + net.others[2:]:
        peer.go()
    net.rig.wait(PING_AFTER_S)
    assert [pings(peer) for peer in left] == [1, 1]


@pytest.mark.parametrize(("watches", "traits"), [(False, TRAITS), (True, INTERNET)])
def test_where_nobody_else_watches_we_ask_all(watches: bool, traits: LinkTraits) -> None:
    net = mesh(watches=watches, traits=traits)
    net.rig.wait(PING_AFTER_S)
    assert [pings(peer) for peer in net.watched + net.others] == [1] * 8


def test_a_source_of_ours_is_asked_soon_whoever_watches_it() -> None:
    net = mesh()
    source = net.others[0]
    net.rig.open_for_download(SMALL_CHUNKS)
    source.has(SMALL_CHUNKS)
    source.heard()
    net.answer_for(PING_AFTER_S + TICK_S, source)
    assert pings(source) == 1
    assert [pings(peer) for peer in net.others[1:]] == [0] * 5
    net.answer_for(DEAD_AFTER_S, source)
    assert not source.linked()


def test_who_finished_serving_us_is_asked_seldom_again() -> None:
    net = mesh()
    source = net.others[0]
    net.rig.open_for_download(SMALL_CHUNKS)
    source.has(SMALL_CHUNKS)
    serve_all(SMALL_CHUNKS, source)
    assert net.rig.complete(SMALL_CHUNKS)
    net.answer_for(4 * PING_AFTER_S)
    assert source.linked()
    assert net.rig.now - net.rig.swarm.sessions[source.link].heard_at >= 4 * PING_AFTER_S


def test_a_suspicion_is_told_once_and_to_those_who_watch() -> None:
    net = mesh()
    old = net.rig.peer("KA1OLD")
    suspect = net.watched[0]
    net.answer_for(PING_AFTER_S + TICK_S, suspect)
    assert all(suspicions(peer) == [] for peer in net.others)
    net.answer_for(SUSPECT_AFTER_S, suspect)
    # What was read while they answered is not seen again: look at all that was ever sent.
    named = bytes.fromhex(suspect.id)
    told = [
        effect.link
        for effect in net.rig.done
        if isinstance(effect, effects.Send) and effect.message == wire.encode(wire.Suspect(named))
    ]
    everybody = net.watched + net.others
    assert sorted(told) == sorted(peer.link for peer in everybody if peer is not suspect)
    assert old.link not in told
    net.answer_for(DEAD_AFTER_S, suspect)
    assert not suspect.linked()
    assert all(peer.linked() for peer in everybody if peer is not suspect)


def test_who_is_suspected_by_a_peer_is_asked_at_once_and_given_up_in_time() -> None:
    net = mesh()
    suspect, teller = net.others[:2]
    net.answer_for(PING_AFTER_S, suspect)
    teller.say(wire.Suspect(bytes.fromhex(suspect.id)))
    assert pings(suspect) == 1
    teller.say(wire.Suspect(bytes.fromhex(suspect.id)))
    assert pings(suspect) == 0
    net.answer_for(DEAD_AFTER_S - SUSPECT_AFTER_S - TICK_S, suspect)
    assert suspect.linked()
    net.answer_for(2 * TICK_S, suspect)
    assert not suspect.linked()


def test_a_suspicion_of_one_who_lives_ends_with_the_answer() -> None:
    net = mesh()
    suspect, teller = net.others[:2]
    net.answer_for(PING_AFTER_S)
    for _ in range(5):
        teller.say(wire.Suspect(bytes.fromhex(suspect.id)))
        net.answer_for(2.0)
    assert suspect.linked()


def test_nobody_who_was_just_heard_is_asked_on_anothers_word() -> None:
    net = mesh()
    suspect, teller = net.others[:2]
    net.answer_for(PING_AFTER_S)
    suspect.say(wire.Pong(0))
    net.answer_for(HEARD_LATELY_S - TICK_S)
    suspect.heard()
    teller.say(wire.Suspect(bytes.fromhex(suspect.id)))
    assert pings(suspect) == 0


def test_a_suspicion_of_nobody_we_know_means_nothing() -> None:
    net = mesh()
    for named in (bytes(8), bytes.fromhex(station_id(net.rig.identity.key))):
        net.others[0].say(wire.Suspect(named))
    net.answer_for(PING_AFTER_S)
    assert all(peer.linked() for peer in net.watched + net.others)
