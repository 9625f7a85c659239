"""A program with a modem on a real PortAudio device, told what to do line by line.

    python -m tests.support.sound_role INPUT OUTPUT

It says what its modem reports, one line each. ``key HEX...`` sends a burst.
"""

import asyncio
import sys
from typing import assert_never

from tests.support.modems import TestBurst

from meshdl.air import BurstEnded, CarrierChanged, FrameHeard, ModemDown, ModemReport, ModemUp
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.ptt import NoPtt
from meshdl.transports.modems.sound_card import SoundCard
from meshdl.transports.modems.sound_modem import SoundModem


def _say(report: ModemReport) -> None:
    match report:
        case ModemUp():
            line = "up"
        case ModemDown(reason):
            line = f"down {reason}"
        case FrameHeard(octets=octets):
            line = f"heard {octets.hex()}"
        case BurstEnded(serial):
            line = f"ended {serial}"
        case CarrierChanged(busy):
            line = f"busy {busy}"
        case _:
            assert_never(report)
    print(line, flush=True)  # noqa: T201 - to the test


async def _serve(input_device: str, output_device: str) -> None:
    mode = FreedvMode.DATAC0
    card = SoundCard(input_device, output_device)
    modem = SoundModem(card, NoPtt(), modes=[mode], listens=[mode], key_up_s=0, retry_after_s=0.2)
    running = asyncio.create_task(modem.run(_say))
    serial = 0
    while line := await asyncio.to_thread(sys.stdin.readline):
        serial += 1
        modem.key(TestBurst(serial, tuple(map(bytes.fromhex, line.split()[1:]))))
    running.cancel()
    await asyncio.wait([running])


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
