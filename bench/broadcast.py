"""One sender, many receivers who each lose frames: how much must be sent, three ways.

A model of the code alone: no headers, turns or collisions, every frame is lost by each
receiver with the same probability and independently. What protocols add to it is measured
where there is a protocol. Airtime is counted in symbols sent, as a multiple of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

from meshdl.radio.erasure.decoder import Decoder
from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.erasure.gf256 import inverses, products
from meshdl.radio.erasure.ids import FIRST_REPAIR_ID


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What is sent to whom.

    Attributes:
        receivers: how many there are.
        loss: probability that one of them loses a frame.
        leaves: how many leaves the file has; each is encoded by itself.
        source_symbols: K of each leaf.
        symbols_per_frame: how many symbols a frame carries.
        leaves_per_frame: how many leaves share a frame, evenly.
    """

    receivers: int
    loss: float
    leaves: int
    source_symbols: int
    symbols_per_frame: int
    leaves_per_frame: int = 1

    @property
    def frames_of_the_file(self) -> float:
        """The least that anybody could send."""
        return self.leaves * self.source_symbols / self.symbols_per_frame


@dataclass(frozen=True, slots=True)
class Sent:
    """What it took.

    Attributes:
        airtime: in multiples of the file.
        rounds: how often receivers were asked what they lack.
        any_code: the least airtime that any code could have done with, given the same
            losses: when the last receiver had as many symbols as there are source symbols.
    """

    airtime: float
    rounds: int
    any_code: float = 0.0


def one_by_one(what: Broadcast, rng: Random) -> Sent:
    """Every receiver is served alone; every lost frame is sent to it again."""
    frames = -(-what.leaves * what.source_symbols // what.symbols_per_frame)
    sent = 0
    for _ in range(what.receivers * frames):
        sent += 1
        while rng.random() < what.loss:
            sent += 1
    return Sent(sent / what.frames_of_the_file, sent)


def union_of_fills(what: Broadcast, rng: Random) -> Sent:
    """All frames are sent, then all that anybody lacks, until nobody lacks any."""
    frames = -(-what.leaves * what.source_symbols // what.symbols_per_frame)
    lacking = [set(range(frames)) for _ in range(what.receivers)]
    sent = rounds = 0
    while union := set().union(*lacking):
        rounds += 1
        for frame in union:
            sent += 1
            for lacks in lacking:
                if rng.random() >= what.loss:
                    lacks.discard(frame)
    return Sent(sent / what.frames_of_the_file, rounds)


def fountain(what: Broadcast, rng: Random) -> Sent:
    """Our code: source symbols, then so many repair symbols as the neediest receiver lacks.

    Real symbols are made and really decoded, and compared in the end.
    """
    groups = []
    for first in range(0, what.leaves, what.leaves_per_frame):
        count = min(what.leaves_per_frame, what.leaves - first)
        leaves = [rng.randbytes(what.source_symbols * 48) for _ in range(count)]
        groups.append(_group(what, leaves, rng))
    file = what.frames_of_the_file
    return Sent(
        sum(one.frames for one in groups) / file,
        sum(one.rounds for one in groups),
        sum(one.any_code for one in groups) / file,
    )


@dataclass(slots=True)
class _Group:
    """Leaves that share their frames: what was sent of them."""

    frames: int = 0
    rounds: int = 0
    any_code: int = 0


def _group(what: Broadcast, leaves: list[bytes], rng: Random) -> _Group:
    encoders = [Encoder(one) for one in leaves]
    receivers = [
        _Receiver([Decoder(what.source_symbols) for _ in leaves]) for _ in range(what.receivers)
    ]
    share = what.symbols_per_frame // len(leaves)
    group, next_id = _Group(), FIRST_REPAIR_ID
    ids = list(range(what.source_symbols))
    while ids:
        group.rounds += 1
        for at in range(0, len(ids), share):
            frame = ids[at : at + share]
            made = [encoder.symbols(frame) for encoder in encoders]
            if any(one.symbols < what.source_symbols for one in receivers):
                group.any_code = group.frames + 1
            group.frames += 1
            for receiver in receivers:
                if rng.random() >= what.loss:
                    receiver.hear(frame, made)
        needed = -(-max(one.missing for one in receivers) // share) * share
        ids, next_id = list(range(next_id, next_id + needed)), next_id + needed
    for receiver in receivers:
        assert [decoder.octets() for decoder in receiver.decoders] == leaves
    return group


@dataclass(slots=True)
class _Receiver:
    """One receiver: a decoder for each leaf.

    Attributes:
        symbols: how many it has heard of each leaf.
    """

    decoders: list[Decoder]
    symbols: int = 0

    @property
    def missing(self) -> int:
        """How many symbols of one leaf or another."""
        return max(decoder.missing for decoder in self.decoders)

    def hear(self, ids: Sequence[int], made: Sequence[Sequence[bytes]]) -> None:
        """A frame came through."""
        self.symbols += len(ids)
        for decoder, symbols in zip(self.decoders, made, strict=True):
            if decoder.missing:
                decoder.add(list(zip(ids, symbols, strict=True)))


def ranks(tables: npt.NDArray[np.uint8]) -> list[int]:
    """Ranks of many matrices over GF(256) at once; shape ``(trials, rows, columns)``."""
    work = tables.copy()
    trials, rows, columns = work.shape
    done = np.zeros(trials, dtype=np.int64)
    every, heights = np.arange(trials), np.arange(rows)[None, :]
    for column in range(columns):
        free = (heights >= done[:, None]) & (work[:, :, column] != 0)
        found = free.any(axis=1)
        to = np.minimum(done, rows - 1)
        at = np.where(found, free.argmax(axis=1), to)
        work[every, at], work[every, to] = work[every, to], work[every, at]
        pivot = work[every, to]
        pivot = products()[inverses()[pivot[:, column]][:, None], pivot]
        below = (heights > to[:, None]) & found[:, None]
        factors = np.where(below, work[:, :, column], 0)
        work ^= products()[factors[:, :, None], pivot[:, None, :]]
        done += found
    return [int(one) for one in done]
