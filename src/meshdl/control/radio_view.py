"""The radio of a station as its operator's programs see it, and what they may order.

Conventions as in :mod:`meshdl.control.view`: instants are Unix time in seconds, ``None``
means *not known*. A station without a ``[radio]`` table has a view too: it says so, and
refuses every order.
"""

from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from meshdl.control.feed import Subscription
from meshdl.ids import Callsign

LevelName: TypeAlias = Literal["LEGAL", "WARNING", "BLOCKED"]

PriceBasis: TypeAlias = Literal["metainfo", "call", "info"]


class RadioVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say of a call to everybody now.

    Attributes:
        section: of the law that decides; empty when no rules are known.
        reason: what is so.
        remedy: what the operator can do about it; empty when LEGAL.
    """

    level: LevelName
    section: str
    reason: str
    remedy: str


class AirContent(msgspec.Struct, frozen=True, kw_only=True):
    """A content that a station says it has.

    Attributes:
        tag: first eight digits of its hash.
        octets_at_most: its size, to an eighth too large.
        complete: all of it is there.
    """

    tag: str
    octets_at_most: int
    precedence: str
    complete: bool


class RadioStationHeard(msgspec.Struct, frozen=True, kw_only=True):
    """A station heard within the last hour. Anybody can send under any callsign.

    Attributes:
        locator: Maidenhead, if it told.
        gateway: whether it says that it reaches others by the Internet.
        heard_at: when last.
        snr_db: how well we hear it, in 3 kHz, where the modem measures it.
        hears_us_db: how well it is counted on to hear us: by its own reports, else by
            ``snr_db``, less what got lost.
    """

    callsign: Callsign
    locator: str
    gateway: bool
    heard_at: float
    snr_db: float | None
    hears_us_db: float | None
    contents: tuple[AirContent, ...]


class RadioStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The radio at a glance.

    Attributes:
        enabled: there is a ``[radio]`` table.
        callsign: ours, as it is sent.
        modem: the one in use, of several modes the last that was sent in; ``None`` while it is
            not there, and ``modem_problem`` says why.
        modes: what each burst's mode is chosen from, as the rules permit here.
        aborts_at_once: switching off ends a burst in the middle; otherwise what the modem has
            goes out. ``None`` without a modem.
        on_air: a burst is being sent.
        silent_because: why nothing can be keyed now; empty when it can.
        dial_hz: what the rig shows.
        dial_of: who says so: ``rig``: it was read; ``settings``: the operator stated it.
        control: local, remote or automatic; ``None`` when not set.
        identification_owed: we have transmitted and not yet identified.
        identification_due_at: when it will be asked for.
        waiting: traffics in the queue.
        airtime_s: used in the last hour, of ``airtime_limit_s``.
        emergency_until: end of a declared emergency.
        hold_off_until: until when routine and welfare traffic waits.
        verdict: of the rules on a call now.
        fetching: hashes of the contents that airtime is spent on.
        stations: those heard, the latest first.
    """

    enabled: bool
    callsign: Callsign
    modem: str | None = None
    modes: tuple[str, ...] = ()
    modem_problem: str = ""
    aborts_at_once: bool | None = None
    on_air: bool = False
    silent_because: str = ""
    dial_hz: int | None = None
    dial_of: Literal["rig", "settings"] = "settings"
    sideband: str | None = None
    control: str | None = None
    control_operator: str | None = None
    rules: str | None = None
    identification_owed: bool = False
    identification_due_at: float | None = None
    waiting: int = 0
    airtime_s: float = 0.0
    airtime_limit_s: float = 0.0
    emergency_until: float | None = None
    hold_off_until: float | None = None
    verdict: RadioVerdict | None = None
    fetching: tuple[str, ...] = ()
    stations: tuple[RadioStationHeard, ...] = ()


class RadioReload(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading ``config.toml`` again.

    Attributes:
        changed: settings of the radio that hold now and did not before.
        restart: settings that differ from those the station was started with, and hold after the
            next start only.
        status: the radio as it is now.
    """

    changed: tuple[str, ...]
    restart: tuple[str, ...]
    status: RadioStatus


class AirtimePrice(msgspec.Struct, frozen=True, kw_only=True):
    """What it costs to get a content by radio, before anything is keyed.

    Attributes:
        basis: ``metainfo``: what is missing is known; ``call``: a station told the size;
            ``info``: nothing is known, and only the content's description is counted.
        octets: of content that is missing, as far as is known.
        airtime_s: of all bursts, the other station's too.
        identifications: in that time, of both stations.
        done_at: when all is here if it is answered at once and nothing gets lost.
        held_back_s: how long of that a sender waits because it has used up its airtime; ours is
            taken for his.
        modem: for which the price is.
        silent_because: why nothing would be asked for now; empty when it would be.
    """

    content_hash: str
    basis: PriceBasis
    octets: int | None
    airtime_s: float
    bursts: int
    identifications: int
    done_at: float
    modem: str
    silent_because: str
    held_back_s: float = 0.0


class HeardFrame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="heard"):
    """One frame on the air, explained; see :class:`meshdl.radio.monitor.Heard`.

    Attributes:
        ours: this station sent it.
        line: all of it for people.
        octets: the frame as the modem gave it, base64 in JSON.
        details: the values in it, for scripts.
    """

    at: float
    kind: str
    source: str
    destination: str
    path: tuple[str, ...]
    summary: str
    line: str
    octets: bytes
    snr_db: float | None = None
    ours: bool = False
    details: Any = None


class RadioView(Protocol):
    """What a station's radio shows, and what its operator may order."""

    async def status(self) -> RadioStatus:
        """The radio at a glance."""

    async def reload(self) -> RadioReload:
        """Take up what stands in ``config.toml`` now; a station without a radio gets one so.

        Returns when it holds: after our callsign was sent on the old dial, if it was owed.

        Raises:
            ConfigError: the settings are wrong; nothing has changed.
            FileUnreadable: they cannot be read.
        """

    async def switch_off(self, *, reason: str) -> RadioStatus:
        """The kill switch: silence now, and until :meth:`switch_on`, over restarts too.

        Raises:
            ConfigError: there is no radio. So with all orders that follow.
        """

    async def switch_on(self) -> RadioStatus:
        """Allow transmissions again."""

    async def declare_emergency(self, *, reason: str, for_s: float) -> RadioStatus:
        """The operator declares that life or property is in danger.

        Args:
            reason: for the log.
            for_s: how long it holds.
        """

    async def end_emergency(self) -> RadioStatus:
        """It is over."""

    async def price(self, target: str) -> AirtimePrice:
        """What getting a content by radio would cost.

        Args:
            target: hash or link; or the eight digits by which a station tells of a content, for
                the price of its description.

        Raises:
            ContentLinkInvalid: none of these.
            LinkRefused: there is no modem to tell a price for.
        """

    async def describe(self, tag: str) -> RadioStatus:
        """Ask on the air what a content is that a station tells of.

        When the answer is here, the content is among the contents, as ``overheard``, and can be
        got by its hash.

        Args:
            tag: its eight digits.

        Raises:
            ContentUnknown: no station that was heard tells of it.
            ConfigError: there is no room for what is overheard.
        """

    def heard(self) -> Subscription[HeardFrame]:
        """Every frame from now on, ours and others'."""
