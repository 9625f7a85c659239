"""A download, range by range: verification, blame, impatience, limits."""

from dataclasses import replace

import pytest
from tests.unit.swarm.rig import (
    BIG_CHUNKS,
    KIB,
    OTHER,
    SMALL_CHUNKS,
    TRAITS,
    Rig,
    asked,
    download_of,
    hashes_for,
    ranges,
    serve_all,
)

from meshdl.ids import ChunkIndex
from meshdl.links import Path
from meshdl.policy.window import LOCAL, RequestWindow
from meshdl.sim.station import SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import SwarmSettings
from meshdl.swarm.transfer_log import LOG_TRANSFER_AFTER_S
from meshdl.wire import chunks
from meshdl.wire import control as wire


@pytest.mark.parametrize("content", [SMALL_CHUNKS, BIG_CHUNKS], ids=["small", "big"])
def test_a_content_comes_from_its_bare_hash(content: SimContent) -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.post(inputs.StartDownload(content.hash))
    assert wire.Want(content.hash) in peer.heard()
    peer.has(content)
    serve_all(content, peer)
    assert rig.complete(content)
    assert download_of(rig, content).stage is Stage.COMPLETE
    assert download_of(rig, content).duplicate_octets == 0


def test_each_octet_is_written_once_and_only_after_it_verified() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(BIG_CHUNKS)
    peer.has(BIG_CHUNKS)
    serve_all(BIG_CHUNKS, peer)
    writes = rig.of(effects.WriteRange)
    assert sum(len(write.octets) for write in writes) == len(BIG_CHUNKS.octets)
    assert sum(write.completes_chunk for write in writes) == BIG_CHUNKS.metainfo.chunk_count


def test_a_corrupt_range_is_blamed_on_its_sender_and_fetched_elsewhere() -> None:
    rig = Rig()
    liar, honest = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    rig.open_for_download(SMALL_CHUNKS)
    liar.has(SMALL_CHUNKS)
    honest.has(SMALL_CHUNKS)
    for _ in range(3):
        liar.serve(SMALL_CHUNKS, spoil=True)
    assert not liar.linked()
    serve_all(SMALL_CHUNKS, honest)
    assert honest.linked()
    assert rig.complete(SMALL_CHUNKS)
    refused = rig.of(effects.PeerRefused)
    assert [one.callsign for one in refused] == ["KA1AAA"]


def test_octets_that_waited_for_their_hashes_are_blamed_on_who_sent_them() -> None:
    rig = Rig()
    liar, honest = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    one = SimContent(4, 256 * KIB, 256 * KIB)
    rig.open_for_download(one)
    liar.has(one)
    requests = liar.heard()
    for message in requests:
        if isinstance(message, wire.ChunkRequest):
            liar.serve(one, [message], spoil=True)
    assert liar.linked()
    assert rig.of(effects.WriteRange) == []
    honest.has(one)
    question = next(m for m in requests if isinstance(m, wire.HashesRequest))
    honest.say(hashes_for(one, question))
    assert not liar.linked()
    assert honest.linked()
    serve_all(one, honest)
    assert rig.complete(one)


def test_octets_of_a_peer_that_left_count_when_their_hashes_come() -> None:
    rig = Rig()
    quick = rig.peer("KA1AAA")
    one = SimContent(4, 256 * KIB, 256 * KIB)
    rig.open_for_download(one)
    quick.has(one)
    requests = quick.heard()
    quick.serve(one, [m for m in requests if isinstance(m, wire.ChunkRequest)])
    quick.go()
    late = rig.peer("KA1BBB")
    late.has(one)
    late.say(hashes_for(one, next(m for m in requests if isinstance(m, wire.HashesRequest))))
    serve_all(one, late)
    assert rig.complete(one)
    rig.wait(LOG_TRANSFER_AFTER_S)
    records = [(record.callsign, record.octets) for record in rig.of(effects.Transferred)]
    assert records == [("KA1AAA", 256 * KIB)]


def test_corrupt_octets_of_a_peer_that_left_are_fetched_again() -> None:
    rig = Rig()
    liar = rig.peer("KA1AAA")
    one = SimContent(4, 256 * KIB, 256 * KIB)
    rig.open_for_download(one)
    liar.has(one)
    requests = liar.heard()
    liar.serve(one, [m for m in requests if isinstance(m, wire.ChunkRequest)], spoil=True)
    liar.go()
    late = rig.peer("KA1BBB")
    late.has(one)
    late.say(hashes_for(one, next(m for m in requests if isinstance(m, wire.HashesRequest))))
    for _ in range(20):
        serve_all(one, late)
        rig.wait(0.25)
    assert rig.complete(one)


