"""Bodies and queries of the control API that are not a station's own values.

Requests refuse fields they do not know: a misspelt option must not be ignored.
Answers may grow fields, and readers ignore those they do not know.
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from meshdl.control.content_status import (
    ContentStatus,
    PrecedenceName,
    ShareProgress,
    ShareSkipped,
    Via,
)

API = "/api/v1"

SHARE_PATHS_MAX = 1_000
"""More is a folder's business."""

TAGS_MAX = 64
"""What fits a record is decided there; this only keeps nonsense out."""

LOCAL_PATH = Annotated[str, Meta(min_length=1, max_length=32_768)]
"""A path on this machine; 32,768 is the longest that Windows knows."""

TITLE = Annotated[str, Meta(max_length=1_024)]

JSON_BODY_MAX_OCTETS = 1 << 20
"""The largest sensible request is a list of paths."""

TORRENT_BODY_MAX_OCTETS = 48 << 20
"""8 MiB of info dictionary and 32 octets for each of 2**20 chunks, and some."""


class ShareRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /shares``; see :meth:`StationView.share`."""

    paths: Annotated[tuple[LOCAL_PATH, ...], Meta(min_length=1, max_length=SHARE_PATHS_MAX)]
    title: TITLE | None = None
    precedence: PrecedenceName = "routine"
    tags: Annotated[tuple[TITLE, ...], Meta(max_length=TAGS_MAX)] = ()


class DownloadOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``POST /torrents``; see :meth:`StationView.download`."""

    directory: LOCAL_PATH | None = None
    precedence: PrecedenceName | None = None
    via: Via = "auto"


class DownloadRequest(DownloadOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /downloads``: a hash or a link, and options."""

    target: Annotated[str, Meta(min_length=1, max_length=8_192)]


class RemoveOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``DELETE /contents/{content_hash}``."""

    delete_files: bool = False


class TrustRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /trust``; see :meth:`StationView.trust`."""

    callsign: Annotated[str, Meta(max_length=16)]
    station_id: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class ErrorFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as JSON.

    Attributes:
        kind: name of the class in :mod:`meshdl.errors`.
        message: what happened, to what, and what to do next.
        setting: of a ``ConfigError``, the key in ``config.toml``.
    """

    kind: str
    message: str
    setting: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """Body of every answer with status 400 and above."""

    error: ErrorFacts


class Hashing(msgspec.Struct, frozen=True, tag_field="type", tag="progress"):
    """Line of ``POST /shares``: hashing goes on."""

    progress: ShareProgress


class Shared(msgspec.Struct, frozen=True, tag_field="type", tag="content"):
    """Line of ``POST /shares``: one path is shared."""

    content: ContentStatus


class Skipped(msgspec.Struct, frozen=True, tag_field="type", tag="skipped"):
    """Line of ``POST /shares``: something below a path is not shared with it."""

    skipped: ShareSkipped


class Failed(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """Last line of a stream that ended with an error; its status was sent before."""

    error: ErrorFacts


ShareLine: TypeAlias = Hashing | Skipped | Shared | Failed
