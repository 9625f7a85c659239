"""The measuring stick of a signalling server: what the WebSocket library alone carries.

``python -m bench.bare_relay`` forwards each text as it is to the socket of the station that it is
to. It looks at nothing else, counts nothing and refuses nothing, and lets everybody in who goes
through the motions, so that the same crowd can use it.
"""

import asyncio
import sys

import msgspec
import uvloop
from aiohttp import WSMsgType, web

from meshdl.ids import StationKey, station_id
from meshdl.wire import signalling as wire


class _Addressed(msgspec.Struct):
    to: str


_addressed = msgspec.json.Decoder(_Addressed)
_sockets: dict[str, web.WebSocketResponse] = {}


async def _serve_socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, heartbeat=30.0)
    await socket.prepare(request)
    await _admit(socket)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await _sockets[_addressed.decode(message.data).to].send_str(message.data)
    return socket


async def _admit(socket: web.WebSocketResponse) -> None:
    await socket.send_str(wire.encode(wire.Challenge(wire.PROTOCOL_VERSION, bytes(32))))
    proof = wire.decode_station_message(await socket.receive_str())
    assert isinstance(proof, wire.Authenticate)
    station = station_id(StationKey(proof.station_key))
    _sockets[station] = socket
    await socket.send_str(wire.encode(wire.Welcome(station, 0, 0)))
    join = wire.decode_station_message(await socket.receive_str())
    assert isinstance(join, wire.Join)
    await socket.send_str(wire.encode(wire.Joined(join.room, (), 0)))


async def _serve() -> None:
    application = web.Application()
    application.router.add_get("/v1", _serve_socket)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"listening at ws://127.0.0.1:{runner.addresses[0][1]}", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve())