def test_hashes_that_nobody_proved_are_never_kept() -> None:
    rig = Rig()
    peer, liar = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    rig.open_for_download(BIG_CHUNKS)
    peer.has(BIG_CHUNKS)
    liar.has(BIG_CHUNKS)
    questions = [m for m in peer.heard() if isinstance(m, wire.HashesRequest)]
    right = hashes_for(BIG_CHUNKS, questions[0])
    peer.say(right)
    kept = len(rig.of(effects.WriteLeafHashes))
    wrong = bytes(len(right.hashes))
    liar.say(wire.Hashes(right.content_hash, right.root, 0, right.index, right.length, wrong))
    assert len(rig.of(effects.WriteLeafHashes)) == kept


def test_forged_leaf_hashes_are_asked_of_others() -> None:
    rig = Rig()
    liar, honest = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    one = SimContent(4, 256 * KIB, 256 * KIB)
    rig.open_for_download(one)
    liar.has(one)
    question = next(m for m in liar.heard() if isinstance(m, wire.HashesRequest))
    forged = bytes(32 * 16)
    liar.say(wire.Hashes(one.hash, question.root, 0, question.index, question.length, forged))
    honest.has(one)
    rig.wait(0.5)
    assert any(isinstance(m, wire.HashesRequest) for m in honest.heard())


def test_the_last_source_is_asked_again_after_one_corrupt_range() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(SMALL_CHUNKS)
    peer.has(SMALL_CHUNKS)
    first = peer.heard()
    request = next(m for m in first if isinstance(m, wire.ChunkRequest))
    peer.send_range(SMALL_CHUNKS, request.handle, *request.ranges[0], spoil=True)
    for chunk, offset, octets in request.ranges[1:]:
        peer.send_range(SMALL_CHUNKS, request.handle, chunk, offset, octets)
    for _ in range(50):
        serve_all(SMALL_CHUNKS, peer)
        rig.wait(0.25)
        peer.say(wire.Ping(1))
    assert peer.linked()
    assert rig.complete(SMALL_CHUNKS)


def test_a_lying_bitfield_costs_nothing_but_a_question() -> None:
    rig = Rig()
    liar, honest = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    rig.open_for_download(SMALL_CHUNKS)
    liar.has(SMALL_CHUNKS)
    honest.has(SMALL_CHUNKS)
    while requests := asked(liar):
        for request in requests:
            liar.say(wire.ChunkReject(SMALL_CHUNKS.hash, request.ranges, "not-held"))
    serve_all(SMALL_CHUNKS, honest)
    assert liar.linked()
    assert rig.complete(SMALL_CHUNKS)


def test_a_bitfield_of_the_wrong_length_is_penalised() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(SMALL_CHUNKS)
    for _ in range(5):
        peer.say(wire.Have(SMALL_CHUNKS.hash, bitfield=bytes(9)))
    assert not peer.linked()
    for chunk in (SMALL_CHUNKS.metainfo.chunk_count, 2**32 - 1):
        other = rig.peer(f"KA1BB{'AB'[chunk > 100]}")
        for _ in range(5):
            other.say(wire.Have(SMALL_CHUNKS.hash, chunks=(chunk,)))
        assert not other.linked()


def test_a_stalled_source_loses_its_requests_within_three_seconds() -> None:
    rig = Rig()
    stalled, quick = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    one = SimContent(5, 256 * KIB, 64 * KIB)
    rig.open_for_download(one)
    stalled.has(one)
    promised = ranges(asked(stalled))
    assert len(promised) == 4
    quick.has(one)
    end = rig.now + 3.0
    while rig.now < end:
        rig.wait(0.05)
        serve_all(one, quick)
        stalled.say(wire.Ping(1))  # alive, but it delivers nothing
    assert rig.complete(one)


def test_the_answers_of_a_stalled_source_are_welcome_late() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    late = asked(peer)
    for _ in range(16):
        rig.wait(0.25)
        peer.say(wire.Ping(1))
    peer.serve(OTHER, list(late))
    assert len(rig.of(effects.WriteRange)) == len(ranges(late))
    serve_all(OTHER, peer)
    assert rig.complete(OTHER)
    assert peer.linked()


