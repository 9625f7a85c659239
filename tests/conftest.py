"""What every test run shares: hypothesis' patience, no excuses in CI, and Ctrl-C."""

import os
import signal

from hypothesis import settings

pytest_plugins = ("tests.support.no_excuses",)

# Never a timed test: the machine may be busy with the real parts of its neighbours.
settings.register_profile("patient", deadline=None)
# make sim
settings.register_profile("sim", deadline=None, max_examples=1_000)
# make soak
settings.register_profile("soak", deadline=None, max_examples=10_000)
if not os.environ.get("CI"):  # hypothesis has a profile of its own there, without chance
    settings.load_profile("patient")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever started us in the background had us ignore it; what tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
