"""Whatever peers say, in whatever order, and whatever disk and operator do meanwhile: no core ends.

Every peer has proved who it is, and says what is well-formed: of contents and chunks that there
are and are not, of numbers at every border, asked for or not.
"""

from random import Random

import pytest
from tests.unit.swarm.rig import BIG_CHUNKS, INTERNET, KIB, OTHER, SMALL_CHUNKS, TRAITS, Peer, Rig

from meshdl.content.merkle import HASH_OCTETS, LEAF_OCTETS
from meshdl.ids import ChunkIndex
from meshdl.links import LinkWritable
from meshdl.sim.station import SimContent
from meshdl.swarm import inputs
from meshdl.swarm.state import SwarmSettings
from meshdl.wire import chunks
from meshdl.wire import control as wire

MANY_CHUNKS = SimContent(9, 2048 * KIB, 16 * KIB)
CONTENTS = (SMALL_CHUNKS, BIG_CHUNKS, OTHER, MANY_CHUNKS)
STEPS = 100
BEYOND = 2**32 - 1


class Stranger:
    """Makes up what is said; one seed, one history."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def message(self) -> wire.ControlMessage:
        content = self.rng.choice(CONTENTS)
        said = content.hash if self.rng.random() < 0.9 else self.rng.randbytes(32)
        kinds = [self._of_what_it_has, self._questions, self._answers, self._rest]
        return self.rng.choice(self.rng.choice(kinds)(content, said))

    def _of_what_it_has(self, content: SimContent, said: bytes) -> list[wire.ControlMessage]:
        octets = (content.metainfo.chunk_count + 7) // 8
        lengths = [octets, octets, octets, octets + 1, 0]
        return [
            wire.Have(said, complete=True),
            wire.Have(said, chunks=tuple(self._chunk(content) for _ in range(3))),
            wire.Have(said, bitfield=self.rng.randbytes(self.rng.choice(lengths))),
            wire.Have(said, bitfield=bytes(octets)),
            wire.Have(said, complete=True, bitfield=bytes(octets), chunks=(0,)),
            wire.Have(said),
        ]

    def _questions(self, content: SimContent, said: bytes) -> list[wire.ControlMessage]:
        rng = self.rng
        return [
            wire.Want(said, wanted=rng.random() < 0.7),
            wire.InfoRequest(said, rng.choice([0, 5, BEYOND])),
            wire.HashesRequest(said, self._root(content), 0, 0, 4),
            wire.ChunkRequest(said, rng.choice([0, BEYOND]), self._ranges(content), 0),
            wire.ChunkRequest(said, 1, self._ranges(content), rng.randrange(4)),
            wire.ChunkCancel(said, self._ranges(content)),
        ]

    def _answers(self, content: SimContent, said: bytes) -> list[wire.ControlMessage]:
        rng, info = self.rng, content.metainfo.info_octets
        hashes = rng.randbytes(HASH_OCTETS * rng.randrange(5) + rng.randrange(2))
        reasons = ["busy", "elsewhere", "not-held", "changed", "failed", "tired"]
        return [
            wire.Info(said, rng.choice([len(info), 0, BEYOND]), 0, rng.choice([info, b"", b"x"])),
            wire.Hashes(said, self._root(content), rng.randrange(5), rng.randrange(64), 4, hashes),
            wire.HashesReject(said, self._root(content), 0, rng.randrange(64)),
            wire.ChunkReject(
                said, self._ranges(content), rng.choice(reasons), rng.choice([0, BEYOND])
            ),
        ]

    def _rest(self, _: SimContent, said: bytes) -> list[wire.ControlMessage]:
        return [
            wire.Ping(1),
            wire.Pong(self.rng.randrange(3)),
            wire.Suspect(self.rng.randbytes(8)),
            wire.Records((self.rng.randbytes(150),)),
            wire.RecordsGone((said,)),
            wire.Peers(said, (), self.rng.randrange(2**40)),
            wire.StationIdentification("KA1AAA"),
        ]

    def octets(self) -> bytes:
        chunk = ChunkIndex(self.rng.randrange(80))
        offset = self.rng.choice([0, LEAF_OCTETS, 7, BEYOND])
        payload = self.rng.randbytes(self.rng.choice([1, LEAF_OCTETS, 4 * LEAF_OCTETS]))
        return chunks.encode(self.rng.randrange(4), chunk, offset, payload)

    def _chunk(self, content: SimContent) -> int:
        count = content.metainfo.chunk_count
        return self.rng.choice([self.rng.randrange(count), 0, count - 1, count, BEYOND])

    def _ranges(self, content: SimContent) -> tuple[tuple[int, int, int], ...]:
        offsets, lengths = [0, LEAF_OCTETS, 5, BEYOND], [1, LEAF_OCTETS, 4 * LEAF_OCTETS]
        return tuple(
            (self._chunk(content), self.rng.choice(offsets), self.rng.choice(lengths))
            for _ in range(self.rng.randrange(1, 5))
        )

    def _root(self, content: SimContent) -> bytes:
        root = content.metainfo.files[0].root
        assert root is not None
        return self.rng.choice([root, self.rng.randbytes(32)])


class History:
    """One core among strangers."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.stranger = Stranger(self.rng)
        self.rig = Rig(
            settings=SwarmSettings(
                in_flight_octets=self.rng.choice([256, 24 * KIB]) * KIB,
                upload_slots=self.rng.choice([1, 16]),
            )
        )
        self.rig.seed(SMALL_CHUNKS)
        self.rig.open_for_download(OTHER)
        for content in (BIG_CHUNKS, MANY_CHUNKS):
            self.rig.post(inputs.StartDownload(content.hash))
        self.peers: list[Peer] = []
        self._calls = iter(range(STEPS + 2))

    def step(self) -> None:
        self.peers = [peer for peer in self.peers if peer.linked()]
        dice = self.rng.random()
        if len(self.peers) < 2 or dice < 0.04:
            self._somebody_comes()
        elif dice < 0.50:
            self.rng.choice(self.peers).say(self.stranger.message())
        elif dice < 0.72:
            self._somebody_answers(self.rng.choice(self.peers))
        elif dice < 0.77:
            self.rng.choice(self.peers).say_octets(self.stranger.octets())
        elif dice < 0.80:
            self.rng.choice(self.peers).go()
        elif dice < 0.90:
            self.rig.wait(self.rng.choice([0.25, 1.0, 3.0, 10.0]))
        else:
            self._something_happens(self.rng.choice(self.peers))

    def _somebody_comes(self) -> None:
        number = next(self._calls)
        call = f"KA{number // 26}{chr(ord('A') + number % 26)}AA"
        self.peers.append(self.rig.peer(call, traits=self.rng.choice([TRAITS, INTERNET])))

    def _somebody_answers(self, peer: Peer) -> None:
        """What was asked for; rarely all of it, in order and right."""
        heard = [one for one in peer.heard() if hasattr(one, "content_hash")]
        if self.rng.random() < 0.2:
            self.rng.shuffle(heard)
        for message in heard[: self.rng.randrange(20)]:
            for content in CONTENTS:
                if content.hash == message.content_hash and peer.linked():
                    peer.serve(content, [message], spoil=self.rng.random() < 0.05)

    def _something_happens(self, peer: Peer) -> None:
        rig, content = self.rig, self.rng.choice(CONTENTS[1:]).hash
        match self.rng.randrange(7):
            case 0:
                rig.post(inputs.PauseDownload(content))
            case 1 | 2:
                rig.post(inputs.StartDownload(content, by_links=self.rng.random() < 0.8))
            case 3:
                rig.post(inputs.ContentRemoved(content))
            case 4:
                rig.post(inputs.StoreFailed(content, "the disk failed"))
            case 5:
                rig.disk = not rig.disk
            case _:
                full = self.rng.random() < 0.5
                rig.post(inputs.LinkBlocked(peer.link) if full else LinkWritable(peer.link))


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_nothing_that_peers_say_ends_a_core(first: int) -> None:
    for seed in range(first, first + 20):
        history = History(seed)
        for _ in range(STEPS):
            history.step()
