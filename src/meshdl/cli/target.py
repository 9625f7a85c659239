"""What people type for a content: its hash, a link, or the first digits of the hash."""

import re
from collections.abc import Iterable

from meshdl.content.link import ContentLink
from meshdl.control.client import ControlClient
from meshdl.errors import ContentLinkInvalid, ContentUnknown
from meshdl.ids import ContentHash

PREFIX_DIGITS_MIN = 4
"""Fewer digits are a slip of the finger."""

_PREFIX = re.compile(r"[0-9a-fA-F]{4,63}")


async def held_content(station: ControlClient, text: str) -> ContentHash:
    """The content of this station that ``text`` means.

    Raises:
        ContentUnknown: no content here begins so, or several do.
        ContentLinkInvalid: neither a hash nor a link.
    """
    if not _PREFIX.fullmatch(text):
        return ContentLink.parse(text).content_hash
    hashes = [content.content_hash for content in await station.contents()]
    return ContentHash(bytes.fromhex(_the_one(text, hashes, "see: meshdl ls")))


async def wanted_content(station: ControlClient, text: str) -> str:
    """``text`` itself, or the link of the network's content whose hash begins so.

    Raises:
        ContentUnknown: no content that is announced or here begins so, or several do.
    """
    if not _PREFIX.fullmatch(text):
        return text
    links = {content.content_hash: content.link for content in await station.network()}
    links |= {content.content_hash: content.link for content in await station.contents()}
    return links[_the_one(text, links, "see: meshdl ls --network")]


def _the_one(prefix: str, hashes: Iterable[str], hint: str) -> str:
    if len(prefix) < PREFIX_DIGITS_MIN:
        raise ContentLinkInvalid(f"{prefix!r}: give at least {PREFIX_DIGITS_MIN} digits")
    found = [text for text in hashes if text.startswith(prefix.lower())]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ContentUnknown(f"no content whose hash begins with {prefix}; {hint}")
    raise ContentUnknown(f"{len(found)} contents begin with {prefix}; give more digits; {hint}")
