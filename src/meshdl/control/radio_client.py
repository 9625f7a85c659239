"""The radio of a station, from another process; see :mod:`meshdl.control.client`.

The methods are those of :class:`meshdl.control.radio_view.RadioView`.
"""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import msgspec

from meshdl.control.radio_messages import (
    DescribeRequest,
    EmergencyRequest,
    PriceRequest,
    SwitchOffRequest,
)
from meshdl.control.radio_view import AirtimePrice, HeardFrame, RadioReload, RadioStatus

ValueT = TypeVar("ValueT")


class Asks(Protocol):
    """What is needed of the client: questions with one answer."""

    def __call__(
        self, method: str, path: str, kind: type[ValueT], **request: Any
    ) -> Awaitable[ValueT]:
        """Send a request; its answer is a success."""


class Listens(Protocol):
    """What is needed of the client: event streams."""

    def __call__(
        self, path: str, kinds: frozenset[bytes]
    ) -> AbstractAsyncContextManager[AsyncGenerator[bytes]]:
        """Open a stream; the data of each event of these kinds."""


class RadioClient:
    """Commands the radio of the station that runs on a home directory."""

    def __init__(self, ask: Asks, listen: Listens) -> None:
        self._ask, self._listen = ask, listen

    async def status(self) -> RadioStatus:
        """The radio at a glance."""
        return await self._ask("GET", "/radio", RadioStatus)

    async def reload(self) -> RadioReload:
        """Take up what stands in ``config.toml`` now; it may take half a minute."""
        return await self._ask("POST", "/radio/reload", RadioReload)

    async def switch_off(self, *, reason: str = "") -> RadioStatus:
        """The kill switch: silence now, and until it is switched on."""
        body = msgspec.json.encode(SwitchOffRequest(reason=reason))
        return await self._ask("POST", "/radio/off", RadioStatus, data=body)

    async def switch_on(self) -> RadioStatus:
        """Allow transmissions again."""
        return await self._ask("POST", "/radio/on", RadioStatus)

    async def declare_emergency(self, *, reason: str, for_s: float = 3600.0) -> RadioStatus:
        """Declare that life or property is in danger."""
        body = msgspec.json.encode(EmergencyRequest(reason=reason, for_s=for_s))
        return await self._ask("POST", "/radio/emergency", RadioStatus, data=body)

    async def end_emergency(self) -> RadioStatus:
        """It is over."""
        return await self._ask("DELETE", "/radio/emergency", RadioStatus)

    async def price(self, target: str) -> AirtimePrice:
        """What getting a content by radio would cost."""
        body = msgspec.json.encode(PriceRequest(target=target))
        return await self._ask("POST", "/radio/price", AirtimePrice, data=body)

    async def describe(self, tag: str) -> RadioStatus:
        """Ask on the air what a content is that a station tells of."""
        body = msgspec.json.encode(DescribeRequest(tag=tag))
        return await self._ask("POST", "/radio/describe", RadioStatus, data=body)

    async def heard(self) -> AsyncGenerator[HeardFrame]:
        """Every frame on the air from now on, until the caller stops.

        Raises:
            LinkClosed: the station stopped, or this reader fell behind.
        """
        async with self._listen("/radio/heard", _KINDS) as events:
            async for data in events:
                yield _decoder.decode(data)


_KINDS = frozenset({b"heard"})
_decoder = msgspec.json.Decoder(HeardFrame)
