"""The control API on 127.0.0.1: HTTP with JSON, for programs of this machine only.

``/api/v1`` holds the routes of :mod:`meshdl.control.routes`; every request passes
:mod:`meshdl.control.guard` first, and every error leaves as
``{"error": {"kind": ..., "message": ...}}``.
"""

import errno
import logging
import os
import socket
from pathlib import Path
from typing import Self

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from meshdl.control import address as control_address
from meshdl.control.address import ControlAddress
from meshdl.control.endpoints import JSON, OPEN_STREAMS, reply
from meshdl.control.faults import body_of, status_of
from meshdl.control.guard import Guard
from meshdl.control.messages import API, TORRENT_BODY_MAX_OCTETS, ErrorBody, ErrorFacts
from meshdl.control.openapi import describe
from meshdl.control.routes import ROUTES, Serve
from meshdl.control.view import StationView
from meshdl.errors import ConfigError, LocalProtocolError, MeshdlError

STOP_AFTER_S = 1.0
"""How long requests under way may go on when the station stops."""

_log = logging.getLogger(__name__)


class ControlServer:
    """Serves one station's view while the ``async with`` block runs.

    Args:
        view: the station.
        home: its home directory; ``control.json`` is there while the server runs.
        port: on 127.0.0.1; 0 for any free one.
    """

    def __init__(self, view: StationView, *, home: Path, port: int = 0) -> None:
        self._view = view
        self._home = home
        self._port = port
        self._runner: web.AppRunner | None = None
        self._address: ControlAddress | None = None

    @property
    def address(self) -> ControlAddress:
        """Where it listens.

        Raises:
            LocalProtocolError: it does not run.
        """
        if self._address is None:
            raise LocalProtocolError("the control server was not started")
        return self._address

    async def __aenter__(self) -> Self:
        listener = _listen(self._port)
        address = ControlAddress(
            port=listener.getsockname()[1], token=control_address.new_token(), pid=os.getpid()
        )
        guard = Guard(port=address.port, token=address.token)
        runner = web.AppRunner(
            _application(self._view, guard), access_log=None, shutdown_timeout=STOP_AFTER_S
        )
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            control_address.publish(self._home, address)
        except BaseException:
            await runner.cleanup()
            listener.close()
            raise
        self._runner, self._address = runner, address
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._runner is None or self._address is None:
            return
        control_address.withdraw(self._home, self._address)
        await self._runner.cleanup()
        self._runner = self._address = None


def _application(view: StationView, guard: Guard) -> web.Application:
    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = guard.refusal(request.headers)
        if refusal is not None:
            return _error(refusal.status, ErrorFacts(kind="LinkRefused", message=refusal.reason))
        return await handler(request)

    application = web.Application(
        middlewares=[guarded, _errors_as_json], client_max_size=TORRENT_BODY_MAX_OCTETS
    )
    application[OPEN_STREAMS] = []
    application.on_shutdown.append(_end_streams)
    for route in ROUTES:
        application.router.add_route(route.method, route.url_path, _bound(route.serve, view))
    description = describe()

    async def openapi(_request: web.Request) -> web.StreamResponse:
        return reply(description)

    application.router.add_get(f"{API}/openapi.json", openapi)
    return application


def _bound(serve: Serve, view: StationView) -> Handler:
    async def endpoint(request: web.Request) -> web.StreamResponse:
        return await serve(view, request)

    return endpoint


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except MeshdlError as error:
        if isinstance(error, LocalProtocolError):
            _log.exception("a bug of ours in %s %s", request.method, request.path)
        return _json(status_of(error), body_of(error))
    except web.HTTPException as error:
        facts = ErrorFacts(
            kind=type(error).__name__, message=f"{request.method} {request.path}: {error.text}"
        )
        answer = _error(error.status, facts)
        if isinstance(error, web.HTTPMethodNotAllowed):
            answer.headers["Allow"] = error.headers["Allow"]  # RFC 9110, section 15.5.6
        return answer


def _error(status: int, facts: ErrorFacts) -> web.Response:
    return _json(status, ErrorBody(facts))


def _json(status: int, body: ErrorBody) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == web.HTTPUnauthorized.status_code else {}
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type=JSON, headers=headers
    )


async def _end_streams(application: web.Application) -> None:
    streams = application[OPEN_STREAMS]
    for subscription in tuple(streams):
        subscription.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Elsewhere the option would let two programs share the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise ConfigError(
                "control.port",
                f"127.0.0.1:{port} cannot be used ({error.strerror}); "
                "set another, or 0 for any free one",
            ) from error
        raise
    return listener
