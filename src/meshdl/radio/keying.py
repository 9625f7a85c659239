"""What a modem is told. :class:`Key` is made in one place only, the transmitter.

A modem takes nothing else for the air: no octets, no frames. So whatever is keyed has
been judged, has waited its turn and stands in the log.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """Transmit these frames now, in one burst; answer with ``BurstEnded(serial)``.

    Attributes:
        serial: of the durable log record of this very burst.
        frames: payloads, in order.
        burst_s: computed airtime, key-down to key-up.
        mode: that it goes out in, by the name of its traits; empty: the modem's own.
    """

    serial: int
    frames: tuple[bytes, ...]
    burst_s: float
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Curtail:
    """Begin no further frame of this burst; its ``BurstEnded`` tells how many were sent.

    A modem that cannot keep frames back sends them all.
    """

    serial: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Unkey at once, whatever is going on; frames not yet sent are forgotten."""

    reason: str
