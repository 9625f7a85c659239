"""Carries our offers to stations of the local network.

A station often has several addresses, and some of them lead nowhere (RFC 8305, "Happy
Eyeballs"): each is tried a moment after the one before, and the first that answers wins.
"""

import asyncio
from http import HTTPStatus
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from meshdl.discovery.book import AddressBook
from meshdl.discovery.events import Endpoint
from meshdl.discovery.messages import (
    BODY_OCTETS_MAX,
    CARD_PATH,
    OFFER_PATH,
    Card,
    Description,
    Refusal,
    decode_description,
)
from meshdl.errors import LinkError, LinkRefused
from meshdl.ids import StationId
from meshdl.transports.exchange import Answer, Offer

ATTEMPT_AFTER_S = 0.1
"""Between two addresses; on a local network an answer takes a few milliseconds."""

ANSWER_WITHIN_S = 3.0


class LanExchange:
    """Asks stations by HTTP while the ``async with`` block runs.

    Args:
        book: where stations take offers.
    """

    def __init__(self, book: AddressBook) -> None:
        self._book = book
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # nobody sends a small body as a large one
            trust_env=False,  # no proxy stands between stations of one network
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def exchange(self, station: StationId, offer: Offer) -> Answer:
        """Carry an offer; see :class:`meshdl.transports.exchange.OfferExchange`."""
        endpoints = self._book.endpoints(station)
        if not endpoints:
            raise LinkError(f"no address is known of station {station}; wait until it is heard")
        body = msgspec.json.encode(Description(offer.station, offer.sdp))
        attempts = [
            asyncio.create_task(self._attempt(endpoint, body, ATTEMPT_AFTER_S * place))
            for place, endpoint in enumerate(endpoints)
        ]
        failures: list[str] = []
        try:
            for attempt in asyncio.as_completed(attempts):
                try:
                    return await attempt
                except LinkRefused:
                    raise
                except LinkError as error:
                    failures.append(str(error))
        finally:
            for task in attempts:
                task.cancel()
            await asyncio.gather(*attempts, return_exceptions=True)
        raise LinkError(f"station {station} does not answer: {'; '.join(failures)}")

    async def card(self, endpoint: Endpoint) -> Card:
        """What the station at an address tells of itself.

        Raises:
            LinkError: nobody there, or no station.
        """
        octets = await self._request("GET", endpoint, CARD_PATH, None)
        try:
            return msgspec.json.decode(octets, type=Card)
        except (msgspec.DecodeError, RecursionError) as error:
            raise LinkRefused(f"{endpoint} is no station: {error}") from error

    async def _attempt(self, endpoint: Endpoint, body: bytes, wait_s: float) -> Answer:
        await asyncio.sleep(wait_s)
        return Answer(*decode_description(await self._request("POST", endpoint, OFFER_PATH, body)))

    async def _request(
        self, method: str, endpoint: Endpoint, path: str, body: bytes | None
    ) -> bytes:
        if self._http is None:
            raise LinkError("the exchange is closed")
        url = URL.build(scheme="http", host=endpoint.host, port=endpoint.port, path=path)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with self._http.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                octets = await response.content.read(BODY_OCTETS_MAX + 1)
                while len(octets) <= BODY_OCTETS_MAX and not response.content.at_eof():
                    octets += await response.content.read(BODY_OCTETS_MAX + 1 - len(octets))
                status = response.status
        except TimeoutError:
            raise LinkError(f"{endpoint} does not answer within {ANSWER_WITHIN_S:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise LinkError(f"{endpoint}: {error}") from error
        if status != HTTPStatus.OK:
            raise LinkRefused(f"{endpoint} says {status}: {_reason(octets)}")
        return octets


def _reason(octets: bytes) -> str:
    try:
        return msgspec.json.decode(octets, type=Refusal).reason[:200]
    except (msgspec.DecodeError, RecursionError):
        return "no reason given"
