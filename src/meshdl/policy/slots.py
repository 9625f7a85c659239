"""Whose request is answered next. No tit-for-tat: stations need no incentive.

Precedence comes first. Among equals it is start-time fair queueing (Goyal, Vin and
Cheng 1996): every peer carries a virtual time that advances by the octets it was sent,
the smallest is served, and a peer that comes back from idling starts at the present, so
that idling earns no credit. The links of one peer share its virtual time, and take turns.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meshdl.content.precedence import Precedence
from meshdl.ids import LinkId

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


def slot_to_yield(holders: Iterable[Waiting], newcomer: Precedence) -> Waiting | None:
    """The link that must give up its slot to another one.

    Returns:
        The least urgent, most served holder that is less urgent than ``newcomer``; if all
        are as urgent, the one that has had its slot longest, if that is a turn at least;
        otherwise ``None``: the newcomer has to wait.
    """
    found = list(holders)
    least = max(found, key=lambda w: (w.precedence, w.virtual_octets, w.link), default=None)
    if least is not None and least.precedence > newcomer:
        return least
    over = [w for w in found if w.precedence == newcomer and w.held_s >= SLOT_TURN_S]
    return max(over, key=lambda w: (w.held_s, w.link), default=None)
