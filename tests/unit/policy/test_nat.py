"""The kind of a NAT is told as far as the answers prove it, and no further."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.nat import Nat, Seen, nat_kind

OWN, OTHER_SOCKET = "192.168.1.2:5000", "192.168.1.2:5001"


@pytest.mark.parametrize(
    ("seen", "answered", "kind"),
    [
        ([], 0, Nat.UNKNOWN),
        ([], 1, Nat.NONE),
        ([Seen(OWN, "203.0.113.1:5000")], 1, Nat.UNKNOWN),
        ([Seen(OWN, "203.0.113.1:5000")], 2, Nat.ENDPOINT_INDEPENDENT),
        ([Seen(OWN, "203.0.113.1:5000"), Seen(OWN, "203.0.113.1:7")], 2, Nat.SYMMETRIC),
        ([Seen(OWN, "203.0.113.1:5000"), Seen(OWN, "203.0.113.2:5000")], 2, Nat.SYMMETRIC),
        (
            [Seen(OWN, "203.0.113.1:5000"), Seen(OTHER_SOCKET, "203.0.113.1:5001")],
            2,
            Nat.ENDPOINT_INDEPENDENT,
        ),
    ],
)
def test_the_kind_of_a_nat_is_what_the_answers_prove(
    seen: list[Seen], answered: int, kind: Nat
) -> None:
    assert nat_kind(seen, answered=answered) is kind


words = st.sampled_from("abcd")


@given(st.lists(st.builds(Seen, words, words)), st.integers(1, 8))
def test_more_mappings_never_make_a_nat_better(seen: list[Seen], answered: int) -> None:
    order = [Nat.NONE, Nat.UNKNOWN, Nat.ENDPOINT_INDEPENDENT, Nat.SYMMETRIC]
    kinds = [order.index(nat_kind(seen[:n], answered=answered)) for n in range(len(seen) + 1)]
    assert kinds == sorted(kinds)
