"""Which stations of the local network are asked for signs of life often, and by whom.

Where everybody asks everybody, what it costs to do nothing grows with the square of the
stations. So each is watched by a few: those that follow it on the ring of all stations, in the
order of their ids. Whoever knows the same stations comes to the same watchers, with no
word about it; where two stations know different ones, some are watched by more, and some by
fewer. The others ask seldom, and at once when a watcher hears nothing
(:mod:`meshdl.swarm.vigil`).

After SWIM (Das, Gupta and Motivala 2002), where a suspicion is told, too, but who is asked is
drawn by chance.
"""

from bisect import bisect_right
from collections.abc import Sequence

from meshdl.ids import StationId

WATCHERS = 2
"""One may be gone together with the station that it watches: they share a mains plug."""


def watchers(station: StationId, stations: Sequence[StationId]) -> list[StationId]:
    """Who watches a station.

    Args:
        station: any; it need not watch others itself.
        stations: that watch others, sorted.
    """
    after = bisect_right(stations, station)
    ring = [one for one in (*stations[after:], *stations[:after]) if one != station]
    return ring[:WATCHERS]
