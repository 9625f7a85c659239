"""When the station owes its callsign, and in which words it pays.

47 CFR 97.119(a): at the end of each communication, and at least every 10 minutes during it.
Nothing is owed while nothing was transmitted. A burst that was cut short has identified
nobody. The words are plain ASCII in a frame of their own, whatever else a frame's header
says, so that any receiver of the modem shows them.
"""

from meshdl.ids import Callsign
from meshdl.wire.onair.frames import Identification as Words
from meshdl.wire.onair.frames import encode_identification

AHEAD_S = 60.0
"""Identification is asked for so long before the law's limit: time to find a gap."""

LAST_MOMENT_S = 15.0
"""So long before the limit it no longer waits for a gap in the traffic of others."""

SIGN_OFF_AFTER_S = 30.0
"""Silence of ours, and of whoever answers us, that ends a communication."""


def words(call: Callsign, others: tuple[Callsign, ...], octets_max: int) -> tuple[bytes, ...]:
    """The frames of one identification; empty when the modem cannot carry them.

    Args:
        call: ours, with the SSID if there is one.
        others: stations with which third parties' messages went abroad (97.115(d)).
        octets_max: longest frame of the modem.
    """
    named = "TO " + " ".join(others) if others else ""
    whole = encode_identification(Words(call, named))
    if len(whole) <= octets_max:
        return (whole,)
    lines = (
        *(f"TO {other}".encode("ascii") for other in others),
        encode_identification(Words(call)),
    )
    return lines if all(len(line) <= octets_max for line in lines) else ()


class Identification:
    """The clock of what is owed, for one transmitter.

    Args:
        every_s: the law's limit.

    Attributes:
        mode: of the last burst.
    """

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.others: tuple[Callsign, ...] = ()
        self.in_emergency = False
        self.mode = ""
        self._owed_since: float | None = None
        self._last_ended_at = 0.0
        self._wanted_at: float | None = None

    @property
    def owed(self) -> bool:
        """We have transmitted, and not yet identified."""
        return self._owed_since is not None

    def keyed(self, mode: str, *, ends_at: float, now: float) -> None:
        """A burst begins."""
        self.mode = mode
        if self._owed_since is None:
            self._owed_since = now
        self._last_ended_at = ends_at

    def remember(self, *, since: float) -> None:
        """An earlier run of the program was cut off before it had identified."""
        if self._owed_since is None:
            self._last_ended_at = since
        self._owed_since = since if self._owed_since is None else min(since, self._owed_since)

    def ended(self, *, now: float) -> None:
        """A burst is over."""
        self._last_ended_at = now

    def goes_on(self, *, now: float) -> None:
        """Who answers us was heard just now."""
        self._last_ended_at = max(self._last_ended_at, now)

    def paid(self) -> None:
        """Our callsign was on the air, whole."""
        self._owed_since = self._wanted_at = None
        self.others, self.in_emergency = (), False

    def want(self, *, now: float) -> None:
        """Sign off now if anything is owed: an abort, a new dial, the end of the program."""
        if self._owed_since is not None:
            self._wanted_at = now

    def due_at(self) -> float | None:
        """When to ask for the channel."""
        if self._owed_since is None:
            return None
        due = min(self._owed_since + self.every_s - AHEAD_S, self._last_ended_at + SIGN_OFF_AFTER_S)
        return due if self._wanted_at is None else min(due, self._wanted_at)

    def last_moment(self) -> float | None:
        """When to key without waiting for the channel any longer."""
        if self._owed_since is None:
            return None
        last = self._owed_since + self.every_s - LAST_MOMENT_S
        return last if self._wanted_at is None else min(last, self._wanted_at + LAST_MOMENT_S)

    def rides(self, *, until: float) -> bool:
        """Whether it goes along with a burst that ends then."""
        return self._owed_since is not None and until >= self._owed_since + self.every_s - AHEAD_S
