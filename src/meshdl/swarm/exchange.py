"""Peer exchange: who else has a content, and signals passed on between two of our peers.

Theory of operation
===================

Whoever wants a content hears of a peer also who else it is linked with that has or gathers
it. That is a hint: the two may then try to make a link of their own, by signals that are
sealed from end to end and that the peer in the middle passes on. So stations that only have
a peer in common come to a direct link without any server.

What is told has no address in it. A station is told of only if it said in its ``hello``
that it takes part, and only to whom :meth:`PeerExchange._may_meet` allows: from a room that
is closed by a passphrase nobody is told of outside it.

A signal is passed on once, from the station that made it and proved so on its link, to a
peer of ours that it is meant for; never further. Each peer, and all of them together, have
an allowance of octets for that.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from meshdl.content.record import content_named_in
from meshdl.errors import RemoteProtocolError
from meshdl.ids import ContentHash, LinkId, StationKey, station_id, station_key
from meshdl.links import Way
from meshdl.policy.bucket import TokenBucket
from meshdl.swarm import inputs
from meshdl.swarm.effects import CarrierGone, PeersHeard, SignalCarried, SignalUncarried
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.peer import Peer
from meshdl.swarm.session import Session
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import SwarmState
from meshdl.wire import control as wire
from meshdl.wire.signals import Envelope, Signal, decode_signal

TELL_EVERY_S = 2.0
"""One peer is not told more often of one content."""

CONTENTS_PER_TICK = 64
"""Contents looked at in one tick; the others wait for the next one."""

OFFERS_PER_PEER_MAX = 4096
"""Contents remembered of which a peer told that it has them."""

RELAYED_OCTETS_PER_S = 16 * 1024
RELAYED_BURST_OCTETS = 256 * 1024
"""For one peer. An attempt to link takes about 12 kB from each side."""

ALL_RELAYED_OCTETS_PER_S = 128 * 1024
ALL_RELAYED_BURST_OCTETS = 1024 * 1024
"""For all peers together: what a slow line bears beside what it is there for."""

RELAYED_OCTETS_MIN = 1024
"""What a signal counts at least: reading and passing it on costs something."""

CARRIED_OCTETS_PER_S = 2 * ALL_RELAYED_OCTETS_PER_S
CARRIED_BURST_OCTETS = 2 * ALL_RELAYED_BURST_OCTETS
"""What is taken from one peer: twice what one that keeps these rules can send."""

FOREIGN_POINTS = 34
"""For a signal that its sender did not make."""

_GATHERING = {Stage.METAINFO, Stage.CREATING, Stage.FETCHING}


@dataclass(slots=True)
class _Allowances:
    """What may still pass of one peer."""

    relayed: TokenBucket
    carried: TokenBucket


@dataclass(frozen=True, slots=True)
class _Told:
    """What one peer was told of one content."""

    at: float
    stations: tuple[StationKey, ...]


class PeerExchange:
    """The middle, and both ends, as far as links are concerned."""

    def __init__(self, state: SwarmState, fetcher: Fetcher, *, now: float) -> None:
        self._state, self._fetcher = state, fetcher
        self._stirred: dict[ContentHash, None] = {}
        self._told: dict[LinkId, dict[ContentHash, _Told]] = {}
        self._allowances: dict[StationKey, _Allowances] = {}
        self._all = _bucket(ALL_RELAYED_OCTETS_PER_S, ALL_RELAYED_BURST_OCTETS, now)
        self._started_at = now

    # Who has what.

    def want(self, session: Session, content: ContentHash, *, wanted: bool) -> None:
        """A peer wants to hear of a content, or no longer."""
        if not wanted:
            self._told.get(session.link, {}).pop(content, None)
        self._stir((content,))

    def records(self, session: Session, records: tuple[bytes, ...]) -> None:
        """A peer told what it has."""
        found = [content for one in records if (content := content_named_in(one)) is not None]
        room = OFFERS_PER_PEER_MAX - len(session.station.offers)
        new = [content for content in found if content not in session.station.offers][:room]
        session.station.offers.update(new)
        self._stir(new)

    def records_gone(self, session: Session, contents: Iterable[ContentHash]) -> None:
        """A peer told what it has no longer."""
        gone = session.station.offers.intersection(contents)
        session.station.offers -= gone
        self._stir(gone)

    def left(self, session: Session) -> None:
        """A peer is gone, by this link."""
        self._told.pop(session.link, None)
        self._allowances.pop(session.station.key, None)
        self._stir(session.station.offers | session.station.subscribed)
        peer = session.peer
        if peer is not None and self._session_of(peer.key) is None:
            self._state.effects.append(CarrierGone(station_id(peer.key)))

    def tick(self, *, now: float) -> None:
        """Tell what is new to whom it is new."""
        if not self._state.settings.exchange:
            self._stirred.clear()
            return
        for content in list(self._stirred)[:CONTENTS_PER_TICK]:
            del self._stirred[content]
            if not self._tell(content, now):
                self._stirred[content] = None  # somebody was told a moment ago

    def receive_peers(self, session: Session, peer: Peer, message: wire.Peers) -> None:
        """A peer tells who else has a content."""
        content = ContentHash(message.content_hash)
        download = self._fetcher.downloads.get(content)
        if download is None or download.stage not in _GATHERING or not self._takes_part(session):
            return
        own = self._state.identity.key
        others = tuple(one for one in message.peers if one.station_key != own)
        carrier = station_id(peer.key)
        self._state.effects.append(PeersHeard(carrier, content, others, message.now_ms))

    # Signals.

    def carry(self, event: inputs.CarrySignal) -> None:
        """We have something for a peer of a peer."""
        for session in self._state.peers():
            assert session.peer is not None
            if station_id(session.peer.key) == event.carrier and self._takes_part(session):
                envelope = event.envelope
                self._state.tell(session.link, wire.Relay(envelope.signal, envelope.signature))
                return
        reason = "the peer between us is gone"
        self._state.effects.append(SignalUncarried(event.recipient, reason))

    def receive_relay(
        self, session: Session, peer: Peer, message: wire.Relay, *, now: float
    ) -> None:
        """A peer wants a signal passed on.

        Raises:
            RemoteProtocolError: it is no signal, or not the peer's own.
        """
        signal = decode_signal(message.signal)
        if signal is None:
            return
        ours = (signal.sender.station_key, signal.sender.instance)
        if ours != (peer.key, peer.proved.instance):
            raise RemoteProtocolError("asked to relay another's signal", penalty=FOREIGN_POINTS)
        recipient = self._session_of(station_key(signal.recipient.station_key))
        reason = self._obstacle(session, recipient, signal, now)
        if reason or recipient is None:
            key = signal.recipient.station_key
            self._state.tell(session.link, wire.Undeliverable(key, reason))
            return
        for bucket in (self._all, self._allowances_of(session, now).relayed):
            bucket.take(_weight(message.signal), now=now)
        relayed = wire.Relayed(message.signal, message.signature, self._clock_ms(now))
        self._state.tell(recipient.link, relayed)

    def receive_relayed(
        self, session: Session, peer: Peer, message: wire.Relayed, *, now: float
    ) -> None:
        """A peer passes on what somebody signed for us.

        Raises:
            RemoteProtocolError: more than any correct peer would.
        """
        bucket = self._allowances_of(session, now).carried
        if not bucket.available(now=now):
            raise RemoteProtocolError("relayed too much")
        bucket.take(_weight(message.signal), now=now)
        if self._takes_part(session):
            envelope = Envelope(message.signal, message.signature)
            carrier = station_id(peer.key)
            self._state.effects.append(SignalCarried(carrier, envelope, message.now_ms))

    def receive_undeliverable(self, message: wire.Undeliverable, reason: str) -> None:
        """A peer did not pass on what we asked it to."""
        recipient = station_id(station_key(message.station_key))
        self._state.effects.append(SignalUncarried(recipient, reason))

    # How it does that.

    def _stir(self, contents: Collection[ContentHash]) -> None:
        """Somebody wants, has, or has no longer, these; kept are those that a peer wants."""
        named, wanted = frozenset(contents), set[ContentHash]()
        for session in self._state.peers():
            wanted |= named & session.station.subscribed
        for content in contents:
            if content in wanted:
                self._stirred[content] = None
            else:
                self._stirred.pop(content, None)

    def _tell(self, content: ContentHash, now: float) -> bool:
        """Tell whom it concerns; whether all of them have heard."""
        done = True
        having = [one for one in self._state.peers() if _has(one, content)]
        for session in self._state.peers():
            if content not in session.station.subscribed or not self._takes_part(session):
                continue
            told = self._told.setdefault(session.link, {})
            before = told.get(content)
            if before is not None and now - before.at < TELL_EVERY_S:
                done = False
                continue
            chosen = self._choose(session, having, before.stations if before else ())
            stations = tuple(key_of(one) for one in chosen)
            if stations == (before.stations if before is not None else ()):
                continue
            told[content] = _Told(now, stations)
            hints = tuple(_hint(one) for one in chosen)
            self._state.tell(session.link, wire.Peers(content, hints, self._clock_ms(now)))
        return done

    def _choose(
        self, session: Session, having: list[Session], before: tuple[StationKey, ...]
    ) -> list[Session]:
        """Those it was told of stay; others come by chance, so that not all go to the same."""
        fit = {
            key_of(one): one
            for one in having
            if key_of(one) != key_of(session) and self._may_meet(session, one)
        }
        kept = [fit.pop(key) for key in before if key in fit]
        room = max(wire.PEERS_MAX - len(kept), 0)
        new = list(fit.values())
        return kept + (new if len(new) <= room else self._state.rng.sample(new, room))

    def _obstacle(
        self, session: Session, recipient: Session | None, signal: Signal, now: float
    ) -> str:
        """Why a signal is not passed on; empty: nothing stands against it."""
        if recipient is None or recipient.peer is None:
            return "the station is no peer"
        if recipient.peer.proved.instance != signal.recipient.instance:
            return "the station was started again"
        if recipient is session or not self._may_meet(session, recipient):
            return "the station is not to be met this way"
        own = self._allowances_of(session, now).relayed
        if not (own.available(now=now) and self._all.available(now=now)):
            return "too many signals; try again later"
        return ""

    def _may_meet(self, one: Session, other: Session) -> bool:
        settings = self._state.settings
        if not (self._takes_part(one) and self._takes_part(other)):
            return False
        if one.way is not other.way:
            return settings.introduces_across
        return one.way is Way.LAN or settings.introduces_far

    def _takes_part(self, session: Session) -> bool:
        peer = session.peer
        return self._state.settings.exchange and peer is not None and peer.proved.exchange

    def _session_of(self, key: StationKey) -> Session | None:
        return next((one for one in self._state.peers() if key_of(one) == key), None)

    def _allowances_of(self, session: Session, now: float) -> _Allowances:
        found = self._allowances.get(session.station.key)
        if found is None:
            found = self._allowances[session.station.key] = _Allowances(
                _bucket(RELAYED_OCTETS_PER_S, RELAYED_BURST_OCTETS, now),
                _bucket(CARRIED_OCTETS_PER_S, CARRIED_BURST_OCTETS, now),
            )
        return found

    def _clock_ms(self, now: float) -> int:
        return int((now - self._started_at) * 1000)


def key_of(session: Session) -> StationKey:
    """Of a session whose peer has proved one."""
    assert session.peer is not None
    return session.peer.key


def _has(session: Session, content: ContentHash) -> bool:
    return (
        content in session.station.offers
        or content in session.station.subscribed
        or content in session.station.holdings
    )


def _hint(session: Session) -> wire.PeerHint:
    peer = session.peer
    assert peer is not None
    return wire.PeerHint(peer.callsign, peer.key, peer.proved.instance, session.traits.path.value)


def _bucket(octets_per_s: float, burst_octets: float, now: float) -> TokenBucket:
    return TokenBucket(octets_per_s, burst_octets=burst_octets, now=now)


def _weight(signal: str) -> int:
    return max(len(signal), RELAYED_OCTETS_MIN)
