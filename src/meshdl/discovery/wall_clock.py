"""Notices that this machine slept, or that its clock was set: nobody waited for it meanwhile."""

import asyncio
import time

JUMPED_S = 10.0
"""A clock that went so much further, or back, means a closed lid, or was set."""


async def pause(seconds: float) -> bool:
    """Wait; whether the wall clock went much further meanwhile, or back."""
    at = time.time()
    await asyncio.sleep(seconds)
    return abs(time.time() - at - seconds) >= JUMPED_S
