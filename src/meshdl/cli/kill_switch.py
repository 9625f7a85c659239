"""The kill switch from outside: it works whatever the station does, or does not do any more.

Theory of operation
===================

The station is asked; whoever runs unkeys at once and remembers the switch itself. Where none can
be reached the switch is written for the next start, and a station that may have read it before
that is asked once more. One that holds the home and does not answer within :data:`OFF_WITHIN_S`
hangs, and nobody in it will unkey the transmitter: its process is ended. The guards of its PTT
and of its Dire Wolf end with it, and drop the key.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass

from meshdl.control.client import ControlClient
from meshdl.errors import LinkError, MeshdlError
from meshdl.station.home import Home
from meshdl.station.radio import switch

OFF_WITHIN_S = 5.0
"""A busy station on a small machine answers within a second."""

ENDED_WITHIN_S = 5.0
"""The system needs as long to end a process that writes to a slow disk."""

LOOK_EVERY_S = 0.05

HANGS = "the station does not answer"

SWITCHED_OFF = "operator: meshdl radio off"
"""Why it is off, when no station runs that could say who asked."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """What the switch has done.

    Attributes:
        running: a station runs, and is silent.
        ended: the process of one that did not answer.
    """

    running: bool
    ended: int | None = None


def silence(home: Home, reason: str) -> Silenced:
    """Silence the transmitter now, and the next start.

    Raises:
        LinkError: a station runs that does not answer and cannot be ended.
        ConfigError: the station has no radio; the next start is silent all the same.
    """
    problem = HANGS
    try:
        if asyncio.run(ask(home, reason)):
            return Silenced(running=True)
        switch.remember(home.radio_off_file, _because(reason))
    except MeshdlError as error:
        # Whatever is wrong with the station: the next start must be silent.
        switch.remember(home.radio_off_file, _because(reason))
        if not isinstance(error, LinkError):
            raise
        if not home.held():
            return Silenced(running=False)
        # It may have started in between, and have looked at the switch before that.
        try:
            if asyncio.run(ask(home, reason)):
                return Silenced(running=True)
        except LinkError as again:
            problem = str(again)
    process = home.holder()
    if process is None or not _end(process, home):
        raise LinkError(
            f"{problem}; THE TRANSMITTER MAY BE ON: end the station, or switch the rig off. "
            "The next start is silent"
        )
    return Silenced(running=False, ended=process)


async def ask(home: Home, reason: str) -> bool:
    """Ask the station; whether it answered in time.

    Raises:
        LinkError: none can be reached.
        ConfigError: it has no radio.
    """
    try:
        async with asyncio.timeout(OFF_WITHIN_S), ControlClient(home.directory) as station:
            await station.radio.switch_off(reason=reason)
    except TimeoutError:
        return False
    return True


def _because(reason: str) -> str:
    return f"operator: {reason}" if reason else SWITCHED_OFF


def _end(process: int, home: Home) -> bool:
    """End a process that no request reaches any more; whether it has given the home back."""
    if process == os.getpid():
        return False
    try:
        # Not SIGTERM: a station that hangs would wait for itself. Windows has only this one.
        os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    except OSError:
        return False
    gives_up_at = time.monotonic() + ENDED_WITHIN_S
    while home.held():
        if time.monotonic() > gives_up_at:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
