"""What a sound modem wants of a sound device."""

from collections.abc import Callable, Iterator
from typing import Protocol

from meshdl.transports.modems.codec2 import Samples


class AudioPort(Protocol):
    """Sound in and out: one channel, 8 kHz, 16 bits. Used from one event loop."""

    async def open(self) -> None:
        """Find the device.

        Raises:
            AudioUnavailable: it is not there, or cannot do what is needed.
        """

    async def listen(self, heard: Callable[[Samples], None]) -> None:
        """Give every sound to ``heard``, in the loop, until cancelled.

        Raises:
            AudioUnavailable: the device is gone.
        """

    async def play(self, pieces: Iterator[Samples]) -> None:
        """Return when the last of it has been heard. Cancelled: silent at once.

        ``pieces`` is drawn from in another thread, as it is needed.

        Raises:
            AudioUnavailable: the device is gone.
        """

    async def close(self) -> None:
        """Give the device back. Twice is harmless."""
