"""What the network thread of the WebRTC engine inherits."""

import ctypes
import sys
import threading

import pytest

from meshdl.transports.network_thread import LATE_NS_MAX, threads_may_be_late

PR_GET_TIMERSLACK = 30

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="timers of Linux alone can wait")


def late_ns() -> int:
    """How late timers of the calling thread may be."""
    unused = ctypes.c_ulong(0)
    return int(ctypes.CDLL(None).prctl(PR_GET_TIMERSLACK, unused, unused, unused, unused))


def late_ns_in_a_new_thread() -> int:
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(late_ns()))
    thread.start()
    thread.join()
    return answers[0]


def test_threads_that_are_begun_in_the_block_may_be_late() -> None:
    usual = late_ns_in_a_new_thread()
    with threads_may_be_late():
        within = late_ns_in_a_new_thread()
    assert within == LATE_NS_MAX
    assert late_ns_in_a_new_thread() == usual


def test_the_thread_that_begins_them_is_as_punctual_afterwards_as_before() -> None:
    before = late_ns()
    with pytest.raises(ValueError, match="no such server"), threads_may_be_late():
        raise ValueError("no such server")
    assert late_ns() == before
