"""Symbol ids: who sends which."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.radio.erasure.ids import (
    FIRST_REPAIR_ID,
    LAST_ID,
    REPAIR_IDS,
    first_repair_id,
    is_symbol_id,
    next_repair_ids,
)

repair_ids = st.integers(FIRST_REPAIR_ID, LAST_ID)


@given(start=repair_ids, count=st.integers(0, 300), heard=st.sets(repair_ids, max_size=50))
def test_a_sender_never_repeats_itself_nor_what_it_heard(
    start: int, count: int, heard: set[int]
) -> None:
    chosen = next_repair_ids(start, count, heard)
    assert len(set(chosen)) == count == len(chosen)
    assert not heard & set(chosen)
    assert all(is_symbol_id(one, 342) for one in chosen)


def test_after_the_last_id_comes_the_first() -> None:
    assert next_repair_ids(LAST_ID, 3) == [LAST_ID, FIRST_REPAIR_ID, FIRST_REPAIR_ID + 1]


def test_when_every_id_was_heard_there_is_nothing_more_to_send() -> None:
    heard = set(range(FIRST_REPAIR_ID, LAST_ID))
    assert next_repair_ids(700, 5, heard) == [LAST_ID]


def test_callsign_leaf_content_and_restart_each_move_the_place() -> None:
    content = bytes(32)
    places = {
        first_repair_id("N0AAA", content, 0, 1),
        first_repair_id("N0BBB", content, 0, 1),
        first_repair_id("N0AAA", content, 1, 1),
        first_repair_id("N0AAA", content, 0, 2),
        first_repair_id("N0AAA", bytes([1]) * 32, 0, 1),
    }
    assert len(places) == 5


def test_a_thousand_pairs_of_senders_lose_less_than_two_symbols_a_leaf_on_average() -> None:
    def chosen(call: str, leaf: int) -> set[int]:
        return set(next_repair_ids(first_repair_id(call, bytes(32), leaf, 7), 171))

    doubled = sum(len(chosen("N0AAA", leaf) & chosen("N0BBB", leaf)) for leaf in range(1000))
    assert doubled < 2 * 1000


def test_the_gap_between_source_and_repair_ids_is_nobodys() -> None:
    assert [is_symbol_id(one, 342) for one in (-1, 0, 341, 342, 511, 512, 65_535, 65_536)] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert REPAIR_IDS == 65_024
