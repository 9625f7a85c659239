"""``meshdl log``: who, what, when, how much, over which path."""

import asyncio
import csv
import sys
from datetime import UTC, datetime
from typing import Literal

import click
import msgspec

from meshdl.cli.options import emit, home_option, pass_home
from meshdl.cli.present import HASH_DIGITS, instant, size
from meshdl.control.client import ControlClient
from meshdl.control.view import LogEntry, LogKind, LogQuery
from meshdl.station.home import Home

Form = Literal["text", "json", "csv"]

_MOMENT = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"))


@click.command()
@click.option("--kind", type=click.Choice(("transfer", "identification", "event")))
@click.option("--since", type=_MOMENT, help="At or after, UTC: 2026-11-23 or 2026-11-23T16:00.")
@click.option("--until", type=_MOMENT, help="Before, UTC.")
@click.option("--callsign", help="Of the other station.")
@click.option("--content", "content_hash", help="Content hash.")
@click.option("--limit", type=click.IntRange(min=1), help="The newest so many.")
@click.option("--json", "form", flag_value="json", help="A JSON object a line.")
@click.option("--csv", "form", flag_value="csv", help="CSV with a heading.")
@home_option
@pass_home
def log(
    home: Home,
    *,
    kind: LogKind | None,
    since: datetime | None,
    until: datetime | None,
    callsign: str | None,
    content_hash: str | None,
    limit: int | None,
    form: Form | None,
) -> None:
    """Print the station log, the oldest entry first."""
    query = LogQuery(
        kind=kind,
        since=_unix(since),
        until=_unix(until),
        callsign=callsign.upper() if callsign else None,
        content_hash=content_hash.lower() if content_hash else None,
        limit=limit,
    )
    asyncio.run(_log(home, query, form or "text"))


async def _log(home: Home, query: LogQuery, form: Form) -> None:
    writer = csv.writer(sys.stdout)
    if form == "csv":
        writer.writerow(LogEntry.__struct_fields__)
    async with ControlClient(home.directory) as station:
        async for entry in station.log(query):
            match form:
                case "json":
                    emit(entry)
                case "csv":
                    writer.writerow(msgspec.to_builtins(entry).values())
                case "text":
                    click.echo(_line(entry))


def _line(entry: LogEntry) -> str:
    facts = [instant(entry.at), entry.kind]
    if entry.direction is not None:
        facts.append(entry.direction)
    facts += [fact for fact in (entry.callsign, entry.path and entry.path.value) if fact]
    if entry.octets is not None:
        facts.append(size(entry.octets))
    if entry.content_hash is not None:
        facts.append(entry.content_hash[:HASH_DIGITS])
    return "  ".join([*facts, entry.text]).rstrip()


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()
