"""Carries our offers to stations of the local network.

A station often has several addresses. Some lead nowhere, and some lead elsewhere: many
machines have a 172.17.0.1 of their own. So each is asked who is there, a moment after the
one before or as soon as that has failed (RFC 8305, "Happy Eyeballs"), and the first at
which the wanted station answers gets the offer. The offer itself goes to one address only:
every copy would be another link at the other end.
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
    decode_card,
    decode_description,
    decode_reason,
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
            # A connection that was kept dies silently when our own address changes.
            connector=aiohttp.TCPConnector(force_close=True),
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
        endpoint = await self._first_to_answer(station, endpoints)
        body = msgspec.json.encode(Description(offer.station, offer.sdp))
        octets = await self._request("POST", endpoint, OFFER_PATH, body)
        return Answer(*decode_description(octets))

    async def _first_to_answer(
        self, station: StationId, endpoints: tuple[Endpoint, ...]
    ) -> Endpoint:
        waiting = list(endpoints)
        asked: dict[asyncio.Task[None], Endpoint] = {}
        failures: list[str] = []
        try:
            while waiting or asked:
                if waiting:
                    endpoint = waiting.pop(0)
                    asked[asyncio.create_task(self._check(station, endpoint))] = endpoint
                done, _ = await asyncio.wait(
                    asked,
                    timeout=ATTEMPT_AFTER_S if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    endpoint = asked.pop(task)
                    try:
                        task.result()
                    except LinkError as error:
                        failures.append(str(error))
                    else:
                        return endpoint
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        raise LinkError(f"station {station} does not answer: {'; '.join(failures)}")

    async def _check(self, station: StationId, endpoint: Endpoint) -> None:
        card = await self.card(endpoint)
        if card.station != station:
            raise LinkError(f"{endpoint} is another station")

    async def card(self, endpoint: Endpoint) -> Card:
        """What the station at an address tells of itself.

        Raises:
            LinkError: nobody there, or no station.
        """
        octets = await self._request("GET", endpoint, CARD_PATH, None)
        try:
            return decode_card(octets)
        except LinkRefused as error:
            raise LinkRefused(f"{endpoint}: {error}") from error

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
            raise LinkRefused(f"{endpoint} says {status}: {decode_reason(octets)}")
        return octets
