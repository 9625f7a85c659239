"""A download as a whole: pause and end, several at once, limits, what is told of it."""

from dataclasses import replace

import pytest
from tests.unit.swarm.rig import (
    BIG_CHUNKS,
    KIB,
    OTHER,
    TRAITS,
    Rig,
    asked,
    download_of,
    ranges,
    serve_all,
)

from meshdl.content.precedence import Precedence
from meshdl.ids import ChunkIndex
from meshdl.links import Path
from meshdl.sim.station import SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import control as wire


def test_pause_cancels_and_resume_goes_on_with_what_is_held() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(BIG_CHUNKS)
    peer.has(BIG_CHUNKS)
    for _ in range(2):
        peer.serve(BIG_CHUNKS)
    before = len(rig.of(effects.WriteRange))
    peer.heard()
    rig.post(inputs.PauseDownload(BIG_CHUNKS.hash))
    said = peer.heard()
    assert any(isinstance(m, wire.ChunkCancel) for m in said)
    assert wire.Want(BIG_CHUNKS.hash, wanted=False) in said
    rig.wait(1.0)
    assert asked(peer) == []
    assert download_of(rig, BIG_CHUNKS).stage is Stage.PAUSED
    rig.post(inputs.StartDownload(BIG_CHUNKS.hash))
    assert asked(peer) == []  # what it said before may no longer be so
    peer.has(BIG_CHUNKS)
    serve_all(BIG_CHUNKS, peer)
    assert rig.complete(BIG_CHUNKS)
    written = sum(len(write.octets) for write in rig.of(effects.WriteRange))
    assert before
    assert written == len(BIG_CHUNKS.octets)


def test_a_write_of_before_a_pause_completes_no_chunk_behind_the_stores_back() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    one = SimContent(4, 256 * KIB, 256 * KIB)
    rig.open_for_download(one)
    rig.disk = False
    peer.has(one)
    told = peer.heard()
    peer.serve(one, [m for m in told if isinstance(m, wire.HashesRequest)])
    request = next(m for m in told if isinstance(m, wire.ChunkRequest))
    for found in request.ranges[:3]:
        peer.send_range(one, request.handle, *found)
    early = rig.of(effects.WriteRange)
    for write in early[:2]:
        rig.post(inputs.RangeWritten(one.hash, write.chunk, write.offset, len(write.octets)))
    rig.post(inputs.PauseDownload(one.hash))
    rig.post(inputs.StartDownload(one.hash))
    peer.heard()
    peer.has(one)
    told = peer.heard()
    peer.serve(one, [m for m in told if isinstance(m, wire.HashesRequest)])
    request = next(m for m in told if isinstance(m, wire.ChunkRequest))
    third, fourth = request.ranges
    peer.send_range(one, request.handle, *fourth)
    rig.post(inputs.RangeWritten(one.hash, early[2].chunk, early[2].offset, 64 * KIB))
    rig.post(inputs.RangeWritten(one.hash, ChunkIndex(0), fourth[1], fourth[2]))
    assert not any(write.completes_chunk for write in rig.of(effects.WriteRange))
    assert rig.swarm.holdings[one.hash].have == 0
    rig.disk = True
    peer.send_range(one, request.handle, *third)
    assert download_of(rig, one).stage is Stage.COMPLETE
    assert any(write.completes_chunk for write in rig.of(effects.WriteRange))


def test_a_removed_download_is_forgotten() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.post(inputs.OfferRecord(OTHER.hash, b"record"))
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    peer.heard()
    rig.post(inputs.ContentRemoved(OTHER.hash))
    said = peer.heard()
    assert wire.RecordsGone((OTHER.hash,)) in said
    assert OTHER.hash not in rig.swarm.downloads
    assert OTHER.hash not in rig.swarm.holdings
    rig.post(inputs.ContentRemoved(OTHER.hash))


def test_a_hash_that_nobody_has_keeps_waiting_and_comes_when_somebody_does() -> None:
    rig = Rig()
    rig.post(inputs.StartDownload(OTHER.hash))
    rig.wait(3600.0)
    assert download_of(rig, OTHER).stage is Stage.METAINFO
    peer = rig.peer("KA1AAA")
    assert wire.Want(OTHER.hash) in peer.heard()
    peer.has(OTHER)
    serve_all(OTHER, peer)
    assert rig.complete(OTHER)


def test_a_full_disk_stops_the_download_and_says_why() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    rig.disk = False
    peer.has(OTHER)
    peer.serve(OTHER)
    failed = rig.of(effects.WriteRange)[0]
    rig.post(inputs.StoreFailed(OTHER.hash, "the disk is full", len(failed.octets)))
    assert download_of(rig, OTHER).stage is Stage.FAILED
    assert download_of(rig, OTHER).problem == "the disk is full"
    peer.heard()
    rig.wait(1.0)
    assert asked(peer) == []


