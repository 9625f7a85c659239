"""One country's rules as data: which segments, which classes, which purposes, which sections.

A profile is a TOML file. Every entry names the section of the law that it states, so that
each verdict can be looked up. What a profile does not name is not allowed; a missing
profile allows nothing. ``docs/howto/write-a-rules-profile.md`` is the template.
"""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from meshdl.errors import ConfigError
from meshdl.ids import Callsign

PROFILE_MAX_OCTETS = 65_536
"""Ours has 12,000."""

SEGMENTS_MAX = 500


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    section: str


class Rule(_Entry, frozen=True, kw_only=True):
    """One sentence of the law that has no numbers; ``section`` says which."""


class Segment(_Entry, frozen=True, kw_only=True):
    """A piece of spectrum, edges included.

    Attributes:
        low_khz: lower edge.
        high_khz: upper edge.
    """

    low_khz: float
    high_khz: float

    @property
    def low_hz(self) -> float:
        """Lower edge."""
        return self.low_khz * 1000.0

    @property
    def high_hz(self) -> float:
        """Upper edge."""
        return self.high_khz * 1000.0


class Privilege(Segment, frozen=True, kw_only=True):
    """Where these licence classes may transmit."""

    band: str
    classes: tuple[str, ...]


class DataSegment(Segment, frozen=True, kw_only=True):
    """Where data emissions are allowed, at most so wide and so fast."""

    width_hz: float | None = None
    baud: float | None = None


class Caution(Segment, frozen=True, kw_only=True):
    """Where the law knows exceptions that this program cannot check."""

    text: str


class Privileges(_Entry, frozen=True, kw_only=True):
    """All privileges; ``section`` is cited outside them."""

    all: tuple[Privilege, ...]


class DataSegments(_Entry, frozen=True, kw_only=True):
    """All data segments; ``section`` is cited outside them."""

    all: tuple[DataSegment, ...]


class Answering(_Entry, frozen=True, kw_only=True):
    """Automatic answers outside the automatic segments: at most so wide."""

    width_hz: float


class Automatic(_Entry, frozen=True, kw_only=True):
    """Where automatic control is allowed, and the exception for answers, if there is one."""

    all: tuple[Segment, ...]
    answering: Answering | None = None


class Beacons(_Entry, frozen=True, kw_only=True):
    """Where an unattended station may send one way."""

    all: tuple[Segment, ...]


class PurposeRule(_Entry, frozen=True, kw_only=True):
    """A purpose that the law allows.

    Attributes:
        brief: one burst of at most :data:`~meshdl.radio.rules.BRIEF_S`.
        declared: only when the operator has declared it to be that.
    """

    brief: bool = False
    declared: bool = False


class ThirdParty(_Entry, frozen=True, kw_only=True):
    """To whom messages of third parties may go, by ITU callsign blocks."""

    home_prefixes: tuple[str, ...]
    identification_section: str
    partners: dict[str, tuple[str, ...]] = {}

    def at_home(self, call: Callsign) -> bool:
        """Whether ``call`` is of this country."""
        return _within(self.home_prefixes, call)

    def partner(self, call: Callsign) -> str | None:
        """The country with an arrangement that ``call`` is of, if it is of one."""
        return next((name for name, blocks in self.partners.items() if _within(blocks, call)), None)


class Identification(_Entry, frozen=True, kw_only=True):
    """How often a station must identify."""

    every_s: float


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rules of one country.

    Attributes:
        emergency: absent where no emergency lifts any rule.
        third_party: absent where no message of a third party may be sent.
    """

    name: str
    title: str
    as_of: str
    classes: tuple[str, ...]
    licensing: Rule
    obscured: Rule
    identification: Identification
    purposes: dict[str, PurposeRule]
    one_way: Rule
    privileges: Privileges
    data: DataSegments
    automatic: Automatic
    beacons: Beacons
    edges: Rule
    emergency: Rule | None = None
    third_party: ThirdParty | None = None
    cautions: tuple[Caution, ...] = ()


PURPOSES = ("call", "test", "exchange", "bulletin", "emergency")
"""What a profile may allow. Identification needs no leave: it is a duty."""


def parse(text: str) -> Profile:
    """Read a profile.

    Raises:
        ConfigError: it is no TOML, or no profile; the message says what to change.
    """
    if len(text) > PROFILE_MAX_OCTETS:
        raise ConfigError("radio.rules", f"a profile has at most {PROFILE_MAX_OCTETS} octets")
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError("radio.rules", f"the profile is wrong: {error}") from error
    problem = next(_problems(profile), None)
    if problem is not None:
        raise ConfigError("radio.rules", f"the profile is wrong: {problem}")
    return profile


SegmentT = TypeVar("SegmentT", bound=Segment)


def overlapping(segments: Iterable[SegmentT], low_hz: float, high_hz: float) -> list[SegmentT]:
    """Those that share spectrum with ``low_hz`` to ``high_hz``, lowest first."""
    found = [one for one in segments if one.low_hz < high_hz and one.high_hz > low_hz]
    return sorted(found, key=lambda one: (one.low_hz, one.high_hz))


def covered(segments: Iterable[Segment], low_hz: float, high_hz: float) -> bool:
    """Whether the range lies wholly within the segments; those that touch count as one."""
    reached = low_hz
    for one in overlapping(segments, low_hz, high_hz):
        if one.low_hz > reached:
            return False
        reached = max(reached, one.high_hz)
    return reached >= high_hz > low_hz


def _within(blocks: Sequence[str], call: Callsign) -> bool:
    return any(_in_block(block, call) for block in blocks)


def _in_block(block: str, call: Callsign) -> bool:
    first, _, last = block.partition("-")
    return first <= call[: len(first)] <= (last or first)


def _problems(profile: Profile) -> Iterator[str]:
    segments: list[Segment] = [
        *profile.privileges.all, *profile.data.all, *profile.automatic.all,
        *profile.beacons.all, *profile.cautions,
    ]  # fmt: skip
    if len(segments) > SEGMENTS_MAX:
        yield f"more than {SEGMENTS_MAX} segments"
    for one in segments:
        if not 0 < one.low_khz < one.high_khz:
            yield f"a segment from {one.low_khz} to {one.high_khz} kHz"
    for privilege in profile.privileges.all:
        for unknown in set(privilege.classes) - set(profile.classes):
            yield f"{privilege.band} names the class {unknown!r}, which is not among the classes"
    for unknown in sorted(set(profile.purposes) - set(PURPOSES)):
        yield f"{unknown!r} is no purpose; there are {', '.join(PURPOSES)}"
    if not 60 <= profile.identification.every_s <= 3600:
        yield "identification.every_s is not in 60..3600"
