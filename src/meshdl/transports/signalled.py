"""The transport over WebRTC across the Internet: a carrier of signals introduces the ends.

Like :mod:`meshdl.transports.webrtc` in all but how a link comes about and how long it may
be cut: see :mod:`meshdl.transports.negotiation`. A *session* is one attempt to link; its 16
octets are made by the station that dials, and name the link in all later signals.
"""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import webrtc

from meshdl.errors import LinkClosed, LinkRefused
from meshdl.ids import LinkId, StationId
from meshdl.links import DialFailed, Message, Way
from meshdl.policy.bucket import TokenBucket
from meshdl.signalling.client_events import Description, Refusal, SignalBody
from meshdl.transports import warp
from meshdl.transports.negotiation import Negotiation
from meshdl.transports.webrtc_link import Link, Report
from meshdl.wire.signalling import IceServer

SESSION_OCTETS = 16

RECOVERS_WITHIN_S = 20.0
"""Longer than an access point takes to restart, or a telephone to change its network."""

CALLS_PER_STATION = 8
"""Of one station that may wait for their link: as many as there are lanes to one."""

CALLS_SHARE = 3 / 4
"""Of all links, that those who call may wait for: strangers that call without end leave room
for the stations that we dial ourselves."""

ENGINE_NOTICES_WITHIN_S = 2.5
"""libwebrtc looks at the interfaces every two seconds. What it gathers before has the addresses
that were, and the link may end on a relay although it could run directly."""

DIALS_AT_ONCE, DIALS_PER_S = 128, 8.0
"""Each takes some 5 ms of a processor. A server that tells of stations that come, and go as
soon as they are dialled, gets no more out of us; a busy station dials some dozens at once."""

Carry = Callable[[StationId, bytes, SignalBody], None]
"""Sends a body of a session to a station; what is lost is told by ``signal_lost``."""

_log = logging.getLogger(__name__)
_serials = itertools.count(1)
_UNUSABLE = (LinkRefused, webrtc.RTCException, ValueError, TypeError)


@dataclass(slots=True)
class _Session:
    """One attempt to link, and the link.

    Attributes:
        called: the other end began.
        broken: it was up and is cut, or will be: a restart that was lost is repeated.
    """

    station: StationId
    negotiation: Negotiation
    called: bool
    broken: bool = False
    task: asyncio.Task[None] | None = None


