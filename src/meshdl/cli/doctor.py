"""``meshdl doctor``: one verdict a line."""

import asyncio

import click

from meshdl.cli.console import printable
from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.station.doctor import examine
from meshdl.station.finding import Finding, Verdict
from meshdl.station.home import Home

_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@click.command()
@home_option
@json_option
@pass_home
@click.pass_context
def doctor(ctx: click.Context, home: Home, *, as_json: bool) -> None:
    """Check everything a station needs: one verdict a line, and what to do.

    Exit code 0 unless a line says FAIL. With --json: an object a line.
    """
    if asyncio.run(_doctor(home, as_json=as_json)) is Verdict.FAIL:
        ctx.exit(1)


async def _doctor(home: Home, *, as_json: bool) -> Verdict:
    worst = Verdict.OK
    order = list(Verdict)
    async for finding in examine(home):
        worst = max(worst, finding.verdict, key=order.index)
        if as_json:
            emit(finding)
        else:
            click.echo(_line(finding))
    return worst


def _line(finding: Finding) -> str:
    verdict = click.style(f"{finding.verdict.value:<5}", fg=_COLOURS[finding.verdict])
    return f"{verdict} {finding.subject:<8} {printable(finding.text)}"
