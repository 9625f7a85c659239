"""A station's side of a signalling server, told what servers say: good, dead and hostile ones."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.signalling.keys import CLOSED
from tests.unit.signalling.party import LIFETIME_S, SERVER, Party, carried, two_who_met

from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.signalling import client_events as events
from meshdl.signalling import members, proofs
from meshdl.signalling.back_off import (
    ATTEMPT_QUICK_S,
    ATTEMPT_S,
    FIRST_MAX_S,
    QUICK_MAX_S,
)
from meshdl.signalling.client import (
    REFUSED_S,
    WELCOME_WITHIN_S,
    ClientState,
)
from meshdl.signatures import signed_by
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Candidate

CONTENT = ContentHash(b"c" * 32)
SESSION = b"s" * 16
OFFER = events.Description("v=0", is_answer=False)


def test_it_proves_who_it_is_to_the_server_that_it_dialled() -> None:
    party = Party("KA1AAA").go_online()
    (proof,) = party.said(wire.Authenticate)
    assert isinstance(proof, wire.Authenticate)
    statement = proofs.authentication(
        server_name=SERVER,
        nonce=b"n" * 32,
        callsign="KA1AAA",
        station_key=party.key,
        instance=b"i" * 8,
    )
    assert signed_by(party.key, proof.signature, statement)
    assert party.client.state is ClientState.ONLINE
    assert party.of(events.Online) == [events.Online(())]


def test_a_server_that_never_welcomes_is_tried_again() -> None:
    party = Party("KA1AAA")
    party.tell(events.SocketOpened(party.socket))
    party.hears(wire.Challenge(wire.PROTOCOL_VERSION, b"n" * 32))
    party.wait(WELCOME_WITHIN_S + 1)
    assert len(party.of(events.CloseSocket)) == 1
    assert len(party.of(events.OpenSocket)) == 2


def test_an_attempt_that_nobody_answers_is_given_up() -> None:
    party = Party("KA1AAA").go_online()
    party.tell(events.SocketClosed(party.socket, "gone"))
    party.wait(FIRST_MAX_S)
    given_up = len(party.of(events.CloseSocket))
    party.wait(ATTEMPT_QUICK_S)
    assert len(party.of(events.CloseSocket)) == given_up + 1
    assert party.client.problem == "no connection in time"
    party.wait(QUICK_MAX_S)
    party.go_online()
    party.wait(ATTEMPT_S)
    assert party.client.state is ClientState.ONLINE


@pytest.mark.parametrize("begin", ["welcome", "goodbye", "network"])
def test_whoever_was_away_long_begins_anew_with_quick_attempts(begin: str) -> None:
    party = Party("KA1AAA").go_online()
    refuse_until(party, party.now + 300)
    party.go_online()
    match begin:
        case "welcome":
            party.tell(events.SocketClosed(party.socket, "gone"))
        case "goodbye":
            party.hears(wire.Goodbye("stops", 0))
        case "network":
            party.tell(events.NetworkChanged())
    lost_at = party.now
    refuse_until(party, lost_at + 30)
    assert party.now <= lost_at + 30 + QUICK_MAX_S


def refuse_until(party: Party, end: float) -> None:
    """Nothing listens until then; returns when an attempt is made at something that does."""
    while party.now < end:
        if party.client.state is ClientState.CONNECTING:
            party.tell(events.SocketClosed(party.socket, "refused"))
        due = party.client.deadline()
        assert due is not None
        party.wait(max(due - party.now, 0.0))
    if party.client.state is not ClientState.CONNECTING:
        party.wait((party.client.deadline() or party.now) - party.now)


def test_what_it_wants_is_told_again_to_a_server_that_was_restarted() -> None:
    party = Party("KA1AAA", "cq", CLOSED).go_online()
    party.tell(events.Advertise(CONTENT, held=True))
    party.tell(events.Seek(CONTENT, wanted=True))
    party.tell(events.SocketClosed(party.socket, "gone"))
    party.done = list(party.of(events.OpenSocket))
    party.wait(FIRST_MAX_S)
    party.go_online()
    for kind in (wire.Join, wire.Announce, wire.Lookup):
        assert {message.room for message in party.said(kind)} == {"cq", CLOSED}  # type: ignore[union-attr]


def test_announcements_and_lookups_are_repeated_before_they_run_out() -> None:
    party = Party("KA1AAA").go_online()
    party.tell(events.Advertise(CONTENT, held=True))
    party.tell(events.Seek(CONTENT, wanted=True))
    party.wait(LIFETIME_S)
    assert len(party.said(wire.Announce)) == len(party.said(wire.Lookup)) == 3
    party.tell(events.Advertise(CONTENT, held=False))
    party.tell(events.Seek(CONTENT, wanted=False))
    assert len(party.said(wire.Withdraw)) == 1
    party.wait(LIFETIME_S)
    assert len(party.said(wire.Announce)) == len(party.said(wire.Lookup)) == 3


def test_many_contents_are_announced_in_messages_that_are_not_too_long() -> None:
    party = Party("KA1AAA")
    held = [ContentHash(number.to_bytes(32, "big")) for number in range(2 * wire.CONTENTS_MAX + 1)]
    for content in held:
        party.tell(events.Advertise(content, held=True))
    party.go_online()
    told = [message.content_hashes for message in party.said(wire.Announce)]  # type: ignore[union-attr]
    assert [len(batch) for batch in told] == [wire.CONTENTS_MAX, wire.CONTENTS_MAX, 1]
    assert [content for batch in told for content in batch] == held


def test_members_are_heard_and_lost() -> None:
    alice, bob = two_who_met()
    assert alice.of(events.Heard) == [events.Heard(bob.id, Callsign("KA1BBB"))]
    alice.hears(wire.MemberLeft("cq", bob.id))
    assert alice.of(events.Lost) == [events.Lost(bob.id)]


def test_a_station_in_two_rooms_is_lost_when_it_has_left_both() -> None:
    alice, bob = Party("KA1AAA", "cq", CLOSED).go_online(), Party("KA1BBB")
    alice.meets(bob)
    alice.meets(bob, CLOSED)
    alice.hears(wire.MemberLeft("cq", bob.id))
    assert alice.of(events.Lost) == []
    alice.hears(wire.MemberLeft(CLOSED, bob.id))
    assert alice.of(events.Lost) == [events.Lost(bob.id)]


def test_in_a_quiet_room_only_those_are_heard_that_have_what_is_sought() -> None:
    alice, bob = Party("KA1AAA").go_online(joined=False), Party("KA1BBB")
    alice.hears(wire.Joined("cq", (bob.member,), 5000, quiet=True))
    assert alice.of(events.Heard) == []
    found = wire.Found("cq", CONTENT, (bob.member,), 1)
    alice.hears(found)
    assert alice.of(events.Heard) == []
    alice.tell(events.Seek(CONTENT, wanted=True))
    alice.hears(found)
    assert [heard.station for heard in alice.of(events.Heard)] == [bob.id]


def test_everybody_is_lost_with_the_server() -> None:
    alice, bob = two_who_met()
    alice.tell(events.SocketClosed(alice.socket, "gone"))
    assert alice.of(events.Lost) == [events.Lost(bob.id)]
    assert alice.of(events.Offline) == [events.Offline("gone")]


def test_it_does_not_hear_itself() -> None:
    alice = Party("KA1AAA").go_online()
    alice.meets(alice)
    assert alice.of(events.Heard) == []


def test_a_signal_reaches_the_other_station_and_its_answer_comes_back() -> None:
    alice, bob = two_who_met()
    alice.tell(events.SendSignal(bob.id, SESSION, OFFER))
    bob.hears(carried(alice))
    assert bob.of(events.SignalReceived) == [events.SignalReceived(alice.id, SESSION, OFFER)]
    # Bob was not told of Alice before: the signal itself introduced her.
    bodies: list[events.SignalBody] = [
        events.Description("v=1", is_answer=True),
        events.MoreCandidates((Candidate("candidate:1"),)),
        events.Refusal("no room"),
    ]
    for body in bodies:
        bob.tell(events.SendSignal(alice.id, SESSION, body))
        alice.hears(carried(bob))
    assert [received.body for received in alice.of(events.SignalReceived)] == bodies


def test_a_signal_that_cannot_be_carried_is_lost_at_once() -> None:
    alice, bob = two_who_met()
    stranger = StationId("0" * 16)
    alice.tell(events.SendSignal(stranger, SESSION, OFFER))
    alice.hears(wire.Undeliverable("cq", bob.id, "it has left"))
    assert [(lost.station, lost.session) for lost in alice.of(events.SignalLost)] == [
        (stranger, SESSION),
        (bob.id, None),
    ]
    assert alice.of(events.Lost) == [events.Lost(bob.id)]
    alice.tell(events.SocketClosed(alice.socket, "gone"))
    alice.tell(events.SendSignal(bob.id, SESSION, OFFER))
    assert alice.of(events.SignalLost)[-1].reason == "gone"


def swapped(message: wire.Relayed) -> wire.Relayed:
    text = message.envelope.signal.replace("v=0", "v=6")
    envelope = msgspec.structs.replace(message.envelope, signal=text)
    return msgspec.structs.replace(message, envelope=envelope)


def of_mallory(message: wire.Relayed) -> wire.Relayed:
    return msgspec.structs.replace(message, sender=Party("KA1MMM").member)


@pytest.mark.parametrize("tamper", [swapped, of_mallory])
def test_a_server_that_changes_a_signal_only_loses_it(
    tamper: Callable[[wire.Relayed], wire.Relayed],
) -> None:
    alice, bob = two_who_met()
    alice.tell(events.SendSignal(bob.id, SESSION, OFFER))
    bob.hears(tamper(carried(alice)))
    assert bob.of(events.SignalReceived) == []
    assert len(bob.of(events.Trouble)) == 1
    assert bob.client.state is ClientState.ONLINE


def test_a_server_that_repeats_a_signal_or_holds_it_back_is_not_believed() -> None:
    alice, bob = two_who_met()
    alice.tell(events.SendSignal(bob.id, SESSION, OFFER))
    bob.hears(carried(alice), carried(alice))
    assert len(bob.of(events.SignalReceived)) == 1
    alice.tell(events.SendSignal(bob.id, SESSION, OFFER))
    late = carried(alice)
    bob.wait(120)
    bob.hears(late)
    assert len(bob.of(events.SignalReceived)) == 1
    assert "120 s old" in bob.of(events.Trouble)[-1].text


def test_rooms_are_joined_left_and_shown_another_membership_while_online() -> None:
    party = Party("KA1ABC", "cq", CLOSED).go_online()
    bob = Party("KB2DEF").member
    party.hears(wire.Joined("cq", (bob,), 1))
    party.hears(wire.Joined(CLOSED, (bob,), 1))
    said = len(party.said(wire.Leave, wire.Join))
    renewed = party.own.member(until_s=9_000)
    party.tell(events.BeIn({CLOSED: renewed, "other": None}))
    assert party.said(wire.Leave, wire.Join)[said:] == [
        wire.Leave("cq"),
        wire.Join(CLOSED, renewed),
        wire.Join("other", None),
    ]
    assert party.of(events.Lost) == []  # in the closed room still
    party.hears(wire.MemberJoined("cq", Party("KC3GHI").member))  # was on its way
    assert party.client.state is ClientState.ONLINE
    party.tell(events.BeIn({"other": None}))
    assert [lost.station for lost in party.of(events.Lost)] == [Party("KB2DEF").id]
    done = len(party.done)
    party.tell(events.BeIn({"other": None}))
    assert party.done[done:] == []


def test_rooms_are_asked_for_right_behind_the_proof() -> None:
    party = Party("KA1ABC", "cq", "other")
    party.tell(events.SocketOpened(party.socket))
    party.hears(wire.Challenge(wire.PROTOCOL_VERSION, b"n" * 32))
    said = party.said(wire.Authenticate, wire.Join)
    assert isinstance(said[0], wire.Authenticate)
    assert said[1:] == [wire.Join("cq", None), wire.Join("other", None)]
    # And so is one that is wished for before the welcome.
    party.tell(events.BeIn({"cq": None, "third": None}))
    assert party.said(wire.Join, wire.Leave)[2:] == [wire.Leave("other"), wire.Join("third", None)]


def test_rooms_that_change_while_offline_are_joined_after_the_next_welcome() -> None:
    party = Party("KA1ABC", "cq")
    party.tell(events.BeIn({"other": None}))
    assert party.said(wire.Join, wire.Leave) == []
    party.go_online(joined=False)
    assert party.said(wire.Join, wire.Leave) == [wire.Join("other", None)]


@pytest.mark.parametrize("code", ["expired", "signature", "not-a-member"])
def test_who_is_refused_in_a_room_is_not_in_it(code: str) -> None:
    party = Party("KA1ABC", CLOSED).go_online()
    party.hears(wire.Joined(CLOSED, (Party("KB2DEF").member,), 1))
    assert CLOSED in party.client.joined
    party.hears(wire.Refused(code, "your membership has ended", room=CLOSED))
    assert CLOSED not in party.client.joined
    again = party.said(wire.Join)[1:]
    assert len(again) == (code == "not-a-member")
    party.hears(wire.Refused(code, "your membership has ended", room=CLOSED))
    assert party.said(wire.Join)[1:] == again
    assert party.client.state is ClientState.ONLINE
    assert [lost.station for lost in party.of(events.Lost)] == [Party("KB2DEF").id]


def test_a_server_cannot_have_it_remember_more_stations_than_it_would_dial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(members, "STATIONS_MAX", 3)
    alice, told = Party("KA1AAA").go_online(), [Party(f"KA1B{one}") for one in "ABCDE"]
    for other in told:
        alice.meets(other)
    assert [one.id in alice.client.reachable for one in told] == [False] * 2 + [True] * 3
    assert [lost.station for lost in alice.of(events.Lost)] == [one.id for one in told[:2]]
    # Who has just been heard of again stays; and who was never told of is not missed.
    alice.meets(told[2])
    alice.meets(told[0])
    assert [one.id in alice.client.reachable for one in told] == [True, False, True, False, True]


def test_who_comes_last_is_heard_of_however_many_have_come_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a crowded room nobody is told who leaves: the first thousand would be all for ever."""
    monkeypatch.setattr(members, "STATIONS_MAX", 3)
    alice = Party("KA1AAA").go_online(quiet=True)
    alice.tell(events.Seek(CONTENT, wanted=True))
    holders = [Party(f"KA1B{one}") for one in "ABCDEF"]
    for holder in holders:
        alice.hears(wire.Found("cq", CONTENT, (holder.member,), 1))
    assert [heard.station for heard in alice.of(events.Heard)] == [one.id for one in holders]
    caller = Party("KA1CCC").go_online()
    caller.meets(alice)
    caller.tell(events.SendSignal(alice.id, SESSION, OFFER))
    alice.hears(carried(caller))
    assert alice.of(events.SignalReceived)[-1].station == caller.id


