"""The transport over WebRTC: dials, answers, and holds the links.

Theory of operation
===================

A link is one connection with two data channels that both ends create themselves, with
fixed stream ids (RFC 8831, "negotiated"): ``control`` is reliable and ordered and carries
text, ``chunks`` is ordered, gives up on what is older than three seconds, and carries
binary messages. A page in a browser does the same with the same ids.

::

    dial ----> OFFERED --answer--> CONNECTING --both channels open--> UP --close--> gone
    answer() -------------------->'

Whoever carries the offer (:class:`~meshdl.transports.exchange.OfferExchange`) is not
trusted: the fingerprints of both certificates become the link's binding, and the
handshake above signs it.

What a link does while it is up: :mod:`meshdl.transports.webrtc_link`.
"""

import asyncio
import itertools
import logging
from contextlib import suppress

import webrtc

from meshdl.errors import LinkClosed, LinkError, LinkRefused
from meshdl.ids import LinkId, StationId
from meshdl.links import DialFailed, Message
from meshdl.policy.bucket import TokenBucket
from meshdl.transports import warp
from meshdl.transports.exchange import Answer, Offer, OfferExchange
from meshdl.transports.sdp import admitted
from meshdl.transports.webrtc_link import Link, Report

CALLS_SHARE = 3 / 4
"""Of all links, that those may have who dialled us: strangers that call without end, or stay and
want nothing, leave room for the stations that we dial ourselves."""

LINES_PER_S, LINES_AT_ONCE = 0.2, 50
"""In the log, of dials that fail: strangers may announce a thousand stations that are none."""

_log = logging.getLogger(__name__)
_serials = itertools.count(1)


class WebRtcTransport:
    """Dials and answers; see :class:`meshdl.transports.base.Transport` for the verbs.

    Args:
        own: this station, told in offers and answers.
        exchange: carries our offers.
        links_max: links at a time, those being made included.
        dial_timeout_s: from the dial, or the answer, to the link.
        loopback: use 127.0.0.1 too. Decided once in a process, by the first connection.
    """

    def __init__(
        self,
        own: StationId,
        exchange: OfferExchange,
        *,
        links_max: int,
        dial_timeout_s: float = 15.0,
        loopback: bool = False,
    ) -> None:
        self._own, self._exchange = own, exchange
        self._links_max, self._dial_timeout_s = links_max, dial_timeout_s
        self._report: Report | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._links: dict[LinkId, Link] = {}
        self._lines = TokenBucket(LINES_PER_S, burst_octets=LINES_AT_ONCE, now=0.0)
        warp.set_up(loopback=loopback)

    async def run(self, report: Report) -> None:
        """Serve until cancelled."""
        self._report = report
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._report = self._tasks = None
            for link in list(self._links.values()):
                link.discard()
            self._links.clear()

    def dial(self, station: StationId) -> None:
        """Try to reach a station."""
        if self._tasks is not None:
            self._tasks.create_task(self._dial(station))

    def send(self, link: LinkId, message: Message) -> bool:
        """Queue a message; ``False`` when the chunks channel is full."""
        found = self._links.get(link)
        if found is None or not found.up:
            raise LinkClosed(f"{link} is down; wait for the station to be reached again")
        return found.send(message)

    def close(self, link: LinkId, reason: str) -> None:
        """End a link after what is queued on control."""
        found = self._links.get(link)
        if found is not None:
            found.close(reason)

    async def answer(self, offer: Offer) -> Answer:
        """Answer an offer that an exchange brought; the link comes up or is forgotten.

        Raises:
            LinkRefused: it is no offer, or there is no room for another link.
        """
        self._check_room()
        self._check_calls()
        if offer.station == self._own:
            raise LinkRefused("this is the station's own offer; it was carried to itself")
        theirs, sdp = admitted(offer.sdp)
        link = self._new_link(None)
        try:
            async with asyncio.timeout(self._dial_timeout_s):
                local = await link.describe(sdp)
            link.bind(theirs, sdp)
        except TimeoutError as error:
            link.discard()
            raise LinkRefused(
                f"the offer could not be answered within {self._dial_timeout_s:g} s; "
                "try again later"
            ) from error
        except (webrtc.RTCException, ValueError, TypeError) as error:
            link.discard()
            raise LinkRefused(f"the offer cannot be answered: {error}") from error
        except BaseException:
            link.discard()
            raise
        if self._tasks is not None:
            self._tasks.create_task(self._give_up_on(link))
        return Answer(self._own, local)

    async def _dial(self, station: StationId) -> None:
        link: Link | None = None
        try:
            self._check_room()
            link = self._new_link(station)
            async with asyncio.timeout(self._dial_timeout_s):
                offer = Offer(self._own, await link.describe(None))
                answer = await self._exchange.exchange(station, offer)
                theirs, sdp = admitted(answer.sdp)
                link.bind(theirs, sdp)
                await link.take_answer(sdp)
                await link.settled.wait()
        except TimeoutError:
            self._dial_failed(station, link, f"no link within {self._dial_timeout_s:g} s")
        except (LinkError, webrtc.RTCException, ValueError, TypeError) as error:
            self._dial_failed(station, link, str(error))
        except BaseException:
            if link is not None:
                link.discard()
            raise
        else:
            if not link.up:
                self._dial_failed(station, link, link.problem)

    def _dial_failed(self, station: StationId, link: Link | None, reason: str) -> None:
        if link is not None:
            if link.up:
                return  # it came up in the very moment
            link.discard()
        if self._lines.take_if_available(1, now=asyncio.get_running_loop().time()):
            _log.info("no link to station %s: %s", station, reason)
        if self._report is not None:
            self._report(DialFailed(station, reason))

    async def _give_up_on(self, link: Link) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._dial_timeout_s):
                await link.settled.wait()
        if not link.up:
            link.discard()

    def _check_room(self) -> None:
        if self._report is None:
            raise LinkRefused("this station is not running; try again later")
        if len(self._links) >= self._links_max:
            raise LinkRefused(
                f"there are {self._links_max} links already, as many as this station wants; "
                "try again later, or raise lan.max_links"
            )

    def _check_calls(self) -> None:
        calls = sum(link.dialled is None for link in self._links.values())
        if calls >= max(self._links_max * CALLS_SHARE, 1):
            raise LinkRefused(
                f"{calls} stations have called this one, as many as it takes calls of; "
                "wait for it to dial, or raise lan.max_links"
            )

    def _new_link(self, dialled: StationId | None) -> Link:
        assert self._report is not None
        link = Link(LinkId(f"webrtc:{next(_serials)}"), dialled, self._report, self._gone)
        self._links[link.id] = link
        return link

    def _gone(self, link: Link) -> None:
        self._links.pop(link.id, None)
