"""Who is waited for, how long, and what is asked of them afterwards."""

from tests.unit.swarm.rig import KIB, Peer, Rig

from meshdl.ids import ChunkIndex
from meshdl.sim.station import SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.download import FORGIVE_EVERY_S
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import control as wire

CONTENT = SimContent(1, 1024 * KIB, 64 * KIB)
OTHER = SimContent(2, 1024 * KIB, 64 * KIB)
RANGE = 64 * KIB


def requests(peer: Peer) -> list[wire.ChunkRequest]:
    return [message for message in peer.heard() if isinstance(message, wire.ChunkRequest)]


def ranges(peer: Peer) -> list[tuple[int, int, int]]:
    return [found for request in requests(peer) for found in request.ranges]


def test_a_source_that_delivers_slowly_but_steadily_keeps_its_requests() -> None:
    rig = Rig()
    slow = rig.peer("KA1AAA")
    rig.open_for_download(CONTENT)
    slow.has(CONTENT)
    waiting = ranges(slow)
    for _ in range(6):
        rig.wait(1.2)  # it answers pings too
        slow.send_range(CONTENT, 0, *waiting.pop(0))
        heard = slow.heard()
        assert not any(isinstance(m, wire.ChunkCancel) for m in heard)
        waiting += [r for m in heard if isinstance(m, wire.ChunkRequest) for r in m.ranges]
    assert slow.linked()


def test_a_chunk_found_elsewhere_is_asked_for_again_when_the_time_is_over() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    one = SimContent(3, 64 * KIB, 64 * KIB)
    rig.open_for_download(one)
    peer.has(one)
    [wanted] = ranges(peer)
    peer.say(wire.ChunkReject(one.hash, (wanted,), "elsewhere", 2000))
    rig.wait(1.5)
    peer.say(wire.Ping(1))
    assert ranges(peer) == []
    rig.wait(1.0)
    assert ranges(peer) == [wanted]


def test_one_window_serves_all_contents_of_a_source() -> None:
    rig = Rig()
    rig.open_for_download(CONTENT)
    rig.open_for_download(OTHER)
    peer = rig.peer("KA1AAA")
    peer.has(CONTENT)
    peer.has(OTHER)
    asked = sum(octets for _, _, octets in ranges(peer))
    assert asked <= rig.swarm.sessions[peer.link].window.octets
    assert asked == rig.swarm.sessions[peer.link].asked_octets


def test_a_source_with_nothing_of_the_first_content_is_asked_for_the_second() -> None:
    rig = Rig()
    rig.open_for_download(CONTENT)
    rig.open_for_download(OTHER)
    peer = rig.peer("KA1AAA")
    peer.has(CONTENT, 0)
    peer.has(OTHER)
    assert {request.content_hash for request in requests(peer)} == {OTHER.hash}


def test_a_source_that_was_wrong_in_a_chunk_is_not_asked_for_it_soon() -> None:
    rig = Rig()
    one = SimContent(4, 1024 * KIB, 1024 * KIB)  # a single chunk of sixteen ranges
    rig.open_for_download(one)
    wrong, right = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    wrong.has(one)
    told = wrong.heard()
    wrong.serve(one, [m for m in told if isinstance(m, wire.HashesRequest)])
    [request] = [m for m in told if isinstance(m, wire.ChunkRequest)]
    wrong.send_range(one, request.handle, *request.ranges[0], spoil=True)
    for wanted in request.ranges[1:]:
        wrong.send_range(one, request.handle, *wanted)
    right.has(one)  # begins where the other stopped, and there is more than it can take
    assert request.ranges[0] in ranges(right)
    wrong.has(one)  # it has room, and says so again
    assert wrong.linked()
    assert ranges(wrong) == []
    for _ in range(4 * int(FORGIVE_EVERY_S) + 1):  # it may have been the path: try again later
        rig.wait(0.25)
        wrong.say(wire.Ping(1))
        right.say(wire.Ping(1))
    assert ranges(wrong)


