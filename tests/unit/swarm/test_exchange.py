"""The station in the middle: whom it tells of whom, and what it passes on."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.swarm.rig import INTERNET, SMALL_CHUNKS, TRAITS, Peer, Rig

from meshdl.content.precedence import Precedence
from meshdl.content.record import sign
from meshdl.ids import Callsign, StationKey, station_id
from meshdl.links import LinkTraits, Way
from meshdl.signalling.envelope import seal
from meshdl.swarm import effects, exchange, inputs
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import control as wire
from meshdl.wire.signals import SIGNAL_MAX, Address, Envelope, Offer

CONTENT = SMALL_CHUNKS.hash
TRAITS_OF = {Way.LAN: TRAITS, Way.INTERNET: INTERNET}


def traits(way: Way) -> LinkTraits:
    return TRAITS_OF[way]


def record() -> bytes:
    return sign(
        content_hash=CONTENT,
        title="bulletin",
        octets=5,
        originator=Callsign("KA1CCC"),
        precedence=Precedence.ROUTINE,
        tags=(),
        media_type="",
        created_at=1,
        expires_at=2,
        private_key=Ed25519PrivateKey.from_private_bytes(b"r" * 32),
    ).encode()


def wanting(rig: Rig, call: str = "KA1AAA", way: Way = Way.LAN, *, exchange: bool = True) -> Peer:
    peer = rig.peer(call, traits=traits(way), way=way, exchange=exchange)
    peer.say(wire.Want(CONTENT))
    return peer


def having(rig: Rig, call: str = "KA1CCC", way: Way = Way.LAN, *, exchange: bool = True) -> Peer:
    peer = rig.peer(call, traits=traits(way), way=way, exchange=exchange)
    peer.say(wire.Records((record(),)))
    return peer


def stay(rig: Rig, seconds: float, *peers: Peer) -> None:
    """Time passes, and these peers give signs of life."""
    for _ in range(int(seconds)):
        rig.wait(1.0)
        for peer in peers:
            peer.say(wire.StationIdentification(peer.identity.callsign))


def told(peer: Peer) -> list[list[str]]:
    """The callsigns in each ``peers``."""
    return [
        [one.callsign for one in message.peers]
        for message in peer.heard()
        if isinstance(message, wire.Peers)
    ]


def address(peer: Peer) -> Address:
    return Address(peer.identity.key, peer.identity.instance)


def offer(sender: Peer, recipient: Peer, serial: int = 0, sdp: str = "v=0") -> Envelope:
    signal = Offer(address(sender), address(recipient), b"s" * 16, serial, 0, sdp)
    return seal(signal, sender.identity.sign)


def relay(envelope: Envelope) -> wire.Relay:
    return wire.Relay(envelope.signal, envelope.signature)


def relayed(peer: Peer) -> list[str]:
    return [one.signal for one in peer.heard() if isinstance(one, wire.Relayed)]


def undeliverable(peer: Peer) -> list[str]:
    return [one.reason for one in peer.heard() if isinstance(one, wire.Undeliverable)]


# Who is told of whom.


def test_who_wants_a_content_hears_who_else_has_it() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig)
    rig.wait(1.0)
    assert told(alice) == [["KA1CCC"]]
    assert told(carol) == []


def test_two_that_want_the_same_hear_of_each_other() -> None:
    rig = Rig()
    alice, dave = wanting(rig), wanting(rig, "KA1DDD")
    rig.wait(1.0)
    assert (told(alice), told(dave)) == ([["KA1DDD"]], [["KA1AAA"]])


def test_nothing_is_told_of_where_a_station_is() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig, way=Way.INTERNET)
    rig.wait(1.0)
    (hint,) = next(one for one in alice.heard() if isinstance(one, wire.Peers)).peers
    assert hint == wire.PeerHint("KA1CCC", carol.identity.key, bytes(8), "direct")


def test_what_is_told_is_told_anew_when_it_has_changed_and_no_sooner() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig)
    rig.wait(0.5)
    assert told(alice) == [["KA1CCC"]]
    dave = having(rig, "KA1DDD")
    rig.wait(exchange.TELL_EVERY_S / 2)
    assert told(alice) == []
    carol.go()
    stay(rig, exchange.TELL_EVERY_S, alice, dave)
    assert told(alice) == [["KA1DDD"]]
    dave.say(wire.Records((record(),)))
    stay(rig, 3 * exchange.TELL_EVERY_S, alice, dave)
    assert told(alice) == []
    assert alice.linked()


def test_a_source_that_leaves_is_taken_back() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig)
    stay(rig, exchange.TELL_EVERY_S + 1, alice, carol)
    carol.go()
    rig.wait(1.0)
    assert told(alice) == [["KA1CCC"], []]


def test_a_content_that_is_no_longer_there_makes_nobody_a_source() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig)
    stay(rig, exchange.TELL_EVERY_S + 1, alice, carol)
    carol.say(wire.RecordsGone((CONTENT,)))
    rig.wait(1.0)
    assert told(alice) == [["KA1CCC"], []]


def test_who_wants_a_content_again_is_told_again() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig)
    rig.wait(0.5)
    assert told(alice) == [["KA1CCC"]]
    alice.say(wire.Want(CONTENT, wanted=False))
    stay(rig, exchange.TELL_EVERY_S, alice, carol)
    alice.say(wire.Want(CONTENT))
    rig.wait(0.5)
    assert told(alice) == [["KA1CCC"]], "nothing is remembered of what it did not want"


def test_a_peer_that_wants_this_and_that_keeps_nobody_else_waiting() -> None:
    rig = Rig()
    mallory = rig.peer("KA1EEE")
    for number in range(4096):
        content = hashlib.sha256(b"%d" % number).digest()
        mallory.say(wire.Want(content))
        mallory.say(wire.Want(content, wanted=False))
    alice, _ = wanting(rig), having(rig)
    rig.wait(0.5)
    assert told(alice) == [["KA1CCC"]]


def test_no_more_are_told_of_than_a_message_may_name() -> None:
    rig = Rig(settings=SwarmSettings(max_links=100))
    alice = wanting(rig)
    for number in range(wire.PEERS_MAX + 8):
        having(rig, f"KA{number // 26}A{chr(65 + number % 26)}A")
    rig.wait(1.0)
    ((*calls,),) = told(alice)
    assert len(set(calls)) == wire.PEERS_MAX
    # Whom it was told of stays: nothing new is to be told.
    having(rig, "KB1AAA")
    rig.wait(exchange.TELL_EVERY_S)
    assert told(alice) == []


@pytest.mark.parametrize("silent", ["KA1AAA", "KA1CCC"])
def test_who_does_not_take_part_is_neither_told_nor_told_of(silent: str) -> None:
    rig = Rig()
    alice = wanting(rig, exchange=silent != "KA1AAA")
    having(rig, exchange=silent != "KA1CCC")
    rig.wait(1.0)
    assert told(alice) == []


def test_a_station_that_takes_no_part_says_so_and_tells_nobody() -> None:
    rig = Rig(settings=SwarmSettings(exchange=False))
    bare = rig.bare_link("KA1EEE")
    (hello,) = (one for one in bare.heard() if isinstance(one, wire.Hello))
    assert not hello.exchange
    alice, carol = wanting(rig), having(rig)
    rig.wait(1.0)
    alice.say(relay(offer(alice, carol)))
    assert (told(alice), relayed(carol)) == ([], [])


ACROSS = SwarmSettings(introduces_across=False)
FAR = SwarmSettings(introduces_across=False, introduces_far=False)
ALL = SwarmSettings()


@pytest.mark.parametrize(
    ("settings", "one", "other", "meet"),
    [
        (ALL, Way.LAN, Way.INTERNET, True),
        (ACROSS, Way.LAN, Way.INTERNET, False),
        (ACROSS, Way.INTERNET, Way.LAN, False),
        (ACROSS, Way.INTERNET, Way.INTERNET, True),
        (FAR, Way.INTERNET, Way.INTERNET, False),
        (FAR, Way.LAN, Way.LAN, True),
    ],
)
def test_nobody_outside_a_closed_room_meets_who_is_in_it(
    settings: SwarmSettings, one: Way, other: Way, meet: bool
) -> None:
    rig = Rig(settings=settings)
    alice, carol = wanting(rig, way=one), having(rig, way=other)
    rig.wait(1.0)
    assert told(alice) == ([["KA1CCC"]] if meet else [])
    alice.say(relay(offer(alice, carol)))
    assert len(relayed(carol)) == meet


def test_peers_are_no_longer_introduced_once_a_closed_room_was_joined() -> None:
    rig = Rig()
    alice, carol = wanting(rig, way=Way.LAN), having(rig, way=Way.INTERNET)
    rig.post(inputs.Introduce(far=False, across=False))
    rig.wait(1.0)
    assert told(alice) == []
    alice.say(relay(offer(alice, carol)))
    assert relayed(carol) == []


# What is passed on.


def test_a_signal_is_passed_on_as_it_came_with_the_carriers_clock() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig)
    stay(rig, 5, alice, carol)
    envelope = offer(alice, carol)
    alice.say(relay(envelope))
    (came,) = (one for one in carol.heard() if isinstance(one, wire.Relayed))
    assert came == wire.Relayed(envelope.signal, envelope.signature, 5000)


def test_only_the_senders_own_signals_are_passed_on() -> None:
    rig = Rig()
    alice, carol, mallory = wanting(rig), having(rig), wanting(rig, "KA1MAL")
    mallory.say(relay(offer(alice, carol)))
    assert relayed(carol) == []
    for _ in range(2):
        mallory.say(relay(offer(alice, carol)))
    assert not mallory.linked(), "three times is too often"
    assert alice.linked()


def test_what_is_no_signal_costs_points() -> None:
    rig = Rig()
    alice = wanting(rig)
    for _ in range(5):
        alice.say(wire.Relay("garbage", bytes(64)))
    assert not alice.linked()


def test_a_signal_of_the_future_is_left_alone() -> None:
    rig = Rig()
    alice = wanting(rig)
    for _ in range(20):
        alice.say(wire.Relay('{"type":"telepathy"}', bytes(64)))
    assert alice.linked()
    assert undeliverable(alice) == []


def test_a_signal_for_a_station_that_is_gone_or_restarted_comes_back() -> None:
    rig = Rig()
    alice, carol = wanting(rig), having(rig)
    envelope = offer(alice, carol)
    carol.go()
    alice.say(relay(envelope))
    assert undeliverable(alice) == ["the station is no peer"]
    again = rig.bare_link("KA1CCC", instance=b"restarts")
    again.shake_hands()
    alice.say(relay(envelope))
    assert undeliverable(alice) == ["the station was started again"]
    assert relayed(again) == []


def test_nobody_sends_himself_letters() -> None:
    rig = Rig()
    alice = wanting(rig)
    alice.say(relay(offer(alice, alice)))
    assert relayed(alice) == []


def test_a_flood_of_signals_is_cut_off_for_its_sender_alone() -> None:
    rig = Rig()
    alice, carol, dave = wanting(rig), having(rig), wanting(rig, "KA1DDD")
    long = "v=0" + "\r\n" * 8000
    for serial in range(40):
        alice.say(relay(offer(alice, carol, serial, long)))
    passed = len(relayed(carol))
    assert 4 <= passed < 40
    assert set(undeliverable(alice)) == {"too many signals; try again later"}
    dave.say(relay(offer(dave, carol)))
    assert len(relayed(carol)) == 1
    stay(rig, 5, alice, carol)
    alice.say(relay(offer(alice, carol)))
    assert len(relayed(carol)) == 1


def test_many_that_flood_together_do_not_get_more_than_there_is_for_all() -> None:
    rig = Rig()
    carol = having(rig)
    long = "v=0" + "\r\n" * 8000
    for number in range(12):
        flooder = wanting(rig, f"KB{number % 10}A{chr(65 + number)}A")
        for serial in range(20):
            flooder.say(relay(offer(flooder, carol, serial, long)))
    octets = sum(len(signal) for signal in relayed(carol))
    assert octets <= exchange.ALL_RELAYED_BURST_OCTETS + SIGNAL_MAX


def test_a_peer_that_passes_on_more_than_any_may_loses_its_link() -> None:
    rig = Rig()
    bob = rig.peer("KA1BBB")
    for _ in range(60):
        bob.say(wire.Relayed("x" * 48_000, bytes(64), 0))
    assert not bob.linked()


# The ends.


def test_hints_of_what_is_wanted_here_are_told_and_no_others() -> None:
    rig = Rig()
    bob = rig.peer("KA1BBB")
    hint = wire.PeerHint("KA1CCC", b"c" * 32, b"c" * 8, "lan")
    ours = wire.PeerHint("KA1MMM", rig.identity.key, bytes(8), "lan")
    bob.say(wire.Peers(CONTENT, (hint,), 77))
    assert rig.of(effects.PeersHeard) == []
    rig.open_for_download(SMALL_CHUNKS)
    bob.say(wire.Peers(CONTENT, (hint, ours), 77))
    assert rig.of(effects.PeersHeard) == [effects.PeersHeard(bob.id, CONTENT, (hint,), 77)]


def test_what_a_peer_passes_on_is_told_with_its_clock() -> None:
    rig = Rig()
    bob = rig.peer("KA1BBB")
    bob.say(wire.Relayed("text", bytes(64), 88))
    carried = effects.SignalCarried(bob.id, Envelope("text", bytes(64)), 88)
    assert rig.of(effects.SignalCarried) == [carried]


def test_what_we_say_goes_to_the_peer_in_the_middle_or_is_told_to_be_lost() -> None:
    rig = Rig()
    bob = rig.peer("KA1BBB")
    envelope = Envelope("text", bytes(64))
    carol = station_id(StationKey(b"c" * 32))
    rig.post(inputs.CarrySignal(bob.id, carol, envelope))
    assert relay(envelope) in bob.heard()
    bob.say(wire.Undeliverable(b"c" * 32, "no\x1b[31m"))
    bob.go()
    rig.post(inputs.CarrySignal(bob.id, carol, envelope))
    assert rig.of(effects.SignalUncarried) == [
        effects.SignalUncarried(carol, "no?[31m"),
        effects.SignalUncarried(carol, "the peer between us is gone"),
    ]
    assert rig.of(effects.CarrierGone) == [effects.CarrierGone(bob.id)]


def test_a_second_link_keeps_the_carrier() -> None:
    rig = Rig()
    first = rig.peer("KA1BBB", traits=INTERNET, way=Way.INTERNET)
    second = rig.peer("KA1BBB")
    assert (first.linked(), second.linked()) == (False, True)
    assert rig.of(effects.CarrierGone) == []
