"""How long a frame should be, by how many are lost.

A frame arrives whole or not at all. A longer one wastes less on what stands around its octets
and is lost more often: where each octet is lost with the same probability, frames of *n*
octets arrive with (1 - p) ** (n / n0), when those of *n0* arrive with 1 - p. The best length
is the one that carries most octets a second.
"""

import math
from collections.abc import Iterable

LOSS_MIN = 0.002
"""Less than that is never measured: nobody counts a thousand frames of one length."""

LOSS_MAX = 0.9


def carried(octets: int, *, loss: float, measured_octets: int, overhead_octets: float) -> float:
    """Share of the airtime that carries octets which arrive, 0 to 1.

    Args:
        octets: length of a frame.
        loss: part of frames lost, of ...
        measured_octets: ... those of this length.
        overhead_octets: airtime around each frame, in octets.
    """
    arrives = 1.0 - min(max(loss, LOSS_MIN), LOSS_MAX)
    whole = math.pow(arrives, octets / measured_octets)
    return whole * octets / (octets + overhead_octets)


def frame_octets(
    lengths: Iterable[int], *, loss: float, measured_octets: int, overhead_octets: float
) -> int:
    """The best of these lengths; of equal ones the shortest.

    Raises:
        ValueError: there is none to choose from.
    """
    return max(
        sorted(lengths),
        key=lambda octets: carried(
            octets, loss=loss, measured_octets=measured_octets, overhead_octets=overhead_octets
        ),
    )
