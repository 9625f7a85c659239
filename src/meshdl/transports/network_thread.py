"""New connections of the WebRTC engine, whose network thread may be a little late for its timers.

The engine looks after each connection four times a second, whether anything happens on it or
not, and nothing that it can be told changes that. All connections of a process share one network
thread; with a link to every station of a local network it wakes a hundred times a second, for a
few microseconds of work each time. So the system is told that timers of this thread may be late: it
then lets one waking do for all that have come due meanwhile. What arrives from the network, or
from this program, wakes the thread at once, as before.

A thread inherits this from the one that begins it (Linux, ``prctl(2)``, ``PR_SET_TIMERSLACK``),
and the engine begins its threads in whichever thread makes a connection while there is no other
one. Systems without it keep their wakings.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import webrtc

LATE_NS_MAX = 50_000_000
"""A fifth of the quarter of a second between the engine's looks. What is sent again because nothing
came back is later by so much, too: of ICE that begins at 50 ms, of SCTP at 120 ms."""

_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30


def connection(configuration: webrtc.RTCConfiguration | None = None) -> webrtc.RTCPeerConnection:
    """A new one; whatever threads the engine begins for it may be late.

    Args:
        configuration: STUN and TURN servers; none by default.

    Raises:
        RTCException, ValueError, TypeError: as the library does.
    """
    with threads_may_be_late():
        return webrtc.RTCPeerConnection(configuration)


@contextmanager
def threads_may_be_late() -> Iterator[None]:
    """Timers of threads that this thread begins in the block may be late; its own not."""
    if sys.platform != "linux":
        yield
        return
    own_ns = max(_prctl(_PR_GET_TIMERSLACK, 0), 0)  # 0 is what the system chose
    _prctl(_PR_SET_TIMERSLACK, LATE_NS_MAX)
    try:
        yield
    finally:
        _prctl(_PR_SET_TIMERSLACK, own_ns)


def _prctl(option: int, argument: int) -> int:
    """Of a system that refuses, the answer is -1, and nothing is changed."""
    unused = ctypes.c_ulong(0)
    return int(ctypes.CDLL(None).prctl(option, ctypes.c_ulong(argument), unused, unused, unused))
