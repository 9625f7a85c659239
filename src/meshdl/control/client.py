"""The other end of the control API: a station's view, from another process.

    async with ControlClient(home) as station:
        content = await station.download(link)

The methods are those of :class:`meshdl.control.view.StationView`, raise the same
errors, and :exc:`~meshdl.errors.StationNotRunning` when nobody answers.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
import msgspec

from meshdl.control import address as control_address
from meshdl.control.changes import Event
from meshdl.control.content_status import (
    ChunkMap,
    ContentStatus,
    NetworkContent,
    PrecedenceName,
    ShareStep,
    Via,
)
from meshdl.control.faults import error_from
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.messages import (
    API,
    DownloadRequest,
    ErrorBody,
    Failed,
    Hashing,
    Shared,
    ShareLine,
    ShareRequest,
    Skipped,
    TrustRequest,
)
from meshdl.control.radio_client import RadioClient
from meshdl.control.station_status import PeerStatus, StationStatus
from meshdl.errors import LinkClosed, RemoteProtocolError
from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.wire.signalling import IceServer

ANSWER_TIMEOUT_S = 60.0
"""A pause makes everything durable first; a slow SD card may take a while."""

SILENCE_TIMEOUT_S = 45.0
"""Three keep-alives of an event stream."""

LINE_MAX_OCTETS = 1 << 20
"""A content with the most sources has about 10,000."""

ValueT = TypeVar("ValueT")

_Answer = aiohttp.ClientResponse

_event_decoder = msgspec.json.Decoder(Event)
_EVENT_KINDS = frozenset(str(kind.__struct_config__.tag).encode("ascii") for kind in Event.__args__)


class ControlClient:
    """Commands the station that runs on a home directory.

    Attributes:
        radio: commands its radio.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._session: aiohttp.ClientSession | None = None
        self.radio = RadioClient(self._ask, self._listen)

    async def __aenter__(self) -> Self:
        """Find the station.

        Raises:
            StationNotRunning: there is no ``control.json``. A stale one is noticed
                by the first request.
        """
        address = control_address.find(self._home)
        self._session = aiohttp.ClientSession(
            address.url,
            headers={"Authorization": f"Bearer {address.token}"},
            read_bufsize=LINE_MAX_OCTETS,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def status(self) -> StationStatus:
        """The station at a glance."""
        return await self._ask("GET", "/status", StationStatus)

    async def contents(self) -> Sequence[ContentStatus]:
        """Every content of the station."""
        return await self._ask("GET", "/contents", list[ContentStatus])

    async def content(self, content_hash: ContentHash) -> ContentStatus:
        """One content."""
        return await self._ask("GET", _one(content_hash), ContentStatus)

    async def chunks(self, content_hash: ContentHash) -> ChunkMap:
        """Which chunks of a content are verified at the station."""
        return await self._ask("GET", f"{_one(content_hash)}/chunks", ChunkMap)

    async def network(self) -> Sequence[NetworkContent]:
        """Every content that stations of the network announce."""
        return await self._ask("GET", "/network", list[NetworkContent])

    async def peers(self) -> Sequence[PeerStatus]:
        """Every station with a link, being dialled, or heard of."""
        return await self._ask("GET", "/peers", list[PeerStatus])

    async def ice_servers(self) -> Sequence[IceServer]:
        """STUN and TURN servers that the station knows, with their credentials."""
        return await self._ask("GET", "/ice-servers", list[IceServer])

    async def share(
        self,
        paths: Sequence[str],
        *,
        title: str | None = None,
        precedence: PrecedenceName = "routine",
        tags: Sequence[str] = (),
    ) -> AsyncGenerator[ShareStep]:
        """Hash and share each of ``paths``; closing the iterator stops it."""
        request = ShareRequest(
            paths=tuple(paths), title=title, precedence=precedence, tags=tuple(tags)
        )
        body = msgspec.json.encode(request)
        async with self._request("POST", "/shares", data=body, endless=True) as answer:
            async for line in _lines(answer):
                match _decode(line, ShareLine):
                    case Hashing(progress):
                        yield progress
                    case Skipped(skipped):
                        yield skipped
                    case Shared(content):
                        yield content
                    case Failed(facts):
                        raise error_from(facts)

    async def download(
        self,
        target: str | bytes,
        *,
        directory: str | None = None,
        precedence: PrecedenceName | None = None,
        via: Via = "auto",
    ) -> ContentStatus:
        """Begin or resume a download by hash, link, or octets of a BitTorrent v2 file."""
        if isinstance(target, str):
            request = DownloadRequest(
                target=target, directory=directory, precedence=precedence, via=via
            )
            body = msgspec.json.encode(request)
            return await self._ask("POST", "/downloads", ContentStatus, data=body)
        query = _query(directory=directory, precedence=precedence, via=via)
        return await self._ask(
            "POST", "/torrents", ContentStatus, data=BytesIO(target), params=query
        )

    async def pause(self, content_hash: ContentHash) -> ContentStatus:
        """Stop asking for more."""
        return await self._ask("POST", f"{_one(content_hash)}/pause", ContentStatus)

    async def resume(self, content_hash: ContentHash) -> ContentStatus:
        """Go on."""
        return await self._ask("POST", f"{_one(content_hash)}/resume", ContentStatus)

    async def remove(self, content_hash: ContentHash, *, delete_files: bool) -> None:
        """Forget a content."""
        query = _query(delete_files="true" if delete_files else "false")
        async with self._request("DELETE", _one(content_hash), params=query):
            pass

    async def torrent(self, content_hash: ContentHash) -> bytes:
        """The content's metainfo as a BitTorrent v2 file."""
        async with self._request("GET", f"{_one(content_hash)}/torrent") as answer:
            return await answer.read()

    async def log(self, query: LogQuery) -> AsyncGenerator[LogEntry]:
        """Entries of the station log, the oldest first."""
        chosen = _query(**msgspec.structs.asdict(query))
        async with self._request("GET", "/log", params=chosen, endless=True) as answer:
            async for line in _lines(answer):
                yield _decode(line, LogEntry)

    async def trust(self, callsign: Callsign, station_id: StationId) -> None:
        """Pin a callsign to the key of a station from now on."""
        body = msgspec.json.encode(TrustRequest(callsign=callsign, station_id=station_id))
        async with self._request("POST", "/trust", data=body):
            pass

    async def events(self) -> AsyncGenerator[Event]:
        """The whole state, then every change, until the caller stops.

        Raises:
            LinkClosed: the station stopped, or this reader fell behind.
        """
        async with self._listen("/events", _EVENT_KINDS) as events:
            async for data in events:
                yield _event_decoder.decode(data)

    @asynccontextmanager
    async def _listen(
        self, path: str, kinds: frozenset[bytes]
    ) -> AsyncIterator[AsyncGenerator[bytes]]:
        """Open an event stream; the data of each event of these kinds."""
        async with self._request("GET", path, endless=True) as answer:
            yield _data_of(answer, kinds)

    async def _ask(self, method: str, path: str, kind: type[ValueT], **request: Any) -> ValueT:
        async with self._request(method, path, **request) as answer:
            value: ValueT = _decode(await answer.read(), kind)
            return value

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, *, endless: bool = False, **request: Any
    ) -> AsyncIterator[_Answer]:
        """Send one request; its answer is a success. Foreign errors are mapped here."""
        if self._session is None:
            raise control_address.not_running(self._home)
        timeout = aiohttp.ClientTimeout(
            total=None if endless else ANSWER_TIMEOUT_S,
            sock_connect=5.0,
            sock_read=SILENCE_TIMEOUT_S if endless else None,
        )
        try:
            async with self._session.request(
                method, API + path, timeout=timeout, allow_redirects=False, **request
            ) as answer:
                await self._check(answer)
                yield answer
        except aiohttp.ClientConnectorError as error:
            raise control_address.not_running(self._home) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise LinkClosed(f"the station went away during {method} {path}: {error}") from error
        except TimeoutError as error:
            raise LinkClosed(
                f"the station does not answer {method} {path}; look at its log, or restart it"
            ) from error

    async def _check(self, answer: _Answer) -> None:
        if answer.status < 300:
            return
        if answer.status == 401:
            # Another program has the port of a station that is gone.
            raise control_address.not_running(self._home)
        octets = await answer.read()
        try:
            facts = msgspec.json.decode(octets, type=ErrorBody).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RemoteProtocolError(
                f"the station answered {answer.status} {answer.reason}; look at its log"
            ) from None
        raise error_from(facts)


def _one(content_hash: ContentHash) -> str:
    return f"/contents/{content_hash.hex()}"


def _query(**fields: object) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value is not None}


async def _data_of(answer: _Answer, kinds: frozenset[bytes]) -> AsyncGenerator[bytes]:
    known = True
    async for line in _lines(answer):
        field, _, value = line.partition(b": ")
        if field == b"event":
            known = value in kinds
        elif field == b"data" and known:
            yield value
    raise LinkClosed("the station stopped; start it again with: meshdl up")


async def _lines(answer: _Answer) -> AsyncIterator[bytes]:
    async for line in answer.content:
        if text := line.rstrip(b"\r\n"):
            yield text


def _decode(octets: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(octets, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(
            f"the station's answer is not understood ({error}); is it of another version?"
        ) from error
