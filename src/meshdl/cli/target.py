"""What people type for a content: its hash, a link, the first digits of the hash, a title."""

import re
from collections.abc import Iterable

from meshdl.cli.present import HASH_DIGITS
from meshdl.content.link import ContentLink
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentStatus, NetworkContent
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
    """``text`` itself, or the link of the network's content whose hash begins so or is called so.

    Raises:
        ContentUnknown: no content that is announced or here is meant, or several are.
        ContentLinkInvalid: it is no link either.
    """
    digits = _PREFIX.fullmatch(text) is not None
    invalid = None if digits else _why_no_link(text)
    if not digits and invalid is None:
        return text
    known: dict[str, ContentStatus | NetworkContent] = {}
    known |= {content.content_hash: content for content in await station.network()}
    known |= {content.content_hash: content for content in await station.contents()}
    called = [one for one in known if known[one].title == text]
    if digits and (not called or any(one.startswith(text.lower()) for one in known)):
        return known[_the_one(text, known, "see: meshdl ls --network")].link
    if not called and invalid is not None:
        raise ContentLinkInvalid(f"{invalid}, or a title of: meshdl ls --network") from invalid
    return known[_the_only(text, called)].link


def _why_no_link(text: str) -> ContentLinkInvalid | None:
    try:
        ContentLink.parse(text)
    except ContentLinkInvalid as error:
        return error
    return None


def _the_only(title: str, called: list[str]) -> str:
    if len(called) > 1:
        hashes = ", ".join(one[:HASH_DIGITS] for one in sorted(called))
        raise ContentUnknown(
            f"{len(called)} contents have the title {title!r}: {hashes}; "
            "see who announces them: meshdl ls --network; and give the digits"
        )
    return called[0]


def _the_one(prefix: str, hashes: Iterable[str], hint: str) -> str:
    if len(prefix) < PREFIX_DIGITS_MIN:
        raise ContentLinkInvalid(f"{prefix!r}: give at least {PREFIX_DIGITS_MIN} digits")
    found = [text for text in hashes if text.startswith(prefix.lower())]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ContentUnknown(f"no content whose hash begins with {prefix}; {hint}")
    raise ContentUnknown(f"{len(found)} contents begin with {prefix}; give more digits; {hint}")
