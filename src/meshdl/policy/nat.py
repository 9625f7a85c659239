"""What kind of NAT a station is behind, from what STUN servers saw of it.

Theory of operation
===================

From one socket several servers are asked which address and port the question came from
(RFC 8489). The words are those of RFC 4787:

* all see the socket's own address: no NAT;
* all see the same other one: *endpoint-independent mapping*. Another station can be told
  that address, and holes be punched;
* they see different ones: *address- or port-dependent mapping*, called symmetric. What one
  server saw does not hold for anybody else, so only the other end can be of use, if it is
  behind no such NAT itself; else a relay must carry.

One answer says nothing. Two answers from two ports of one host cannot tell a NAT apart that
maps by address only; two hosts can. Who may send to a mapped port (filtering) is not asked:
it takes a server with two addresses of its own (RFC 5780), and ICE does not depend on it.
"""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass


class Nat(enum.Enum):
    """See the module's theory of operation."""

    NONE = "none"
    ENDPOINT_INDEPENDENT = "endpoint-independent"
    SYMMETRIC = "symmetric"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """A socket's own address, and one that a STUN server saw; ``host:port`` each."""

    own: str
    mapped: str


def nat_kind(seen: Collection[Seen], *, answered: int) -> Nat:
    """The worst that the answers prove.

    Args:
        seen: every different mapping; none where a server saw the socket's own address.
        answered: servers, by host and port, that answered the same sockets.
    """
    if answered == 0:
        return Nat.UNKNOWN
    if not seen:
        return Nat.NONE
    if any(len(mapped) > 1 for mapped in _mapped_of(seen).values()):
        return Nat.SYMMETRIC
    return Nat.ENDPOINT_INDEPENDENT if answered > 1 else Nat.UNKNOWN


def _mapped_of(seen: Collection[Seen]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in seen:
        found.setdefault(one.own, set()).add(one.mapped)
    return found
