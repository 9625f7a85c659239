"""Hearsay and letters by way of peers: how far they are believed."""

from typing import TypeVar

import pytest
from tests.unit.signalling.keys import Key

from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.signalling import client_events as client
from meshdl.signalling import introduction_events as intro
from meshdl.signalling import introductions
from meshdl.signalling.introductions import Introductions
from meshdl.signalling.letters import Letters
from meshdl.wire.signals import Address, Envelope

KindT = TypeVar("KindT")

CONTENT, OTHER = ContentHash(b"c" * 32), ContentHash(b"o" * 32)
BOB, BELL = StationId("b0b0000000000000"), StationId("be11000000000000")
SESSION = b"s" * 16
OFFER = client.Description("v=0", is_answer=False)
ANSWER = client.Description("v=0", is_answer=True)


class End:
    """One station's introductions."""

    def __init__(self, name: str) -> None:
        self.key = Key(name)
        self.address = Address(self.key.octets, name.encode().ljust(8, b"."))
        self.core = Introductions(self.key.octets, Letters(self.address, self.key.secret.sign))
        self.now = 50.0
        self.done: list[intro.IntroductionEffect] = []

    def post(self, *events: intro.IntroductionInput) -> None:
        for event in events:
            self.core.receive(event, now=self.now)
            self.done += self.core.effects()

    def of(self, kind: type[KindT]) -> list[KindT]:
        return [effect for effect in self.done if isinstance(effect, kind)]

    def heard(self) -> set[StationId]:
        """Those that may be dialled."""
        found: set[StationId] = set()
        for effect in self.done:
            if isinstance(effect, client.Heard):
                assert effect.station not in found
                found.add(effect.station)
            elif isinstance(effect, client.Lost):
                found.remove(effect.station)
        return found

    def seeking(self, *contents: ContentHash) -> "End":
        self.post(*(client.Seek(content, wanted=True) for content in contents))
        return self


def hint(name: str, call: str = "KA1CCC") -> intro.Hint:
    return intro.Hint(call, End(name).address)


def hints(
    *found: intro.Hint,
    carrier: StationId = BOB,
    content: ContentHash = CONTENT,
    clock_ms: int = 7_000,
) -> intro.HintsHeard:
    return intro.HintsHeard(carrier, content, found, clock_ms)


def say(station: StationId, body: client.SignalBody = OFFER) -> client.SendSignal:
    return client.SendSignal(station, SESSION, body)


def carried(end: End) -> list[intro.Carry]:
    return end.of(intro.Carry)


def test_a_hint_of_what_is_sought_makes_a_station_heard_once() -> None:
    alice, carol = End("alice").seeking(CONTENT), End("carol")
    alice.post(hints(hint("carol")), hints(hint("carol")), hints(hint("carol"), carrier=BELL))
    assert alice.of(client.Heard) == [client.Heard(carol.key.id, Callsign("KA1CCC"))]


def test_a_hint_of_what_is_not_sought_means_nothing() -> None:
    alice = End("alice").seeking(OTHER)
    alice.post(hints(hint("carol")))
    assert alice.heard() == set()


@pytest.mark.parametrize(
    "bad", [hint("alice"), hint("carol", "no callsign"), hint("carol", "")], ids=str
)
def test_ourselves_and_who_has_no_callsign_are_not_believed_in(bad: intro.Hint) -> None:
    alice = End("alice").seeking(CONTENT)
    alice.post(hints(bad))
    assert alice.heard() == set()


def test_a_peer_takes_back_what_it_no_longer_says() -> None:
    alice = End("alice").seeking(CONTENT)
    alice.post(hints(hint("carol"), hint("dave")))
    alice.post(hints(hint("dave")))
    assert alice.heard() == {End("dave").key.id}


def test_a_station_is_lost_only_when_no_peer_tells_of_it() -> None:
    alice = End("alice").seeking(CONTENT, OTHER)
    carol = End("carol").key.id
    alice.post(hints(hint("carol")), hints(hint("carol"), content=OTHER))
    alice.post(hints(hint("carol"), carrier=BELL))
    alice.post(intro.CarrierGone(BOB))
    assert alice.heard() == {carol}
    alice.post(hints(carrier=BELL))
    assert alice.heard() == set()


def test_what_is_no_longer_wanted_is_no_reason_to_dial() -> None:
    alice = End("alice").seeking(CONTENT, OTHER)
    alice.post(hints(hint("carol")), hints(hint("carol"), content=OTHER))
    alice.post(client.Seek(CONTENT, wanted=False))
    assert alice.heard() == {End("carol").key.id}
    alice.post(client.Seek(OTHER, wanted=False))
    assert alice.heard() == set()


def test_one_peer_has_its_share_of_belief_and_all_together_have_theirs() -> None:
    alice = End("alice").seeking(CONTENT, OTHER)
    one = [hint(f"a{number}") for number in range(40)]
    alice.post(hints(*one), hints(*one[32:], content=OTHER))
    assert len(alice.heard()) == introductions.HINTS_PER_CARRIER_MAX
    for number, carrier in enumerate((BELL, StationId("be12"), StationId("be13"))):
        more = [hint(f"{number}b{count}") for count in range(32)]
        alice.post(hints(*more, carrier=carrier))
    assert len(alice.heard()) == introductions.HINTS_MAX


