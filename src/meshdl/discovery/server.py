"""The HTTP door of a station on the local network: it takes offers, and nothing else.

It listens on every interface, because that is where peers are. Whoever can reach it can
make a link, and then has to prove who they are in the handshake; no content, no list, no
command goes through here. Two things keep other people's web pages from using a
visitor's browser to get in: a request from a page of another origin is refused, and so
is one under a host name that only a foreign DNS server could have invented. How many may
stand at the door at once, :mod:`meshdl.discovery.visitors` says.
"""

import asyncio
import errno
import ipaddress
import logging
import os
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Self, TypeAlias
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from meshdl.discovery.messages import (
    BODY_OCTETS_MAX,
    CARD_PATH,
    OFFER_PATH,
    Card,
    Description,
    Refusal,
    decode_description,
)
from meshdl.discovery.visitors import Visitors
from meshdl.errors import ConfigError, LinkRefused
from meshdl.policy.bucket import TokenBucket
from meshdl.transports.exchange import Answer, Offer

PORT_DEFAULT = 7373
"""Unassigned at IANA; taken first when no port is configured."""

OFFERS_PER_S = 20.0
"""All together; one costs 10 ms of processor time."""

OFFERS_BURST = 60.0
"""All together; a network that is switched on starts all its stations at once."""

OFFERS_PER_ADDRESS_PER_S = 2.0
OFFERS_PER_ADDRESS_BURST = 20.0
"""Several stations may run on one machine."""

ADDRESSES_REMEMBERED = 1024
BODY_WITHIN_S = 5.0
"""A description has a few kB; who sends it by the octet wants to keep us busy."""

STOP_AFTER_S = 0.5

FREE_PORT_TRIES = 16
"""A port that is free for IPv4 may be taken for IPv6."""

_NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}

Answerer: TypeAlias = Callable[[Offer], Awaitable[Answer]]

_log = logging.getLogger(__name__)


class LanServer:
    """Serves while the ``async with`` block runs.

    Args:
        card: what is told of this station.
        answer: answers an offer, or raises LinkRefused.
        port: TCP. ``None``: 7373, or any free one if that is taken.
    """

    def __init__(self, card: Card, answer: Answerer, *, port: int | None) -> None:
        self._card = msgspec.json.encode(card)
        self._answer, self._wanted_port = answer, port
        self._stack = AsyncExitStack()
        self._all = _Limit(OFFERS_PER_S, burst=OFFERS_BURST)
        self._each: OrderedDict[str, _Limit] = OrderedDict()
        self.port = 0

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=BODY_OCTETS_MAX)
        application.router.add_get(CARD_PATH, self._serve_card)
        application.router.add_post(OFFER_PATH, self._serve_offer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_AFTER_S)
        async with AsyncExitStack() as stack:
            listeners = _listen(self._wanted_port)
            for listener in listeners:
                stack.callback(listener.close)
            self.port = listeners[0].getsockname()[1]
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            assert runner.server is not None
            visitors = Visitors(runner.server)
            for listener in listeners:
                # No site of the library's: it would let anybody in, and let them stay.
                listening = await asyncio.get_running_loop().create_server(visitors, sock=listener)
                stack.callback(listening.close)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    async def _serve_card(self, request: web.Request) -> web.Response:
        if not _from_here(request):
            return _refused(403, "ask by the station's address, not from another site's page")
        return web.Response(body=self._card, content_type="application/json")

    async def _serve_offer(self, request: web.Request) -> web.Response:
        if not _from_here(request):
            return _refused(403, "offers are taken from this station's own pages only")
        if request.content_type != "application/json":
            return _refused(415, "an offer is JSON: set Content-Type to application/json")
        if not self._admit(request.remote or ""):
            return _refused(429, "too many offers; wait a few seconds")
        try:
            offer = await _offer_in(request)
        except _Unreadable as error:
            return _refused(error.status, str(error))
        try:
            answer = await self._answer(offer)
        except LinkRefused as error:
            _log.info("an offer from %s is refused: %s", request.remote, error)
            return _refused(503, str(error))
        body = msgspec.json.encode(Description(answer.station, answer.sdp))
        return web.Response(body=body, content_type="application/json")

    def _admit(self, address: str) -> bool:
        now = asyncio.get_running_loop().time()
        limit = self._each.get(address)
        if limit is None:
            limit = self._each[address] = _Limit(
                OFFERS_PER_ADDRESS_PER_S, burst=OFFERS_PER_ADDRESS_BURST
            )
            if len(self._each) > ADDRESSES_REMEMBERED:
                self._each.popitem(last=False)
        # The address first: one that floods must not use up what all share.
        return limit.admit(now) and self._all.admit(now)


class _Limit:
    """So many a second, and a burst to begin with."""

    def __init__(self, per_s: float, *, burst: float) -> None:
        self._bucket = TokenBucket(per_s, burst_octets=burst, now=0.0)

    def admit(self, now: float) -> bool:
        """Whether one more is let through now."""
        if not self._bucket.available(now=now):
            return False
        self._bucket.take(1, now=now)
        return True


class _Unreadable(Exception):
    """The body is no offer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def _offer_in(request: web.Request) -> Offer:
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return Offer(*decode_description(await request.read()))
    except web.HTTPRequestEntityTooLarge:
        raise _Unreadable(413, f"an offer has at most {BODY_OCTETS_MAX} octets") from None
    except TimeoutError:
        raise _Unreadable(408, f"an offer must be here within {BODY_WITHIN_S:g} s") from None
    except LinkRefused as error:
        raise _Unreadable(400, str(error)) from error


def _from_here(request: web.Request) -> bool:
    """Whether a page that asks was served by us, under a name that is surely ours."""
    host = urlsplit(f"//{request.host}").hostname or ""
    if not _is_own_name(host):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _is_own_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        # A public DNS name may point to us at its owner's whim; these cannot.
        return host == "localhost" or host.endswith(".local") or "." not in host
    return True


def _refused(status: int, reason: str) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(Refusal(reason)),
        content_type="application/json",
    )


def _listen(port: int | None) -> list[socket.socket]:
    try:
        return _bind(PORT_DEFAULT if port is None else port)
    except OSError as error:
        if port is None:
            return _bind(0)
        raise ConfigError(
            "lan.port",
            f"TCP port {port} cannot be used ({error.strerror}); stop the program that has it, "
            "set another, or leave the setting out to take any free one",
        ) from error


def _bind(port: int) -> list[socket.socket]:
    """Sockets for IPv4 and, where there is any, IPv6, on one port."""
    tries = 1 if port else FREE_PORT_TRIES
    while True:
        first = _bind_one(socket.AF_INET, port)
        try:
            return [first, _bind_one(socket.AF_INET6, first.getsockname()[1])]
        except OSError as error:
            if error.errno in _NO_IPV6:
                return [first]
            first.close()
            tries -= 1
            if not tries:
                raise


def _bind_one(family: socket.AddressFamily, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Elsewhere the option would let two programs share the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        any_address = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - see the top
        listener.bind((any_address, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
