"""How much of the operator's upload limit metainfo and hashes may take.

They are asked for before and beside the chunks and are a small part of them, so they do not
wait in the queue of the chunks. Without a limit of their own a peer could ask for the same info
dictionary for ever, and have the uplink that the operator wanted to keep.
"""

from meshdl.links import Path
from meshdl.policy.bucket import TokenBucket
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmSettings

SHARE = 1 / 8
"""Of the upload limit. Leaf hashes are a 500th of their chunks, and half as much longer as text."""

BURST_OCTETS = 1024 * 1024
"""The metainfo of most contents, at once."""


class AnswerLimit:
    """Shared by all peers that are not on the local network, where there is no limit."""

    def __init__(self, settings: SwarmSettings, *, now: float) -> None:
        limit = settings.upload_octets_per_s * SHARE
        self._bucket = TokenBucket(limit, burst_octets=BURST_OCTETS, now=now)

    def admits(self, session: Session, octets: int, *, now: float) -> bool:
        """Whether an answer of so many octets may go out; it counts if so."""
        if session.traits.path is Path.LAN:
            return True
        return self._bucket.take_if_available(octets * 4 // 3, now=now)  # as base64
