"""A program that keys a rig and holds it keyed: to be killed, or to get stuck, in tests.

python -m tests.support.keyed_station PORT WITHIN_S stuck|held
"""

import asyncio
import sys
import time

from meshdl.transports.modems.rig_ptt import RigPtt
from meshdl.transports.modems.rigctld import Rigctld


async def _key(port: int, within_s: float, *, stuck: bool) -> None:
    ptt = RigPtt(Rigctld(port=port))
    await ptt.open()
    await ptt.key(within_s=within_s)
    assert ptt._guard is not None
    print(f"keyed, guarded by {ptt._guard.pid}", flush=True)  # noqa: T201 - to the test
    if stuck:
        time.sleep(600)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_key(int(sys.argv[1]), float(sys.argv[2]), stuck=sys.argv[3] == "stuck"))
