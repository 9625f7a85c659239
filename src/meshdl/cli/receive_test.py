"""The receive test: what the modem of the settings hears, and what to check if nothing."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing

import msgspec

from meshdl.air import ModemDown, ModemUp
from meshdl.ids import Callsign
from meshdl.radio.monitor import Monitor
from meshdl.station.radio.listening import Listener, OnAir
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems.levels import Verdict

HEARD_MAX = 1_000
"""Frames of one test that are kept for JSON."""


class ReceiveTest(msgspec.Struct, frozen=True, kw_only=True):
    """How it went.

    Attributes:
        up: the modem was there.
        problem: why it was not.
        heard: each frame as a line.
        level: of the sound that came in; empty for a TNC.
        peak_dbfs: loudest sample, 0 is full scale.
    """

    up: bool
    problem: str
    heard: tuple[str, ...]
    level: str = ""
    peak_dbfs: float | None = None


async def receive_test(
    radio: RadioConfig, station: Callsign, listen_s: float, tell: Callable[[str], None]
) -> ReceiveTest:
    """Listen for so many seconds, telling each frame as it comes."""
    listener, monitor = Listener(radio, station), Monitor()
    up, problem = False, ""
    heard: list[str] = []
    try:
        async with asyncio.timeout(listen_s), aclosing(listener.receptions()) as receptions:
            async for one in receptions:
                match one:
                    case ModemUp():
                        up, problem = True, ""
                    case ModemDown(reason):
                        up, problem = False, reason
                    case OnAir(captured, snr_db):
                        line = monitor.hear(captured, snr_db=snr_db).line()
                        tell(line)
                        heard.append(line)
                    case _:
                        pass
    except TimeoutError:
        pass
    level = listener.level
    return ReceiveTest(
        up=up,
        problem="" if up else problem or listener.trouble or "it does not answer",
        heard=tuple(heard[:HEARD_MAX]),
        level=level.verdict.value if level is not None else "",
        peak_dbfs=level.peak_dbfs if level is not None and up else None,
    )


def what_to_check(test: ReceiveTest, radio: RadioConfig) -> Iterator[str]:
    """What the test means, for people."""
    if not test.up:
        return
    if test.level:
        yield f"Level: {test.level} (peak {test.peak_dbfs} dBFS)"
    if test.heard:
        frames = "1 frame" if len(test.heard) == 1 else f"{len(test.heard)} frames"
        yield f"{frames} heard: reception works"
        return
    yield "The modem is there, and nothing was heard. If somebody should be heard, check:"
    yield "- the receiver is on, on the right frequency, and its squelch is open"
    if test.level == Verdict.SILENT.value:
        yield "- the cable from the receiver, and the input that radio.audio_input names"
    elif not test.level:
        yield f"- the TNC modulates as the other stations do (radio.mode is {radio.mode!r})"
        yield "- the level at the TNC: Dire Wolf prints it with each frame it hears"
    yield "Listen for longer with: meshdl radio monitor"
