"""Between the swarm core and the transports: finds a link's transport, keeps what waits.

A chunks message that a transport does not take waits here, and with it all later ones of
that link, until the transport says that it is writable again. The core hears of both, so
no more than it had under way when the link filled up can pile up.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from meshdl.errors import LinkClosed
from meshdl.ids import LinkId, StationId
from meshdl.links import LinkDown, LinkEvent, LinkUp, LinkWritable, Message, Way
from meshdl.swarm.inputs import LinkBlocked
from meshdl.transports.base import Transport

Report: TypeAlias = Callable[[LinkEvent | LinkBlocked], None]


@dataclass(slots=True)
class _Line:
    """One link that is up."""

    transport: Transport
    backlog: deque[bytes] = field(default_factory=deque)


class Switchboard:
    """All links of a station.

    Args:
        report: takes what happens on them, in order.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lines: dict[LinkId, _Line] = {}
        self._transports: dict[Way, Transport] = {}
        self._quiet: asyncio.Event = asyncio.Event()
        self._quiet.set()

    def attach(self, transport: Transport, way: Way) -> Callable[[LinkEvent], None]:
        """Add the transport of one way; what this returns is what its ``run`` is given."""
        self._transports[way] = transport

        def report(event: LinkEvent) -> None:
            self._happened(transport, event)

        return report

    def dial(self, station: StationId, way: Way) -> None:
        """Try to reach a station this way."""
        self._transports[way].dial(station)

    def send(self, link: LinkId, message: Message) -> None:
        """Send, now or when the link is writable. Nothing is sent on a link that is gone."""
        line = self._lines.get(link)
        if line is None:
            return
        if isinstance(message, str):
            self._hand_over(line, link, message)
        elif line.backlog:
            line.backlog.append(message)
        elif not self._hand_over(line, link, message):
            line.backlog.append(message)
            self._report(LinkBlocked(link))

    def close(self, link: LinkId, reason: str) -> None:
        """End a link. What waits here for room is dropped."""
        line = self._lines.get(link)
        if line is not None:
            line.transport.close(link, reason)

    async def all_down(self) -> None:
        """Return when no link is up."""
        await self._quiet.wait()

    def _happened(self, transport: Transport, event: LinkEvent) -> None:
        match event:
            case LinkUp(link=link):
                self._lines[link] = _Line(transport)
                self._quiet.clear()
            case LinkDown(link):
                self._lines.pop(link, None)
                if not self._lines:
                    self._quiet.set()
            case LinkWritable(link):
                if not self._drain(link):
                    return  # full again: the core need not know
            case _:
                pass
        self._report(event)

    def _drain(self, link: LinkId) -> bool:
        line = self._lines.get(link)
        while line is not None and line.backlog:
            if not self._hand_over(line, link, line.backlog[0]):
                return False
            line.backlog.popleft()
        return True

    @staticmethod
    def _hand_over(line: _Line, link: LinkId, message: Message) -> bool:
        try:
            return line.transport.send(link, message)
        except LinkClosed:
            return True  # its LinkDown is on its way; nobody waits for the message
