"""Where a station is, when a proxy stands before the server."""

import ipaddress
import logging
from collections.abc import Collection, Iterable

_log = logging.getLogger(__name__)


class Forwarded:
    """What proxies say of whom they connect.

    Args:
        trusted: addresses of those that are believed.
    """

    def __init__(self, trusted: Collection[str]) -> None:
        self._trusted = frozenset(trusted)
        self._warned = False

    def address(self, peer: str, forwarded_for: Iterable[str]) -> str:
        """The address that limits and the deny list are for.

        Args:
            peer: at the other end of the connection.
            forwarded_for: all ``X-Forwarded-For`` lines of its request, in order.
        """
        if peer not in self._trusted:
            return peer
        # The very last one is what our own proxy saw. Those before it anybody may invent, in
        # the same line or, with proxies that add a line of their own, in lines before it.
        named = ",".join(forwarded_for).rpartition(",")[2].strip()
        try:
            ipaddress.ip_address(named)
        except ValueError:
            self._warn()
            return peer
        return named

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "a proxy named as --trusted-proxy does not say in X-Forwarded-For from which "
                "address a station comes; all of its stations now share the limits of one "
                "address. Have it set that header, see the guide"
            )
