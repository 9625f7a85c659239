"""The control API as a table: every route, what it takes and what it answers.

The server mounts this table and ``openapi.json`` is written from it, so neither can
know a route that the other does not.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

from meshdl.control import endpoints, radio_endpoints
from meshdl.control.changes import Event
from meshdl.control.content_status import ChunkMap, ContentStatus, NetworkContent
from meshdl.control.endpoints import JSON, TORRENT
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.messages import (
    API,
    DownloadOptions,
    DownloadRequest,
    RemoveOptions,
    ShareLine,
    ShareRequest,
    TrustRequest,
)
from meshdl.control.radio_messages import (
    DescribeRequest,
    EmergencyRequest,
    PriceRequest,
    SwitchOffRequest,
)
from meshdl.control.radio_view import AirtimePrice, HeardFrame, RadioReload, RadioStatus
from meshdl.control.station_status import PeerStatus, StationStatus
from meshdl.control.streams import EVENT_STREAM, JSON_LINES
from meshdl.control.view import StationView
from meshdl.wire.signalling import IceServer

Serve: TypeAlias = Callable[[StationView, web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One line of the table.

    Attributes:
        path: behind ``/api/v1``; ``{content_hash}`` is the only variable.
        name: of the operation.
        serve: answers a request that the guard let pass.
        answer: type of the answer's body, or of each of its lines or events.
        answer_media: its media type.
        body: type of the request's body.
        body_media: its media type.
        query: the fields of this type are the query parameters.
    """

    method: str
    path: str
    name: str
    summary: str
    serve: Serve
    answer: Any = None
    answer_media: str = JSON
    body: Any = None
    body_media: str = JSON
    query: type[msgspec.Struct] | None = None

    @property
    def url_path(self) -> str:
        """The whole path."""
        return API + self.path


_ONE = "/contents/{content_hash}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/status",
        name="status",
        summary="The station at a glance.",
        serve=endpoints.status,
        answer=StationStatus,
    ),
    Route(
        method="GET",
        path="/contents",
        name="contents",
        summary="Every content of this station.",
        serve=endpoints.contents,
        answer=list[ContentStatus],
    ),
    Route(
        method="GET",
        path=_ONE,
        name="content",
        summary="One content.",
        serve=endpoints.content,
        answer=ContentStatus,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/chunks",
        name="chunks",
        summary="Which chunks of a content are verified here; octets are base64.",
        serve=endpoints.chunks,
        answer=ChunkMap,
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="remove",
        summary="Forget a content; shared files are never deleted, downloaded ones if asked.",
        serve=endpoints.remove,
        query=RemoveOptions,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/pause",
        name="pause",
        summary="Stop asking for more; answers when everything verified is durable.",
        serve=endpoints.pause,
        answer=ContentStatus,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resume",
        name="resume",
        summary="Go on with a paused download, or look again at a broken content.",
        serve=endpoints.resume,
        answer=ContentStatus,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/torrent",
        name="torrent",
        summary="The content's metainfo as a BitTorrent v2 file.",
        serve=endpoints.torrent,
        answer=bytes,
        answer_media=TORRENT,
    ),
    Route(
        method="POST",
        path="/shares",
        name="share",
        summary="Hash and share files or folders; progress and results, a line each.",
        serve=endpoints.share,
        body=ShareRequest,
        answer=ShareLine,
        answer_media=JSON_LINES,
    ),
    Route(
        method="POST",
        path="/downloads",
        name="download",
        summary="Begin or resume a download by hash or link.",
        serve=endpoints.download,
        body=DownloadRequest,
        answer=ContentStatus,
    ),
    Route(
        method="POST",
        path="/torrents",
        name="downloadTorrent",
        summary="Begin or resume a download by BitTorrent v2 file.",
        serve=endpoints.download_torrent,
        body=bytes,
        body_media=TORRENT,
        query=DownloadOptions,
        answer=ContentStatus,
    ),
    Route(
        method="GET",
        path="/network",
        name="network",
        summary="Every content that stations of the network announce.",
        serve=endpoints.network,
        answer=list[NetworkContent],
    ),
    Route(
        method="GET",
        path="/peers",
        name="peers",
        summary="Every station with a link, being dialled, or heard of.",
        serve=endpoints.peers,
        answer=list[PeerStatus],
    ),
    Route(
        method="GET",
        path="/ice-servers",
        name="iceServers",
        summary="STUN and TURN servers, with credentials that hold for some hours.",
        serve=endpoints.ice_servers,
        answer=list[IceServer],
    ),
    Route(
        method="POST",
        path="/trust",
        name="trust",
        summary="Pin a callsign to the key of a station from now on.",
        serve=endpoints.trust,
        body=TrustRequest,
    ),
    Route(
        method="GET",
        path="/log",
        name="log",
        summary="The station log, the oldest entry first, a line each.",
        serve=endpoints.log,
        query=LogQuery,
        answer=LogEntry,
        answer_media=JSON_LINES,
    ),
    Route(
        method="GET",
        path="/events",
        name="events",
        summary="The whole state, then every change, as server-sent events.",
        serve=endpoints.events,
        answer=Event,
        answer_media=EVENT_STREAM,
    ),
    Route(
        method="GET",
        path="/radio",
        name="radio",
        summary="The radio at a glance.",
        serve=radio_endpoints.status,
        answer=RadioStatus,
    ),
    Route(
        method="POST",
        path="/radio/reload",
        name="radioReload",
        summary="Take up the radio's settings as they stand in config.toml now.",
        serve=radio_endpoints.reload,
        answer=RadioReload,
    ),
    Route(
        method="POST",
        path="/radio/off",
        name="radioOff",
        summary="Silence now, and until it is switched on.",
        serve=radio_endpoints.switch_off,
        body=SwitchOffRequest,
        answer=RadioStatus,
    ),
    Route(
        method="POST",
        path="/radio/on",
        name="radioOn",
        summary="Allow transmissions again.",
        serve=radio_endpoints.switch_on,
        answer=RadioStatus,
    ),
    Route(
        method="POST",
        path="/radio/emergency",
        name="declareEmergency",
        summary="Declare that life or property is in danger.",
        serve=radio_endpoints.declare_emergency,
        body=EmergencyRequest,
        answer=RadioStatus,
    ),
    Route(
        method="DELETE",
        path="/radio/emergency",
        name="endEmergency",
        summary="The emergency is over.",
        serve=radio_endpoints.end_emergency,
        answer=RadioStatus,
    ),
    Route(
        method="POST",
        path="/radio/price",
        name="airtimePrice",
        summary="What getting a content by radio would cost.",
        serve=radio_endpoints.price,
        body=PriceRequest,
        answer=AirtimePrice,
    ),
    Route(
        method="POST",
        path="/radio/describe",
        name="describeOnAir",
        summary="Ask on the air what a content is that a station tells of.",
        serve=radio_endpoints.describe,
        body=DescribeRequest,
        answer=RadioStatus,
    ),
    Route(
        method="GET",
        path="/radio/heard",
        name="heard",
        summary="Every frame on the air, as server-sent events.",
        serve=radio_endpoints.heard,
        answer=HeardFrame,
        answer_media=EVENT_STREAM,
    ),
)
