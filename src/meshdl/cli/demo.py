"""``meshdl demo``: three stations on this machine, and a real transfer."""

import asyncio
import signal
from contextlib import suppress

import click

from meshdl.cli.console import print_table
from meshdl.cli.endings import ending_signals
from meshdl.cli.present import size
from meshdl.demo.run import Outcome, run
from meshdl.errors import LinkError


@click.command()
@click.option(
    "--size",
    "megabytes",
    type=click.IntRange(min=1, max=100_000),
    default=300,
    show_default=True,
    metavar="MB",
    help="How much the shared folder has.",
)
def demo(*, megabytes: int) -> None:
    """Start three stations, share a folder, kill the first one midway, verify.

    Everything happens in a temporary directory that is removed at the end, and no
    station is left running.
    """
    ended: list[signal.Signals] = []
    try:
        outcome = asyncio.run(_until_ended(megabytes * 1_000_000, ended))
    except asyncio.CancelledError:
        click.get_current_context().exit(128 + ended[0])
    except TimeoutError as error:
        raise LinkError(
            "the stations did not finish in time; see what is wrong with: meshdl doctor"
        ) from error
    _print(outcome)


async def _until_ended(octets: int, ended: list[signal.Signals]) -> Outcome:
    """Run it; a signal cancels it, which stops the stations and removes the directory."""
    ours = asyncio.current_task()
    assert ours is not None

    def end(number: signal.Signals) -> None:
        if not ended:  # a second one must not disturb the end
            ended.append(number)
            ours.cancel()

    loop = asyncio.get_running_loop()
    for number in ending_signals():
        # Windows has no handlers on the loop; there Ctrl-C cancels this task.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, end, number)
    return await run(octets, click.echo)


def _print(outcome: Outcome) -> None:
    sources = sorted({call for one in outcome.received for call in one.octets_from})
    headings = ["STATION", *(f">FROM {call}" for call in sources), ">RATE", ">DUPLICATES"]
    rows = []
    for one in outcome.received:
        shares = [size(one.octets_from.get(call, 0)) for call in sources]
        rate = f"{size(int(outcome.octets / one.seconds))}/s"
        rows.append([one.callsign, *shares, rate, size(one.duplicate_octets)])
    click.echo()
    print_table(headings, rows, empty="nothing was received")
    if not outcome.killed_midway:
        click.echo("The others were complete before the first station could be killed.")
