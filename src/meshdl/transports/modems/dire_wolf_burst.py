"""One burst of a Dire Wolf, and the channel that it waits for: waits that always end."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from meshdl.errors import ModemUnavailable

KEYS_WITHIN_S = 3.0
"""Of a clear channel. It looks once, for one slot."""

CLEAR_WITHIN_S = 30.0
"""The channel was clear when the burst was given. Dire Wolf itself waits a minute, and then
forgets frame by frame."""

STUFFED_MAX = 1.25
"""The worst octets for bit stuffing against those that airtime is computed of."""

ENDS_WITHIN_S = 2.0
"""After that."""


@dataclass(slots=True)
class Channel:
    """What a Dire Wolf hears.

    Attributes:
        carrier: as it says, whoever's it is.
        sending: it has keyed.
        free_since: when the last carrier ended.
    """

    carrier: bool = False
    sending: bool = False
    free_since: float = 0.0

    @property
    def busy(self) -> bool:
        """Another one sends. What is heard while we do is our own."""
        return self.carrier and not self.sending

    def sensed(self, busy: bool) -> None:
        """It says so."""
        self.carrier = busy
        if not busy:
            self.free_since = asyncio.get_running_loop().time()

    def forget(self) -> None:
        """Nobody listens any more."""
        self.carrier = self.sending = False


@dataclass(slots=True)
class BurstOnItsWay:
    """A burst between ``key`` and its end.

    Attributes:
        octets: for the child.
        airtime_s: computed, of random octets.
        given: the child has it.
        aborted: its end is wanted.
        task: that carries it.
    """

    serial: int
    octets: bytes
    airtime_s: float
    given: bool = False
    aborted: bool = False
    task: asyncio.Task[None] | None = None
    _keyed: asyncio.Event = field(default_factory=asyncio.Event)
    _unkeyed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def limit_s(self) -> float:
        """Longer is no burst of these octets on the air."""
        return STUFFED_MAX * self.airtime_s + ENDS_WITHIN_S

    def keyed(self) -> bool:
        """The child says that it has begun; ``False`` when it must not have."""
        if not self.given or self._keyed.is_set():
            return False
        self._keyed.set()
        return True

    def unkeyed(self) -> None:
        """The child says that it is done."""
        if self._keyed.is_set():
            self._unkeyed.set()

    async def until_keyed(self, channel: Channel) -> None:
        """Return when the child has begun.

        Raises:
            ModemUnavailable: it does not, or the channel is not clear.
        """
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        give_up_at = began_at + CLEAR_WITHIN_S
        while not self._keyed.is_set():
            now = loop.time()
            quiet_until = max(began_at, channel.free_since) + KEYS_WITHIN_S
            if now >= give_up_at:
                raise ModemUnavailable(
                    f"the channel was not clear for {CLEAR_WITHIN_S:g} s; the burst that waited "
                    "for it was given up"
                )
            if not channel.carrier and now >= quiet_until:
                raise ModemUnavailable(
                    f"Dire Wolf has not keyed within {KEYS_WITHIN_S:g} s on a clear channel; "
                    "does its sound card work?"
                )
            # A carrier that comes or goes meanwhile is seen after that, at the latest.
            due_s = (give_up_at if channel.carrier else min(quiet_until, give_up_at)) - now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._keyed.wait(), min(due_s, KEYS_WITHIN_S))

    async def until_unkeyed(self) -> None:
        """Return when the child is done.

        Raises:
            ModemUnavailable: it must be, and is not.
        """
        try:
            async with asyncio.timeout(self.limit_s):
                await self._unkeyed.wait()
        except TimeoutError:
            raise ModemUnavailable(
                f"Dire Wolf has not ended a burst of {self.airtime_s:.1f} s in "
                f"{self.limit_s:.1f} s; does its sound card still work?"
            ) from None
