"""The Internet as a station sees it: its signalling servers, rooms, STUN and TURN servers."""

import msgspec

from meshdl.ids import Callsign


class RoomStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A room that the station wants to be in, at one server.

    Attributes:
        name: what people call it; without the key of a closed one.
        closed: whether only members may be in it.
        joined: whether the server has the station in it.
        expires_at: when the station's membership ends, ``None``: never. Unix time.
    """

    name: str
    closed: bool
    joined: bool
    expires_at: int | None = None


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One signalling server of the settings.

    Attributes:
        state: ``offline``, ``connecting``, ``proving`` (who the station is), ``online``.
        problem: what is wrong, for people; empty when nothing is.
        ice_servers: URLs of the STUN and TURN servers that it hands out.
    """

    url: str
    state: str
    problem: str
    rooms: tuple[RoomStatus, ...]
    ice_servers: tuple[str, ...] = ()


class InternetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Stations far away.

    Attributes:
        enabled: whether there are servers in the settings.
        direct: stations whose link needs no relay.
        relayed: stations whose packets go through a TURN server now.
    """

    enabled: bool
    servers: tuple[ServerStatus, ...] = ()
    direct: tuple[Callsign, ...] = ()
    relayed: tuple[Callsign, ...] = ()


OFF = InternetStatus(enabled=False)
