"""Whole radio stations on a simulated channel, with contents in memory and a log that holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import assert_never

from meshdl.air import ModemReport, ModemTraits
from meshdl.content import merkle
from meshdl.content.layout import chunk_octets_for
from meshdl.content.metainfo import Metainfo, build_info, chunk_hashes
from meshdl.content.paths import RelativePath
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign, ContentHash
from meshdl.radio import transmitter_events as door
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.declaration import Declaration
from meshdl.radio.keying import Abort, Key
from meshdl.radio.log_records import RadioRecord
from meshdl.radio.station import FrameUnread, RadioEffect, RadioInput, RadioStation
from meshdl.radio.transfer import events
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.sim.air import SimAir
from meshdl.sim.world import Host
from meshdl.wire.onair.pdus import ObjectKind

LOG_S = (0.001, 0.05)
"""What a log record takes to be durable, at least and at most."""


@dataclass(frozen=True, slots=True)
class RadioContent:
    """A content of one file: its metainfo, and its octets."""

    metainfo: Metainfo
    hashes: tuple[bytes, ...]
    octets: bytes

    @property
    def content(self) -> ContentHash:
        """Its name."""
        return self.metainfo.content_hash


def content_of(name: str, octets: bytes, *, chunk_octets: int | None = None) -> RadioContent:
    """One file."""
    chunk_octets = chunk_octets or chunk_octets_for(len(octets))
    leaves = merkle.hash_leaves(octets)
    root = merkle.root_of_layer(leaves, layer=0)
    metainfo = build_info(
        name,
        [(RelativePath.parse([name]), len(octets), root)],
        chunk_octets=chunk_octets,
        is_folder=False,
    )
    per_chunk = chunk_octets // merkle.LEAF_OCTETS
    layer = per_chunk.bit_length() - 1
    layers = {}
    if metainfo.chunk_count > 1:
        nodes = [
            merkle.root(leaves[at : at + per_chunk], width=per_chunk)
            for at in range(0, len(leaves), per_chunk)
        ]
        assert merkle.root_of_layer(nodes, layer=layer) == root
        layers = {root: b"".join(nodes)}
    return RadioContent(metainfo, tuple(chunk_hashes(metainfo, layers)), octets)


@dataclass(slots=True)
class Stored:
    """What a simulated station has of a content."""

    metainfo: Metainfo
    hashes: tuple[bytes, ...]
    octets: bytearray
    leaf_hashes: dict[int, bytes] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)


class SimRadio:
    """One station.

    Args:
        air: the channel.
        name: its callsign.
        declaration: of its operator.
        traits: of its modem.
        limits: of airtime.
        calls: whether it calls CQ.

    Attributes:
        stored: contents by hash.
        finished_at: when a content was whole.
        records: of its log, with the instant.
        journal: symbols that outlive :meth:`kill`.
    """

    def __init__(
        self,
        air: SimAir,
        name: str,
        declaration: Declaration,
        traits: ModemTraits,
        *,
        limits: AirtimeLimits | None = None,
        calls: bool = True,
        journal: Sequence[NewSymbol] = (),
    ) -> None:
        self.air, self.world, self.name = air, air.world, Callsign(name)
        self.stored: dict[ContentHash, Stored] = {}
        self.finished_at: dict[ContentHash, float] = {}
        self.failures: list[events.FetchFailed] = []
        self.refusals: list[door.Refused] = []
        self.records: list[tuple[float, RadioRecord]] = []
        self.durable: set[int] = set()
        self.journal: list[NewSymbol] = list(journal)
        self.wrong: list[events.WrongSymbols] = []
        rng = self.world.rng
        limits = limits or AirtimeLimits(
            burst_max_s=30.0, duty_cycle_max=1.0, airtime_s_per_hour=3600.0
        )
        self.transfer = Transfer(self.name, rng=rng, burst_max_s=limits.burst_max_s, calls=calls)
        core = RadioStation(Transmitter(declaration, limits=limits), self.transfer, rng=rng)
        self.core = core
        self.host: Host[RadioInput, RadioEffect] = Host(self.world, name, core, self._perform)
        if journal:
            self.host.post(events.SymbolsKept(tuple(journal)))
        self.modem = air.modem(name, traits, self._report)

    # What a test does.

    def hold(
        self,
        content: RadioContent,
        *,
        leaves: set[int] | None = None,
        precedence: Precedence = Precedence.ROUTINE,
    ) -> None:
        """It has this content, or some leaves of it."""
        stored = Stored(content.metainfo, content.hashes, bytearray(content.octets))
        full = content.metainfo.leaves_per_chunk
        for chunk in range(content.metainfo.chunk_count):
            start = chunk * content.metainfo.chunk_octets
            octets = content.octets[start : start + content.metainfo.chunk_octets]
            hashes = merkle.hash_leaves(octets)
            stored.leaf_hashes[chunk] = b"".join(hashes)
            stored.held |= {chunk * full + number for number in range(len(hashes))}
        if leaves is not None:
            stored.held &= leaves
        self.stored[content.content] = stored
        held = sum(1 << number for number in stored.held)
        self.host.post(
            events.Hold(
                metainfo=content.metainfo,
                chunk_hashes=content.hashes,
                held=held,
                precedence=precedence,
            )
        )

    def fetch(self, content: ContentHash, precedence: Precedence = Precedence.ROUTINE) -> None:
        """Its operator wants this content."""
        self.host.post(events.Fetch(content, precedence))

    def kill(self) -> None:
        """As ``kill -9``: the modem stays, nobody listens to it."""
        self.host.kill()

    @property
    def airtime_s(self) -> float:
        """Of all its bursts."""
        return sum(key.burst_s for _, key in self.modem.keyed)

    # What the shell does.

    def _report(self, report: ModemReport) -> None:
        self.host.post(report)

    def _perform(self, effect: RadioEffect) -> None:
        match effect:
            case Key():
                assert effect.serial in self.durable, "keyed without a durable record"
                self.modem.key(effect)
            case Abort():
                self.modem.abort(effect)
            case door.WriteLog(serial, record):
                delay_s = self.world.rng.uniform(*LOG_S)
                self.world.after(delay_s, partial(self._logged, serial, record))
            case events.ReadObject():
                self.world.after(0.01, partial(self._read, effect))
            case events.MetainfoFound() | events.LeafHashesFound() | events.LeafFound():
                self._found(effect)
            case events.KeepSymbols(symbols):
                self.journal += symbols
            case events.ForgetSymbols(key):
                self.journal = [one for one in self.journal if one.key != key]
            case _:
                self._noted(effect)

    def _noted(
        self,
        effect: events.WrongSymbols
        | events.FetchFailed
        | events.StationHeard
        | FrameUnread
        | door.Refused
        | door.Switched
        | door.Reconfigured
        | door.Finished,
    ) -> None:
        match effect:
            case events.WrongSymbols():
                self.wrong.append(effect)
            case events.FetchFailed():
                self.failures.append(effect)
            case door.Refused():
                self.refusals.append(effect)
            case (
                events.StationHeard()
                | FrameUnread()
                | door.Switched()
                | door.Reconfigured()
                | door.Finished()
            ):
                pass
            case _:
                assert_never(effect)

    def _logged(self, serial: int, record: RadioRecord) -> None:
        self.durable.add(serial)
        self.records.append((self.world.now, record))
        self.host.post(door.LogCommitted(serial))

    def _read(self, effect: events.ReadObject) -> None:
        stored = self.stored.get(effect.content)
        octets: bytes | None = None
        if stored is not None and effect.key.kind is ObjectKind.HASHES:
            octets = stored.leaf_hashes.get(effect.chunk)
        elif stored is not None and effect.key.number in stored.held:
            start = effect.chunk * stored.metainfo.chunk_octets + effect.offset
            octets = bytes(stored.octets[start : start + effect.octets])
        self.host.post(events.ObjectRead(effect.key, octets))

    def _found(
        self, effect: events.MetainfoFound | events.LeafHashesFound | events.LeafFound
    ) -> None:
        match effect:
            case events.MetainfoFound(metainfo, _, hashes):
                self.stored[metainfo.content_hash] = Stored(
                    metainfo, hashes, bytearray(metainfo.total_octets)
                )
            case events.LeafHashesFound(content, chunk, hashes):
                self.stored[content].leaf_hashes[chunk] = hashes
            case events.LeafFound():
                stored = self.stored[effect.content]
                start = effect.chunk * stored.metainfo.chunk_octets + effect.offset
                stored.octets[start : start + len(effect.octets)] = effect.octets
                stored.held.add(effect.number)
                leaf_count = -(-stored.metainfo.total_octets // merkle.LEAF_OCTETS)
                if len(stored.held) == leaf_count:
                    self.finished_at[effect.content] = self.world.now
            case _:
                assert_never(effect)


def is_whole(station: SimRadio, content: RadioContent) -> bool:
    """Whether a station has every octet of a content, and the right ones."""
    stored = station.stored.get(content.content)
    return (
        stored is not None
        and content.content in station.finished_at
        and sha256(stored.octets).digest() == sha256(content.octets).digest()
    )
