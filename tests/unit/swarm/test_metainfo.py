"""From a bare hash to proved metainfo, from honest stations and from liars."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.swarm.rig import KIB, Peer, Rig

from meshdl.content import bencode, merkle
from meshdl.content.hashing import layer_and_root
from meshdl.content.metainfo import build_info, chunk_hashes, parse_info
from meshdl.content.paths import RelativePath
from meshdl.content.precedence import Precedence
from meshdl.content.record import sign
from meshdl.ids import Callsign, ContentHash, LinkId
from meshdl.sim.station import SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.metainfo_fetch import MetainfoFetch
from meshdl.swarm.stage import Stage
from meshdl.wire import control as wire

CONTENT = SimContent(1, 700 * KIB, 64 * KIB)
INFO = CONTENT.metainfo.info_octets


def starting(*callsigns: str) -> tuple[Rig, list[Peer]]:
    rig = Rig()
    rig.post(inputs.StartDownload(CONTENT.hash))
    peers = [rig.peer(callsign) for callsign in callsigns]
    for peer in peers:
        peer.heard()
        peer.has(CONTENT)
    return rig, peers


def stage(rig: Rig) -> Stage:
    return rig.swarm.downloads[CONTENT.hash].stage


def questions(peer: Peer) -> list[wire.ControlMessage]:
    kinds = (wire.InfoRequest, wire.HashesRequest)
    return [message for message in peer.heard() if isinstance(message, kinds)]


def test_a_silent_station_is_given_up_for_another() -> None:
    rig, (silent, other) = starting("KA1AAA", "KA1BBB")
    assert len(questions(silent)) == 1
    for _ in range(14):
        rig.wait(0.25)
        silent.say(wire.Ping(1))
        other.say(wire.Ping(1))
    assert questions(other) == [wire.InfoRequest(CONTENT.hash)]


def test_a_record_is_reason_enough_to_ask() -> None:
    rig = Rig()
    rig.post(inputs.StartDownload(CONTENT.hash))
    peer = rig.peer("KA1AAA")
    peer.heard()
    peer.say(wire.Records((record_of(CONTENT.hash),)))
    assert questions(peer) == [wire.InfoRequest(CONTENT.hash)]
    peer.has(CONTENT)
    assert questions(peer) == [], "it was asked already"


def record_of(content: ContentHash) -> bytes:
    return sign(
        content_hash=content,
        title="bulletin",
        octets=5,
        originator=Callsign("KA1AAA"),
        precedence=Precedence.ROUTINE,
        tags=(),
        media_type="",
        created_at=1,
        expires_at=2,
        private_key=Ed25519PrivateKey.from_private_bytes(b"r" * 32),
    ).encode()


def test_a_station_that_leaves_is_given_up_at_once() -> None:
    rig, (first, other) = starting("KA1AAA", "KA1BBB")
    assert questions(first)
    first.go()
    assert len(questions(other)) == 1
    assert stage(rig) is Stage.METAINFO


def test_forged_info_costs_points_and_is_not_believed() -> None:
    rig, (liar,) = starting("KA1AAA")
    for _ in range(3):
        questions(liar)
        liar.say(wire.Info(CONTENT.hash, len(INFO), 0, bytes(len(INFO))))
        rig.wait(0.25)
    assert not liar.linked()
    assert stage(rig) is Stage.METAINFO


def test_impossible_sizes_cost_points() -> None:
    for total, octets in [(2**32 - 1, b"x"), (3, b"xxxx"), (len(INFO), b"")]:
        rig, (liar,) = starting("KA1AAA")
        for _ in range(3):
            liar.say(wire.Info(CONTENT.hash, total, 0, octets))
            rig.wait(0.25)
        assert not liar.linked()


def test_who_gives_the_info_octet_by_octet_does_not_keep_others_waiting() -> None:
    rig, (slow,) = starting("KA1AAA")
    honest = rig.peer("KA1BBB")
    honest.has(CONTENT)
    for _ in range(60):
        for question in questions(slow) if slow.linked() else []:
            if isinstance(question, wire.InfoRequest):
                slow.say(wire.Info(CONTENT.hash, 8192 * KIB, question.offset, b"d"))
        honest.serve(CONTENT)
        for peer in (slow, honest):
            peer.say(wire.Ping(1))
        rig.wait(0.25)
    assert stage(rig) is not Stage.METAINFO


def test_the_core_waits_for_nobody_who_reads_a_long_info_dictionary() -> None:
    rig, (peer,) = starting("KA1AAA")
    rig.disk = False
    peer.serve(CONTENT)
    (check,) = rig.of(effects.CheckInfo)
    assert check == effects.CheckInfo(CONTENT.hash, INFO)
    for _ in range(20):  # nobody is asked for what is here
        rig.wait(0.25)
        peer.say(wire.Ping(1))
        assert questions(peer) == []
    rig.post(inputs.PauseDownload(CONTENT.hash))
    rig.post(inputs.InfoChecked.of(CONTENT.hash, INFO))
    assert stage(rig) is Stage.PAUSED
    rig.disk = True
    rig.post(inputs.StartDownload(CONTENT.hash))
    peer.has(CONTENT)
    for _ in range(8):
        peer.serve(CONTENT)
        rig.wait(0.25)
    assert stage(rig) is Stage.COMPLETE


def test_an_honest_station_does_not_pay_for_what_a_liar_began() -> None:
    rig, (liar,) = starting("KA1AAA")
    honest = rig.peer("KA1BBB")
    honest.has(CONTENT)
    for _ in range(60):
        for peer in (liar, honest):
            if not peer.linked():
                continue
            for question in questions(peer):
                if isinstance(question, wire.InfoRequest) and peer is liar:
                    # a beginning of wrong octets and length, and never an end
                    if question.offset == 0:
                        liar.say(wire.Info(CONTENT.hash, len(INFO) + 9, 0, b"lies"))
                elif isinstance(question, wire.InfoRequest):
                    stretch = INFO[question.offset :]
                    honest.say(wire.Info(CONTENT.hash, len(INFO), question.offset, stretch))
                else:
                    honest.serve(CONTENT, [question])
            peer.say(wire.Ping(1))
        rig.wait(0.25)
    assert not rig.swarm.sessions[honest.link].penalties.add(99, now=rig.now)
    assert stage(rig) is not Stage.METAINFO


def test_a_forged_piece_layer_costs_points_and_is_asked_of_another() -> None:
    rig, (liar,) = starting("KA1AAA")
    questions(liar)
    liar.say(wire.Info(CONTENT.hash, len(INFO), 0, INFO))
    (question,) = questions(liar)
    assert isinstance(question, wire.HashesRequest)
    liar.say(
        wire.Hashes(
            CONTENT.hash, question.root, question.base_layer, 0, question.length, bytes(32 * 11)
        )
    )
    assert stage(rig) is Stage.METAINFO
    for _ in range(3):
        rig.wait(0.25)
        for again in questions(liar):
            assert isinstance(again, wire.HashesRequest)
            liar.say(wire.Hashes(CONTENT.hash, again.root, again.base_layer, 0, again.length, b"x"))
    assert not liar.linked()


def test_a_station_that_is_busy_is_asked_again_later_and_not_at_once() -> None:
    rig, (busy,) = starting("KA1AAA")
    asked = 0
    for _ in range(16):
        for _ in questions(busy):
            asked += 1
            busy.say(wire.HashesReject(CONTENT.hash, reason="busy"))
        rig.wait(0.25)
        busy.say(wire.Ping(1))
    assert 2 <= asked <= 3
    for _ in range(16):
        busy.serve(CONTENT)
        rig.wait(0.25)
    assert stage(rig) is Stage.COMPLETE


def info_of(name: bytes, file_name: bytes, octets: int) -> bytes:
    """An info dictionary of two files that says whatever it likes."""
    properties: bencode.Value = {b"length": octets, b"pieces root": b"r" * 32}
    return bencode.encode(
        {
            b"file tree": {file_name: {b"": properties}, b"z": {b"": properties}},
            b"meta version": 2,
            b"name": name,
            b"piece length": 16 * KIB,
        }
    )


def given(info: bytes) -> tuple[Rig, Peer, ContentHash]:
    """A download whose info dictionary has just come from a peer."""
    content = ContentHash(sha256(info).digest())
    rig = Rig()
    rig.post(inputs.StartDownload(content))
    peer = rig.peer("KA1AAA")
    peer.say(wire.Have(content, complete=True))
    peer.say(wire.Info(content, len(info), 0, info))
    return rig, peer, content


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (b"d4:name3:abce", "meta version"),
        (info_of(b"..", b"a", 5), "'..'"),
        (info_of(b"map", b"..", 5), "'..'"),
        (info_of(b"map", b"/etc/passwd", 5), "'/'"),
        (info_of(b"map", b"nul", 5), "device"),
        (info_of(b"map", b"Z", 5), "same"),
        (info_of(b"map", b"a", 2**50), "refused"),
        (info_of(b"map", b"a", 2**63), "no length"),
    ],
)
def test_metainfo_that_nobody_can_use_fails_with_the_reason(info: bytes, reason: str) -> None:
    rig, peer, content = given(info)
    download = rig.swarm.downloads[content]
    assert download.stage is Stage.FAILED
    assert "metainfo cannot be used" in (download.problem or "")
    assert reason in (download.problem or "")
    assert peer.linked(), "it gave what was asked for"


def test_one_root_for_two_lengths_ends_a_download_and_no_station() -> None:
    leaves = [sha256(bytes([leaf])).digest() for leaf in range(2)]
    root = merkle.root_of_layer(leaves, layer=0)
    files: dict[bytes, bencode.Value] = {
        name: {b"": {b"length": octets, b"pieces root": root}}
        for name, octets in ((b"a", 32 * KIB), (b"b", 48 * KIB))
    }
    info = bencode.encode(
        {b"file tree": files, b"meta version": 2, b"name": b"map", b"piece length": 16 * KIB}
    )
    rig, peer, content = given(info)
    for ask in questions(peer):
        if isinstance(ask, wire.HashesRequest):  # the layer proves, for one of the two
            layer = b"".join(leaves)
            peer.say(wire.Hashes(content, root, ask.base_layer, ask.index, ask.length, layer))
    assert rig.swarm.downloads[content].stage is Stage.FAILED
    assert "two lengths" in (rig.swarm.downloads[content].problem or "")


def test_two_equal_files_come_complete() -> None:
    octets = CONTENT.octets[: 512 * KIB]
    leaves = merkle.hash_leaves(octets)
    layer, root = layer_and_root(b"".join(leaves), len(octets), 256 * KIB)
    assert root is not None
    files = [(RelativePath.parse([name]), len(octets), root) for name in ("a.bin", "b.bin")]
    twins = SimContent(1, 16 * KIB, 16 * KIB)
    twins.metainfo = build_info("twins", files, chunk_octets=256 * KIB, is_folder=True)
    twins.octets = octets * 2
    twins.leaves = leaves * 2
    twins.layers = {root: layer}
    twins.chunk_hashes = tuple(chunk_hashes(twins.metainfo, twins.layers))
    twins.hash = twins.metainfo.content_hash
    rig = Rig()
    peer = rig.peer("KA1AAA")
    rig.open_for_download(twins)
    peer.has(twins)
    for _ in range(40):
        peer.serve(twins)
        rig.wait(0.25)
    assert rig.swarm.downloads[twins.hash].stage is Stage.COMPLETE
    assert rig.complete(twins)


def test_a_station_that_answers_is_asked_on() -> None:
    long = bencode.encode({b"file tree": {}, b"notes": bytes(3 * wire.INFO_OCTETS_MAX)})
    content = ContentHash(sha256(long).digest())
    rig = Rig()
    rig.post(inputs.StartDownload(content))
    peers = [rig.peer(callsign) for callsign in ("KA1AAA", "KA1BBB", "KA1CCC")]
    for peer in peers:
        peer.say(wire.Have(content, complete=True))
    at, answered = 0, set()
    for peer in peers * 4:
        for question in questions(peer):
            assert isinstance(question, wire.InfoRequest)
            assert question.offset == at
            answered.add(peer.link)
            stretch = long[at : at + wire.INFO_OCTETS_MAX]
            peer.say(wire.Info(content, len(long), at, stretch))
            at += len(stretch)
    assert at == len(long)
    assert len(answered) == 1
    assert all(peer.linked() for peer in peers)
    assert rig.swarm.downloads[content].stage is Stage.FAILED, "all of it came, and is of no use"


def test_of_a_folder_each_layer_is_asked_for_once_and_only_where_there_is_one() -> None:
    big, other = CONTENT.octets[: 512 * KIB], CONTENT.octets[: 768 * KIB]
    files, layers = [], {}
    for name, octets in {"a": big, "b": b"", "c": big[:5], "d": big, "e": other}.items():
        leaves = b"".join(merkle.hash_leaves(octets))
        layer, root = layer_and_root(leaves, len(octets), 256 * KIB)
        files.append((RelativePath.parse([name]), len(octets), root))
        if root is not None and layer:
            layers[root] = layer
    metainfo = build_info("folder", files, chunk_octets=256 * KIB, is_folder=True)
    fetch = MetainfoFetch(metainfo.content_hash)
    link = LinkId("bench:1")
    fetch.question(link, now=0.0)
    info = metainfo.info_octets
    whole = fetch.receive_info(link, wire.Info(metainfo.content_hash, len(info), 0, info))
    assert whole == info
    fetch.take(parse_info(whole))
    asked = []
    while not fetch.done:
        question = fetch.question(link, now=0.0)
        assert isinstance(question, wire.HashesRequest)
        asked.append(question.root)
        fetch.receive_hashes(
            link,
            wire.Hashes(
                metainfo.content_hash, question.root, question.base_layer, question.index,
                question.length, layers[question.root],
            ),
        )  # fmt: skip
    assert asked == [files[0][2], files[4][2]]
    assert fetch.chunk_hashes() == tuple(chunk_hashes(metainfo, layers))
