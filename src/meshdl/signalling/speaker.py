"""What a signalling server says, as effects; and the counts for its metrics."""

from collections import Counter
from collections.abc import Iterable

from meshdl.signalling.server_events import SendText, ServerEffect, Socket
from meshdl.wire import signalling as wire
from meshdl.wire.json_messages import TEXT_MAX


class Speaker:
    """Says it all.

    Attributes:
        effects: not yet drained.
        counts: what happened, by name.
        told: messages to others than who asked, all in all; what is long counts for several.
    """

    def __init__(self) -> None:
        self.told = 0
        self.effects: list[ServerEffect] = []
        self.counts: Counter[str] = Counter()

    def tell(self, sockets: Iterable[Socket], message: wire.ServerMessage) -> None:
        """Say the same to several."""
        text = wire.encode(message)
        self.effects += [SendText(socket, text) for socket in sockets]

    def refuse(
        self,
        socket: Socket,
        code: str,
        reason: str,
        *,
        about: str = "",
        room: str = "",
        retry_after_ms: int = 0,
    ) -> None:
        """Say which rule was broken."""
        self.counts[f"refused {code}"] += 1
        reason = reason[:TEXT_MAX]
        self.say(socket, wire.Refused(code, reason, about, room, retry_after_ms))

    def say(self, socket: Socket, message: wire.ServerMessage) -> None:
        """Say something to one socket."""
        self.effects.append(SendText(socket, wire.encode(message)))
