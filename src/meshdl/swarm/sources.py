"""Whom a download asks for what: which seeds now, and what they are spared.

Sources that have only a part are always asked for what they have. Of those that have
everything, the ones on the local network take turns (:mod:`meshdl.policy.turns`): each
can stand in for any other. On long paths each has a window that shares the path with the
others, and all are asked. A seed that serves a swarm is spared what others hold
(:mod:`meshdl.policy.sparing`).

Neither holds for an emergency. At the end, when no chunk is left to begin, there are no turns
any more: all help with what is under way.
"""

from collections.abc import Iterable

from meshdl.content.precedence import Precedence
from meshdl.links import Path
from meshdl.policy.sparing import Helper, spared
from meshdl.policy.turns import FEW
from meshdl.swarm.download import Download
from meshdl.swarm.peer import PeerHolding
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState


class Sources:
    """The choice of sources, for all downloads."""

    def __init__(self, state: SwarmState) -> None:
        self._state = state

    def offered(self, session: Session, download: Download, *, now: float) -> int:
        """The set of chunks that this source is to be asked for."""
        holding = session.station.holdings[download.content]
        offered = holding.offered(download.holding.all_chunks, now=now)
        if not holding.complete or download.precedence is Precedence.EMERGENCY:
            return offered
        if _take_turns(download) and _near(session) and not download.turns.admits(session.link):
            return 0
        if download.availability.partial_holders_have() & offered:
            offered &= ~self._spared(session, download, now)
        return offered

    def delivered(self, session: Session, download: Download, octets: int, *, now: float) -> None:
        """Something came."""
        holding = session.station.holdings.get(download.content)
        if holding is not None and holding.complete and _near(session):
            download.turns.count.delivered(octets, now=now)

    def pass_on(self, downloads: Iterable[Download], *, now: float) -> list[Session]:
        """End turns that are over; the sources that may be asked instead."""
        begun: list[Session] = []
        for download in downloads:
            if not download.fetching or not download.turns.due(now=now):
                continue
            if not _take_turns(download):
                continue
            near = {
                one.link: one
                for one, holding in self._holders(download)
                if holding.complete and _near(one) and _askable(one, now)
            }
            room = {link: one.room_octets() > 0 for link, one in near.items()}
            begin, end = download.turns.pass_on(room, now=now)
            for link in end:
                download.hand_over(link)
            begun += [near[link] for link in begin]
        return begun

    def _spared(self, seed: Session, download: Download, now: float) -> int:
        helpers: list[Helper] = []
        seeds = from_seeds = from_helpers = 0
        for one, holding in self._holders(download):
            received = one.station.traffic_of(download.content).received
            if holding.complete:
                seeds += 1
                from_seeds += received
                continue
            from_helpers += received
            # Also what it does not want to send just now: another helper is getting that from it.
            chunks = holding.bits if _askable(one, now) else 0
            helpers.append(Helper(chunks, one.window.rate_octets_per_s))
        return spared(
            helpers,
            seeds=seeds,
            from_helpers_octets=from_helpers,
            from_seeds_octets=from_seeds,
            seed_octets_per_s=seed.window.rate_octets_per_s,
        )

    def _holders(self, download: Download) -> list[tuple[Session, PeerHolding]]:
        return [
            (one, holding)
            for one in self._state.peers()
            if (holding := one.station.holdings.get(download.content)) is not None
        ]


def _take_turns(download: Download) -> bool:
    urgent = download.precedence is Precedence.EMERGENCY
    return not urgent and download.beginning and download.availability.seeds > FEW


def _near(session: Session) -> bool:
    return session.traits.path is Path.LAN


def _askable(session: Session, now: float) -> bool:
    return now >= max(session.snubbed_until, session.station.busy_until)
