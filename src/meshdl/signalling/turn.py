"""Credentials for a TURN server that run out, made from a secret shared with it.

The form is that of "A REST API For Access To TURN Services" (draft-uberti-behave-turn-rest)
which coturn calls ``use-auth-secret``: the user name says until when it holds, the
credential is its HMAC-SHA1. Nobody needs to be told to the TURN server.
"""

import base64
import hashlib
import hmac

from meshdl.ids import StationId
from meshdl.wire.signalling import IceServer


def credentials(
    urls: tuple[str, ...], secret: str, station: StationId, *, expires_at_s: int
) -> IceServer:
    """What a station needs to use these TURN servers.

    Args:
        urls: of the servers, as in W3C ``RTCIceServer``.
        secret: coturn's ``static-auth-secret``.
        station: named in the user name, for the TURN server's log.
        expires_at_s: since 1970 (UTC).
    """
    username = f"{expires_at_s}:{station}"
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return IceServer(urls, username, base64.b64encode(mac).decode())
