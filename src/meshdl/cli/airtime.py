"""The price of a download in airtime, told and agreed to before anything is keyed."""

import asyncio
import signal
import sys
import threading
from contextlib import aclosing
from datetime import UTC, datetime

import click

from meshdl.cli.console import printable
from meshdl.cli.exits import NotAllowed
from meshdl.cli.present import size
from meshdl.content.metainfo import decode_torrent
from meshdl.control.changes import ContentChanged
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentStatus
from meshdl.control.radio_view import AirtimePrice
from meshdl.errors import ContentUnknown, LinkClosed, SourceNotFound

MINUTE_S = 60
TAG_DIGITS = 8
"""Of a hash, that a station tells on the air."""


def price_line(price: AirtimePrice) -> str:
    """``3 min 10 s of air, 2 identifications, done 14:20Z``, and what that rests on."""
    done = datetime.fromtimestamp(price.done_at, UTC)
    line = (
        f"{_spoken(price.airtime_s)} of air, {price.identifications} identifications, "
        f"done {done:%H:%MZ}"
    )
    if price.held_back_s:
        line += (
            f", of which a sender may have to wait {_spoken(price.held_back_s)} (airtime limits)"
        )
    match price.basis:
        case "metainfo":
            return f"{line} ({size(price.octets or 0)} by {price.modem})"
        case "call":
            return f"{line} (at most {size(price.octets or 0)} by {price.modem}, as a station says)"
        case "info":
            return (
                f"{line} (by {price.modem}; for its description alone, you are asked again for "
                "the rest)"
            )


async def agree(
    station: ControlClient, target: str | bytes, *, yes: bool, as_json: bool
) -> AirtimePrice:
    """Tell the price; returns when the operator agrees.

    Raises:
        NotAllowed: he does not, or nobody can be asked.
    """
    text = decode_torrent(target)[0].content_hash.hex() if isinstance(target, bytes) else target
    price = await station.radio.price(text)
    click.echo(price_line(price), err=True)
    if price.silent_because:
        click.echo(
            f"Nothing is asked for as long as it is so: {price.silent_because}. What others send "
            "is collected.",
            err=True,
        )
    if yes or price.airtime_s == 0:
        return price
    if as_json or not _somebody_there():
        raise NotAllowed(
            "this spends airtime, and nobody is there to be asked; to agree beforehand, add --yes"
        )
    if not _confirmed():
        raise NotAllowed("nothing is asked for by radio")
    return price


async def described(
    station: ControlClient, digits: str, *, yes: bool, as_json: bool, timeout_s: float | None
) -> str:
    """The hash of a content of which only a station on the air tells, by its first digits.

    Raises:
        ContentUnknown: none tells of it, several contents begin so, or it is another one.
        NotAllowed: the operator does not agree to the price.
        SourceNotFound: nobody has answered for so long.
    """
    heard = (await station.radio.status()).stations
    tags = {one.tag for by in heard for one in by.contents}
    found = [tag for tag in tags if tag.startswith(digits[:TAG_DIGITS].lower())]
    if len(found) != 1:
        many = f"{len(found)} contents" if found else "no content"
        raise ContentUnknown(
            f"{many} on the air, nor any other, whose hash begins with {digits}; see: meshdl radio "
            "status"
        )
    [tag] = found
    await agree(station, tag, yes=yes, as_json=as_json)
    await station.radio.describe(tag)
    if not as_json:
        click.echo(f"Asked on the air what {tag} is; waiting for an answer ...", err=True)
    try:
        async with asyncio.timeout(timeout_s):
            content = await _overheard(station, tag)
    except TimeoutError:
        raise SourceNotFound(f"nobody has told for {timeout_s:g} s what {tag} is") from None
    if not content.content_hash.startswith(digits.lower()):
        raise ContentUnknown(f"{tag} is {content.content_hash}, and does not begin with {digits}")
    if not as_json:
        click.echo(f"{tag} is {printable(content.title)}", err=True)
    return content.content_hash


async def _overheard(station: ControlClient, tag: str) -> ContentStatus:
    # Closed before the next question: while it waits for an answer nobody reads.
    async with aclosing(station.events()) as events:
        async for event in events:
            if isinstance(event, ContentChanged) and event.content.content_hash.startswith(tag):
                return event.content
    raise LinkClosed("the station stopped; start it again with: meshdl up")


def _confirmed() -> bool:
    """Ask; the loop waits meanwhile, for in a thread of its own nobody would hear Ctrl-C.

    Raises:
        click.Abort: Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        return click.confirm("Spend it?", err=True)
    # The loop's own one would only note it, and go on waiting for an answer.
    noting = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return click.confirm("Spend it?", err=True)
    finally:
        signal.signal(signal.SIGINT, noting)


def _somebody_there() -> bool:
    return sys.stdin.isatty()


def _spoken(seconds: float) -> str:
    whole = max(1, round(seconds)) if seconds > 0 else 0
    minutes, rest = divmod(whole, MINUTE_S)
    hours, minutes = divmod(minutes, MINUTE_S)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
