"""What the parts of one transfer core share; nobody else sees it."""

from dataclasses import dataclass, field

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer import events
from meshdl.radio.transfer.answering import Answering
from meshdl.radio.transfer.asking import Asking
from meshdl.radio.transfer.bursts import Burst
from meshdl.radio.transfer.calling import Calling
from meshdl.radio.transfer.completion import Completion
from meshdl.radio.transfer.contents import Contents
from meshdl.radio.transfer.gathering import Gathering
from meshdl.radio.transfer.modes import Modes
from meshdl.radio.transfer.notices import Notices
from meshdl.radio.transfer.pace import Pace
from meshdl.radio.transfer.reservations import Reservations
from meshdl.radio.transfer.stations import Stations


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts, and what changes with the modem.

    Attributes:
        own: our callsign.
        effects: what the station is to do.
        modes: of the modem, while there is one.
        bursts: of symbols, on their way, by precedence: one of routine traffic may be held off
            by an emergency, whose own must not wait behind it.
    """

    own: Callsign
    effects: list[events.TransferEffect]
    contents: Contents
    stations: Stations
    gathering: Gathering
    asking: Asking
    reservations: Reservations
    answering: Answering
    calling: Calling
    notices: Notices
    completion: Completion
    modes: Modes | None = None
    bursts: dict[Precedence, Burst] = field(default_factory=dict)

    @property
    def pace(self) -> Pace | None:
        """How long to wait for others."""
        return self.modes.pace if self.modes is not None else None
