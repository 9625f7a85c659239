"""Who stands at the door: how many connections are open, and how long each may stay.

A connection holds one of the process's open files, of which many systems allow 1,024. The
library gives one that asks nothing an hour, and any number of them; a stranger could take
all by connecting, and the station could then open no file. So each has a few seconds for
everything, and when there are too many the oldest goes: who asks is answered in a moment,
and who waits for nothing has waited longest.
"""

import asyncio
from collections.abc import Callable
from typing import cast

VISITORS_MAX = 256
"""All together: a quarter of 1,024 files."""

VISITORS_PER_ADDRESS_MAX = 64
"""One machine's: as many stations may run on it and come at once."""

STAY_S = 10.0
"""From connecting to the end of the answer; a description takes 5 s, a link some more."""


class Visitors:
    """Makes the protocol of each connection, as an event loop's server wants it.

    Args:
        greet: makes the protocol that speaks with one visitor.
    """

    def __init__(self, greet: Callable[[], asyncio.Protocol]) -> None:
        self._greet = greet
        self._here: dict[_Visitor, None] = {}

    def __call__(self) -> asyncio.Protocol:
        """One more connection."""
        return _Visitor(self, self._greet())

    def came(self, visitor: "_Visitor") -> None:
        """A connection is open; another one may have to go for it."""
        theirs = [one for one in self._here if one.address == visitor.address]
        if len(theirs) >= VISITORS_PER_ADDRESS_MAX:
            self._put_out(theirs[0])
        elif len(self._here) >= VISITORS_MAX:
            self._put_out(next(iter(self._here)))
        self._here[visitor] = None

    def left(self, visitor: "_Visitor") -> None:
        """A connection is closed."""
        self._here.pop(visitor, None)

    def _put_out(self, visitor: "_Visitor") -> None:
        del self._here[visitor]
        visitor.put_out()


class _Visitor(asyncio.Protocol):
    """One connection; what it says goes to the protocol that was made for it."""

    def __init__(self, visitors: Visitors, speaker: asyncio.Protocol) -> None:
        self._visitors, self._speaker = visitors, speaker
        self._transport: asyncio.Transport | None = None
        self._until: asyncio.TimerHandle | None = None
        self.address = ""

    def put_out(self) -> None:
        """Cut the connection off."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # By its verbs, not its class: uvloop's has another one.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""  # none: it has gone already
        self._until = asyncio.get_running_loop().call_later(STAY_S, self.put_out)
        self._visitors.came(self)
        self._speaker.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._until is not None:
            self._until.cancel()
        self._visitors.left(self)
        self._speaker.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._speaker.data_received(data)

    def eof_received(self) -> bool | None:
        return self._speaker.eof_received()

    def pause_writing(self) -> None:
        self._speaker.pause_writing()

    def resume_writing(self) -> None:
        self._speaker.resume_writing()
