"""How the WebRTC engine is set up: once in a process, before its first connection.

*WARP* is what these trials of the engine are together called: the first flight of DTLS goes
inside the first ICE checks, and the SCTP handshake inside the descriptions. A link that two
such ends make opens two round trips sooner; with an end that knows nothing of them each
falls back to what it was.
"""

from contextlib import suppress

import webrtc

WARP = {
    "WebRTC-IceHandshakeDtls": "Enabled",
    "WebRTC-Sctp-Snap": "Enabled",
}


def set_up(*, loopback: bool) -> None:
    """Choose; what an earlier connection of this process has settled stays.

    Args:
        loopback: use 127.0.0.1 too.
    """
    with suppress(webrtc.InvalidStateError):
        # What stands in WRTC_FIELD_TRIALS is the developer's wish.
        webrtc.field_trials.update({**WARP, **webrtc.field_trials})
    if loopback:
        with suppress(webrtc.InvalidStateError):
            webrtc.allow_loopback()
