"""Has the running station take up the radio's settings of ``config.toml``, and tells what came."""

from collections.abc import Iterator

from meshdl.cli.radio_words import dial, verdict_words
from meshdl.control.client import ControlClient
from meshdl.control.radio_view import RadioReload
from meshdl.errors import LinkError
from meshdl.station.home import Home


async def take_up(home: Home) -> RadioReload:
    """Returns when the settings hold.

    Raises:
        LinkError: no station runs, or it does not answer.
        ConfigError: the settings are wrong; nothing has changed.
    """
    async with ControlClient(home.directory) as station:
        return await station.radio.reload()


async def take_up_if_running(home: Home) -> RadioReload | None:
    """The same; ``None`` when no station runs.

    Raises:
        LinkError: one runs and does not answer; it still has the old settings.
    """
    if not home.held():
        return None
    try:
        return await take_up(home)
    except LinkError as error:
        raise LinkError(
            f"the settings are written, and the station that runs has the old ones: {error}; "
            "restart it"
        ) from error


def reload_lines(told: RadioReload) -> Iterator[str]:
    """What holds now, and what does not yet."""
    now = told.status
    if told.changed:
        yield f"The station has changed {', '.join(told.changed)}"
    else:
        yield "The station has these settings of the radio already"
    if told.restart:
        yield f"Restart it for {', '.join(told.restart)}"
    yield f"Modem    {now.modem or now.modem_problem or 'none'}"
    yield f"Dial     {dial(now.dial_hz, now.sideband)}"
    if now.verdict is not None:
        yield f"Verdict  {verdict_words(now.verdict)}"
        if now.verdict.remedy:
            yield f"Next     {now.verdict.remedy}"
