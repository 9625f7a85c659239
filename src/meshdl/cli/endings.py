"""The signals that end a program in the foreground, in order and not in the middle."""

import signal


def ending_signals() -> list[signal.Signals]:
    """Those of this system, but for those that whoever started us has ignored."""
    ends = [signal.SIGINT, signal.SIGTERM]
    # A terminal that is closed. Who wants the program to outlive it (nohup) has it ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ends.append(signal.SIGHUP)
    return ends