class SignalledTransport:
    """Dials and answers; see :class:`meshdl.transports.base.Transport` for the verbs.

    Args:
        own: this station.
        carry: carries our signals.
        links_max: links at a time, those being made included.
        dial_timeout_s: from the dial, or the offer, to the link.
        loopback: use 127.0.0.1 too. Decided once in a process, by the first connection.
    """

    def __init__(
        self,
        own: StationId,
        carry: Carry,
        *,
        links_max: int,
        dial_timeout_s: float = 15.0,
        loopback: bool = False,
    ) -> None:
        self._own, self._carry = own, carry
        self._links_max, self._dial_timeout_s = links_max, dial_timeout_s
        self._report: Report | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._sessions: dict[bytes, _Session] = {}
        self._links: dict[LinkId, bytes] = {}
        self._dials = TokenBucket(
            DIALS_PER_S, burst_octets=DIALS_AT_ONCE, now=asyncio.get_running_loop().time()
        )
        self._configuration: webrtc.RTCConfiguration | None = None
        self._again: asyncio.TimerHandle | None = None
        warp.set_up(loopback=loopback)

    async def run(self, report: Report) -> None:
        """Serve until cancelled."""
        self._report = report
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._report = self._tasks = None
            if self._again is not None:
                self._again.cancel()
            for session in list(self._sessions.values()):
                session.negotiation.link.discard()
            self._sessions.clear()
            self._links.clear()

    def use(self, servers: tuple[IceServer, ...]) -> None:
        """Use these STUN and TURN servers from now on: for new links, and for mending others."""
        usable = []
        for server in servers:
            try:
                one = webrtc.RTCIceServer(
                    list(server.urls), server.username or None, server.credential or None
                )
                webrtc.RTCPeerConnection(webrtc.RTCConfiguration(ice_servers=[one])).close()
            except (webrtc.RTCException, ValueError, TypeError) as error:
                _log.warning("%s is no ICE server: %s", ", ".join(server.urls), error)
            else:
                usable.append(one)
        self._configuration = webrtc.RTCConfiguration(ice_servers=usable)

    def dial(self, station: StationId) -> None:
        """Try to reach a station."""
        if self._tasks is None:
            return
        session = secrets.token_bytes(SESSION_OCTETS)
        try:
            self._begin(session, station, dialled=station)
        except LinkRefused as error:
            self._tasks.create_task(self._dial_failed_soon(station, str(error)))

    def send(self, link: LinkId, message: Message) -> bool:
        """Queue a message; ``False`` when the chunks channel is full."""
        found = self._link(link)
        if found is None or not found.up:
            raise LinkClosed(f"{link} is down; wait for the station to be reached again")
        return found.send(message)

    def close(self, link: LinkId, reason: str) -> None:
        """End a link after what is queued on control."""
        found = self._link(link)
        if found is not None:
            found.close(reason)

    # What the carrier tells.

    def receive(self, station: StationId, session: bytes, body: SignalBody) -> None:
        """A station sends this."""
        found = self._sessions.get(session)
        if found is not None:
            if found.station == station:
                found.negotiation.receive(body)
            return
        if not isinstance(body, Description) or body.is_answer:
            return  # of a session that is over
        try:
            self._begin(session, station, dialled=None, offer=body)
        except LinkRefused as error:
            self._carry(station, session, Refusal(str(error)))

    def signal_lost(self, station: StationId, session: bytes | None, reason: str) -> None:
        """What we sent did not arrive: a dial fails, a link that is up waits and sees."""
        for name, found in list(self._sessions.items()):
            meant = found.station == station and session in {None, name}
            if meant and not found.negotiation.link.up:
                self._fail(name, reason)

    @property
    def has_links(self) -> bool:
        """Whether there is any, those being made included."""
        return bool(self._sessions)

    def network_changed(self) -> None:
        """This machine has other addresses: every link that is up needs mending."""
        for session in self._sessions.values():
            session.broken = True
        self.mend()
        if self._again is not None:
            self._again.cancel()
        loop = asyncio.get_running_loop()
        self._again = loop.call_later(ENGINE_NOTICES_WITHIN_S, self._mend_again)

    def mend(self) -> None:
        """Signals can be carried: look for another way where the link is cut."""
        for session in self._sessions.values():
            if session.negotiation.link.up and session.broken:
                session.negotiation.restart(self._configuration)

    def _mend_again(self) -> None:
        self._again = None
        for session in self._sessions.values():
            if session.negotiation.link.up:
                session.broken = True
                session.negotiation.restart(self._configuration, patient=True)

    def _troubled(self, name: bytes) -> None:
        session = self._sessions.get(name)
        if session is not None:
            session.broken = True
            session.negotiation.restart(self._configuration)

    def _well(self, name: bytes) -> None:
        session = self._sessions.get(name)
        if session is not None:
            session.broken = False

    # Sessions.

    def _begin(
        self,
        name: bytes,
        station: StationId,
        *,
        dialled: StationId | None,
        offer: Description | None = None,
    ) -> None:
        if self._tasks is None or self._report is None:
            raise LinkRefused("this station is not running; try again later")
        if station == self._own:
            raise LinkRefused("this is the station itself")
        if len(self._sessions) >= self._links_max:
            raise LinkRefused(
                f"there are {self._links_max} links already, as many as this station wants; "
                "try again later, or raise internet.max_links"
            )
        if offer is not None:
            self._check_calls(station)
        else:
            self._check_dials()
        link = Link(
            LinkId(f"internet:{next(_serials)}"),
            dialled,
            self._report,
            partial(self._gone, name),
            way=Way.INTERNET,
            recovers_within_s=RECOVERS_WITHIN_S,
            configuration=self._configuration,
        )
        negotiation = Negotiation(
            link, polite=self._own > station, send=partial(self._carry, station, name)
        )
        link.troubled = partial(self._troubled, name)
        link.well = partial(self._well, name)
        session = self._sessions[name] = _Session(station, negotiation, called=offer is not None)
        self._links[link.id] = name
        if offer is not None:
            negotiation.receive(offer)
        session.task = self._tasks.create_task(
            self._negotiate(name, session, offering=dialled is not None)
        )

    def _check_dials(self) -> None:
        if not self._dials.take_if_available(1, now=asyncio.get_running_loop().time()):
            raise LinkRefused("stations are dialled too often just now; it is tried again later")

    def _check_calls(self, station: StationId) -> None:
        waiting = [
            one for one in self._sessions.values() if one.called and not one.negotiation.link.up
        ]
        if sum(one.station == station for one in waiting) >= CALLS_PER_STATION:
            raise LinkRefused("you call too often; wait for the links that are being made")
        if len(waiting) >= max(self._links_max * CALLS_SHARE, 1):
            raise LinkRefused("too many stations call this one just now; try again later")

    async def _negotiate(self, name: bytes, session: _Session, *, offering: bool) -> None:
        link = session.negotiation.link
        negotiating = asyncio.ensure_future(session.negotiation.run(offering=offering))
        settled = asyncio.ensure_future(link.settled.wait())
        try:
            await asyncio.wait(
                {negotiating, settled},
                timeout=self._dial_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not settled.done() and not negotiating.done():
                self._fail(name, f"no link within {self._dial_timeout_s:g} s")
                return
            await negotiating
        except _UNUSABLE as error:
            if not offering and not link.up:
                self._carry(session.station, name, Refusal(str(error)))
            self._fail(name, str(error))
        finally:
            for task in (negotiating, settled):
                task.cancel()
            await asyncio.gather(negotiating, settled, return_exceptions=True)

    def _fail(self, name: bytes, reason: str) -> None:
        session = self._sessions.get(name)
        if session is None:
            return
        link = session.negotiation.link
        if link.up:
            link.close(reason)
            return
        link.discard(reason)

    def _gone(self, name: bytes, link: Link) -> None:
        session = self._sessions.pop(name, None)
        self._links.pop(link.id, None)
        if session is None:
            return
        if session.task is not None and session.task is not asyncio.current_task():
            session.task.cancel()
        if not link.settled.is_set():
            self._dial_failed(link, session.station)

    def _dial_failed(self, link: Link, station: StationId) -> None:
        if link.dialled is None or self._report is None:
            return
        _log.info("no link to station %s: %s", station, link.problem)
        self._report(DialFailed(station, link.problem, Way.INTERNET))

    async def _dial_failed_soon(self, station: StationId, reason: str) -> None:
        if self._report is not None:
            self._report(DialFailed(station, reason, Way.INTERNET))

    def _link(self, link: LinkId) -> Link | None:
        session = self._sessions.get(self._links.get(link, b""))
        return session.negotiation.link if session is not None else None
