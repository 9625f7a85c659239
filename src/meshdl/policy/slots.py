"""Whose request is answered next. No tit-for-tat: stations need no incentive.

Precedence comes first, but for a small share. Among equals it is start-time fair queueing
(Goyal, Vin and Cheng 1996): every peer carries a virtual time that advances by the octets it
was sent, the smallest is served, and a peer that comes back from idling starts at the present,
so that idling earns no credit. The links of one peer share its virtual time, and take turns.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meshdl.content.precedence import Precedence
from meshdl.ids import LinkId
from meshdl.policy.yielding import CREDIT_MAX_OCTETS, SHARE

BUSY_RETRY_AFTER_S = 1.0
"""What a station without a free slot tells those who ask."""

SLOT_TURN_S = 10.0
"""How long a peer keeps its slot while others that are as urgent are told to come back: many
times what a slot that changes hands costs both."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A link with requests to answer.

    Attributes:
        precedence: of its most urgent request.
        virtual_octets: the virtual time of its peer.
        sent_octets: on this link alone.
        held_s: how long its peer has had its slot.
    """

    link: LinkId
    precedence: Precedence
    virtual_octets: float
    sent_octets: int = 0
    held_s: float = 0.0


def next_upload(waiting: Iterable[Waiting]) -> Waiting | None:
    """The link to serve next, or ``None`` when nobody waits."""
    return min(
        waiting,
        key=lambda w: (w.precedence, w.virtual_octets, w.sent_octets, w.link),
        default=None,
    )


class LesserShare:
    """What is left to the less urgent while they wait behind something more urgent.

    One sixteenth of what goes out, as on a slow uplink (:mod:`meshdl.policy.yielding`): else one
    peer that calls everything an emergency, or an emergency of many hours, would have all of it.
    Whoever is in a hurry for a megabyte only is not held up at all.
    """

    def __init__(self) -> None:
        self._credit_octets = 0.0
        self._passing_over = self._paying = False

    def pick(self, waiting: Iterable[Waiting]) -> Waiting | None:
        """The link to serve next, as :func:`next_upload`, or one of the less urgent for once."""
        found = list(waiting)
        first = next_upload(found)
        lesser: list[Waiting] = []
        if first is not None and len(found) > 1:  # on the way of every message
            lesser = [one for one in found if one.precedence > first.precedence]
        self._passing_over = bool(lesser)
        self._paying = self._passing_over and self._credit_octets >= CREDIT_MAX_OCTETS
        if self._paying:
            return min(lesser, key=lambda w: (w.virtual_octets, w.sent_octets, w.link))
        return first

    def sent(self, octets: int) -> None:
        """So many are sent to whom was picked."""
        if self._paying:
            self._credit_octets -= octets
        elif self._passing_over:
            credit = self._credit_octets + octets * SHARE
            self._credit_octets = min(credit, CREDIT_MAX_OCTETS)


def slot_to_yield(holders: Iterable[Waiting], newcomer: Precedence) -> Waiting | None:
    """The link that must give up its slot to another one.

    Where there are several slots, one is left to the least urgent: what is urgent is sent first
    whoever has a slot, and stations that call everything an emergency, or an emergency of many
    hours, must not shut out all others.

    Returns:
        The least urgent, most served holder that is less urgent than ``newcomer``, unless nobody
        else is as little urgent. Otherwise the one that has had its slot for longest, if that is a
        turn at least: of those that are not more urgent than ``newcomer``, or of all, if all are.
        ``None``: the newcomer has to wait.
    """
    found = list(holders)
    ranked = sorted(found, key=lambda w: (w.precedence, w.virtual_octets, w.link), reverse=True)
    if len(ranked) > 1 and ranked[0].precedence > ranked[1].precedence:
        del ranked[0]
    if ranked and ranked[0].precedence > newcomer:
        return ranked[0]
    yielding = [w for w in found if w.precedence >= newcomer]
    if not yielding and len(found) > 1:
        yielding = found
    over = [w for w in yielding if w.held_s >= SLOT_TURN_S]
    return max(over, key=lambda w: (w.held_s, w.precedence, w.link), default=None)
