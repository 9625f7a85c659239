"""What comes of a download by radio: into the same chunks, and nobody is asked for it again."""

from tests.unit.swarm.rig import KIB, SMALL_CHUNKS, Rig, download_of, serve_all

from meshdl.content import merkle
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.ids import ChunkIndex
from meshdl.sim.station import MemoryStore, SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.learning import EARLY_OCTETS_MAX
from meshdl.swarm.stage import Stage
from meshdl.wire import control as wire

MIXED = SimContent(7, 300 * KIB, 128 * KIB)
"""Three chunks, of eight leaves and fewer."""


def metainfo_of(content: SimContent) -> inputs.MetainfoLearned:
    return inputs.MetainfoLearned(
        content.hash, content.metainfo, content.layers, content.chunk_hashes
    )


def hashes_of(content: SimContent, chunk: int) -> inputs.LeafHashesLearned:
    per_chunk = content.metainfo.leaves_per_chunk
    hashes = content.leaves[chunk * per_chunk : (chunk + 1) * per_chunk]
    return inputs.LeafHashesLearned(content.hash, ChunkIndex(chunk), b"".join(hashes))


def leaf_of(content: SimContent, number: int) -> inputs.LeafLearned:
    chunk, within = divmod(number, content.metainfo.leaves_per_chunk)
    start = number * LEAF_OCTETS
    octets = content.octets[start : start + LEAF_OCTETS]
    return inputs.LeafLearned(content.hash, ChunkIndex(chunk), within * LEAF_OCTETS, bytes(octets))


