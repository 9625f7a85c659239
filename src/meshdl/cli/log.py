"""``meshdl log``: who, what, when, how much, over which path; and whether it is as written."""

import asyncio
import csv
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Literal

import click
import msgspec

from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.cli.present import HASH_DIGITS, instant, size
from meshdl.control.client import ControlClient
from meshdl.control.log_entry import LogEntry, LogKind, LogQuery
from meshdl.control.radio_log import RadioFacts
from meshdl.errors import FileUnreadable, LogDamaged, StationNotRunning
from meshdl.station import config_file
from meshdl.station.home import Home
from meshdl.station.log import StationLog
from meshdl.station.radio.adif import to_adif
from meshdl.station.radio.contacts import contacts_of
from meshdl.station.radio.ics309 import to_ics309

Form = Literal["text", "json", "csv", "adif", "ics309"]

_MOMENT = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"))


@click.group(invoke_without_command=True)
@click.option("--kind", type=click.Choice(("transfer", "identification", "event", "radio")))
@click.option("--since", type=_MOMENT, help="At or after, UTC: 2026-11-23 or 2026-11-23T16:00.")
@click.option("--until", type=_MOMENT, help="Before, UTC.")
@click.option("--callsign", help="Of the other station.")
@click.option("--content", "content_hash", help="Content hash.")
@click.option("--limit", type=click.IntRange(min=1), help="The newest so many.")
@click.option("--json", "form", flag_value="json", help="A JSON object a line.")
@click.option("--csv", "form", flag_value="csv", help="CSV with a heading.")
@click.option("--adif", "form", flag_value="adif", help="Radio contacts, as an ADIF file (.adi).")
@click.option("--ics309", "form", flag_value="ics309", help="Radio traffic, as an ICS-309 form.")
@home_option
@click.pass_context
def log(
    ctx: click.Context,
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
    if ctx.invoked_subcommand is not None:
        return
    query = LogQuery(
        kind="radio" if form in {"adif", "ics309"} else kind,
        since=_unix(since),
        until=_unix(until),
        callsign=callsign.upper() if callsign else None,
        content_hash=content_hash.lower() if content_hash else None,
        limit=limit,
    )
    home = ctx.find_object(Home)
    assert home is not None  # the group above has found it
    asyncio.run(_log(home, query, form or "text"))


@log.command()
@click.option("--head", metavar="DIGEST", help="A digest that `verify` printed earlier.")
@json_option
@home_option
@pass_home
def verify(home: Home, *, head: str | None, as_json: bool) -> None:
    """See whether the log is as it was written: nothing changed, removed or reordered.

    Reads the file itself; a running station does not mind. Keep the digest that it prints
    elsewhere: with --head a later run finds that the log was cut off or made anew.
    """
    if not home.log_file.exists():
        raise FileUnreadable(f"there is no log at {home.log_file}; start the station once")
    opened = StationLog(home.log_file)
    try:
        found = opened.verify(head)
    finally:
        opened.close()
    if as_json:
        emit(found)
    elif found.wrong_at is None:
        older = f", {found.unchained} of them older than the chain" if found.unchained else ""
        click.echo(f"{found.entries} entries{older}, all as they were written")
        click.echo(f"digest {found.head}")
    if found.wrong_at is not None:
        raise LogDamaged(
            f"the log at {home.log_file} is not as it was written: {found.problem}; "
            "keep this file, and compare it with a copy"
        )


async def _log(home: Home, query: LogQuery, form: Form) -> None:
    if form in {"adif", "ics309"}:
        await _form(home, query, form)
        return
    writer = csv.writer(sys.stdout)
    if form == "csv":
        writer.writerow(LogEntry.__struct_fields__)
    async with aclosing(_entries(home, query)) as entries:
        async for entry in entries:
            match form:
                case "json":
                    emit(entry)
                case "csv":
                    writer.writerow(_cells(entry))
                case _:
                    click.echo(_line(entry))


async def _entries(home: Home, query: LogQuery) -> AsyncGenerator[LogEntry]:
    """From the station; when none runs, from its file."""
    try:
        async with ControlClient(home.directory) as station:
            async for entry in station.log(query):
                yield entry
    except StationNotRunning as nobody:
        for entry in _of_file(home, query, nobody):
            yield entry


def _of_file(home: Home, query: LogQuery, nobody: StationNotRunning) -> Iterator[LogEntry]:
    if not home.log_file.exists():
        raise nobody
    opened = StationLog(home.log_file)
    try:
        yield from opened.entries(query)
    finally:
        opened.close()


async def _form(home: Home, query: LogQuery, form: Form) -> None:
    try:
        async with ControlClient(home.directory) as station:
            entries = [entry async for entry in station.log(query)]
            call = (await station.status()).callsign
    except StationNotRunning as nobody:
        entries = list(_of_file(home, query, nobody))
        call = config_file.load(home.config_file).callsign
    if form == "adif":
        lines = to_adif(contacts_of(entries))
    else:
        lines = to_ics309(entries, station=call, prepared_at=time.time())
    for line in lines:
        click.echo(line, nl=False)


def _line(entry: LogEntry) -> str:
    facts = [instant(entry.at), entry.kind]
    if entry.direction is not None:
        facts.append(entry.direction)
    facts += [fact for fact in (entry.callsign, entry.path and entry.path.value) if fact]
    if entry.octets is not None:
        facts.append(size(entry.octets))
    if entry.content_hash is not None:
        facts.append(entry.content_hash[:HASH_DIGITS])
    if entry.radio is not None:
        facts += _air(entry.radio)
    return "  ".join([*facts, entry.text]).rstrip()


def _air(facts: RadioFacts) -> list[str]:
    words: list[str] = [facts.event]
    if facts.dial_hz is not None:
        words.append(f"{facts.dial_hz / 1e6:.4f} MHz")
    if facts.duration_s is not None:
        words.append(f"{facts.duration_s:.1f} s")
    words += [word for word in (facts.modem, facts.precedence, facts.verdict) if word]
    return [*words, f"({facts.section})"] if facts.section else words


def _cells(entry: LogEntry) -> list[object]:
    """Of a CSV row; what is only of the radio is one JSON object in the last column."""
    row = {name: _plain(value) for name, value in msgspec.to_builtins(entry).items()}
    row["at"] = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
    if entry.radio is not None:
        row["radio"] = msgspec.json.encode(entry.radio).decode()
    return list(row.values())


def _plain(value: object) -> object:
    """Nothing that a spreadsheet takes for a formula: texts come from other stations too."""
    formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@"}
    return f"'{value}" if formula else value


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()
