"""What a source is asked for first, and how many sources are asked at once.

The most urgent download comes first; equals take turns by what is least advanced with this
source. Over a long path, what is less urgent waits while the metainfo of something urgent is
on its way from the same station: the first chunk of an emergency bulletin must not stand
behind a window full of pictures.
"""

from collections.abc import Iterable

from meshdl.content.precedence import Precedence
from meshdl.links import Path
from meshdl.swarm.download import Download
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState


def by_urgency(downloads: Iterable[Download], session: Session, *, now: float) -> list[Download]:
    """The downloads that this source may be asked for now, the most urgent first."""
    peer = session.station
    found = [one for one in downloads if one.content in peer.holdings]
    fetching = [download for download in found if download.fetching]
    if session.traits.path is not Path.LAN:
        awaited = [one.precedence for one in found if one.awaits_metainfo(now=now)]
        least = min(awaited, default=Precedence.ROUTINE)
        fetching = [download for download in fetching if download.precedence <= least]
    if len(fetching) > 1:
        fetching.sort(key=lambda one: (one.precedence, peer.traffic_of(one.content).received))
    return fetching


def count_sharing(state: SwarmState, downloads: Iterable[Download]) -> None:
    """Tell the windows of far sources how many of these are asked at once."""
    far = [one for one in state.lanes() if one.traits.path is not Path.LAN]
    wanted = {one.content for one in downloads if one.fetching}
    # Lanes of one source are there because it is no queue that bounds them.
    sharing = sum(one.first and not wanted.isdisjoint(one.station.holdings) for one in far)
    for one in far:
        one.window.share(sharing)
