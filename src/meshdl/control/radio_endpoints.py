"""What the routes of the radio do; as :mod:`meshdl.control.endpoints`."""

from aiohttp import web

from meshdl.control.endpoints import body_of, reply, stream
from meshdl.control.radio_messages import (
    DescribeRequest,
    EmergencyRequest,
    PriceRequest,
    SwitchOffRequest,
)
from meshdl.control.streams import write_heard
from meshdl.control.view import StationView


async def status(view: StationView, _request: web.Request) -> web.StreamResponse:
    """The radio at a glance."""
    return reply(await view.radio.status())


async def reload(view: StationView, _request: web.Request) -> web.StreamResponse:
    """Read the settings of the radio again."""
    return reply(await view.radio.reload())


async def switch_off(view: StationView, request: web.Request) -> web.StreamResponse:
    """Silence now, and until it is switched on."""
    wanted = await body_of(request, SwitchOffRequest)
    return reply(await view.radio.switch_off(reason=wanted.reason))


async def switch_on(view: StationView, _request: web.Request) -> web.StreamResponse:
    """Allow transmissions again."""
    return reply(await view.radio.switch_on())


async def declare_emergency(view: StationView, request: web.Request) -> web.StreamResponse:
    """Declare an emergency."""
    wanted = await body_of(request, EmergencyRequest)
    declared = view.radio.declare_emergency(reason=wanted.reason, for_s=wanted.for_s)
    return reply(await declared)


async def end_emergency(view: StationView, _request: web.Request) -> web.StreamResponse:
    """The emergency is over."""
    return reply(await view.radio.end_emergency())


async def price(view: StationView, request: web.Request) -> web.StreamResponse:
    """What getting a content by radio would cost."""
    wanted = await body_of(request, PriceRequest)
    return reply(await view.radio.price(wanted.target))


async def describe(view: StationView, request: web.Request) -> web.StreamResponse:
    """Ask on the air what a content is."""
    wanted = await body_of(request, DescribeRequest)
    return reply(await view.radio.describe(wanted.tag))


async def heard(view: StationView, request: web.Request) -> web.StreamResponse:
    """Every frame on the air, as server-sent events."""
    return await stream(request, view.radio.heard(), write_heard)