def test_nobody_helps_with_a_chunk_that_it_does_not_have() -> None:
    rig = Rig()
    one = SimContent(6, 2048 * KIB, 1024 * KIB)
    rig.open_for_download(one)
    rig.peer("KA1AAA").has(one, 0b10)  # owns chunk 1, sixteen ranges
    other = rig.peer("KA1BBB")
    other.has(one, 0b01)
    asked = ranges(other)
    while asked:
        assert {chunk for chunk, _, _ in asked} == {0}
        for message in asked:
            other.send_range(one, 0, *message)
        told = other.heard()
        other.serve(one, [m for m in told if isinstance(m, wire.HashesRequest)])
        asked = [r for m in told if isinstance(m, wire.ChunkRequest) for r in m.ranges]


def test_leaf_hashes_that_one_source_refuses_are_asked_of_another_at_once() -> None:
    rig = Rig()
    one = SimContent(5, 512 * KIB, 512 * KIB)
    rig.open_for_download(one)
    first, second = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    first.has(one)
    second.has(one)
    [question] = [m for m in first.heard() if isinstance(m, wire.HashesRequest)]
    second.heard()
    first.say(wire.HashesReject(one.hash, question.root, 0, question.index, "busy"))
    rig.wait(0.3)
    asked = [m for peer in (first, second) for m in peer.heard()]
    assert [m for m in asked if isinstance(m, wire.HashesRequest)] == [question]


def test_a_peer_that_left_makes_no_chunk_less_rare() -> None:
    rig = Rig()
    rig.open_for_download(CONTENT)
    seed, partial = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    seed.has(CONTENT)
    partial.has(CONTENT, 0b101)
    availability = rig.swarm.downloads[CONTENT.hash].availability
    assert [availability.count(ChunkIndex(i)) for i in range(3)] == [2, 1, 2]
    partial.go()
    assert [availability.count(ChunkIndex(i)) for i in range(3)] == [1, 1, 1]
    seed.go()
    assert [availability.count(ChunkIndex(i)) for i in range(3)] == [0, 0, 0]


def test_urgent_requests_keep_their_order_before_the_others() -> None:
    rig = Rig()
    rig.seed(CONTENT)
    rig.disk = False
    peer = rig.peer("KA1AAA")
    for precedence, chunks in ((3, range(8)), (0, (8, 9)), (0, (10,))):
        wanted = tuple((chunk, 0, RANGE) for chunk in chunks)
        peer.say(wire.ChunkRequest(CONTENT.hash, 0, wanted, precedence))
    reads = rig.of(effects.ReadRange)
    for _ in range(3):
        ticket = reads.pop(0).ticket
        rig.post(inputs.RangeRead(ticket, b"x"))
    assert [read.chunk for read in rig.of(effects.ReadRange)[4:]] == [8, 9, 10]


def test_what_is_on_its_way_to_the_disk_at_a_pause_is_held_when_it_is_there() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(CONTENT)
    peer.has(CONTENT)
    rig.disk = False
    peer.serve(CONTENT)
    late = rig.of(effects.WriteRange)
    rig.post(inputs.PauseDownload(CONTENT.hash))
    assert rig.swarm.downloads[CONTENT.hash].octets_done == 0
    for write in late:
        rig.post(inputs.RangeWritten(CONTENT.hash, write.chunk, write.offset, RANGE))
    written = {write.chunk for write in late}
    assert rig.swarm.holdings[CONTENT.hash].have == sum(1 << chunk for chunk in written)
    assert rig.swarm.downloads[CONTENT.hash].octets_done == len(late) * RANGE
    rig.disk = True
    rig.post(inputs.StartDownload(CONTENT.hash))
    peer.heard()
    peer.has(CONTENT)
    assert not {chunk for chunk, _, _ in ranges(peer)} & written


