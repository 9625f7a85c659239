"""On which terms a station takes part on the air, as its operator declared; they may change."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the transfer core knows of the operator's declaration.

    Attributes:
        burst_max_s: what one key-down may last.
        calls: whether to call CQ.
        attended: this station is under local or remote control; its WANTs say so.
    """

    burst_max_s: float = 30.0
    calls: bool = True
    attended: bool = False
