"""Why no more comes from a source: the nearest reason that is certain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.bottleneck import Bottleneck, SourceFacts, bottleneck
from meshdl.policy.window import MAX_OCTETS

BUSY = SourceFacts(
    asked_octets=100_000,
    window_octets=120_000,
    lanes=1,
    paused=False,
    lost_per_s=0.0,
    metered=True,
    metered_octets_per_s=500_000.0,
    limit_octets_per_s=float("inf"),
    unwritten_share=0.0,
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, Bottleneck.PATH),
        ({"asked_octets": 0}, Bottleneck.IDLE),
        ({"unwritten_share": 0.6}, Bottleneck.DISK),
        ({"limit_octets_per_s": 520_000.0}, Bottleneck.LIMIT),
        ({"limit_octets_per_s": 520_000.0, "metered": False}, Bottleneck.PATH),
        ({"limit_octets_per_s": 1_000_000.0}, Bottleneck.PATH),
        ({"paused": True, "asked_octets": 0}, Bottleneck.SENDER),
        ({"lost_per_s": 16_000.0}, Bottleneck.LOSS),
        ({"window_octets": MAX_OCTETS}, Bottleneck.WINDOW),
        ({"window_octets": MAX_OCTETS, "lanes": 2}, Bottleneck.PATH),
        ({"window_octets": MAX_OCTETS, "lost_per_s": 1.0}, Bottleneck.LOSS),
        ({"unwritten_share": 0.6, "limit_octets_per_s": 1.0}, Bottleneck.DISK),
    ],
)
def test_each_reason_is_told_by_its_facts(changes: dict[str, float], reason: Bottleneck) -> None:
    assert bottleneck(replace(BUSY, **changes)) is reason  # type: ignore[arg-type]


@given(st.floats(0, 1e9), st.floats(0, 1))
def test_without_a_limit_the_limit_is_never_blamed(rate: float, share: float) -> None:
    facts = replace(BUSY, metered_octets_per_s=rate, unwritten_share=share)
    assert bottleneck(facts) is not Bottleneck.LIMIT