def test_an_emergency_is_asked_for_before_everything_else() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    content = SimContent(6, 4096 * KIB, 64 * KIB)
    rig.open_for_download(content)
    peer.has(content)
    routine = asked(peer)
    rig.open_for_download(OTHER)
    rig.post(inputs.StartDownload(OTHER.hash, Precedence.EMERGENCY))
    peer.has(OTHER)
    peer.serve(content, list(routine))
    next_requests = asked(peer)
    assert {request.content_hash for request in next_requests} == {OTHER.hash}
    assert {request.precedence for request in next_requests} == {0}


def test_a_download_limit_holds_off_the_lan_and_does_not_touch_the_lan() -> None:
    content = SimContent(6, 4096 * KIB, 64 * KIB)
    fetched = {}
    for path in (Path.DIRECT, Path.LAN):
        rig = Rig(settings=SwarmSettings(download_octets_per_s=200_000))
        peer = rig.peer("KA1AAA", traits=replace(TRAITS, path=path))
        rig.open_for_download(content)
        peer.has(content)
        for _ in range(200):
            peer.serve(content)
            rig.wait(0.05)
        fetched[path] = sum(len(write.octets) for write in rig.of(effects.WriteRange))
    assert fetched[Path.LAN] == len(content.octets)
    assert 1_800_000 < fetched[Path.DIRECT] < 2_300_000


def test_what_was_received_stands_in_the_log_once() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    serve_all(OTHER, peer)
    peer.go()
    rig.wait(30.0)
    records = [(r.callsign, r.octets, r.sent) for r in rig.of(effects.Transferred)]
    assert records == [("KA1AAA", len(OTHER.octets), False)]


def test_a_quiet_transfer_is_logged_while_the_link_lives() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    peer.serve(OTHER)
    for _ in range(25):
        rig.wait(0.5)
        peer.say(wire.Ping(1))
    assert sum(record.octets for record in rig.of(effects.Transferred)) == 256 * KIB


def test_chunks_come_in_order_when_they_are_watched_while_they_arrive() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    store = OTHER
    rig.open_for_download(store)
    rig.post(inputs.StartDownload(store.hash, in_order=True))
    peer.has(store)
    assert [chunk for chunk, _, _ in ranges(asked(peer))] == [0, 1, 2, 3]


def test_the_rarest_chunk_is_fetched_first() -> None:
    rig = Rig()
    common, rare = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    rig.open_for_download(OTHER)
    common.has(OTHER, 0b0111_1111)
    common.heard()
    rare.has(OTHER)
    common.say(wire.Have(OTHER.hash, bitfield=b"\x7f"))
    first = ranges(asked(rare))[0]
    assert first[0] == 7


@pytest.mark.parametrize(
    ("seeds", "others", "tells"), [(1, 1, True), (2, 1, True), (3, 1, False), (1, 0, False)]
)
def test_a_few_seeds_that_serve_several_are_told_which_chunks_have_come(
    seeds: int, others: int, tells: bool
) -> None:
    rig = Rig()
    full = [rig.peer(f"KA1AA{letter}") for letter in "ABC"[:seeds]]
    rig.open_for_download(OTHER)
    for n in range(others):
        rig.peer(f"KA1BB{'ABC'[n]}").has(OTHER, chunks_held=0b1)
    for peer in full:
        peer.has(OTHER)
    for peer in full:
        peer.serve(OTHER)
    told = [
        chunk
        for peer in full
        for message in peer.heard()
        if isinstance(message, wire.Have)
        for chunk in message.chunks or ()
    ]
    assert bool(told) is tells


def test_a_peer_is_told_of_every_chunk_as_it_is_gained() -> None:
    rig = Rig()
    source, other = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    rig.open_for_download(OTHER)
    other.say(wire.Want(OTHER.hash))
    source.has(OTHER)
    serve_all(OTHER, source)
    told = [m.chunks for m in other.heard() if isinstance(m, wire.Have) and m.chunks]
    assert sorted(told) == [(i,) for i in range(OTHER.metainfo.chunk_count)]


def test_a_store_that_is_opened_anew_replaces_what_was_held() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(BIG_CHUNKS)
    peer.has(BIG_CHUNKS)
    for _ in range(3):
        peer.serve(BIG_CHUNKS)
    before = rig.swarm.holdings[BIG_CHUNKS.hash]
    rig.post(inputs.ContentOpened(BIG_CHUNKS.hash, BIG_CHUNKS.metainfo, BIG_CHUNKS.chunk_hashes, 0))
    assert download_of(rig, BIG_CHUNKS).holding is rig.swarm.holdings[BIG_CHUNKS.hash]
    assert download_of(rig, BIG_CHUNKS).holding is not before
    serve_all(BIG_CHUNKS, peer)
    assert rig.complete(BIG_CHUNKS)


def test_a_peer_counts_once_however_often_a_download_begins() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    for _ in range(3):
        rig.open_for_download(OTHER)
        peer.has(OTHER)
        rig.disk = False
        rig.post(inputs.StoreFailed(OTHER.hash, "gone"))
        rig.disk = True
    rig.open_for_download(OTHER)
    peer.has(OTHER)
    rig.open_for_download(OTHER)
    assert download_of(rig, OTHER).availability.count(ChunkIndex(0)) == 1
