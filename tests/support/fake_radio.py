"""A radio without a modem; the control API's tests command it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from meshdl.control.feed import Feed, Subscription
from meshdl.control.radio_view import (
    AirtimePrice,
    HeardFrame,
    RadioReload,
    RadioStatus,
    RadioVerdict,
    RadioView,
)
from meshdl.ids import Callsign


def radio_of(**changes: object) -> RadioStatus:
    """A radio that may transmit and does not, unless told otherwise."""
    silent = RadioStatus(
        enabled=True,
        callsign=Callsign("KA1ABC"),
        modem="AFSK 1200",
        dial_hz=145_050_000,
        sideband="fm",
        control="local",
        control_operator="KA1ABC",
        rules="us-part97",
        airtime_s=12.5,
        airtime_limit_s=900.0,
        verdict=RadioVerdict(
            level="LEGAL", section="97.111(b)(2)", reason="call at 145.05 MHz", remedy=""
        ),
    )
    return msgspec.structs.replace(silent, **changes)


def price_of(content_hash: str, **changes: object) -> AirtimePrice:
    """Of a content of 16 KiB, unless told otherwise."""
    price = AirtimePrice(
        content_hash=content_hash,
        basis="metainfo",
        octets=16_384,
        airtime_s=190.0,
        bursts=12,
        identifications=2,
        done_at=1_790_000_000.0,
        modem="AFSK 1200",
        silent_because="",
    )
    return msgspec.structs.replace(price, **changes)


def heard_frame(**changes: object) -> HeardFrame:
    """A CQ, unless told otherwise."""
    frame = HeardFrame(
        at=1_790_000_000.0,
        kind="meshdl",
        source="N0BBB",
        destination="MESHDL",
        path=(),
        summary="CQ",
        line="12:00:00Z  N0BBB > MESHDL  CQ",
        octets=b"\x01\x02",
        details={"sender": None, "pdus": [], "ignored": []},
    )
    return msgspec.structs.replace(frame, **changes)


@dataclass
class FakeRadio:
    """Holds what it is given and notes what it is told to do.

    Attributes:
        told: every order, as a tuple of its name and arguments.
        reloads: settings that change when they are read again, and those that wait.
        failure: raised by every order while it is set.
        after_describe: called once a content is to be described.
    """

    shown: RadioStatus = field(default_factory=radio_of)
    asked_price: AirtimePrice = field(default_factory=lambda: price_of("aa" * 32))
    told: list[tuple[object, ...]] = field(default_factory=list)
    failure: Exception | None = None
    reloads: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    feed: Feed[HeardFrame] = field(default_factory=Feed)
    after_describe: Callable[[], None] = lambda: None

    async def status(self) -> RadioStatus:
        return self.shown

    async def reload(self) -> RadioReload:
        self._obey("reload")
        changed, restart = self.reloads
        return RadioReload(changed=changed, restart=restart, status=self.shown)

    async def switch_off(self, *, reason: str) -> RadioStatus:
        return self._obey("off", reason, silent_because=f"off: {reason}")

    async def switch_on(self) -> RadioStatus:
        return self._obey("on", silent_because="")

    async def declare_emergency(self, *, reason: str, for_s: float) -> RadioStatus:
        return self._obey("emergency", reason, for_s, emergency_until=1_790_003_600.0)

    async def end_emergency(self) -> RadioStatus:
        return self._obey("end", emergency_until=None)

    async def price(self, target: str) -> AirtimePrice:
        self._obey("price", target)
        return self.asked_price

    async def describe(self, tag: str) -> RadioStatus:
        self._obey("describe", tag)
        self.after_describe()
        return self.shown

    def heard(self) -> Subscription[HeardFrame]:
        return self.feed.subscribe()

    def _obey(self, *order: object, **changes: object) -> RadioStatus:
        if self.failure is not None:
            raise self.failure
        self.told.append(order)
        self.shown = msgspec.structs.replace(self.shown, **changes)
        return self.shown


_whole: type[RadioView] = FakeRadio
