"""One content as the catalogue knows it: what is to be done with it, and where it lies."""

import enum
from dataclasses import dataclass
from pathlib import Path

from meshdl.content.precedence import Precedence
from meshdl.control.content_status import Via
from meshdl.ids import ContentHash


class StoredState(enum.StrEnum):
    """What the station means to do with a content.

    What it happens to be doing (waiting, verifying) is not stored: it is seen anew after
    a restart. See :class:`meshdl.control.content_status.ContentState`.
    """

    SHARING = "sharing"
    """The user's own files, served in place."""
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    COMPLETE = "complete"
    """Downloaded, and served to others."""
    BROKEN = "broken"
    """Something needs the operator; the error says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One content of this station.

    Attributes:
        content_hash: names it.
        state: what is to be done with it.
        path: where the complete file or folder is or will be; of a download whose
            metainfo has not come yet, the directory that it will be in.
        title: for people.
        octets: its size, ``None`` while the metainfo has not come.
        precedence: in which order it is served and fetched.
        added_at: when the operator shared it or asked for it.
        error: what is wrong and what to do; empty when nothing is.
        via: over which paths it is fetched.
        overheard: nobody here asked for it; it came by radio and is kept by quota.
        in_place: its files are the operator's, whatever its state: only read, never deleted.
    """

    content_hash: ContentHash
    state: StoredState
    path: Path
    title: str
    octets: int | None
    precedence: Precedence
    added_at: float
    error: str = ""
    via: Via = "auto"
    overheard: bool = False
    in_place: bool = False
