"""Watchers: everybody has some, all agree on them, nobody has many to watch."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from meshdl.ids import StationId
from meshdl.policy.watch import WATCHERS, watchers

IDS = st.sets(
    st.binary(min_size=8, max_size=8).map(lambda octets: StationId(octets.hex())), max_size=40
).map(sorted)
A, B, C, D = (StationId(one * 16) for one in "abcd")


def test_the_two_that_follow_watch_and_the_first_follows_the_last() -> None:
    assert watchers(A, [A, B, C, D]) == [B, C]
    assert watchers(C, [A, B, C, D]) == [D, A]
    assert watchers(D, [A, B, C]) == [A, B]  # it watches nobody itself


def test_nobody_watches_himself() -> None:
    assert watchers(A, [A]) == []
    assert watchers(A, [A, B]) == [B]


@given(stations=IDS)
def test_each_is_watched_by_as_many_as_each_watches(stations: list[StationId]) -> None:
    load = Counter(one for station in stations for one in watchers(station, stations))
    each = min(WATCHERS, max(len(stations) - 1, 0))
    assert set(load.values()) <= {each}
    assert all(len(set(watchers(one, stations)) - {one}) == each for one in stations)


@given(stations=IDS, gone=st.integers(0, 39))
def test_one_that_goes_changes_the_watchers_of_those_before_it_only(
    stations: list[StationId], gone: int
) -> None:
    left = [one for index, one in enumerate(stations) if index != gone % (len(stations) or 1)]
    changed = [one for one in left if watchers(one, stations) != watchers(one, left)]
    assert len(changed) <= WATCHERS
