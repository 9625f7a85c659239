"""One burst of a Dire Wolf, and the channel that it waits for: waits that always end."""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import Self

from meshdl.errors import ModemUnavailable
from meshdl.transports.modems.modem import Burst
from meshdl.transports.modems.tnc import TncSettings

KEYS_WITHIN_S = 3.0
"""Of a clear channel. It looks once, for one slot."""

CLEAR_WITHIN_S = 30.0
"""The channel was clear when the burst was given. Dire Wolf itself waits a minute, and then
forgets frame by frame."""

STUFFED_MAX = 1.25
"""The worst octets for bit stuffing against those that airtime is computed of."""

ENDS_WITHIN_S = 2.0
"""After that."""

STARTS_WITHIN_S = 1.0
"""Usually some tenths of that. The last second of a burst is not worth another child."""

HEARD_AFTER_S = 0.3
"""From Dire Wolf's word that it sends to the sound: a sound card keeps so much, at the most."""


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
        begins_s: from key-down to the first frame.
        frames_s: airtime of each frame.
        given: the child has it.
        aborted: its end is wanted.
        sent: frames that were on the air when it was curtailed; ``None``: it was not.
        task: that carries it.
    """

    serial: int
    octets: bytes
    airtime_s: float
    begins_s: float
    frames_s: tuple[float, ...]
    given: bool = False
    aborted: bool = False
    sent: int | None = None
    task: asyncio.Task[None] | None = None
    _keyed_at: float = 0.0
    _keyed: asyncio.Event = field(default_factory=asyncio.Event)
    _unkeyed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, burst: Burst, octets: bytes, tnc: TncSettings) -> Self:
        """A burst that nobody has yet."""
        return cls(
            burst.serial,
            octets,
            tnc.traits.burst_s(map(len, burst.frames)),
            begins_s=tnc.txdelay_ms / 1000,
            frames_s=tuple(map(tnc.frame_s, burst.frames)),
        )

    @property
    def limit_s(self) -> float:
        """Longer is no burst of these octets on the air."""
        return STUFFED_MAX * self.airtime_s + ENDS_WITHIN_S

    def keyed(self) -> bool:
        """The child says that it has begun; ``False`` when it must not have."""
        if not self.given or self._keyed.is_set():
            return False
        self._keyed.set()
        self._keyed_at = asyncio.get_running_loop().time()
        return True

    def curtail(self) -> bool:
        """Whether the rest is worth another child; then what was on the air by now is noted."""
        now = asyncio.get_running_loop().time()
        lasted_s = now - self._keyed_at if self._keyed.is_set() else 0.0
        ends = itertools.accumulate(self.frames_s, initial=self.begins_s)
        next(ends)
        left = [end for end in ends if end > lasted_s - HEARD_AFTER_S]
        if not left or left[-1] - lasted_s < STARTS_WITHIN_S:
            return False
        self.sent = len(self.frames_s) - len(left)
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
