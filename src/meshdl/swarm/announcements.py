"""Who has what: records of contents, and chunks of those that somebody wants.

Every peer hears the records of what this station offers. Of chunks it hears only after a
``want``: the whole state at once, then every chunk as it is gained.
"""

from collections import deque

from meshdl.content.bitfield import Bitfield
from meshdl.content.layout import MAX_CHUNKS
from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex, ContentHash, LinkId
from meshdl.swarm.download import Download
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.peer import PeerHolding
from meshdl.swarm.session import Session
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import Holding, SwarmState
from meshdl.wire import control as wire

CONTENTS_PER_PEER_MAX = 4096
"""Contents that one peer may subscribe to or announce holdings of."""

RECORDS_AT_ONCE = 8 * wire.RECORDS_MAX
"""Told to a peer that comes, the others a message a tick: tens of thousands at once are more
than a link lets pile up, and it would be closed for that."""

SEEDS_TOLD = 2
"""Where there are more, none of them serves so many that it must know, see Spread."""


class Announcements:
    """What is told to the peers of this station's contents, and heard of theirs."""

    def __init__(self, state: SwarmState, fetcher: Fetcher) -> None:
        self._state = state
        self._fetcher = fetcher
        self._records: dict[ContentHash, bytes] = {}
        self._untold: dict[LinkId, deque[ContentHash]] = {}

    # Ours.

    def introduce(self, session: Session) -> None:
        """A peer has come: tell it what there is, and what is wanted."""
        self._untold[session.link] = deque(self._records)
        for _ in range(RECORDS_AT_ONCE // wire.RECORDS_MAX):
            self._tell_more(session.link)
        for content, download in self._fetcher.downloads.items():
            wanted = download.stage in {Stage.METAINFO, Stage.CREATING, Stage.FETCHING}
            if wanted and download.by_links:
                self._state.tell(session.link, wire.Want(content))

    def tick(self) -> None:
        """Tell more of what there is to those who have not heard of all of it."""
        for link in list(self._untold):
            self._tell_more(link)

    def offer_record(self, content: ContentHash, record: bytes) -> None:
        """Tell everybody of a content, now and from now on."""
        if self._records.get(content) == record:
            return
        self._records[content] = record
        for session in self._state.peers():
            self._state.tell(session.link, wire.Records((record,)))

    def withdraw_record(self, content: ContentHash) -> None:
        """This station offers a content no longer."""
        if self._records.pop(content, None) is None:
            return
        for session in self._state.peers():
            self._state.tell(session.link, wire.RecordsGone((content,)))

    def _tell_more(self, link: LinkId) -> None:
        untold = self._untold.get(link)
        if not untold or link not in self._state.sessions:
            self._untold.pop(link, None)
            return
        contents = [untold.popleft() for _ in range(min(len(untold), wire.RECORDS_MAX))]
        records = tuple(self._records[one] for one in contents if one in self._records)
        if records:
            self._state.tell(link, wire.Records(records))

    def tell_state(self, content: ContentHash, holding: Holding) -> None:
        """Tell all that want to know which chunks are here."""
        for session in self._state.peers():
            if content in session.station.subscribed and holding.have:
                self._state.tell(session.link, _whole_have(content, holding))

    def tell_gain(self, content: ContentHash, chunk: ChunkIndex) -> None:
        """Tell all that want to know of one more chunk."""
        text = None
        seeds_too = self._tells_seeds(content)
        for session in self._state.peers():
            theirs = session.station.holdings.get(content)
            seed = theirs is not None and theirs.complete
            if not (seeds_too if seed else content in session.station.subscribed):
                continue
            if text is None:
                text = wire.encode(wire.Have(content, chunks=(chunk,)))
            self._state.send(session.link, text)

    def _tells_seeds(self, content: ContentHash) -> bool:
        """Whether seeds want to know how far their chunks have come: few, serving many."""
        download = self._fetcher.downloads.get(content)
        if download is None or not download.fetching:
            return False
        others = download.availability.partial_holders_have()
        return download.availability.seeds <= SEEDS_TOLD and bool(others)

    # Theirs.

    def receive_want(self, session: Session, want: wire.Want) -> None:
        """A peer wants to hear of a content, or no longer does.

        Raises:
            RemoteProtocolError: of too many.
        """
        content = ContentHash(want.content_hash)
        if not want.wanted:
            session.station.subscribed.discard(content)
            return
        session.station.subscribed.add(content)
        if len(session.station.subscribed) > CONTENTS_PER_PEER_MAX:
            session.station.subscribed.discard(content)
            raise RemoteProtocolError("subscribed to too many contents")
        holding = self._state.holdings.get(content)
        if holding is not None and holding.served and holding.have:
            self._state.tell(session.link, _whole_have(content, holding))

    def receive_have(self, session: Session, have: wire.Have) -> None:
        """A peer tells what it has; of what nobody here wants, nothing is kept.

        Raises:
            RemoteProtocolError: chunks that there are not.
        """
        download = self._fetcher.downloads.get(ContentHash(have.content_hash))
        if download is None or not download.by_links:
            return
        holding = session.station.holdings.setdefault(download.content, PeerHolding())
        if not download.fetching:
            _update(holding, have, None)
            return
        holding.uncount_in(download.availability)
        try:
            _update(holding, have, download.holding.metainfo.chunk_count)
        finally:
            holding.count_in(download.availability)

    def join(self, download: Download, *, now: float) -> None:
        """A download can begin: count what the peers told of it so far."""
        holding = download.holding
        for session in self._state.peers():
            theirs = session.station.holdings.get(download.content)
            if theirs is None:
                continue
            if theirs.raw is not None:
                try:
                    theirs.bits |= _bits(holding.metainfo.chunk_count, theirs.raw)
                except RemoteProtocolError as error:
                    session.penalties.add(error.penalty, now=now)
                theirs.raw = None
            theirs.bits &= holding.all_chunks
            theirs.count_in(download.availability)


def _update(holding: PeerHolding, have: wire.Have, count: int | None) -> None:
    if have.complete:
        holding.complete, holding.bits, holding.raw = True, 0, None
        return
    if have.bitfield is not None:
        holding.complete = False
        if count is None:
            holding.raw, holding.bits = have.bitfield, 0
        else:
            holding.bits = _bits(count, have.bitfield)
    if have.chunks and not holding.complete:
        last = max(have.chunks)
        if last >= (count or MAX_CHUNKS):
            raise RemoteProtocolError(f"has chunk {last}, which there is not")
        # Bit by bit in octets: in an int each of 4,096 would copy 128 KiB.
        gained = bytearray(last // 8 + 1)
        for chunk in have.chunks:
            gained[chunk // 8] |= 1 << chunk % 8
        holding.bits |= int.from_bytes(gained, "little")


def _whole_have(content: ContentHash, holding: Holding) -> wire.Have:
    if holding.complete:
        return wire.Have(content, complete=True)
    count = holding.metainfo.chunk_count
    return wire.Have(content, bitfield=Bitfield(count, holding.have).to_octets())


def _bits(count: int, octets: bytes) -> int:
    try:
        return Bitfield.from_octets(count, octets).bits
    except ValueError as error:
        raise RemoteProtocolError(f"malformed bitfield: {error}") from error