def leaf_count(content: SimContent) -> int:
    return -(-len(content.octets) // LEAF_OCTETS)


def learn_all(rig: Rig, content: SimContent) -> None:
    for chunk in range(content.metainfo.chunk_count):
        rig.post(hashes_of(content, chunk))
    for number in range(leaf_count(content)):
        rig.post(leaf_of(content, number))


def create(rig: Rig) -> None:
    """The disk comes to what the core asked for first."""
    (wanted,) = rig.of(effects.CreateContent)
    rig.stores[wanted.content] = MemoryStore(wanted.metainfo, wanted.chunk_hashes)
    rig.post(inputs.ContentOpened(wanted.content, wanted.metainfo, wanted.chunk_hashes, 0))


def test_a_content_comes_whole_by_radio_alone() -> None:
    for content in (SMALL_CHUNKS, MIXED):
        rig = Rig()
        peer = rig.peer("KA1AAA")
        rig.post(inputs.StartDownload(content.hash, by_links=False))
        peer.has(content)
        rig.post(metainfo_of(content))
        learn_all(rig, content)
        assert rig.complete(content)
        assert download_of(rig, content).stage is Stage.COMPLETE
        asked = [one for one in peer.heard() if isinstance(one, wire.ChunkRequest | wire.Want)]
        assert asked == [wire.Want(content.hash, wanted=False)]


def test_a_wrong_leaf_is_never_written() -> None:
    rig = Rig()
    rig.open_for_download(MIXED)
    rig.post(hashes_of(MIXED, 0))
    right = leaf_of(MIXED, 0)
    wrong = bytes(len(right.octets))
    rig.post(inputs.LeafLearned(right.content, right.chunk, right.offset, wrong))
    assert rig.of(effects.WriteRange) == []
    rig.post(right)
    assert len(rig.of(effects.WriteRange)) == 1


def test_leaf_hashes_that_do_not_prove_are_not_kept() -> None:
    rig = Rig()
    rig.open_for_download(MIXED)
    right = hashes_of(MIXED, 0)
    rig.post(inputs.LeafHashesLearned(right.content, right.chunk, bytes(len(right.hashes))))
    assert rig.of(effects.WriteLeafHashes) == []
    rig.post(right)
    assert len(rig.of(effects.WriteLeafHashes)) == 1


def test_a_range_that_the_radio_brought_a_leaf_of_is_cancelled_and_the_rest_asked_anew() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(MIXED)
    peer.has(MIXED)
    before = [one for one in peer.heard() if isinstance(one, wire.ChunkRequest)]
    assert before
    rig.post(hashes_of(MIXED, 0))
    rig.post(leaf_of(MIXED, 1))
    after = peer.heard()
    cancelled = [one for one in after if isinstance(one, wire.ChunkCancel)]
    assert [ranges for one in cancelled for ranges in one.ranges] == [(0, 0, 64 * KIB)]
    peer.serve(MIXED, [one for one in before if one.ranges[0][0] != 0])
    peer.serve(MIXED, after)
    again = []
    while found := peer.heard():
        requests = [one for one in found if isinstance(one, wire.ChunkRequest)]
        again += [one for request in requests for one in request.ranges if one[0] == 0]
        peer.serve(MIXED, found)
    assert (0, 0, 16 * KIB) in again
    assert (0, 32 * KIB, 64 * KIB) in again
    assert all(not offset <= 16 * KIB < offset + octets for _, offset, octets in again)


def test_radio_and_links_fill_one_download_and_nothing_is_written_twice() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(MIXED)
    for chunk in range(MIXED.metainfo.chunk_count):
        rig.post(hashes_of(MIXED, chunk))
    by_radio = {1, 2, 8, leaf_count(MIXED) - 1}
    for number in by_radio:
        rig.post(leaf_of(MIXED, number))
    peer.has(MIXED)
    serve_all(MIXED, peer)
    assert rig.complete(MIXED)
    writes = rig.of(effects.WriteRange)
    assert sum(len(one.octets) for one in writes) == len(MIXED.octets)
    assert download_of(rig, MIXED).duplicate_octets == 0


def test_what_a_peer_brought_is_no_news_by_radio() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(SMALL_CHUNKS)
    peer.has(SMALL_CHUNKS)
    serve_all(SMALL_CHUNKS, peer)
    written = len(rig.of(effects.WriteRange))
    rig.post(leaf_of(SMALL_CHUNKS, 0))
    assert len(rig.of(effects.WriteRange)) == written


def test_what_comes_before_the_files_are_made_is_not_lost() -> None:
    rig = Rig()
    rig.disk = False
    rig.post(inputs.StartDownload(MIXED.hash, by_links=False))
    rig.post(metainfo_of(MIXED))
    learn_all(rig, MIXED)
    assert rig.of(effects.WriteRange) == []
    rig.disk = True
    create(rig)
    assert rig.complete(MIXED)


def test_little_waits_for_the_files() -> None:
    large = SimContent(8, EARLY_OCTETS_MAX + 10 * LEAF_OCTETS, LEAF_OCTETS)
    rig = Rig()
    rig.disk = False
    rig.post(inputs.StartDownload(large.hash, by_links=False))
    rig.post(metainfo_of(large))
    for number in range(leaf_count(large)):
        rig.post(leaf_of(large, number))
    rig.disk = True
    create(rig)
    written = sum(len(one.octets) for one in rig.of(effects.WriteRange))
    assert written == EARLY_OCTETS_MAX


def test_a_download_by_radio_is_taken_to_the_peers_and_back() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.post(inputs.StartDownload(SMALL_CHUNKS.hash, by_links=False))
    assert not [one for one in peer.heard() if isinstance(one, wire.Want)]
    rig.post(inputs.StartDownload(SMALL_CHUNKS.hash))
    assert wire.Want(SMALL_CHUNKS.hash) in peer.heard()
    peer.has(SMALL_CHUNKS)
    rig.post(inputs.StartDownload(SMALL_CHUNKS.hash, by_links=False))
    heard = peer.heard()
    assert wire.Want(SMALL_CHUNKS.hash, wanted=False) in heard
    rig.post(metainfo_of(SMALL_CHUNKS))
    assert not [one for one in peer.heard() if isinstance(one, wire.ChunkRequest)]
    rig.post(inputs.StartDownload(SMALL_CHUNKS.hash))
    peer.has(SMALL_CHUNKS)
    serve_all(SMALL_CHUNKS, peer)
    assert rig.complete(SMALL_CHUNKS)


def test_leaf_hashes_are_those_of_the_tree() -> None:
    joined = hashes_of(MIXED, 0).hashes
    assert merkle.root(merkle.split(joined), width=8) == MIXED.chunk_hashes[0]