def test_a_server_cannot_bring_strangers_into_a_closed_room() -> None:
    alice, bob = Party("KA1AAA", CLOSED).go_online(), Party("KA1BBB")
    stranger = msgspec.structs.replace(bob.member, membership=None)
    alice.hears(wire.MemberJoined(CLOSED, stranger))
    assert alice.of(events.Heard) == []
    assert "tells lies" in alice.of(events.Trouble)[0].text
    alice.meets(bob, CLOSED)
    assert len(alice.of(events.Heard)) == 1


@pytest.mark.parametrize(
    "message",
    [
        wire.Challenge(wire.PROTOCOL_VERSION, b"n" * 32),
        wire.Welcome(StationId("0" * 16), 0, 1),
        wire.Joined("never-asked-for", (), 0),
    ],
)
def test_what_is_out_of_turn_costs_the_connection(message: wire.ServerMessage) -> None:
    alice = Party("KA1AAA").go_online()
    alice.hears(message)
    assert alice.client.state is ClientState.OFFLINE
    assert len(alice.of(events.CloseSocket)) == 1


@pytest.mark.parametrize("code", ["callsign-pinned", "denied", "signature"])
def test_a_server_that_does_not_want_us_is_left_alone(code: str) -> None:
    party = Party("KA1AAA")
    party.tell(events.SocketOpened(party.socket))
    party.hears(wire.Challenge(wire.PROTOCOL_VERSION, b"n" * 32))
    party.hears(wire.Refused(code, "no", about="authenticate"))
    assert "no" in party.of(events.Trouble)[0].text
    party.wait(REFUSED_S - 1)
    assert len(party.of(events.OpenSocket)) == 1
    party.wait(1 + FIRST_MAX_S)
    assert len(party.of(events.OpenSocket)) == 2


