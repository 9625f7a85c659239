"""Where the other end of a connection is, as far as it can be told: on which path, and the address.

The engine names the pair of candidates that carries the packets, a moment after the channels have
opened. Of an end whose packets come from an address that it has not told, it does not say which:
one that has just changed its network, or a browser that hides its address behind a name. Then
the way by which the two came together has to do.
"""

import webrtc

from meshdl.links import Path, Way
from meshdl.transports.sdp import is_local, shown_address, where_described


def placed(connection: webrtc.RTCPeerConnection, way: Way) -> tuple[Path, str]:
    """Path and address for people to read; the address is empty while it is not known."""
    sctp = connection.sctp
    pair = sctp.transport.ice_transport.get_selected_candidate_pair() if sctp else None
    if pair is None:
        return _supposed(connection, way)
    shown = shown_address(address := pair.remote.address or "", str(pair.remote.port))
    if str(pair.local.type) == "relay":
        return Path.RELAYED, f"{shown} by {pair.local.url or pair.local.address}".strip()
    if str(pair.remote.type) == "relay":
        return Path.RELAYED, f"{shown} by the other station's relay".strip()
    if not address:
        return _supposed(connection, way)
    return (Path.LAN if is_local(address) else Path.DIRECT), shown


def _supposed(connection: webrtc.RTCPeerConnection, way: Way) -> tuple[Path, str]:
    remote = connection.remote_description
    if way is Way.INTERNET or remote is None:
        return Path.DIRECT, ""  # whoever is far away describes local addresses too
    return where_described(str(remote.sdp))
