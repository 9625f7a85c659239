"""When a peer that misbehaves is dropped, and for how long it stays out."""

BAN_POINTS = 100
"""At this many points the link is closed."""

BAN_S = 600.0
"""How long a banned station is neither dialled nor welcome."""

FORGIVEN_PER_S = 0.1
"""Points fade: one malformed message in a while is weather, a stream of them is not."""

CORRUPT_POINTS = 34
"""Octets that do not hash to what they must: three and out."""


class Penalties:
    """The points of one peer."""

    def __init__(self) -> None:
        self._points = 0.0
        self._at = 0.0

    def add(self, points: float, *, now: float) -> bool:
        """Count points; ``True`` when the peer has to go."""
        faded = self._points - max(0.0, now - self._at) * FORGIVEN_PER_S
        self._points = max(0.0, faded) + points
        self._at = now
        return self._points >= BAN_POINTS
