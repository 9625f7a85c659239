"""Metainfo between stations: questions of the downloads that begin, answers to peers."""

from meshdl.ids import ContentHash
from meshdl.swarm.answer_limit import AnswerLimit
from meshdl.swarm.effects import CheckInfo
from meshdl.swarm.metainfo_fetch import MetainfoFetch
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState
from meshdl.wire import control as wire


class MetainfoTraffic:
    """All metainfo that this station collects or gives.

    Attributes:
        fetches: those under way.
    """

    def __init__(self, state: SwarmState, limit: AnswerLimit) -> None:
        self._state, self._limit = state, limit
        self.fetches: dict[ContentHash, MetainfoFetch] = {}

    def begin(self, content: ContentHash, *, now: float) -> None:
        """Collect this metainfo from whoever has it."""
        self.fetches.setdefault(content, MetainfoFetch(content))
        self.ask(content, now=now)

    def drop(self, content: ContentHash) -> None:
        """This metainfo is not needed (any more)."""
        self.fetches.pop(content, None)

    def tick(self, *, now: float) -> None:
        """Ask others where an answer is overdue."""
        for content in list(self.fetches):
            self.ask(content, now=now)

    def ask(self, content: ContentHash, *, now: float) -> None:
        """Ask somebody for what is missing, when it is time to."""
        fetch = self.fetches.get(content)
        if fetch is None or not fetch.due(now=now):
            return
        holders = [
            session
            for session in self._state.peers()
            if (content in session.station.holdings or content in session.station.offers)
            and fetch.may_ask(session.link, now=now)
        ]
        others = [session for session in holders if session.link != fetch.asked] or holders
        if fetch.asked is None:
            # It answered: go on with it, for what it began.
            others = [session for session in others if session.link == fetch.source] or others
        if others:
            session = self._state.rng.choice(others)
            self._state.tell(session.link, fetch.question(session.link, now=now))

    def offered(self, session: Session, *, now: float) -> None:
        """A peer told of contents that it has: no need to wait until it says of what chunks."""
        for content in self.fetches.keys() & session.station.offers:
            self.ask(content, now=now)

    def leave(self, session: Session, *, now: float) -> None:
        """A session is over: ask others."""
        for content, fetch in self.fetches.items():
            fetch.give_up_on(session.link)
            self.ask(content, now=now)

    def answer(self, session: Session, request: wire.InfoRequest, *, now: float) -> None:
        """A peer asks for an info dictionary."""
        content = ContentHash(request.content_hash)
        holding = self._state.holdings.get(content)
        info = holding.metainfo.info_octets if holding else b""
        if request.offset >= len(info):
            self._state.tell(session.link, wire.HashesReject(content, reason="not-held"))
            return
        stretch = info[request.offset : request.offset + wire.INFO_OCTETS_MAX]
        if not self._limit.admits(session, len(stretch), now=now):
            self._state.tell(session.link, wire.HashesReject(content, reason="busy"))
            return
        self._state.tell(session.link, wire.Info(content, len(info), request.offset, stretch))

    def receive(self, session: Session, answer: wire.Info | wire.Hashes, *, now: float) -> bool:
        """Take a stretch; ``True`` when with it everything is here and proved.

        Raises:
            RemoteProtocolError: it does not prove.
        """
        content = ContentHash(answer.content_hash)
        fetch = self.fetches.get(content)
        if fetch is None:
            return False
        if isinstance(answer, wire.Info):
            whole = fetch.receive_info(session.link, answer)
            if whole is not None:
                self._state.effects.append(CheckInfo(content, whole))
        else:
            fetch.receive_hashes(session.link, answer)
        if fetch.done:
            return True
        self.ask(content, now=now)
        return False

    def receive_reject(self, session: Session, content: ContentHash, *, now: float) -> None:
        """A peer cannot answer: ask others."""
        fetch = self.fetches.get(content)
        if fetch is None:
            return
        fetch.refused(session.link, now=now)
        self.ask(content, now=now)
