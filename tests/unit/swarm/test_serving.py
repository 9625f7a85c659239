"""What this station gives: ranges, hashes, metainfo; to whom first; when it says no."""

from dataclasses import replace

import pytest
from tests.unit.swarm.rig import INTERNET, KIB, TRAITS, Peer, Rig

from meshdl.content.precedence import Precedence
from meshdl.ids import ChunkIndex
from meshdl.links import LinkWritable, Path
from meshdl.policy.yielding import URGENT_FOR_S
from meshdl.sim.station import SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.spread import ARRIVES_WITHIN_S, ELSEWHERE_S
from meshdl.swarm.state import SwarmSettings
from meshdl.swarm.uploads import QUEUE_MAX, READ_AHEAD_PER_PEER
from meshdl.wire import chunks
from meshdl.wire import control as wire

CONTENT = SimContent(1, 2048 * KIB, 64 * KIB)
RANGE = 64 * KIB


def ask(
    peer: Peer, *wanted: int, precedence: int = 3, content: SimContent = CONTENT, handle: int = 9
) -> None:
    ranges = tuple((chunk, 0, RANGE) for chunk in wanted)
    peer.say(wire.ChunkRequest(content.hash, handle, ranges, precedence))


def octets(peer: Peer) -> list[chunks.ChunkOctets]:
    return [message for message in peer.heard() if isinstance(message, chunks.ChunkOctets)]


def rejects(peer: Peer) -> list[tuple[str, int]]:
    return [
        (message.reason, len(message.ranges))
        for message in peer.heard()
        if isinstance(message, wire.ChunkReject)
    ]


def seeding(settings: SwarmSettings | None = None) -> Rig:
    rig = Rig(settings=settings)
    rig.seed(CONTENT)
    return rig


def test_ranges_are_answered_in_the_order_asked_under_the_askers_handle() -> None:
    rig = seeding()
    peer = rig.peer("KA1AAA")
    peer.say(wire.ChunkRequest(CONTENT.hash, 77, ((5, 0, 16 * KIB), (2, 16 * KIB, 100))))
    first, second = octets(peer)
    assert (first.handle, first.chunk, first.offset) == (77, 5, 0)
    assert first.octets == CONTENT.octets[5 * RANGE : 5 * RANGE + 16 * KIB]
    assert (second.handle, second.chunk, second.offset) == (77, 2, 16 * KIB)
    assert second.octets == CONTENT.octets[2 * RANGE + 16 * KIB :][:100]


def test_what_is_not_held_is_rejected_and_the_rest_is_sent() -> None:
    rig = Rig()
    rig.seed(CONTENT, have=0b1)
    peer = rig.peer("KA1AAA")
    ask(peer, 0, 1)
    messages = peer.heard()
    assert wire.ChunkReject(CONTENT.hash, ((1, 0, RANGE),), "not-held", 0) in messages
    assert len([m for m in messages if isinstance(m, chunks.ChunkOctets)]) == 1


def test_an_unknown_content_is_rejected() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    ask(peer, 0)
    assert rejects(peer) == [("not-held", 1)]


@pytest.mark.parametrize(
    "wanted", [(32, 0, 1), (2**32 - 1, 0, 1), (0, RANGE, 1), (0, 1, RANGE), (31, RANGE - 1, 2)]
)
def test_a_request_outside_the_content_is_penalised(wanted: tuple[int, int, int]) -> None:
    rig = seeding()
    peer = rig.peer("KA1AAA")
    for _ in range(5):
        peer.say(wire.ChunkRequest(CONTENT.hash, 0, (wanted,)))
    assert not peer.linked()
    assert rig.of(effects.ReadRange) == []


