"""``meshdl signal``: the signalling server in the foreground."""

import asyncio
import gc
import logging
import signal as signals
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from meshdl.cli.log_lines import log_to_stderr
from meshdl.cli.readiness import tell_ready
from meshdl.errors import FileUnreadable
from meshdl.signal_server.settings import PORT_DEFAULT, ServerSettings, read_secret

_FILE = click.Path(dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)

COLLECT_AFTER = (10_000, 2, 2)
"""For the garbage collector. What a message makes goes with it and is no garbage, but the messages
of one turn of a busy loop are some thousand objects: after Python's own 700 the collector would
look at them again and again. The other two keep whole collections as frequent as they were, for
connections that ended do leave garbage."""

_log = logging.getLogger(__name__)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=PORT_DEFAULT, show_default=True, type=click.IntRange(0, 65535))
@click.option("--public-name", default="", help="NAME[:PORT] that stations dial, behind a proxy.")
@click.option(
    "--certificate", type=_FILE, help="PEM file, for TLS without a proxy; read again on SIGHUP."
)
@click.option("--key", type=_FILE, help="PEM file of the certificate's key.")
@click.option("--state", type=_DIRECTORY, help="Directory of pins.")
@click.option("--stun-url", "stun_urls", multiple=True, help="Told to stations; may be repeated.")
@click.option("--turn-url", "turn_urls", multiple=True, help="Told to stations; may be repeated.")
@click.option("--turn-secret-file", type=_FILE, help="coturn's static-auth-secret.")
@click.option("--deny", "deny_file", type=_FILE, help="Who is not wanted; read again on SIGHUP.")
@click.option(
    "--trusted-proxy", "trusted_proxies", multiple=True, help="Address; its X-Forwarded-For counts."
)
@click.option(
    "--redis",
    "redis_url",
    default="",
    metavar="URL",
    envvar="MESHDL_REDIS",
    help="Share stations with other processes; better in the environment: MESHDL_REDIS.",
)
@click.option("--log-addresses", is_flag=True, help="Write whole addresses into the log.")
@click.option("-v", "--verbose", is_flag=True, help="Log every connection.")
def signal(*, verbose: bool, turn_secret_file: Path | None, **options: Any) -> None:
    """Run a signalling server until SIGINT (Ctrl-C) or SIGTERM; log lines go to stderr.

    Stations meet at it and introduce each other; no content passes through it. It needs no
    station, no home directory and no key.
    """
    gc.set_threshold(*COLLECT_AFTER)
    secret = read_secret(turn_secret_file) if turn_secret_file is not None else ""
    settings = ServerSettings(turn_secret=secret, **options)
    log_to_stderr(verbose=verbose, addresses=settings.log_addresses)
    for library in ("aiohttp", "asyncio"):
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve(settings))
    else:
        uvloop.run(_serve(settings))


async def _serve(settings: ServerSettings) -> None:
    stop, hung_up = asyncio.Event(), asyncio.Event()
    # First of all: a container's first process hears no signal that it does not handle, and
    # every other one ends by SIGHUP.
    _hear_signals(stop, hung_up)
    from meshdl.signal_server.server import SignalServer

    async with SignalServer(settings) as server:
        reading = asyncio.create_task(_read_again(server, hung_up))
        scheme = "wss" if settings.certificate is not None else "ws"
        _log.info("listening at %s://%s:%d", scheme, settings.host, server.port)
        tell_ready()
        try:
            await server.run_until(stop)
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


def _hear_signals(stop: asyncio.Event, hung_up: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signals.SIGINT, signals.SIGTERM):
        # Windows has no handlers on the loop; there Ctrl-C cancels this task.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    if hasattr(signals, "SIGHUP"):
        loop.add_signal_handler(signals.SIGHUP, hung_up.set)


async def _read_again(server: Any, hung_up: asyncio.Event) -> None:
    while True:
        await hung_up.wait()
        hung_up.clear()
        for what, read in (
            ("deny list", server.read_deny_list),
            ("certificate", server.read_certificate),
        ):
            try:
                await read()
            except FileUnreadable as error:
                _log.warning("the %s stays as it was: %s", what, error)