def test_a_refusal_of_one_wish_does_not_cost_the_connection() -> None:
    alice = Party("KA1AAA").go_online()
    alice.hears(wire.Refused("too-many", "enough", about="announce", room="cq"))
    assert alice.client.state is ClientState.ONLINE
    assert "room cq" in alice.of(events.Trouble)[0].text


def test_who_is_thrown_out_with_words_comes_back_when_it_was_told_to() -> None:
    alice = Party("KA1AAA").go_online()
    alice.hears(wire.Refused("rate", "messages come too fast", retry_after_ms=10_000))
    alice.tell(events.SocketClosed(alice.socket, "the server closed the connection"))
    alice.wait(9.9)
    assert len(alice.of(events.OpenSocket)) == 1
    alice.wait(0.1 + FIRST_MAX_S)
    assert len(alice.of(events.OpenSocket)) == 2
    # And what it was told then does not hold for what is lost later.
    alice.go_online()
    alice.tell(events.SocketClosed(alice.socket, "the server closed the connection"))
    alice.wait(FIRST_MAX_S)
    assert len(alice.of(events.OpenSocket)) == 3


def test_nothing_is_said_of_a_room_that_was_left() -> None:
    """It would be refused, and the operator told of it."""
    alice = Party("KA1AAA", "cq", "other").go_online()
    for number in range(300):
        alice.tell(events.Seek(ContentHash(number.to_bytes(32, "big")), wanted=True))
    alice.tell(events.BeIn({"other": None}))
    alice.wait(60)
    left = alice.said(wire.Leave, wire.Lookup)
    after = left[left.index(wire.Leave("cq")) :]
    assert {message.room for message in after[1:] if isinstance(message, wire.Lookup)} == {"other"}


