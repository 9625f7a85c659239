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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A link with requests to answer.

    Attributes:
        precedence: of its most urgent request.
        virtual_octets: the virtual time of its peer.
        sent_octets: on this link alone.
    """

    link: LinkId
    precedence: Precedence
    virtual_octets: float
    sent_octets: int = 0


def next_upload(waiting: Iterable[Waiting]) -> Waiting | None:
    """The link to serve next, or ``None`` when nobody waits."""
    return min(
        waiting,
        key=lambda w: (w.precedence, w.virtual_octets, w.sent_octets, w.link),
        default=None,
    )


def slot_to_yield(holders: Iterable[Waiting], newcomer: Precedence) -> Waiting | None:
    """The link that must give up its slot to a more urgent one.

    Returns:
        The least urgent, most served holder that is less urgent than ``newcomer``;
        ``None`` when all are as urgent, so that the newcomer has to wait.
    """
    least = max(holders, key=lambda w: (w.precedence, w.virtual_octets, w.link), default=None)
    return least if least is not None and least.precedence > newcomer else None
