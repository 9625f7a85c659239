"""Push to talk: what turns the transmitter on, and above all off."""

from typing import Protocol


class PushToTalk(Protocol):
    """Used from one event loop; ``key`` and ``unkey`` in turns."""

    async def open(self) -> None:
        """Reach it, and make sure that it is off.

        Raises:
            RigUnavailable: it cannot be reached.
        """

    async def key(self, *, within_s: float) -> None:
        """Turn the transmitter on, for a burst that ends within so many seconds.

        Raises:
            RigUnavailable: it cannot be reached or refused; it may be on all the same, so
                :meth:`unkey` must follow.
        """

    async def unkey(self) -> None:
        """Turn it off. Harmless when it is off.

        Raises:
            RigUnavailable: it could not be turned off; the operator must.
        """

    async def close(self) -> None:
        """Turn it off and give it back. Twice is harmless; raises nothing."""


class NoPtt:
    """The radio keys itself when it hears sound (VOX), or nothing is keyed at all."""

    async def open(self) -> None:
        """Nothing to reach."""

    async def key(self, *, within_s: float) -> None:
        """The sound does it."""

    async def unkey(self) -> None:
        """Its end does it."""

    async def close(self) -> None:
        """Nothing to give back."""
