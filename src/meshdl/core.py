"""What every sans-I/O core looks like from outside.

A core owns state and decides. It never reads a clock, draws from a global random
source, opens a file or awaits. Whoever drives it does three things, always in this
order: put one input in, perform the effects, re-arm the deadline. Two drivers
exist: :mod:`meshdl.driver` (asyncio) and :mod:`meshdl.sim.world` (virtual
time). Neither contains a decision.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

InputT_contra = TypeVar("InputT_contra", contravariant=True)
EffectT_co = TypeVar("EffectT_co", covariant=True)


class Core(Protocol[InputT_contra, EffectT_co]):
    """The four verbs. Times are seconds on the driver's monotonic clock."""

    def receive(self, event: InputT_contra, *, now: float) -> None:
        """Take one input. May raise; then the core's state is unchanged."""

    def expire(self, *, now: float) -> None:
        """Act on every deadline at or before ``now``. Harmless when none is due."""

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called, or ``None`` to sleep."""

    def effects(self) -> Sequence[EffectT_co]:
        """Drain what the driver must now do, oldest first."""
