"""What changes at a station, as the stream of events tells it."""

from typing import TypeAlias

import msgspec

from meshdl.control.content_status import ContentStatus
from meshdl.control.station_status import PeerStatus, StationStatus
from meshdl.ids import StationId


class StationChanged(msgspec.Struct, frozen=True, tag_field="type", tag="station"):
    """The station's own status is now this; at most once a second."""

    station: StationStatus


class ContentChanged(msgspec.Struct, frozen=True, tag_field="type", tag="content"):
    """A content is new or changed; while its state stays, at most four times a second."""

    content: ContentStatus


class ContentRemoved(msgspec.Struct, frozen=True, tag_field="type", tag="content-removed"):
    """A content is no longer at this station."""

    content_hash: str


class PeerChanged(msgspec.Struct, frozen=True, tag_field="type", tag="peer"):
    """A peer is new or changed."""

    peer: PeerStatus


class PeerRemoved(msgspec.Struct, frozen=True, tag_field="type", tag="peer-removed"):
    """A peer is no longer known."""

    station_id: StationId


Event: TypeAlias = StationChanged | ContentChanged | ContentRemoved | PeerChanged | PeerRemoved
"""One message of ``/api/v1/events``. Readers ignore types they do not know."""
