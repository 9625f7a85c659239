"""Whether this station may transmit at all, and what the rules say of one traffic right now."""

from meshdl.air import ModemTraits, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.errors import LocalProtocolError
from meshdl.ids import Callsign
from meshdl.radio.declaration import Declaration
from meshdl.radio.identification import words
from meshdl.radio.rules import Level, Verdict, judge
from meshdl.radio.traffic import FRAMES_MAX, Purpose, Traffic

EMERGENCY_S_MAX = 24 * 3600.0
"""An emergency that lasts longer is declared again."""

IDENTIFY_EVERY_S = 600.0
"""Where no rules are known: what most countries ask for."""

RIG_NOT_ASKED = "it has not answered yet"


_ANSWER = Traffic(
    frames=(b"\0",),
    purpose=Purpose.EXCHANGE,
    asked_by=Callsign("N0CALL"),
    asker_attended=True,
)
"""To an attended station: where rules allow a mode for anything, they allow it for that."""


class Standing:
    """The facts that decide over every traffic; the transmitter changes them.

    Args:
        declaration: the operator's.
        burst_max_s: longest burst that the operator allows.
        off_because: why the radio is switched off; ``None`` when it is on.

    Attributes:
        rig_problem: why the rig's dial is not known, if the rules are to be judged by it; empty
            when it is.
    """

    def __init__(
        self, declaration: Declaration, *, burst_max_s: float, off_because: str | None
    ) -> None:
        self.off_because = off_because
        self.modem: ModemUp | None = None
        self.closing = False
        self.emergency_until: float | None = None
        self.burst_max_s = burst_max_s
        self.rig_problem = ""
        self.declare(declaration)

    def declare(self, declaration: Declaration) -> None:
        """Another declaration from now on. A rig must tell its dial first."""
        self.declaration = declaration
        self.rig_problem = RIG_NOT_ASKED if declaration.rig else ""

    def rig_silence(self) -> str:
        """Why a rig that is followed keeps the station silent; empty when it does not."""
        return f"the rig's dial is not known: {self.rig_problem}" if self.rig_problem else ""

    @property
    def dial_is_waited_for(self) -> bool:
        """Whether it is only the rig that has not told where it is."""
        return bool(self.rig_problem) and self.off_because is None

    def identify_every_s(self) -> float:
        """The law's limit."""
        profile = self.declaration.profile
        return profile.identification.every_s if profile else IDENTIFY_EVERY_S

    def emergency(self, *, now: float) -> bool:
        """Whether a declared emergency holds."""
        return self.emergency_until is not None and now < self.emergency_until

    def spoken(self, others: tuple[Callsign, ...], traits: ModemTraits) -> tuple[bytes, ...]:
        """The frames of an identification in this mode; empty if it cannot carry them."""
        call, longest = self.declaration.identity(), traits.payload_octets_max
        return words(call, others, longest) or words(call, (), longest)

    def traits_for(self, traffic: Traffic) -> ModemTraits | None:
        """Of the mode that its frames are for; ``None``: the modem is gone, or has no such mode."""
        return None if self.modem is None else self.modem.mode(traffic.mode)

    def check_frames(self, traffic: Traffic) -> None:
        """Raise :exc:`LocalProtocolError` when the modem could not send this."""
        if not 0 < len(traffic.frames) <= FRAMES_MAX or not all(traffic.frames):
            raise LocalProtocolError(f"a traffic has 1 to {FRAMES_MAX} frames, none empty")
        traits = self.traits_for(traffic)
        if traits is None and self.modem is not None:
            raise LocalProtocolError(f"the modem has no mode {traffic.mode}")
        if traits is not None and max(map(len, traffic.frames)) > traits.payload_octets_max:
            raise LocalProtocolError(f"{traits.name} takes {traits.payload_octets_max} octets")

    def permitted(self) -> tuple[ModemTraits, ...]:
        """Modes of the modem that may be sent in here; none where nothing may be sent at all."""
        return tuple(filter(self.permits, self.modem.modes)) if self.modem is not None else ()

    def identifying_mode(self, after: str) -> ModemTraits:
        """The mode that identifies a communication in the mode ``after``.

        As robust, or more, and lawful here; of these the one with the least airtime.
        """
        assert self.modem is not None  # nothing is identified without a modem
        heard = self.modem.mode(after) or self.modem.traits
        as_robust = [one for one in self.modem.modes if one.needs_snr_db <= heard.needs_snr_db]
        fitting = [one for one in as_robust if self.permits(one)] or [heard]
        return min(fitting, key=lambda one: one.burst_s(map(len, self.spoken((), one))))

    def permits(self, traits: ModemTraits) -> bool:
        """Whether an answer in this mode may go out, if any answer may, emergency or not."""
        spoken = self.spoken((), traits)
        if not spoken or traits.burst_s(map(len, spoken)) > self.burst_max_s:
            return False
        return judge(self.declaration, traits, _ANSWER).level is not Level.BLOCKED

    def verdict(self, traffic: Traffic, *, now: float, emergency: bool = False) -> Verdict:
        """What rules and switch say of this traffic now.

        Args:
            traffic: to be judged.
            now: the instant.
            emergency: what is identified was sent in an emergency, even if it is over.
        """
        silence = self._silence(traffic)
        if silence is not None:
            return silence
        traits = self.traits_for(traffic)
        if traits is None:
            return _blocked("no modem", "see that the modem runs and is set up: meshdl doctor")
        spoken = self.spoken((), traits)
        if not spoken:
            return Verdict(
                Level.BLOCKED,
                "97.119(a)",
                f"a frame of {traits.name} cannot carry our callsign",
                "choose another mode",
            )
        # The callsign too: what could not be signed off is not begun.
        longest_s = traits.burst_s([max(map(len, (*traffic.frames, *spoken)))])
        if longest_s > self.burst_max_s:
            return _blocked(
                f"one frame of {traits.name} lasts {longest_s:.1f} s",
                "raise radio.burst_max_s, or choose a faster mode",
            )
        in_emergency = emergency or self.emergency(now=now)
        return judge(self.declaration, traits, traffic, emergency=in_emergency)

    def _silence(self, traffic: Traffic) -> Verdict | None:
        """Why nothing of this kind can be sent now, whatever the rules say."""
        if self.off_because is not None:
            return _blocked(
                f"the radio is off ({self.off_because})", "switch it on with: meshdl radio on"
            )
        if self.closing and traffic.purpose is not Purpose.IDENTIFICATION:
            return _blocked("the station is shutting down", "start it again")
        if silence := self.rig_silence():
            return _blocked(silence, "see that rigctld runs and the radio is on: meshdl doctor")
        return None

    def foreign_partner(self, traffic: Traffic) -> Callsign | None:
        """The foreign station whose call must be added to the identification, if any."""
        profile, to = self.declaration.profile, traffic.to or traffic.asked_by
        rule = profile.third_party if profile else None
        if not traffic.third_party or to is None or rule is None or rule.at_home(to):
            return None
        return Callsign(to.partition("-")[0])


def urgent(traffic: Traffic) -> bool:
    """Whether this is emergency traffic: ahead of all, held back by nothing."""
    return traffic.precedence is Precedence.EMERGENCY


def _blocked(reason: str, remedy: str) -> Verdict:
    return Verdict(Level.BLOCKED, "", reason, remedy)
