"""``meshdl up``: the station in the foreground."""

import asyncio
import logging
from contextlib import suppress

import click

from meshdl.cli.endings import ending_signals
from meshdl.cli.log_lines import log_to_stderr
from meshdl.cli.options import home_option, pass_home
from meshdl.cli.readiness import tell_ready
from meshdl.station import config_file
from meshdl.station.config import StationConfig
from meshdl.station.home import Home

_log = logging.getLogger(__name__)


@click.command()
@click.option("--log-addresses", is_flag=True, help="Write whole addresses into the log.")
@click.option("-v", "--verbose", is_flag=True, help="Log what happens on every link.")
@home_option
@pass_home
def up(home: Home, *, verbose: bool, log_addresses: bool) -> None:
    """Run the station until SIGINT (Ctrl-C), SIGTERM or SIGHUP; log lines go to stderr."""
    settings = config_file.load(home.config_file)
    log_to_stderr(verbose=verbose, addresses=log_addresses)
    if not verbose:
        for library in ("zeroconf", "aiohttp", "asyncio"):
            logging.getLogger(library).setLevel(logging.WARNING)
    _run(settings, home)


def _run(settings: StationConfig, home: Home) -> None:
    try:
        # WebRTC events wait behind busy callbacks on the stock loop; see the decisions.
        import uvloop
    except ImportError:
        asyncio.run(_serve(settings, home))
    else:
        uvloop.run(_serve(settings, home))


async def _serve(settings: StationConfig, home: Home) -> None:
    from meshdl.station.station import Station

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        # Windows has no handlers on the loop; there Ctrl-C cancels this task.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with Station(settings, home=home) as station:
        _log.info("station %s is up; Ctrl-C ends it", settings.callsign)
        tell_ready()
        await station.run_until(stop)
