"""Who may speak to the control API: programs of the operator, and no web page.

Three questions, in this order. Is the ``Host`` ours? A page whose name was made to
resolve to 127.0.0.1 (DNS rebinding) carries its own name there. Is the ``Origin``,
if there is one, ours? A page of another site carries its own, whatever it does.
Is the token right? Only who can read the operator's files knows it.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and the HTTP status that says so."""

    status: int
    reason: str


class Guard:
    """Answers for one port and one token."""

    def __init__(self, *, port: int, token: str) -> None:
        self._hosts = frozenset(f"{name}:{port}" for name in _LOOPBACK_HOSTS)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)
        self._credentials = f"Bearer {token}".encode()

    def refusal(self, headers: Mapping[str, str]) -> Refusal | None:
        """``None`` when a request with these headers may pass."""
        if headers.get("Host", "").lower() not in self._hosts:
            return Refusal(403, "this API answers on the loopback address of its machine only")
        origin = headers.get("Origin")
        if origin is not None and origin.lower() not in self._origins:
            return Refusal(403, "this API does not answer pages of other sites")
        # Header octets that are no UTF-8 arrive as surrogates; they must not raise.
        shown = headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, self._credentials):
            return Refusal(401, "the token of control.json in the home directory is required")
        return None
