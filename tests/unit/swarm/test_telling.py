"""What this station tells of its contents: that they are here, their metainfo, their hashes."""

from tests.unit.swarm.rig import KIB, Peer, Rig

from meshdl.ids import ContentHash
from meshdl.sim.station import SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.announcements import RECORDS_AT_ONCE
from meshdl.wire import control as wire

CONTENT = SimContent(1, 2048 * KIB, 64 * KIB)


def seeding() -> Rig:
    rig = Rig()
    rig.seed(CONTENT)
    return rig


def test_whoever_wants_a_content_hears_what_is_here() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    peer.heard()
    peer.say(wire.Want(CONTENT.hash))
    assert peer.heard() == []
    rig.seed(CONTENT, have=0b101)
    assert peer.heard() == [wire.Have(CONTENT.hash, bitfield=b"\xa0\0\0\0")]
    peer.say(wire.Want(CONTENT.hash, wanted=False))
    rig.seed(CONTENT)
    assert peer.heard() == []
    peer.say(wire.Want(CONTENT.hash))
    assert peer.heard() == [wire.Have(CONTENT.hash, complete=True)]


def test_a_peer_cannot_subscribe_to_everything() -> None:
    rig = Rig()
    peer = rig.peer("KA1AAA")
    for number in range(4096 + 6):
        peer.say(wire.Want(number.to_bytes(32, "big")))
    assert not peer.linked()


def test_records_are_told_once_to_those_here_and_to_those_who_come() -> None:
    rig = Rig()
    early = rig.peer("KA1AAA")
    early.heard()
    for _ in range(2):
        rig.post(inputs.OfferRecord(CONTENT.hash, b"record"))
    late = rig.peer("KA1BBB")
    assert early.heard() == [wire.Records((b"record",))]
    assert wire.Records((b"record",)) in late.heard()
    late.say(wire.Records((b"theirs",)))
    late.say(wire.RecordsGone((CONTENT.hash,)))
    heard = rig.of(effects.RecordsHeard)[-1]
    assert (heard.callsign, heard.records) == ("KA1BBB", (b"theirs",))
    assert rig.of(effects.RecordsForgotten)[-1].contents == (CONTENT.hash,)


def test_the_records_of_very_many_contents_come_by_and_by() -> None:
    rig = Rig()
    count = RECORDS_AT_ONCE + 3 * wire.RECORDS_MAX
    contents = [ContentHash(number.to_bytes(32, "big")) for number in range(count)]
    for content in contents:
        rig.post(inputs.OfferRecord(content, bytes(content)))
    peer = rig.peer("KA1AAA")
    told = records_of(peer)
    assert len(told) == RECORDS_AT_ONCE
    rig.post(inputs.ContentRemoved(contents[-1]))
    for _ in range(8):
        rig.wait(0.25)
        peer.say(wire.Ping(1))
        told += records_of(peer)
    assert told == [bytes(content) for content in contents[:-1]]
    assert records_of(rig.peer("KA1BBB")) == told[:RECORDS_AT_ONCE]


def records_of(peer: Peer) -> list[bytes]:
    return [
        record
        for message in peer.heard()
        if isinstance(message, wire.Records)
        for record in message.records
    ]


def test_metainfo_is_given_in_stretches_and_refused_beyond_its_end() -> None:
    rig = seeding()
    peer = rig.peer("KA1AAA")
    peer.heard()
    info = CONTENT.metainfo.info_octets
    peer.say(wire.InfoRequest(CONTENT.hash, 10))
    assert peer.heard() == [wire.Info(CONTENT.hash, len(info), 10, info[10:])]
    peer.say(wire.InfoRequest(CONTENT.hash, len(info)))
    peer.say(wire.InfoRequest(bytes(32)))
    assert [type(message) for message in peer.heard()] == [wire.HashesReject] * 2


def test_hashes_are_given_and_refused_when_the_disk_cannot() -> None:
    rig = seeding()
    peer = rig.peer("KA1AAA")
    peer.heard()
    root = CONTENT.metainfo.files[0].root
    assert root is not None
    peer.say(wire.HashesRequest(CONTENT.hash, root, 0, 0, 4))
    answer = peer.heard()[0]
    assert isinstance(answer, wire.Hashes)
    assert answer.hashes == b"".join(CONTENT.leaves[:4])
    rig.disk = False
    peer.say(wire.HashesRequest(CONTENT.hash, root, 0, 4, 4))
    rig.post(inputs.ReadFailed(rig.of(effects.ReadHashes)[-1].ticket, "no /home/me/x"))
    peer.say(wire.HashesRequest(CONTENT.hash, bytes(32), 0, 0, 4))
    refused = [m.reason for m in peer.heard() if isinstance(m, wire.HashesReject)]
    assert refused == ["not-held", "not-held"]


def test_hash_questions_that_the_disk_owes_are_bounded() -> None:
    rig = seeding()
    rig.disk = False
    peer = rig.peer("KA1AAA")
    root = CONTENT.metainfo.files[0].root
    assert root is not None
    for _ in range(100):
        peer.say(wire.HashesRequest(CONTENT.hash, root, 0, 0, 4))
    assert len(rig.of(effects.ReadHashes)) == 64
    assert any(isinstance(m, wire.HashesReject) and m.reason == "busy" for m in peer.heard())


def test_of_long_chunks_the_disk_owes_fewer_hashes() -> None:
    long = SimContent(7, 16 * KIB, 64 * 1024 * KIB)
    rig = Rig()
    rig.seed(long)
    rig.disk = False
    peer, other = rig.peer("KA1AAA"), rig.peer("KA1BBB")
    root = long.metainfo.files[0].root
    assert root is not None
    for _ in range(10):
        peer.say(wire.HashesRequest(long.hash, root, 0, 0, 1))
    assert len(rig.of(effects.ReadHashes)) == 2
    other.say(wire.HashesRequest(long.hash, root, 0, 0, 1))
    assert len(rig.of(effects.ReadHashes)) == 3
    rig.post(inputs.HashesRead(rig.of(effects.ReadHashes)[0].ticket, bytes(32)))
    peer.say(wire.HashesRequest(long.hash, root, 0, 0, 1))
    assert len(rig.of(effects.ReadHashes)) == 4