def test_honest_answers_in_any_order_and_late_never_cost_a_point() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    content = SimContent(6, 4096 * KIB, 16 * KIB)
    rig.open_for_download(content)
    peer.has(content)
    rng = rig.rng
    owed: list[tuple[int, int, int, int]] = []
    for _ in range(400):
        owed += [(m.handle, *found) for m in asked(peer) for found in m.ranges]
        rng.shuffle(owed)
        keep = len(owed) // 2 if rng.random() < 0.9 else 0
        for handle, chunk, offset, octets in owed[keep:]:
            peer.send_range(content, handle, chunk, offset, octets)
        owed = owed[:keep]
        rig.wait(0.3)
        peer.say(wire.Ping(1))
        if rig.swarm.downloads[content.hash].stage is Stage.COMPLETE:
            break
    for handle, chunk, offset, octets in owed:
        peer.send_range(content, handle, chunk, offset, octets)
    assert peer.linked()
    assert rig.complete(content)
    assert not rig.swarm.sessions[peer.link].penalties.add(99.0, now=rig.now)


def test_octets_that_nobody_ever_asked_for_are_penalised() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(SMALL_CHUNKS)
    for _ in range(51):
        peer.say_octets(chunks.encode(0, ChunkIndex(0), 0, b"x"))
    assert not peer.linked()


def test_a_late_answer_does_not_pretend_a_short_path() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    window = RequestWindow(LOCAL, now=rig.now)  # one that knows nothing of the handshake
    rig.swarm.sessions[peer.link].window = window
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    first = asked(peer)
    for _ in range(19):
        rig.wait(0.25)
        peer.say(wire.Ping(1))
    again = asked(peer)
    assert set(ranges(again)) <= set(ranges(first))
    peer.serve(OTHER, list(again))
    assert window.round_trip_s is None


def test_a_range_of_the_wrong_length_is_penalised_and_fetched_again() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    request = asked(peer)[0]
    chunk, offset, _ = request.ranges[0]
    peer.send_range(OTHER, request.handle, chunk, offset, 100)
    assert rig.of(effects.WriteRange) == []
    assert rig.swarm.sessions[peer.link].penalties.add(66.0, now=rig.now)


def test_busy_means_later_and_elsewhere_means_another_chunk() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    first = asked(peer)[0]
    peer.say(wire.ChunkReject(OTHER.hash, first.ranges, "busy", 1000))
    assert asked(peer) == []
    rig.wait(1.3)
    second = asked(peer)[0]
    peer.say(wire.ChunkReject(OTHER.hash, second.ranges, "elsewhere", 2000))
    third = ranges(asked(peer))
    assert third
    assert not {chunk for chunk, _, _ in third} & {chunk for chunk, _, _ in second.ranges}


def test_a_chunk_that_failed_is_not_asked_of_that_peer_again() -> None:
    for reason in ("failed", "changed", "not-held", "a reason of the future"):
        rig = Rig()
        peer = rig.peer("KA1AAA")
        one = SimContent(5, 64 * KIB, 64 * KIB)
        rig.open_for_download(one)
        peer.has(one)
        request = asked(peer)[0]
        peer.say(wire.ChunkReject(one.hash, request.ranges, reason))
        rig.wait(1.0)
        assert asked(peer) == []


def test_requests_stay_within_the_window() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    content = SimContent(6, 8192 * KIB, 64 * KIB)
    rig.open_for_download(content)
    peer.has(content)
    assert sum(octets for _, _, octets in ranges(asked(peer))) == 256 * KIB
    for _ in range(12):
        rig.wait(0.25)
        peer.say(wire.Ping(1))
    assert rig.swarm.sessions[peer.link].window.octets == LOCAL.floor_octets


@pytest.mark.parametrize(("path", "answers"), [(Path.LAN, 8), (Path.DIRECT, 1)])
def test_a_source_is_asked_for_more_when_a_batch_of_its_window_is_free(
    path: Path, answers: int
) -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA", traits=replace(TRAITS, path=path))
    content = SimContent(6, 8192 * KIB, 64 * KIB)
    rig.swarm.sessions[peer.link].window.octets = 15 * 64 * KIB
    rig.open_for_download(content)
    peer.has(content)
    (first,) = asked(peer)
    assert len(first.ranges) == 15
    for answered, (chunk, offset, octets) in enumerate(first.ranges[:answers], 1):
        peer.send_range(content, first.handle, chunk, offset, octets)
        batch = ranges(asked(peer))
        assert len(batch) == (answers if answered == answers else 0)


