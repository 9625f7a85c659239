"""Which chunks a seed is not asked for, because other downloaders bring them.

Whoever serves a swarm alone should upload little more than one copy: what others hold
already they can bring, and a seed that is much faster than they are would otherwise upload
two copies to eight downloaders and make them hardly sooner ready. So a seed is spared where

* it is scarce: at least twice as many sources have only a part;
* the others carry their share: at least twice as much came from them as from seeds;
* the chunk is with one of them that can be asked and is not much slower than the seed.

For what is urgent the caller spares nobody.
"""

from collections.abc import Collection
from dataclasses import dataclass

SCARCE = 2
"""So many sources that have a part, for each seed."""

CARRY = 2
"""So many octets from them, for each one from a seed."""

SLOWER = 8
"""A source that is slower by such a factor is no help: the seed is asked all the same."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A source that has a part of a content.

    Attributes:
        chunks: set of those that it offers; empty when it cannot be asked now.
        rate_octets_per_s: at which it delivered lately; 0 when that is unknown.
    """

    chunks: int
    rate_octets_per_s: float


def spared(
    helpers: Collection[Helper],
    *,
    seeds: int,
    from_helpers_octets: int,
    from_seeds_octets: int,
    seed_octets_per_s: float,
) -> int:
    """The set of chunks for which this seed is not asked.

    Args:
        helpers: all sources that have a part.
        seeds: sources that have everything.
        from_helpers_octets: verified, since the download began.
        from_seeds_octets: the same.
        seed_octets_per_s: at which the seed delivered lately.
    """
    scarce = len(helpers) >= SCARCE * seeds
    if not scarce or from_helpers_octets < CARRY * from_seeds_octets:
        return 0
    chunks = 0
    for one in helpers:
        if one.rate_octets_per_s > 0 and SLOWER * one.rate_octets_per_s >= seed_octets_per_s:
            chunks |= one.chunks
    return chunks
