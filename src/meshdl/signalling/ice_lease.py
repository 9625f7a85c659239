"""How long a server's STUN and TURN servers are used, and when fresh ones are asked for.

What a server says of them unasked is not used: a hostile one would keep its stations busy
with trying them.
"""

ASK_AFTER = 0.5
"""Of their lifetime: one answer may be lost."""

ICE_MIN_S = 30.0
"""They are not asked for more often, however soon they run out."""


class IceLease:
    """Of one server.

    Attributes:
        ask_at: when to ask; ``None``: they do not run out, there are none, or it has been asked.
        asked: whether an answer is waited for.
    """

    def __init__(self) -> None:
        self.ask_at: float | None = None
        self.asked = False

    def due(self, *, now: float) -> bool:
        """Whether to ask now; it then counts as asked."""
        if self.ask_at is None or now < self.ask_at:
            return False
        self.ask_at, self.asked = None, True
        return True

    def begin(self, lifetime_s: int, *, now: float) -> None:
        """Some were handed out for so long; 0: for good."""
        self.asked = False
        self.ask_at = now + max(lifetime_s * ASK_AFTER, ICE_MIN_S) if lifetime_s else None

    def end(self) -> None:
        """The server is gone."""
        self.ask_at, self.asked = None, False