def test_what_is_cancelled_is_not_sent() -> None:
    rig = seeding()
    rig.disk = False
    peer = rig.peer("KA1AAA")
    ask(peer, *range(8))
    peer.say(wire.ChunkCancel(CONTENT.hash, tuple((c, 0, RANGE) for c in range(4, 8))))
    read = rig.of(effects.ReadRange)
    for effect in read:
        rig.post(inputs.RangeRead(effect.ticket, b"x"))
    assert len(rig.of(effects.ReadRange)) == READ_AHEAD_PER_PEER


def test_reading_ahead_is_bounded_and_goes_on_when_the_disk_answers() -> None:
    rig = seeding()
    rig.disk = False
    peer = rig.peer("KA1AAA")
    ask(peer, *range(10))
    reads = rig.of(effects.ReadRange)
    assert len(reads) == READ_AHEAD_PER_PEER
    rig.post(inputs.RangeRead(reads[0].ticket, b"x"))
    assert len(rig.of(effects.ReadRange)) == READ_AHEAD_PER_PEER + 1


def test_a_link_that_is_full_is_not_read_for_until_it_is_writable() -> None:
    rig = seeding()
    peer = rig.peer("KA1AAA")
    rig.post(inputs.LinkBlocked(peer.link))
    ask(peer, 0)
    assert octets(peer) == []
    rig.post(LinkWritable(peer.link))
    assert len(octets(peer)) == 1


def test_without_a_free_slot_a_peer_is_told_to_come_back() -> None:
    rig = seeding(SwarmSettings(upload_slots=1))
    rig.disk = False
    first, second = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    ask(first, *range(10))
    second.heard()
    ask(second, 20)
    assert second.heard() == [wire.ChunkReject(CONTENT.hash, ((20, 0, RANGE),), "busy", 1000)]


def crowded(precedences: dict[str, int], *, slots: int) -> list[int]:
    """Ranges that each of these gets while all keep their queues full, at four ranges a second."""
    rig = seeding(SwarmSettings(upload_slots=slots, upload_octets_per_s=4 * RANGE))
    peers = {rig.peer(call, traits=INTERNET): one for call, one in precedences.items()}
    got = dict.fromkeys((peer.link for peer in peers), 0)
    waiting = dict.fromkeys(got, 0)
    for _ in range(200):
        for peer, precedence in peers.items():
            for message in peer.heard():
                if isinstance(message, chunks.ChunkOctets):
                    got[peer.link] += 1
                    waiting[peer.link] -= 1
                elif isinstance(message, wire.ChunkReject):
                    waiting[peer.link] -= len(message.ranges)
            while waiting[peer.link] < 8:
                ask(peer, 3, precedence=precedence)
                waiting[peer.link] += 1
        rig.wait(0.25)
        for peer in peers:
            peer.say(wire.Ping(1))
    return list(got.values())


def test_no_peer_is_told_busy_for_ever_while_others_keep_their_queues_full() -> None:
    got = crowded({"KA1AAA": 3, "KA1AAB": 3, "KA1AAC": 3}, slots=2)
    assert min(got) > sum(got) / 6, "a third is a fair share"


@pytest.mark.parametrize("slots", [2, 4])
@pytest.mark.parametrize("lesser", [1, 3])
def test_who_calls_everything_an_emergency_leaves_a_share_to_others(
    slots: int, lesser: int
) -> None:
    *urgent, other = crowded({"KA1AAA": 0, "KA1AAB": 0, "KA1AAC": lesser}, slots=slots)
    assert 0 < other < sum(urgent) / 8


def test_a_slot_is_free_again_when_everything_was_sent_or_failed() -> None:
    rig = seeding(SwarmSettings(upload_slots=1))
    rig.disk = False
    first, second = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    for failed in (False, True):
        ask(first, 3)
        ticket = rig.of(effects.ReadRange)[-1].ticket
        rig.post(
            inputs.ReadFailed(ticket, "unreadable") if failed else inputs.RangeRead(ticket, b"x")
        )
        second.heard()
        ask(second, 20)
        assert rejects(second) == []
        rig.post(inputs.RangeRead(rig.of(effects.ReadRange)[-1].ticket, b"x"))