def test_leaves_that_were_written_after_a_pause_are_not_fetched_again() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    one = SimContent(5, 512 * KIB, 512 * KIB)
    rig.open_for_download(one)
    peer.has(one)
    told = peer.heard()
    rig.disk = False
    peer.serve(one, told)
    late = rig.of(effects.WriteRange)
    rig.post(inputs.PauseDownload(one.hash))
    for write in late[:2]:
        rig.post(inputs.RangeWritten(one.hash, write.chunk, write.offset, len(write.octets)))
    assert rig.swarm.holdings[one.hash].partial == {ChunkIndex(0): 0b1111_1111}
    assert rig.swarm.downloads[one.hash].octets_done == 2 * RANGE
    rig.post(inputs.StartDownload(one.hash))
    peer.heard()
    peer.has(one)
    asked = {offset for _, offset, _ in ranges(peer)}
    assert asked
    assert not asked & {write.offset for write in late[:2]}


def test_a_chunk_that_is_written_after_a_resume_is_not_fetched_again() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(CONTENT)
    peer.has(CONTENT)
    rig.disk = False
    peer.serve(CONTENT)
    late = rig.of(effects.WriteRange)
    rig.post(inputs.PauseDownload(CONTENT.hash))
    rig.post(inputs.StartDownload(CONTENT.hash))
    for write in late:
        rig.post(inputs.RangeWritten(CONTENT.hash, write.chunk, write.offset, RANGE))
    rig.disk = True
    peer.heard()
    peer.has(CONTENT)
    while peer.serve(CONTENT):
        pass
    written = sum(len(write.octets) for write in rig.of(effects.WriteRange))
    assert written == len(CONTENT.octets)
    assert rig.swarm.downloads[CONTENT.hash].stage is Stage.COMPLETE


def test_a_write_of_a_store_that_failed_counts_for_nothing() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(CONTENT)
    peer.has(CONTENT)
    rig.disk = False
    peer.serve(CONTENT)
    late = rig.of(effects.WriteRange)[0]
    rig.post(inputs.StoreFailed(CONTENT.hash, "the disk is full"))
    rig.post(inputs.RangeWritten(CONTENT.hash, late.chunk, late.offset, RANGE))
    assert rig.swarm.downloads[CONTENT.hash].octets_done == 0


def test_whoever_waits_for_a_content_whose_store_failed_is_told() -> None:
    rig = Rig()
    rig.seed(CONTENT)
    rig.disk = False
    peer = rig.peer("KA1AAA")
    peer.say(wire.ChunkRequest(CONTENT.hash, 0, tuple((i, 0, RANGE) for i in range(8)), 3))
    peer.heard()
    rig.post(inputs.StoreFailed(CONTENT.hash, "the disk is gone"))
    refused = [m for m in peer.heard() if isinstance(m, wire.ChunkReject)]
    assert [chunk for m in refused for chunk, _, _ in m.ranges] == [4, 5, 6, 7]


def test_a_removed_download_is_cancelled_and_wanted_no_more() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(CONTENT)
    peer.has(CONTENT)
    asked = ranges(peer)
    rig.post(inputs.ContentRemoved(CONTENT.hash))
    said = peer.heard()
    cancelled = [r for m in said if isinstance(m, wire.ChunkCancel) for r in m.ranges]
    assert sorted(cancelled) == sorted(asked)
    assert wire.Want(CONTENT.hash, wanted=False) in said


def test_a_routine_transfer_takes_no_slot_from_another() -> None:
    rig = Rig(settings=SwarmSettings(upload_slots=1))
    rig.seed(CONTENT)
    rig.disk = False
    holder, newcomer = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    holder.say(wire.ChunkRequest(CONTENT.hash, 0, ((0, 0, RANGE),), 3))
    newcomer.heard()
    newcomer.say(wire.ChunkRequest(CONTENT.hash, 0, ((1, 0, RANGE),), 3))
    [reject] = [m for m in newcomer.heard() if isinstance(m, wire.ChunkReject)]
    assert reject.reason == "busy"
