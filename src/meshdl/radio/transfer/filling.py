"""What goes into one burst of all that is owed: whole frames of symbols, as many as it holds."""

from collections.abc import Callable, Iterable

from meshdl.air import ModemTraits
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.framing import Run, airtime_s, naming_frames, symbols_in_frame
from meshdl.radio.transfer.pace import Pace, whole_frames
from meshdl.radio.transfer.requests import Request
from meshdl.radio.transfer.sources import Sources


def fill(
    together: Iterable[Request],
    sources: Sources,
    read: Callable[[ObjectKey], None],
    traits: ModemTraits,
    pace: Pace,
) -> tuple[list[Run], list[tuple[ObjectKey, int]]]:
    """Runs of symbols for one burst, and what they take from the requests.

    Args:
        together: in the order in which they go out.
        sources: of their symbols.
        read: asks for the octets of what is no source any more.
        traits: of the mode.
        pace: in it.
    """
    runs: list[Run] = []
    takes: list[tuple[ObjectKey, int]] = []
    frame_s = traits.frame_s(pace.frame_octets)
    room_s = max(frame_s, pace.burst_s - traits.burst_overhead_s)
    for request in together:
        source = sources.get(request.key)
        if source is None or request.left is None:  # it was read, but others took its place
            request.left = None
            read(request.key)
            continue
        a_frame = symbols_in_frame(source.of, pace.frame_octets)
        # Whole frames: the rest of a burst is too short for another one.
        fit = whole_frames(room_s, frame_s) - naming_frames(source.of, pace.frame_octets)
        if fit < 1 and runs:
            break
        run = source.next_run(min(request.left, max(1, fit) * a_frame))
        source.sent_to |= request.askers.keys()
        source.sent_in_db = traits.needs_snr_db
        runs.append(run)
        takes.append((request.key, len(run.symbols)))
        request.left -= len(run.symbols)
        request.in_burst += len(run.symbols)
        room_s -= airtime_s(run, traits, pace.frame_octets)
    return runs, takes
