"""May this go on the air? One function, :func:`judge`: a profile's rules applied to one traffic.

Rules come in two kinds. What makes a station a station (declaration, cleartext) holds
always. The rest a declared emergency lifts, for emergency traffic only: then the verdict
is a warning that cites what lifted it, never LEGAL. Of several objections the worst is
told, of equals the first.

A verdict rests on the range that is really occupied: dial, sideband and the modem's
measured audio. The rules that only people can keep (pay, music, courtesy, power, antenna)
stand in ``docs/reference/radio-rules.md``.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from meshdl.air import ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.radio.declaration import Control, Declaration, Occupied
from meshdl.radio.profile import Profile, covered, overlapping
from meshdl.radio.traffic import Purpose, Traffic

BRIEF_S = 30.0
"""Longest call or test. The law says "brief"; a CQ of 256 octets takes 2 s at 1200 baud."""

DIAL_TOLERANCE = 3e-6
"""How far a rig's dial may be off: 2.5 ppm is what transceivers without a TCXO promise."""


class Level(enum.IntEnum):
    """How a verdict turned out; the greater the worse."""

    LEGAL = 0
    WARNING = 1
    """May be sent; the operator should know why it is near the line."""
    BLOCKED = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of :func:`judge`.

    Attributes:
        level: LEGAL, WARNING or BLOCKED.
        section: of the law that decides; empty when no rules are known.
        reason: what is so.
        remedy: what the operator can do about it; empty when LEGAL.
    """

    level: Level
    section: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        cited = f" ({self.section})" if self.section else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.level.name}: {self.reason}{cited}{remedy}"


def judge(
    declaration: Declaration, traits: ModemTraits, traffic: Traffic, *, emergency: bool = False
) -> Verdict:
    """Whether ``traffic`` may be transmitted by this station as it is now.

    Args:
        declaration: what the operator declared.
        traits: the modem's; what it occupies.
        traffic: what is to be sent.
        emergency: an emergency is declared by the operator, and has not run out.
    """
    profile, occupied = declaration.profile, declaration.occupied(traits)
    missing = declaration.missing()
    if profile is None or occupied is None or missing:
        return Verdict(
            Level.BLOCKED,
            profile.licensing.section if profile else "",
            f"receiving only: {', '.join(missing)} not set",
            "state it as your licence says: meshdl radio setup, or config.toml",
        )
    if not traffic.cleartext:
        return Verdict(
            Level.BLOCKED,
            profile.obscured.section,
            "a message whose meaning is obscured",
            "send it in the clear, or by another path",
        )
    case = _Case(declaration, profile, traits, occupied, traffic)
    worst = max(case.objections(), key=lambda one: one.level, default=None)
    if worst is None:
        return case.permission()
    lifted = profile.emergency
    urgent = traffic.precedence is Precedence.EMERGENCY or (
        traffic.purpose is Purpose.IDENTIFICATION
    )
    if worst.level is Level.BLOCKED and emergency and urgent and lifted is not None:
        return Verdict(
            Level.WARNING,
            lifted.section,
            f"sent in a declared emergency, although: {worst.reason} ({worst.section})",
            "end the emergency as soon as it is over",
        )
    return worst


@dataclass(frozen=True, slots=True)
class _Case:
    """What :func:`judge` looks at, after all that makes a station a station is there."""

    declaration: Declaration
    profile: Profile
    traits: ModemTraits
    occupied: Occupied
    traffic: Traffic

    def objections(self) -> Iterator[Verdict]:
        yield from self._privileges()
        yield from self._emission()
        yield from self._purpose()
        if self.declaration.control is Control.AUTOMATIC:
            yield from self._automatic()
        yield from self._third_party()
        yield from self._edges()

    def permission(self) -> Verdict:
        purpose = self.profile.purposes.get(self.traffic.purpose.value)
        section = purpose.section if purpose else self.profile.identification.section
        used = overlapping(self.profile.data.all, self.occupied.low_hz, self.occupied.high_hz)
        return Verdict(
            Level.LEGAL,
            ", ".join([section, *(one.section for one in used)]),
            f"{self.traffic.purpose.value} at {_mhz(self.occupied)}",
        )

    def _privileges(self) -> Iterator[Verdict]:
        declared = self.declaration.licence_class
        if declared not in self.profile.classes:
            yield Verdict(
                Level.BLOCKED,
                self.profile.privileges.section,
                f"{self.profile.name} knows no licence class {declared!r}",
                f"set radio.licence_class to one of {', '.join(self.profile.classes)}",
            )
            return
        mine = [one for one in self.profile.privileges.all if declared in one.classes]
        if not covered(mine, self.occupied.low_hz, self.occupied.high_hz):
            yield Verdict(
                Level.BLOCKED,
                self.profile.privileges.section,
                f"{_mhz(self.occupied)} is outside the privileges of the {declared} class",
                "tune into a segment of your class",
            )

    def _emission(self) -> Iterator[Verdict]:
        low_hz, high_hz = self.occupied.low_hz, self.occupied.high_hz
        if not covered(self.profile.data.all, low_hz, high_hz):
            yield Verdict(
                Level.BLOCKED,
                self.profile.data.section,
                f"data is not allowed on all of {_mhz(self.occupied)}",
                "tune into a data segment",
            )
        for one in overlapping(self.profile.data.all, low_hz, high_hz):
            if one.width_hz is not None and self.occupied.width_hz > one.width_hz:
                yield Verdict(
                    Level.BLOCKED,
                    one.section,
                    f"{self.traits.name} is {self.occupied.width_hz:.0f} Hz wide, and "
                    f"{one.width_hz:.0f} Hz are allowed here",
                    "choose a narrower mode, or another band",
                )
            if one.baud is not None and self.traits.baud > one.baud:
                yield Verdict(
                    Level.BLOCKED,
                    one.section,
                    f"{self.traits.name} has {self.traits.baud:.0f} baud, and "
                    f"{one.baud:.0f} are allowed here",
                    "choose a slower mode, or another band",
                )

    def _purpose(self) -> Iterator[Verdict]:
        traffic = self.traffic
        if traffic.purpose is Purpose.IDENTIFICATION:
            return
        rule = self.profile.purposes.get(traffic.purpose.value)
        if rule is None:
            yield Verdict(
                Level.BLOCKED,
                self.profile.one_way.section,
                f"{self.profile.name} does not allow the purpose {traffic.purpose.value!r}",
                "send it by another path",
            )
            return
        if traffic.purpose is Purpose.EXCHANGE and traffic.to is traffic.asked_by is None:
            yield Verdict(
                Level.BLOCKED,
                self.profile.one_way.section,
                "this is for no station, and none asked for it",
                "wait for a request, or declare it a bulletin",
            )
        if rule.declared and not traffic.declared:
            yield Verdict(
                Level.BLOCKED,
                self.profile.one_way.section,
                f"nobody declared this to be {traffic.purpose.value} traffic",
                "declare it, if that is what it is",
            )
        if rule.brief and self.traits.burst_s(map(len, traffic.frames)) > BRIEF_S:
            yield Verdict(
                Level.BLOCKED,
                rule.section,
                f"a {traffic.purpose.value} must be brief, and this one is longer than "
                f"{BRIEF_S:.0f} s",
                "send less, or choose a faster mode",
            )

    def _automatic(self) -> Iterator[Verdict]:
        low_hz, high_hz = self.occupied.low_hz, self.occupied.high_hz
        rule, traffic = self.profile.automatic, self.traffic
        if traffic.purpose in {Purpose.BULLETIN, Purpose.TEST}:
            if not covered(self.profile.beacons.all, low_hz, high_hz):
                yield Verdict(
                    Level.BLOCKED,
                    self.profile.beacons.section,
                    f"a {traffic.purpose.value} under automatic control is a beacon, and "
                    f"{_mhz(self.occupied)} is no beacon segment",
                    "attend the station (local or remote control), or wait until it is asked for",
                )
            return
        if covered(rule.all, low_hz, high_hz):
            return
        answering = rule.answering
        if answering is None:
            yield Verdict(
                Level.BLOCKED,
                rule.section,
                f"no automatic control at {_mhz(self.occupied)}",
                "attend the station, or tune into an automatic segment",
            )
            return
        answers = traffic.asked_by is not None and traffic.asker_attended
        if not (answers or traffic.purpose is Purpose.IDENTIFICATION):
            yield Verdict(
                Level.BLOCKED,
                answering.section,
                f"at {_mhz(self.occupied)} a station under automatic control only answers "
                "stations that are attended",
                "attend the station, or tune into an automatic segment",
            )
        if self.occupied.width_hz > answering.width_hz:
            yield Verdict(
                Level.BLOCKED,
                answering.section,
                f"{self.traits.name} is {self.occupied.width_hz:.0f} Hz wide, and under automatic "
                f"control {answering.width_hz:.0f} Hz are allowed here",
                "choose a narrower mode, or attend the station",
            )

    def _third_party(self) -> Iterator[Verdict]:
        if not self.traffic.third_party:
            return
        rule, to = self.profile.third_party, self.traffic.to or self.traffic.asked_by
        if rule is None:
            yield Verdict(
                Level.BLOCKED,
                self.profile.licensing.section,
                f"{self.profile.name} allows no messages of third parties",
                "send only what licensed amateurs wrote",
            )
        elif to is not None and not rule.at_home(to) and rule.partner(to) is None:
            yield Verdict(
                Level.BLOCKED,
                rule.section,
                f"a third party's message to {to}, whose country has no arrangement for it",
                "send it to a station of another country",
            )

    def _edges(self) -> Iterator[Verdict]:
        low_hz, high_hz = self.occupied.low_hz, self.occupied.high_hz
        off_hz = high_hz * DIAL_TOLERANCE
        mine = [
            one
            for one in self.profile.privileges.all
            if self.declaration.licence_class in one.classes
        ]
        if not all(
            covered(segments, low_hz - off_hz, high_hz + off_hz)
            for segments in (mine, self.profile.data.all)
        ):
            yield Verdict(
                Level.WARNING,
                self.profile.edges.section,
                f"{_mhz(self.occupied)} is so near an edge that a dial {off_hz:.0f} Hz off "
                "would cross it",
                f"move the dial by {off_hz:.0f} Hz, or check it against a standard",
            )
        for one in overlapping(self.profile.cautions, low_hz, high_hz):
            yield Verdict(
                Level.WARNING, one.section, f"{_mhz(self.occupied)} is {one.text}", "check it"
            )


def _mhz(occupied: Occupied) -> str:
    return f"{occupied.low_hz / 1e6:.4f}-{occupied.high_hz / 1e6:.4f} MHz"
