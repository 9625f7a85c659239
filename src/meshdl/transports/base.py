"""The four verbs of every transport."""

from collections.abc import Callable
from typing import Protocol

from meshdl.ids import LinkId, StationId
from meshdl.links import LinkEvent, Message


class Transport(Protocol):
    """Makes links, reports on them, carries whole messages.

    ``dial``, ``send`` and ``close`` are called from the event loop that ``run`` runs
    in, never block, and never call ``report`` before they return.
    """

    async def run(self, report: Callable[[LinkEvent], None]) -> None:
        """Serve until cancelled; every event goes to ``report``, in order.

        On cancellation every link is closed (without :class:`LinkDown`) and every
        socket is given back before this returns.
        """

    def dial(self, station: StationId) -> None:
        """Try to reach ``station``; :class:`LinkUp` or :class:`DialFailed` follows."""

    def send(self, link: LinkId, message: Message) -> bool:
        """Queue one message.

        Returns:
            ``True``: taken. ``False``: the chunks channel is full, the message was
            **not** taken; :class:`LinkWritable` follows. Control messages (``str``)
            are always taken; a peer that lets them pile up loses the link.

        Raises:
            LinkClosed: the link is down (or never was).
            ValueError: longer than ``mtu_octets``; the caller should have asked.
        """

    def close(self, link: LinkId, reason: str) -> None:
        """End a link after what is queued on control; :class:`LinkDown` follows.

        Closing twice, or a link that is gone, is harmless.
        """
