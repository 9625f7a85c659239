"""A program whose Dire Wolf sends for twenty seconds: to be killed, in tests.

python -m tests.support.dire_wolf_station RIGCTLD_PORT PROGRAM AUDIO_INPUT AUDIO_OUTPUT
"""

import asyncio
import sys
from random import Random

from tests.support.modems import Ear, TestBurst

from meshdl.ids import Callsign
from meshdl.transports.modems.dire_wolf import DireWolfModem
from meshdl.transports.modems.dire_wolf_settings import DireWolfSettings
from meshdl.transports.modems.rig_ptt import RigPtt
from meshdl.transports.modems.rigctld import Rigctld


async def _send(port: int, program: str, audio_input: str, audio_output: str) -> None:
    settings = DireWolfSettings(program=program, audio_input=audio_input, audio_output=audio_output)
    modem = DireWolfModem(settings, Callsign("KA1ABC"), RigPtt(Rigctld(port=port)))
    ear = Ear()
    serving = asyncio.create_task(modem.run(ear))
    await ear.up()
    modem.key(TestBurst(1, tuple(Random(at).randbytes(256) for at in range(12))))
    print("sending", flush=True)  # noqa: T201 - to the test
    await serving


if __name__ == "__main__":
    asyncio.run(_send(int(sys.argv[1]), *sys.argv[2:]))
