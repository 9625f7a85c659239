"""Links to content: what people paste, print and say over the air.

``meshdl:?xt=urn:btmh:1220<64 hex digits>&dn=Map&from=KA1ABC`` is a magnet link under a
scheme of our own, so that a desktop opens it with this program, with one more
parameter: who made the content. The plain magnet form and the bare hash name the same
content. Of all parameters only ``xt`` decides anything; the others are for people.

Source:
    BEP 9 and BEP 52 ("magnet links"): ``btmh`` is a tagged multihash, and ``12 20``
    tags SHA-256 of 32 octets. RFC 3986 for the encoding.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote_plus

from meshdl.errors import ContentLinkInvalid
from meshdl.ids import HASH_OCTETS, Callsign, ContentHash, callsign

SCHEME = "meshdl"

MAX_LINK_OCTETS = 8192
"""Magnet links with many trackers are long; a longer text is no link."""

MAX_TITLE_CHARACTERS = 255
"""Longer than any title in a record; the rest of a stranger's title is cut off."""

_BARE_HASH = re.compile(r"[0-9a-fA-F]{64}")
_LINK = re.compile(r"(?:magnet|meshdl):(?://)?/?\?(.*)", re.IGNORECASE | re.DOTALL)
_BTMH = re.compile(r"urn:btmh:1220([0-9a-f]{64})", re.IGNORECASE)
_BTIH = re.compile(r"urn:btih:", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_EXPECTED = (
    "expected a 64-digit content hash, or a link like meshdl:?xt=urn:btmh:1220... or "
    "magnet:?xt=urn:btmh:1220..."
)


@dataclass(frozen=True, slots=True)
class ContentLink:
    """What a link says. Only the hash can be trusted.

    Attributes:
        content_hash: names the content.
        title: for people to read, ``None`` when the link has none.
        originator: who is said to have made the content, ``None`` when not said.
    """

    content_hash: ContentHash
    title: str | None = None
    originator: Callsign | None = None

    def __post_init__(self) -> None:
        if len(self.content_hash) != HASH_OCTETS:
            raise ContentLinkInvalid(
                f"a content hash has {HASH_OCTETS} octets, not {len(self.content_hash)}; "
                f"{_EXPECTED}"
            )
        if self.title is not None and self.title != _presentable(self.title):
            raise ContentLinkInvalid(
                f"the title {self.title[:40]!r} cannot stand in a link: it is empty, longer than "
                f"{MAX_TITLE_CHARACTERS} characters, or has control characters or spaces at an "
                "end; choose another title"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a link or a bare hash, as somebody pasted it.

        Parameters that are not known are ignored, and so is what cannot be shown of a
        title; a callsign that is none counts as not given.

        Raises:
            ContentLinkInvalid: there is no BitTorrent v2 hash in it. The message says
                what was expected.
        """
        stripped = text.strip()
        if _BARE_HASH.fullmatch(stripped):
            return cls(ContentHash(bytes.fromhex(stripped)))
        link = _LINK.fullmatch(stripped)
        if link is None or len(stripped) > MAX_LINK_OCTETS:
            raise ContentLinkInvalid(f"{text[:80]!r} is no link to content: {_EXPECTED}")
        parameters = _parameters(link.group(1))
        return cls(
            _hash_of([value for key, value in parameters if _is_topic(key)], text),
            title=next((_presentable(value) for key, value in parameters if key == "dn"), None),
            originator=next((_callsign(value) for key, value in parameters if key == "from"), None),
        )

    def to_text(self) -> str:
        """The ``meshdl:`` form, with everything this link says."""
        origin = f"&from={quote(self.originator, safe='')}" if self.originator else ""
        return f"{SCHEME}:?{self._query()}{origin}"

    def to_magnet(self) -> str:
        """The form that any BitTorrent v2 program takes; it has no originator."""
        return f"magnet:?{self._query()}"

    def _query(self) -> str:
        title = f"&dn={quote(self.title, safe='')}" if self.title else ""
        return f"xt=urn:btmh:1220{self.content_hash.hex()}{title}"


def _parameters(query: str) -> list[tuple[str, str]]:
    pairs = (parameter.partition("=") for parameter in query.split("&"))
    return [(key.lower(), unquote_plus(value)) for key, _, value in pairs]


def _is_topic(key: str) -> bool:
    # xt.1, xt.2: several topics in one link, as some programs write hybrids.
    return key == "xt" or key.startswith("xt.")


def _hash_of(topics: list[str], text: str) -> ContentHash:
    matches = [match for match in map(_BTMH.fullmatch, topics) if match]
    if matches:
        return ContentHash(bytes.fromhex(matches[0].group(1)))
    if any(map(_BTIH.match, topics)):
        raise ContentLinkInvalid(
            f"{text[:80]!r} names BitTorrent v1 content (urn:btih), which is not supported: its "
            "SHA-1 hashes prove no part of a chunk; ask for a v2 or hybrid link (urn:btmh)"
        )
    raise ContentLinkInvalid(f"{text[:80]!r} has no content hash: {_EXPECTED}")


def _presentable(title: str) -> str | None:
    """What can be shown of a title that a stranger wrote, ``None`` when nothing can."""
    return _CONTROL.sub("", title).strip()[:MAX_TITLE_CHARACTERS].strip() or None


def _callsign(text: str) -> Callsign | None:
    try:
        return callsign(text)
    except ValueError:
        return None
