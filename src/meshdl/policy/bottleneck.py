"""Why no more comes from a source: what an operator can do about a slow download.

Theory of operation
===================

A receiver sees what it asks for, what arrives and what it does with it. From that some
reasons can be told for certain, and they are tried in this order, the nearest first:

* nothing is asked of the source: ``idle``;
* what has arrived waits for the disk, so nothing more is asked of anybody: ``disk``;
* all that comes from afar reaches the operator's own limit: ``limit``;
* the source said that it is busy, or has been silent, and is left alone: ``sender``;
* messages were lost on the way lately, and the window has shrunk with them: ``loss``;
* the window is as large as it may be: ``window``.

What remains is ``path``: the window holds what the path was found to carry. Whether it is
the path or the other station's own limit that carries no more cannot be told from here.
"""

import enum
from dataclasses import dataclass

from meshdl.policy.window import MAX_OCTETS

NEAR = 0.9
"""Of a limit: it is reached."""

DISK_SHARE = 0.5
"""Of the memory for what is in flight: so much verified and unwritten means a slow disk."""


class Bottleneck(enum.StrEnum):
    """See the module's theory of operation."""

    IDLE = "idle"
    DISK = "disk"
    LIMIT = "limit"
    SENDER = "sender"
    LOSS = "loss"
    WINDOW = "window"
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """One source, as its receiver sees it.

    Attributes:
        asked_octets: on request from it.
        window_octets: how much may be, on all links to it together.
        lanes: links to it.
        paused: it is left alone for a while: busy, or silent.
        lost_per_s: ranges that were lost on the way, lately.
        metered: the operator's limit counts what comes from it: it is not on the LAN.
        metered_octets_per_s: what comes from all such sources together.
        limit_octets_per_s: the operator's limit; infinite when there is none.
        unwritten_share: of the memory for what is in flight, what waits for the disk.
    """

    asked_octets: int
    window_octets: int
    lanes: int
    paused: bool
    lost_per_s: float
    metered: bool
    metered_octets_per_s: float
    limit_octets_per_s: float
    unwritten_share: float


def bottleneck(facts: SourceFacts) -> Bottleneck:
    """Why no more comes from this source."""
    limited = facts.metered and facts.metered_octets_per_s >= NEAR * facts.limit_octets_per_s
    reasons = (
        (facts.unwritten_share >= DISK_SHARE, Bottleneck.DISK),
        (limited, Bottleneck.LIMIT),
        (facts.paused, Bottleneck.SENDER),
        (facts.asked_octets == 0, Bottleneck.IDLE),
        (facts.lost_per_s > 0, Bottleneck.LOSS),
        (facts.window_octets >= NEAR * MAX_OCTETS * facts.lanes, Bottleneck.WINDOW),
    )
    return next((reason for holds, reason in reasons if holds), Bottleneck.PATH)
