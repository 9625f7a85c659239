"""The CQ: who we are, what we have, what we look for, as seldom as does the job.

Theory of operation
===================

The first CQ goes out soon after the station is on the air. The next one follows after an
interval that doubles as long as there is nothing new: a content more, a content sought, or
a station that was not heard before. The interval is never shorter than what keeps all
stations that are heard, calling alike, within :data:`CHANNEL_SHARE` of the channel.

What the operator himself shares as emergency traffic does not wait for that: it is told at once,
by a CQ that is emergency traffic too. Those who got it from him tell of it in their own time.

Everything that is to be told goes into one frame: sought contents first, then those that
are held, emergency first; when there are too many, the next CQ goes on where this one
stopped. What several others have told lately is left out.
"""

from collections.abc import Iterable
from random import Random

from meshdl.content.precedence import Precedence
from meshdl.radio.transfer.contents import AirContent, Contents
from meshdl.radio.transfer.stations import Stations
from meshdl.wire.onair.codes import ContentTag, size_class
from meshdl.wire.onair.frames import octets_of
from meshdl.wire.onair.pdus import RUNS_MAX, Cq, Have

CHANNEL_SHARE = 0.04
"""Of the channel's time, for the CQs of all stations together."""

FIRST_WITHIN_S = 30.0
INTERVAL_MIN_S = 120.0
INTERVAL_MAX_S = 1800.0
"""A station that comes later hears a CQ within half an hour, and can call itself at once."""

TOLD_BY_ENOUGH = 2
"""Others who say that they have all of a content; then we need not."""

CQ_OCTETS_MAX = 200
"""Longer ones get lost more easily than what they tell is worth."""


class Calling:
    """When to call, and what to say.

    Args:
        contents: of this station.
        stations: those heard.
        locator: Maidenhead, or empty.
        rng: spreads the calls of stations that were switched on together.

    Attributes:
        gateway: whether this station reaches others by the Internet.
        urgent: the next CQ is emergency traffic.
    """

    def __init__(self, contents: Contents, stations: Stations, locator: str, rng: Random) -> None:
        self._contents, self._stations, self._rng = contents, stations, rng
        self._locator = locator
        self.gateway = False
        self._interval_s = INTERVAL_MIN_S
        self._due_at: float | None = None
        self._active = False
        self.urgent = False
        self._told_up_to: ContentTag | None = None
        self._airtime_s = 0.0

    def begin(self, *, now: float) -> None:
        """The station is on the air."""
        self._active = True
        self._due_at = now + FIRST_WITHIN_S * self._rng.random()

    def stop(self) -> None:
        """The station is not on the air any more."""
        self._due_at, self._active, self.urgent = None, False, False

    def news(self, *, now: float, emergency: bool = False) -> None:
        """Something is to be told that was not told before; at once in an emergency."""
        self._interval_s = INTERVAL_MIN_S
        if emergency and self._active:
            self._due_at, self.urgent = now, True
        elif self._due_at is not None:
            wait_s = self._shortest_s() * (0.25 + 0.5 * self._rng.random())
            self._due_at = min(self._due_at, now + wait_s)

    def deadline(self) -> float | None:
        """When the next CQ is due."""
        return self._due_at

    def sent(self, airtime_s: float, *, now: float) -> None:
        """A CQ was on the air, or at least tried to be."""
        self._airtime_s = airtime_s
        if self.urgent and self._due_at is not None:
            return  # another is still to be made, and this one did not tell of the emergency
        spread = 0.75 + 0.5 * self._rng.random()
        self._due_at = now + max(self._interval_s, self._shortest_s()) * spread
        self._interval_s = min(2 * self._interval_s, INTERVAL_MAX_S)

    def postpone(self) -> None:
        """It waits for the channel."""
        self._due_at, self.urgent = None, False

    def call(self, *, room_octets: int, now: float) -> Cq:
        """What to say now."""
        room = min(room_octets, CQ_OCTETS_MAX)
        seeks: tuple[ContentTag, ...] = ()
        cq = Cq(locator=self._locator, gateway=self.gateway)
        if octets_of(cq) > room:
            cq = Cq(gateway=self.gateway)
        for content in self._contents:
            if content.wanted and (content.shape is None or content.shape.missing):
                longer = Cq(locator=cq.locator, gateway=cq.gateway, seeks=(*seeks, content.tag))
                if octets_of(longer) <= room:
                    cq, seeks = longer, longer.seeks
        haves: tuple[Have, ...] = ()
        for content in self._in_turn(now):
            longer = Cq(
                locator=cq.locator, gateway=cq.gateway, haves=(*haves, _have(content)), seeks=seeks
            )
            if octets_of(longer) > room:
                break
            cq, haves = longer, longer.haves
            self._told_up_to = content.tag
        return cq

    def _in_turn(self, now: float) -> Iterable[AirContent]:
        """What we have, the urgent first, the rest going on where the last CQ stopped."""
        ours = [
            one
            for one in self._contents
            if one.served
            and one.cleartext
            and one.shape is not None
            and one.shape.held
            and (
                one.precedence is Precedence.EMERGENCY
                or self._stations.full_holders(one.tag, now=now) < TOLD_BY_ENOUGH
            )
        ]
        ours.sort(key=lambda one: one.tag)
        start = self._told_up_to or b""
        behind = [one for one in ours if one.tag > start]
        turned = behind + [one for one in ours if one.tag <= start]
        return sorted(turned, key=lambda one: one.precedence is not Precedence.EMERGENCY)

    def _shortest_s(self) -> float:
        stations = 1 + len(self._stations)
        return max(INTERVAL_MIN_S, self._airtime_s * stations / CHANNEL_SHARE)


def _have(content: AirContent) -> Have:
    shape = content.shape
    assert shape is not None
    runs = shape.whole_chunks()
    return Have(
        content=content.tag,
        precedence=content.precedence,
        size_class=size_class(shape.metainfo.total_octets),
        chunks=runs[:RUNS_MAX] if runs is not None else None,
    )