def test_what_is_found_is_no_longer_watched_for() -> None:
    alice = Party("KA1AAA").go_online()
    alice.tell(events.Seek(CONTENT, wanted=True))
    alice.tell(events.Seek(CONTENT, wanted=False))
    alice.tell(events.Seek(CONTENT, wanted=False))
    assert alice.said(wire.Lookup, wire.Unwatch) == [
        wire.Lookup("cq", CONTENT, LIFETIME_S),
        wire.Unwatch("cq", (CONTENT,)),
    ]


def test_a_server_that_restarts_says_when_to_come_back() -> None:
    alice = Party("KA1AAA").go_online()
    alice.hears(wire.Goodbye("restart", retry_after_ms=2000))
    alice.wait(2.0)
    assert len(alice.of(events.OpenSocket)) == 1
    alice.wait(0.6)
    assert len(alice.of(events.OpenSocket)) == 2


def test_another_network_means_another_socket_at_once() -> None:
    alice = Party("KA1AAA").go_online()
    old = alice.socket
    alice.tell(events.NetworkChanged())
    alice.wait(0)
    assert alice.socket != old
    alice.tell(events.SocketClosed(old, "late news"))
    assert alice.of(events.Offline) == [events.Offline("the network has changed")]
    alice.go_online()
    assert alice.client.state is ClientState.ONLINE


def test_credentials_are_renewed_in_time() -> None:
    alice = Party("KA1AAA").go_online(ice_s=3600)
    alice.wait(3599)
    assert len(alice.said(wire.IceRequest)) == 1
    server = wire.IceServer(("turn:relay.example",), "u", "p")
    alice.hears(wire.IceAnswer((server,), 3600))
    assert alice.of(events.Online)[-1] == events.Online((server,))


def test_ice_servers_that_nobody_asked_for_are_not_used() -> None:
    alice = Party("KA1AAA").go_online(ice_s=3600)
    told = [wire.IceServer((f"turn:relay-{number}.example",)) for number in range(3)]
    alice.hears(wire.IceAnswer((told[0],), 3600))
    alice.wait(1800)
    for server in told:
        alice.hears(wire.IceAnswer((server,), 3600))
    assert alice.of(events.Online)[1:] == [events.Online((told[0],))]
    assert alice.client.state is ClientState.ONLINE


@given(st.text(max_size=400))
def test_no_text_makes_it_raise(text: str) -> None:
    for party in (Party("KA1AAA"), Party("KA1AAA").go_online()):
        party.tell(events.TextReceived(party.socket, text))
        party.wait(1.0)
        assert party.of(events.Heard) == []
