"""What a station says to one signalling server, no faster than that takes it.

Theory of operation
===================

A server refuses who says more than some hundred messages at once and some dozens a second
(:class:`~meshdl.signalling.server_events.ServerLimits`), and closes the socket. A station with
many contents in many rooms has more than that to say whenever it is welcome: it would be thrown
out, come back and say it all again. So it waits, in three lanes:

* *first*: proof, rooms, what is asked for STUN and TURN; a few, sent at once;
* *signals*, in order, before all wishes: a link waits for them;
* *wishes*: announcements and lookups. While they wait, those of one kind and room that stand
  side by side become one message.

All lanes together keep below the server's limits, and wishes leave room for signals.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.policy.bucket import TokenBucket
from meshdl.signalling.client_events import ClientEffect, SendText
from meshdl.wire import signalling as wire

AT_ONCE, PER_S = 350, 40.0
"""Messages; a server takes 400 at once and 50 a second."""

CHARACTERS_AT_ONCE, CHARACTERS_PER_S = 768 * 1024, 192 * 1024
"""Of all messages; a server takes 1 MiB at once and 256 KiB a second."""

WISHES_AT_ONCE, WISHES_PER_S = 200, 25.0
"""The rest is left for signals: some dozens of links are made at once after an outage."""

SIGNALS_MAX = 512
"""That wait: more than are of use, for a link that is not made in 15 s is given up."""

Wish: TypeAlias = type[wire.Announce] | type[wire.Withdraw] | type[wire.Lookup] | type[wire.Unwatch]


@dataclass(slots=True)
class _Waiting:
    """One message that is not yet written."""

    kind: Wish
    room: str
    contents: list[bytes]

    def message(self, lifetime_s: int) -> wire.StationMessage:
        contents = tuple(self.contents)
        if self.kind is wire.Announce:
            return wire.Announce(self.room, contents, lifetime_s)
        if self.kind is wire.Withdraw:
            return wire.Withdraw(self.room, contents)
        if self.kind is wire.Unwatch:
            return wire.Unwatch(self.room, contents)
        return wire.Lookup(self.room, contents[0], lifetime_s)


class Outgoing:
    """All of it, at one server.

    Args:
        effects: takes what is sent.

    Attributes:
        lifetime_s: of announcements and lookups.
        due: when something that waits may go; ``None``: nothing waits.
    """

    def __init__(self, effects: list[ClientEffect], *, now: float) -> None:
        self._effects = effects
        self._first: deque[wire.StationMessage] = deque()
        self._signals: deque[wire.StationMessage] = deque()
        self._wishes: deque[_Waiting] = deque()
        self._last: dict[str, _Waiting] = {}
        self.lifetime_s = 0
        self.begin(now=now)

    def begin(self, *, now: float) -> None:
        """There is a new socket: nothing was said on it."""
        for lane in (self._first, self._signals, self._wishes, self._last):
            lane.clear()
        self.due: float | None = None
        self._messages = TokenBucket(PER_S, burst_octets=AT_ONCE, now=now)
        self._characters = TokenBucket(CHARACTERS_PER_S, burst_octets=CHARACTERS_AT_ONCE, now=now)
        self._wishing = TokenBucket(WISHES_PER_S, burst_octets=WISHES_AT_ONCE, now=now)

    def say(self, message: wire.StationMessage) -> None:
        """Say something before all that waits."""
        self._first.append(message)

    def signal(self, message: wire.Relay) -> bool:
        """Have a signal carried; ``False``: too many wait."""
        if len(self._signals) >= SIGNALS_MAX:
            return False
        self._signals.append(message)
        return True

    def wish(self, kind: Wish, room: str, contents: Iterable[bytes]) -> None:
        """Tell, or ask, of contents in a room."""
        most = 1 if kind is wire.Lookup else wire.CONTENTS_MAX
        for content in contents:
            last = self._last.get(room)
            if last is None or last.kind is not kind or len(last.contents) >= most:
                last = self._last[room] = _Waiting(kind, room, [])
                self._wishes.append(last)
            last.contents.append(content)

    def forget(self, fits: Callable[[str, Wish], bool]) -> None:
        """What waits of these rooms and kinds is not said any more."""
        self._wishes = deque(one for one in self._wishes if not fits(one.room, one.kind))
        self._last = {one.room: one for one in self._wishes}

    def send(self, *, now: float) -> None:
        """Say what may be said now."""
        while self._first:
            self._write(self._first.popleft(), now)
        while self._signals and self._free(now):
            self._write(self._signals.popleft(), now)
        while self._wishes and self._free(now):
            if not self._wishing.take_if_available(1, now=now):
                break
            one = self._wishes.popleft()
            if self._last.get(one.room) is one:
                del self._last[one.room]
            self._write(one.message(self.lifetime_s), now)
        self.due = self._next(now)

    def _free(self, now: float) -> bool:
        return self._messages.available(now=now) and self._characters.available(now=now)

    def _next(self, now: float) -> float | None:
        if not self._signals and not self._wishes:
            return None
        buckets = [self._messages, self._characters]
        if not self._signals:
            buckets.append(self._wishing)
        return max(bucket.available_at(now=now) for bucket in buckets)

    def _write(self, message: wire.StationMessage, now: float) -> None:
        text = wire.encode(message)
        self._messages.take(1, now=now)
        self._characters.take(len(text), now=now)
        self._effects.append(SendText(text))