def test_a_hint_is_dropped_after_some_vain_attempts_and_forgiven_in_time() -> None:
    alice, carol = End("alice").seeking(CONTENT), End("carol").key.id
    alice.post(hints(hint("carol")))
    alice.post(intro.Unreachable(carol), intro.Unreachable(carol))
    alice.post(intro.Reached(carol))  # so there is something to it
    alice.post(intro.Unreachable(carol), intro.Unreachable(carol))
    assert alice.heard() == {carol}
    alice.post(intro.Unreachable(carol))
    assert alice.heard() == set()
    alice.post(hints(hint("carol")))
    assert alice.heard() == set()
    alice.now += introductions.USELESS_S + 1
    alice.post(hints(hint("carol")))
    assert alice.heard() == {carol}


def test_after_a_vain_attempt_another_peer_carries() -> None:
    alice, carol = End("alice").seeking(CONTENT), End("carol").key.id
    alice.post(hints(hint("carol")), hints(hint("carol"), carrier=BELL))
    for _ in range(2):
        alice.post(say(carol), intro.Unreachable(carol))
    assert [one.carrier for one in carried(alice)] == [BOB, BELL]


# Letters.


def pass_on(carry: intro.Carry, *, clock_ms: int = 7_000) -> intro.EnvelopeCame:
    return intro.EnvelopeCame(carry.carrier, carry.envelope, clock_ms)


def called() -> tuple[End, End]:
    """Alice's offer has reached Carol."""
    alice, carol = End("alice").seeking(CONTENT), End("carol")
    alice.post(hints(hint("carol")), say(carol.key.id))
    (offer,) = carried(alice)
    carol.post(pass_on(offer))
    return alice, carol


def test_an_offer_arrives_and_its_answer_goes_back_by_the_same_peer() -> None:
    alice, carol = called()
    assert carol.of(client.SignalReceived) == [client.SignalReceived(alice.key.id, SESSION, OFFER)]
    carol.post(say(alice.key.id, ANSWER))
    (answer,) = carried(carol)
    assert (answer.carrier, answer.station) == (BOB, alice.key.id)
    alice.post(pass_on(answer))
    assert alice.of(client.SignalReceived) == [client.SignalReceived(carol.key.id, SESSION, ANSWER)]


def test_letters_are_dated_by_the_carriers_clock_whatever_our_own_says() -> None:
    alice, carol = End("alice").seeking(CONTENT), End("carol")
    alice.post(hints(hint("carol"), clock_ms=5_000_000))
    alice.now += 30.0
    alice.post(say(carol.key.id))
    carol.now = 1e6
    carol.post(pass_on(carried(alice)[0], clock_ms=5_031_000))
    assert len(carol.of(client.SignalReceived)) == 1


def test_a_letter_that_was_held_back_or_repeated_is_dropped_with_a_word() -> None:
    alice, carol = called()
    (offer,) = carried(alice)
    carol.post(pass_on(offer), intro.EnvelopeCame(BELL, offer.envelope, 7_000))
    alice.post(say(carol.key.id))
    carol.post(pass_on(carried(alice)[1], clock_ms=99_000))
    assert len(carol.of(client.SignalReceived)) == 1
    problems = [trouble.text for trouble in carol.of(client.Trouble)]
    assert [text.rpartition(": ")[2] for text in problems] == [
        "a signal that came before",
        "a signal that came before",
        "a signal that is 92 s old",
    ]


def test_a_letter_that_was_tampered_with_is_dropped() -> None:
    alice, carol = End("alice").seeking(CONTENT), End("carol")
    alice.post(hints(hint("carol")), say(carol.key.id))
    envelope = carried(alice)[0].envelope
    other = Envelope(envelope.signal.replace("v=0", "v=1"), envelope.signature)
    carol.post(intro.EnvelopeCame(BOB, other, 7_000))
    assert carol.of(client.SignalReceived) == []
    assert len(carol.of(client.Trouble)) == 1


def test_a_peer_cannot_bring_more_callers_than_there_is_room_for() -> None:
    carol = End("carol")
    for number in range(30):
        caller = End(f"x{number}").seeking(CONTENT)
        caller.post(hints(hint("carol")), say(carol.key.id))
        carol.post(pass_on(carried(caller)[0]))
    assert len(carol.of(client.SignalReceived)) == introductions.CALLS_AT_ONCE
    late = End("late").seeking(CONTENT)
    late.post(hints(hint("carol"), carrier=BELL), say(carol.key.id))
    carol.post(pass_on(carried(late)[0]))
    assert len(carol.of(client.SignalReceived)) == introductions.CALLS_AT_ONCE + 1, (
        "of another peer"
    )


def test_what_nobody_can_carry_is_lost() -> None:
    alice, carol = called()
    carol.post(intro.CarrierGone(BOB), say(alice.key.id, ANSWER))
    assert carried(carol) == []
    (lost,) = carol.of(client.SignalLost)
    assert (lost.station, lost.session) == (alice.key.id, SESSION)
    alice.post(intro.EnvelopeLost(carol.key.id, "the station is no peer"))
    assert alice.of(client.SignalLost) == [
        client.SignalLost(carol.key.id, None, "the station is no peer")
    ]


def test_servers_and_peers_count_one_sessions_letters_together() -> None:
    """Or what came by one could be repeated by the other."""
    alice, carol = End("alice"), End("carol")
    letters = Letters(alice.address, alice.key.secret.sign)
    by_server = letters.seal(say(carol.key.id), carol.address, carrier_now_ms=7_000)
    by_peer = letters.seal(say(carol.key.id), carol.address, carrier_now_ms=7_000)
    opening = Letters(carol.address, carol.key.secret.sign)
    first = opening.open(by_server, sender=alice.address, carrier_now_ms=7_000)
    second = opening.open(by_peer, sender=None, carrier_now_ms=7_000)
    assert first is not None
    assert second is not None
    assert [first[0].serial, second[0].serial] == [0, 1]