def test_a_slow_disk_slows_the_network() -> None:
    rig = Rig(settings=SwarmSettings(in_flight_octets=512 * KIB))
    peer = rig.peer("KA1AAA")
    rig.open_for_download(BIG_CHUNKS)
    rig.disk = False
    peer.has(BIG_CHUNKS)
    for _ in range(10):
        serve_all(BIG_CHUNKS, peer)
        rig.wait(0.1)
    kept = sum(len(write.octets) for write in rig.of(effects.WriteRange))
    assert 512 * KIB <= kept < 512 * KIB + 64 * KIB


def test_octets_without_hashes_are_bounded_too() -> None:
    rig = Rig(settings=SwarmSettings(in_flight_octets=512 * KIB))
    peer = rig.peer("KA1AAA")
    content = SimContent(6, 4096 * KIB, 256 * KIB)
    rig.open_for_download(content)
    peer.has(content)
    sent = 0
    for _ in range(20):
        requests = [m for m in peer.heard() if isinstance(m, wire.ChunkRequest)]
        sent += peer.serve(content, list(requests))
        rig.wait(0.05)
    assert sent * 64 * KIB <= 512 * KIB + 64 * KIB


def test_a_source_that_gives_no_leaf_hashes_holds_up_its_own_content_alone() -> None:
    rig = Rig(settings=SwarmSettings(in_flight_octets=2048 * KIB))
    stuck = SimContent(11, 8192 * KIB, 256 * KIB)
    rig.open_for_download(stuck)
    rig.open_for_download(BIG_CHUNKS)
    without, honest = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    without.has(stuck)
    for _ in range(80):
        requests = [m for m in without.heard() if not isinstance(m, wire.HashesRequest)]
        without.serve(stuck, list(requests))
        rig.wait(0.25)
        honest.say(wire.Ping(1))
    assert download_of(rig, stuck).waiting_octets >= 1024 * KIB
    honest.has(BIG_CHUNKS)
    serve_all(BIG_CHUNKS, honest)
    assert rig.complete(BIG_CHUNKS)


def test_a_slow_last_range_is_asked_of_a_second_source_and_the_loser_is_cancelled() -> None:
    rig = Rig()
    slow, quick = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    one = SimContent(5, 64 * KIB, 64 * KIB)
    rig.open_for_download(one)
    slow.has(one)
    assert len(ranges(asked(slow))) == 1
    quick.has(one)
    assert ranges(asked(quick)) == []
    rig.wait(0.75)
    serve_all(one, quick)
    assert rig.complete(one)
    assert any(isinstance(message, wire.ChunkCancel) for message in slow.heard())


def test_a_reject_of_a_chunk_that_there_is_not_costs_nothing() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    peer.say(wire.ChunkReject(OTHER.hash, ((2**32 - 1, 0, 1),), "not-held"))
    peer.say(wire.ChunkReject(OTHER.hash, ((2**32 - 1, 0, 1),), "elsewhere", 1000))
    assert rig.swarm.sessions[peer.link].station.holdings[OTHER.hash].withheld == 0
    serve_all(OTHER, peer)
    assert rig.complete(OTHER)


def test_a_late_answer_that_is_too_short_does_not_lose_the_rest() -> None:
    rig = Rig()
    peer, other = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    one = SimContent(4, 256 * KIB, 256 * KIB)
    rig.open_for_download(one)
    peer.has(one)
    told = peer.heard()
    peer.serve(one, [m for m in told if isinstance(m, wire.HashesRequest)])
    request = next(m for m in told if isinstance(m, wire.ChunkRequest))
    for _ in range(12):
        rig.wait(0.25)
        peer.say(wire.Ping(1))
        other.say(wire.Ping(1))
    other.has(one)
    peer.send_range(one, request.handle, 0, 0, 16 * KIB)
    peer.go()
    for _ in range(20):
        serve_all(one, other)
        rig.wait(0.25)
        other.say(wire.Ping(1))
    assert rig.complete(one)


def test_an_answer_tells_that_earlier_ranges_were_lost_and_they_are_asked_for_at_once() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    first, second, third, _ = ranges(asked(peer))
    peer.send_range(OTHER, 0, *third)
    assert {first, second} <= set(ranges(asked(peer)))
    assert rig.swarm.sessions[peer.link].station.lost_octets == first[2] + second[2]