def test_a_queue_beyond_its_bound_is_told_busy() -> None:
    rig = seeding()
    rig.disk = False
    peer = rig.peer("KA1AAA")
    for _ in range(QUEUE_MAX // 32 + 2):
        ask(peer, *range(32))
    assert {reason for reason, _ in rejects(peer)} == {"busy"}
    assert len(rig.swarm.sessions[peer.link].uploads) <= QUEUE_MAX


def test_an_emergency_takes_the_slot_of_a_routine_transfer() -> None:
    rig = seeding(SwarmSettings(upload_slots=1))
    rig.disk = False
    routine, urgent = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    ask(routine, *range(10))
    routine.heard()
    ask(urgent, 20, precedence=0)
    assert rejects(routine) == [("busy", 10 - READ_AHEAD_PER_PEER)]
    assert rig.of(effects.ReadRange)[-1].chunk == 20


def test_an_emergency_overtakes_at_the_very_next_message() -> None:
    rig = seeding()
    peer, urgent = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    rig.disk = False
    ask(peer, *range(16))
    rig.post(inputs.LinkBlocked(urgent.link))
    ask(urgent, 20, precedence=int(Precedence.EMERGENCY))
    ask(peer, 30, precedence=int(Precedence.EMERGENCY))
    reads = rig.of(effects.ReadRange)
    rig.post(inputs.RangeRead(reads[0].ticket, b"x"))
    assert rig.of(effects.ReadRange)[-1].chunk == 30  # before 12 older ones of its own link
    rig.post(LinkWritable(urgent.link))
    assert rig.of(effects.ReadRange)[-1].chunk == 20


def test_slot_holders_share_fairly() -> None:
    rig = seeding(SwarmSettings(upload_octets_per_s=RANGE * 8))
    internet = replace(TRAITS, path=Path.DIRECT)
    peers = [rig.peer(f"KA1AA{letter}", traits=internet) for letter in "ABCD"]
    sent = [0] * len(peers)
    for _ in range(60):
        for number, peer in enumerate(peers):
            arrived = len(octets(peer))
            sent[number] += arrived
            if len(rig.swarm.sessions[peer.link].uploads) < 4 * (number + 1):
                ask(peer, *range(4))
        rig.wait(0.25)
        for peer in peers:
            peer.say(wire.Ping(1))
    assert sum(sent) == pytest.approx(15 * 8, rel=0.1)
    assert max(sent) - min(sent) <= READ_AHEAD_PER_PEER  # which the hungry ones are ahead


def test_the_upload_limit_holds_off_the_lan_only() -> None:
    amounts = {}
    for path in (Path.RELAYED, Path.LAN):
        rig = seeding(SwarmSettings(upload_octets_per_s=100_000))
        peer = rig.peer("KA1AAA", traits=replace(TRAITS, path=path))
        total = 0
        for _ in range(40):
            ask(peer, *range(4))
            rig.wait(0.25)
            total += sum(len(one.octets) for one in octets(peer))
        amounts[path] = total
    assert amounts[Path.LAN] == 40 * 4 * RANGE
    assert amounts[Path.RELAYED] <= 1_000_000 + 4 * RANGE


def test_metainfo_and_hashes_do_not_go_beyond_the_upload_limit() -> None:
    limit = 64 * KIB
    rig = seeding(SwarmSettings(upload_octets_per_s=limit))
    near, far = rig.peer("KA1AAA"), rig.peer("KA1BBB", traits=INTERNET)
    file = CONTENT.metainfo.files[0]
    assert file.root is not None
    for asks in (
        wire.InfoRequest(CONTENT.hash),
        wire.HashesRequest(CONTENT.hash, file.root, 2, 0, 32, 0),
    ):
        sent = {near.link: 0, far.link: 0}
        for _ in range(40):
            for peer in (near, far):
                peer.heard()
                for _ in range(400):
                    peer.say(asks)
                answers = [m for m in peer.heard() if isinstance(m, (wire.Info, wire.Hashes))]
                sent[peer.link] += sum(len(wire.encode(one)) for one in answers)
            rig.wait(0.25)
        assert sent[far.link] < 2 * 1024 * KIB + 10 * limit < sent[near.link]


def test_a_chunk_that_one_peer_is_getting_is_found_elsewhere_by_the_others() -> None:
    rig = seeding()
    first, second = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    for peer in (first, second):
        peer.say(wire.Want(CONTENT.hash))
    ask(first, 0, 1)
    second.heard()
    ask(second, 1, 2)
    messages = second.heard()
    assert wire.ChunkReject(CONTENT.hash, ((1, 0, RANGE),), "elsewhere", 2000) in messages
    assert [m.chunk for m in messages if isinstance(m, chunks.ChunkOctets)] == [2]
    rig.wait(ELSEWHERE_S)
    ask(second, 1)
    assert [one.chunk for one in octets(second)] == [1]


def test_the_time_of_the_others_runs_from_when_a_peer_that_tells_has_the_chunk() -> None:
    rig = seeding()
    slow, other = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    for peer in (slow, other):
        peer.say(wire.Want(CONTENT.hash))
    ask(slow, 0, 1)
    slow.say(wire.Have(CONTENT.hash, chunks=(0,)))
    rig.wait(ELSEWHERE_S)
    ask(other, 1)
    assert rejects(other) == [("elsewhere", 1)]
    ask(other, 0)
    assert [one.chunk for one in octets(other)] == [0]
    slow.say(wire.Have(CONTENT.hash, chunks=(1,)))
    rig.wait(ELSEWHERE_S)
    ask(other, 1)
    assert [one.chunk for one in octets(other)] == [1]


def test_a_chunk_that_never_arrives_is_given_to_others_in_the_end() -> None:
    rig = seeding()
    slow, other = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    for peer in (slow, other):
        peer.say(wire.Want(CONTENT.hash))
    ask(slow, 0, 1)
    slow.say(wire.Have(CONTENT.hash, chunks=(0,)))
    for _ in range(round(ARRIVES_WITHIN_S / 2)):
        rig.wait(2.0)
        slow.say(wire.Ping(1))  # it lives
        other.say(wire.Ping(1))
    ask(other, 1)
    assert [one.chunk for one in octets(other)] == [1]


def test_a_chunk_given_to_a_peer_that_wants_it_no_longer_is_free_for_all() -> None:
    rig = seeding()
    peers = [rig.peer(f"KA1AA{letter}") for letter in "ABC"]
    for peer in peers:
        peer.say(wire.Want(CONTENT.hash))
    ask(peers[0], 0)
    peers[0].say(wire.Want(CONTENT.hash, wanted=False))
    ask(peers[1], 0)
    assert [one.chunk for one in octets(peers[1])] == [0]


def test_a_chunk_given_to_a_peer_that_left_is_free_for_all() -> None:
    rig = seeding()
    peers = [rig.peer(f"KA1AA{letter}") for letter in "ABC"]
    for peer in peers:
        peer.say(wire.Want(CONTENT.hash))
    ask(peers[0], 0)
    peers[0].go()
    ask(peers[1], 0)
    assert [one.chunk for one in octets(peers[1])] == [0]


def test_a_chunk_that_waits_in_the_queue_of_a_slow_seed_stays_withheld() -> None:
    rig = seeding()
    rig.disk = False  # nothing of what was asked for leaves
    peers = [rig.peer(f"KA1AA{letter}") for letter in "AB"]
    for peer in peers:
        peer.say(wire.Want(CONTENT.hash))
    ask(peers[0], *range(10))
    rig.wait(ELSEWHERE_S + 0.5)
    ask(peers[1], 9)
    assert rejects(peers[1]) == [("elsewhere", 1)]


def test_a_changed_file_is_not_served_any_more_and_its_askers_are_told() -> None:
    rig = seeding()
    rig.disk = False
    peer = rig.peer("KA1AAA")
    ask(peer, *range(10))
    peer.heard()
    ticket = rig.of(effects.ReadRange)[0].ticket
    rig.post(inputs.ReadFailed(ticket, "the file changed", changed=True))
    assert sum(count for reason, count in rejects(peer) if reason == "changed") == 7
    ask(peer, 0)
    assert rejects(peer) == [("not-held", 1)]


def test_a_removed_content_is_not_served_any_more() -> None:
    rig = seeding()
    rig.disk = False
    peer = rig.peer("KA1AAA")
    ask(peer, *range(10))
    rig.post(inputs.ContentRemoved(CONTENT.hash))
    assert rejects(peer) == [("not-held", 10 - READ_AHEAD_PER_PEER)]
    ask(peer, 0)
    assert rejects(peer) == [("not-held", 1)]


def test_what_was_sent_stands_in_the_log() -> None:
    rig = seeding()
    peer = rig.peer("KA1AAA")
    ask(peer, 0, 1)
    rig.post(inputs.Shutdown())
    records = [(r.callsign, r.path, r.octets, r.sent) for r in rig.of(effects.Transferred)]
    assert records == [("KA1AAA", Path.LAN, 2 * RANGE, True)]


def test_a_read_for_a_peer_that_left_is_sent_to_nobody() -> None:
    rig = seeding()
    rig.disk = False
    peer = rig.peer("KA1AAA")
    ask(peer, 0)
    peer.go()
    before = len(rig.of(effects.Send))
    rig.post(inputs.RangeRead(rig.of(effects.ReadRange)[0].ticket, b"x"))
    assert len(rig.of(effects.Send)) == before
    assert ChunkIndex(0) == rig.of(effects.ReadRange)[0].chunk


def test_an_emergency_need_not_wait_for_a_slot_whose_last_ranges_are_being_read() -> None:
    rig = seeding(SwarmSettings(upload_slots=1))
    rig.disk = False
    routine, urgent = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    ask(routine, 0)
    ask(urgent, 20, precedence=0)
    assert rejects(urgent) == []
    assert rig.of(effects.ReadRange)[-1].chunk == 20


def test_on_a_long_path_routine_requests_yield_to_an_emergency_of_another_peer() -> None:
    rig = seeding()
    far = [rig.peer(call, traits=INTERNET) for call in ("KA1AAA", "KA1BBB", "KA1CCC")]
    rig.disk = False
    waiting, urgent, late = far
    ask(waiting, *range(8))
    ask(urgent, 8, precedence=0)
    assert rejects(waiting) == [("busy", 8 - READ_AHEAD_PER_PEER)]
    ask(late, 9, 10)
    assert rejects(late) == [("busy", 1)], "the other one is the share that is left to it"
    assert rejects(urgent) == []
    rig.wait(URGENT_FOR_S + 0.1)
    ask(late, 9)
    assert rejects(late) == []


def test_a_peer_that_asks_for_something_urgent_is_not_told_busy_for_the_rest() -> None:
    rig = seeding()
    peer = rig.peer("KA1AAA", traits=INTERNET)
    rig.disk = False
    ask(peer, *range(8))
    ask(peer, 8, precedence=0)
    ask(peer, 9)
    assert rejects(peer) == [], "or it would ask for nothing, the urgent included"


def test_on_the_local_network_nobody_yields() -> None:
    rig = seeding()
    near, urgent = rig.peer("KA1AAA"), rig.peer("KA1BBB", traits=INTERNET)
    rig.disk = False
    ask(near, *range(8))
    ask(urgent, 8, precedence=0)
    ask(near, 9)
    assert rejects(near) == []
