"""Which of two links to one station is kept.

Both ends must come to the same answer, or both links would be closed. A link that was made
on the local network is better than one made by way of the Internet. A second dial of the
same side replaces the first, for that side has lost the first; between two at once the
nonces decide, as both ends may have seen them in different order. When both sides dialled,
the link that the lower station id dialled stays. A link of a new run of the program
replaces those of the old run whatever else they are.
"""

from meshdl.ids import StationId
from meshdl.links import Way
from meshdl.swarm.session import Session

TWINS_WITHIN_S = 2.0
"""Two links of one dialler that came up within this time were meant as one."""


def better(new: Session, old: Session, *, own: StationId, theirs: StationId) -> bool:
    """Whether the new link is to be kept, and not the old one."""
    if new.way is not old.way:
        return new.way is Way.LAN
    if (new.dialled is None) == (old.dialled is None):
        if abs(new.up_at - old.up_at) < TWINS_WITHIN_S:
            return new.handshake.rank > old.handshake.rank  # proved in any order
        return True  # dialled again by the same side: it has lost the old one
    return (new.dialled is not None) == (own < theirs)
