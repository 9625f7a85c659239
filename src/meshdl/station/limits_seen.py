"""What the operator is told of a slow source: its facts, put together for the policy."""

from meshdl.links import Path
from meshdl.policy.bottleneck import SourceFacts
from meshdl.station.meters import Meters
from meshdl.swarm.session import Session
from meshdl.swarm.swarm import Swarm


def source_facts(core: Swarm, session: Session, meters: Meters, *, now: float) -> SourceFacts:
    """One source, as :func:`meshdl.policy.bottleneck.bottleneck` wants to see it.

    Args:
        core: of the station; only looked at.
        session: the first link to the source.
        meters: count ``("from", link, content)`` and ``("lost", link)``.
        now: the loop's clock.
    """
    peer, settings = session.station, core.settings
    lanes = core.lanes_of(peer)
    afar = [one for one in core.peers() if one.traits.path is not Path.LAN]
    rates = (
        meters.rate(("from", one.link, content)) for one in afar for content in one.station.traffic
    )
    return SourceFacts(
        asked_octets=sum(lane.asked_octets for lane in lanes),
        window_octets=sum(lane.window.octets for lane in lanes),
        lanes=len(lanes),
        paused=now < max(peer.busy_until, min(lane.snubbed_until for lane in lanes)),
        lost_per_s=meters.rate(("lost", session.link)),
        metered=session.traits.path is not Path.LAN,
        metered_octets_per_s=sum(rates),
        limit_octets_per_s=settings.download_octets_per_s,
        unwritten_share=core.unwritten_octets / settings.in_flight_octets,
    )
