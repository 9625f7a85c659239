"""TURN: beside a WANT, who shall answer while all others are silent."""

from dataclasses import dataclass

from meshdl.wire.onair.codes import StationTag

TURN_S_MAX = 30
"""Nobody is silent for longer because a stranger says so: what one key-down may last."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One burst is asked for, and the channel is kept free for it.

    Attributes:
        seconds: how long that burst may last, and others keep off the channel.
        holder: who shall answer; ``None``: whoever has what is wanted.
    """

    seconds: int
    holder: StationTag | None = None

    def __post_init__(self) -> None:
        if not 0 <= (self.holder or 0) < 2**16:
            raise ValueError(f"no station tag: {self.holder}")
        if not 0 < self.seconds <= TURN_S_MAX:
            raise ValueError(f"no turn lasts {self.seconds} s")
