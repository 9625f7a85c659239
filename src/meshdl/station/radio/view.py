"""What a station's radio shows, and the orders that it takes; see the control API."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from meshdl.air import ModemTraits
from meshdl.content.link import ContentLink
from meshdl.control.content_status import ContentStatus
from meshdl.control.feed import Feed, Subscription
from meshdl.control.radio_view import (
    AirContent,
    AirtimePrice,
    HeardFrame,
    RadioReload,
    RadioStationHeard,
    RadioStatus,
    RadioVerdict,
)
from meshdl.errors import ConfigError, ContentUnknown, LinkRefused
from meshdl.ids import Callsign, ContentHash
from meshdl.radio import transmitter_events as door
from meshdl.radio.price import Basis, Lacking, price, symbols_of
from meshdl.radio.standing import IDENTIFY_EVERY_S
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.transfer import events
from meshdl.radio.transfer.asking import SMALL_OBJECT_SYMBOLS
from meshdl.radio.transfer.stations import HeardStation
from meshdl.station.catalogue_entry import CatalogueEntry
from meshdl.station.library import Library
from meshdl.station.radio.contents import RadioContents
from meshdl.station.radio.modem import modes_of
from meshdl.station.radio.shell import RadioShell
from meshdl.wire.onair.codes import TAG_OCTETS, ContentTag

Reload: TypeAlias = Callable[[], Awaitable[RadioReload]]

_CALL = Traffic(frames=(bytes(14),), purpose=Purpose.CALL)
"""Whether a station may call is what the verdict of its status tells."""

_TAG = re.compile(r"[0-9a-f]{8}")
"""What a CQ tells of a content hash."""


class NoRadio:
    """The radio of a station without a ``[radio]`` table.

    See :class:`meshdl.control.radio_view.RadioView`.
    """

    def __init__(self, call: Callsign, reload: Reload) -> None:
        self._call, self._reload = call, reload

    async def reload(self) -> RadioReload:
        """There may be one now."""
        return await self._reload()

    async def status(self) -> RadioStatus:
        """There is none."""
        return RadioStatus(enabled=False, callsign=self._call, silent_because="there is no radio")

    async def switch_off(self, *, reason: str) -> RadioStatus:  # noqa: ARG002 - a protocol's
        """Nothing to switch."""
        raise no_radio()

    async def switch_on(self) -> RadioStatus:
        """Nothing to switch."""
        raise no_radio()

    async def declare_emergency(self, *, reason: str, for_s: float) -> RadioStatus:  # noqa: ARG002 - a protocol's
        """Nothing to declare for."""
        raise no_radio()

    async def end_emergency(self) -> RadioStatus:
        """None was declared."""
        raise no_radio()

    async def price(self, target: str) -> AirtimePrice:  # noqa: ARG002 - a protocol's
        """No airtime, no price."""
        raise no_radio()

    async def describe(self, tag: str) -> RadioStatus:  # noqa: ARG002 - a protocol's
        """Nobody is asked."""
        raise no_radio()

    def heard(self) -> Subscription[HeardFrame]:
        """Nothing is heard."""
        raise no_radio()


class LiveRadio:
    """See :class:`meshdl.control.radio_view.RadioView`.

    Args:
        shell: of the radio.
        contents: of the radio.
        library: of the station.
        describe: tells how far a content has come.
        reload: reads the settings again.
    """

    def __init__(
        self,
        shell: RadioShell,
        contents: RadioContents,
        library: Library,
        describe: Callable[[CatalogueEntry], ContentStatus],
        reload: Reload,
    ) -> None:
        self._shell, self._contents, self._reload = shell, contents, reload
        self._library, self._describe = library, describe
        self._loop = asyncio.get_running_loop()
        self._feed: Feed[HeardFrame] = shell.ear.feed

    async def status(self) -> RadioStatus:
        """The radio at a glance."""
        core, config = self._shell.core, self._shell.config
        transmitter = core.transmitter
        status, declaration = transmitter.status(), transmitter.declaration
        modes, modem = core.transfer.modes, core.modem
        calling = modes.calling.name if modes is not None else ""
        verdict = transmitter.verdict(replace(_CALL, mode=calling))
        return RadioStatus(
            enabled=True,
            callsign=self._shell.call,
            # The last burst may have been another modem's.
            modem=(modem.mode(status.mode) or modem.traits).name if modem is not None else None,
            modes=tuple(one.name for one in modes.permitted) if modes is not None else (),
            modem_problem=self._shell.modem_problem,
            aborts_at_once=modem.traits.aborts_at_once if modem is not None else None,
            on_air=status.on_air,
            silent_because=status.silent_because,
            dial_hz=declaration.dial_hz,
            dial_of="rig" if declaration.rig else "settings",
            sideband=declaration.sideband.value,
            control=declaration.control.value if declaration.control is not None else None,
            control_operator=declaration.in_charge(),
            rules=declaration.profile.name if declaration.profile is not None else None,
            identification_owed=status.owed,
            identification_due_at=self._wall(status.identification_due_at),
            waiting=status.waiting,
            airtime_s=status.airtime_s,
            airtime_limit_s=config.airtime_s_per_hour,
            emergency_until=self._wall(status.emergency_until),
            hold_off_until=self._wall(status.hold_off_until),
            verdict=RadioVerdict(
                level=verdict.level.name,  # type: ignore[arg-type] # these are its names
                section=verdict.section,
                reason=verdict.reason,
                remedy=verdict.remedy,
            ),
            fetching=tuple(sorted(one.hex() for one in self._contents.fetching)),
            stations=tuple(self._station(one) for one in reversed(list(core.transfer.stations))),
        )

    async def reload(self) -> RadioReload:
        """Take up what stands in ``config.toml`` now."""
        return await self._reload()

    @property
    def _by(self) -> Callsign:
        return self._shell.core.transmitter.declaration.in_charge()

    async def switch_off(self, *, reason: str) -> RadioStatus:
        """The kill switch."""
        self._shell.driver.post(door.SwitchOff(self._by, reason or "switched off by the operator"))
        return await self.status()

    async def switch_on(self) -> RadioStatus:
        """Allow transmissions again."""
        self._contents.try_again()
        self._shell.driver.post(door.SwitchOn(self._by))
        return await self.status()

    async def declare_emergency(self, *, reason: str, for_s: float) -> RadioStatus:
        """Declare an emergency."""
        self._shell.driver.post(door.DeclareEmergency(self._by, reason, for_s))
        return await self.status()

    async def end_emergency(self) -> RadioStatus:
        """It is over."""
        self._shell.driver.post(door.EndEmergency(self._by))
        return await self.status()

    async def price(self, target: str) -> AirtimePrice:
        """What getting a content by radio would cost."""
        if _TAG.fullmatch(target):
            content, lacking = target, Lacking(SMALL_OBJECT_SYMBOLS, None, Basis.INFO)
        else:
            parsed = ContentLink.parse(target).content_hash
            content, lacking = parsed.hex(), self._lacking(parsed)
        traits = self._traits(ContentTag(bytes.fromhex(content)[:TAG_OCTETS]))
        transmitter = self._shell.core.transmitter
        profile = transmitter.declaration.profile
        every_s = profile.identification.every_s if profile is not None else IDENTIFY_EVERY_S
        try:
            cost = price(
                lacking.symbols,
                traits,
                limits=self._shell.config.limits(),
                identify_every_s=every_s,
            )
        except ValueError as error:
            raise LinkRefused(str(error)) from error
        return AirtimePrice(
            content_hash=content,
            basis=lacking.basis.value,
            octets=lacking.octets,
            airtime_s=cost.airtime_s,
            bursts=cost.bursts,
            identifications=cost.identifications,
            done_at=time.time() + cost.lasts_s,
            modem=traits.name,
            silent_because=transmitter.silent_because(),
            held_back_s=cost.held_back_s,
        )

    async def describe(self, tag: str) -> RadioStatus:
        """Ask on the air what a content is that a station tells of."""
        stations = self._shell.core.transfer.stations
        content = ContentTag(bytes.fromhex(tag))
        told = [one.haves[content].octets_at_most for one in stations if content in one.haves]
        if not told:
            raise ContentUnknown(
                f"no station that was heard tells of {tag}; see: meshdl radio status"
            )
        if max(told) > self._shell.config.overheard_octets_max:
            raise ConfigError(
                "radio.overheard_octets_max",
                f"there is no room for {tag}, of at most {max(told)} octets; get it by its whole "
                "hash",
            )
        self._shell.driver.post(events.Describe(content))
        return await self.status()

    def heard(self) -> Subscription[HeardFrame]:
        """Every frame from now on, ours and others'."""
        return self._feed.subscribe()

    def _lacking(self, content: ContentHash) -> Lacking:
        transfer = self._shell.core.transfer
        symbols = transfer.prospects.symbols_lacking(content)
        here = self._octets_missing(content)
        if here is not None:
            known = symbols if symbols is not None and content in self._contents else None
            return Lacking(symbols_of(here) if known is None else known, here, Basis.METAINFO)
        octets = transfer.prospects.octets_described(content)
        if octets is not None and symbols is not None:
            return Lacking(symbols, octets, Basis.METAINFO)
        octets = transfer.prospects.octets_told(content)
        if octets is not None:
            return Lacking(symbols_of(octets) + SMALL_OBJECT_SYMBOLS, octets, Basis.CALL)
        return Lacking(symbols or SMALL_OBJECT_SYMBOLS, None, Basis.INFO)

    def _octets_missing(self, content: ContentHash) -> int | None:
        """Of a content that is here, if its size is known."""
        entry = self._library.find(content)
        status = self._describe(entry) if entry is not None else None
        if status is None or status.octets is None:
            return None
        return status.octets - status.octets_done

    def _traits(self, content: ContentTag) -> ModemTraits:
        """Of the mode in which a content would most likely come."""
        likely = self._shell.core.transfer.prospects.likely_mode(content, now=self._loop.time())
        config = self._shell.config
        address = config.modem_address()
        if likely is None and address is not None:
            likely = modes_of(config, address).traits
        if likely is None:
            raise LinkRefused(f"there is no price without a modem: {self._shell.modem_problem}")
        return likely

    def _station(self, one: HeardStation) -> RadioStationHeard:
        heard_at = self._wall(one.heard_at)
        assert heard_at is not None
        return RadioStationHeard(
            callsign=one.callsign,
            locator=one.locator,
            gateway=one.gateway,
            heard_at=heard_at,
            snr_db=one.snr_db,
            hears_us_db=one.path.snr_db(now=self._loop.time()),
            contents=tuple(
                AirContent(
                    tag=have.content.hex(),
                    octets_at_most=have.octets_at_most,
                    precedence=have.precedence.name.lower(),
                    complete=have.chunks is None,
                )
                for have in one.haves.values()
            ),
        )

    def _wall(self, at: float | None) -> float | None:
        """An instant of the loop's clock as Unix time."""
        return None if at is None else time.time() + at - self._loop.time()


def no_radio() -> ConfigError:
    """The error of whoever wants the radio of a station that has none."""
    return ConfigError(
        "radio", "there is no such table in config.toml; make one with: meshdl radio setup"
    )
