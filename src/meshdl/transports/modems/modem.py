"""What every modem understands.

What a modem reports, and its traits, stand in :mod:`meshdl.air`. What it is told is a burst:
the effect ``Key`` of :mod:`meshdl.radio`, which nothing but the transmitter makes. Nothing that
merely looks like one will do: this type is the first lock of the one door to the air.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from meshdl.air import ModemReport, ModemTraits
from meshdl.radio.keying import Key

RETRY_AFTER_S = 5.0
"""A device that is gone is looked for again so often: a plug is put back in no less time."""

Report = Callable[[ModemReport], None]


Burst: TypeAlias = Key
"""What goes out in one key-down; it is logged already."""


class Modem(Protocol):
    """Takes one burst at a time, reports what it hears.

    ``key``, ``curtail``, ``abort`` and ``close`` are called from the event loop that ``run``
    runs in, never block, and never call the report before they return.

    The transmitter is unkeyed whenever no burst is on its way: after each, after an abort,
    and however ``run`` ends. Frames are reported whole or not at all; a modem with fixed
    frames fills a short one with zeros, and they are there when it is heard.
    """

    async def run(self, report: Report) -> None:
        """Serve until cancelled or closed; every event goes to ``report``, in order.

        :class:`~meshdl.air.ModemUp` comes first. When the device vanishes,
        :class:`~meshdl.air.ModemDown` comes once; the modem looks for it again by itself
        and reports ``ModemUp`` when it is back.
        """

    def key(self, burst: Burst) -> None:
        """Send a burst. :class:`~meshdl.air.BurstEnded` follows once, or ``ModemDown``.

        Raises:
            ValueError: a frame is empty or longer than ``payload_octets_max``, there is none,
                or it is for a mode that the modem has not; nothing is keyed.
            LocalProtocolError: the modem is not up, or another burst is on its way.
        """

    def curtail(self) -> None:
        """Begin no further frame of the burst that is on its way, if that can be helped.

        ``BurstEnded`` follows, as soon as the frame is out that has begun, and tells how many
        were sent. Harmless when there is none.
        """

    def abort(self) -> None:
        """End the burst that is on its way, in the middle of a frame; ``BurstEnded`` follows.

        Harmless when there is none.
        """

    def close(self) -> None:
        """Abort, unkey and end ``run``; nothing is reported any more. Twice is harmless."""


def check_burst(burst: Burst, traits: ModemTraits) -> None:
    """Raise :exc:`ValueError` when the modem cannot send this."""
    if not burst.frames:
        raise ValueError(f"burst {burst.serial} has no frames")
    for frame in burst.frames:
        traits.frame_s(len(frame))
