"""The mode is the cheapest that the path carries, and what is known of the path grows old."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.air import ModemTraits
from meshdl.policy.mode_choice import (
    HYSTERESIS_DB,
    LOSS_HIGH,
    LOSS_LOW,
    LOSS_TOTAL,
    PENALTY_MAX_DB,
    STALE_AFTER_S,
    PathEstimate,
    cheapest,
    in_reach,
)
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, NEEDS_SNR_DB, FreedvMode
from meshdl.wire.onair.frames import SHORT_SYMBOL_OCTETS

MODES = tuple(FREEDV_TRAITS.values())
SYMBOLS = tuple(one for one in MODES if one.payload_octets_max >= SHORT_SYMBOL_OCTETS)
DATAC1_DB, DATAC3_DB = NEEDS_SNR_DB[FreedvMode.DATAC1], NEEDS_SNR_DB[FreedvMode.DATAC3]
LEAF = 16_384


def names(modes: tuple[ModemTraits, ...]) -> set[str]:
    return {one.name for one in modes}


def chosen(path: PathEstimate, octets: int) -> str:
    return cheapest(in_reach(MODES, path.snr_db(now=0.0), frame_octets=octets), octets).name


def for_a_leaf(path: PathEstimate, *, now: float = 0.0) -> str:
    reached = in_reach(SYMBOLS, path.snr_db(now=now), frame_octets=SHORT_SYMBOL_OCTETS)
    return cheapest(reached, LEAF).name


def hearing(*snrs_db: float) -> PathEstimate:
    path = PathEstimate()
    for snr_db in snrs_db:
        path.heard(snr_db, now=0.0)
    return path


def test_a_leaf_takes_long_frames_and_an_answer_short_ones() -> None:
    path = hearing(15.0)
    assert for_a_leaf(path) == "DATAC1"
    assert chosen(path, 14) == "DATAC0"


def test_the_path_decides_what_is_possible() -> None:
    assert for_a_leaf(hearing(DATAC1_DB)) == "DATAC1"
    assert for_a_leaf(hearing(DATAC1_DB - 0.1)) == "DATAC3"
    assert for_a_leaf(hearing(DATAC3_DB - 0.1)) == "DATAC4"


def test_a_path_of_which_nothing_is_known_gets_the_most_robust() -> None:
    assert chosen(PathEstimate(), 54) == "DATAC4"
    assert chosen(PathEstimate(), 14) == "DATAC13"
    assert for_a_leaf(hearing(15.0), now=STALE_AFTER_S + 1) == "DATAC4"


def test_a_hopeless_path_gets_the_most_robust() -> None:
    assert chosen(hearing(-20.0), 54) == "DATAC4"


def test_a_path_becomes_worse_at_once_and_better_later() -> None:
    path = hearing(20.0, DATAC1_DB - 0.1)
    assert for_a_leaf(path) == "DATAC3"
    path.heard(DATAC1_DB + HYSTERESIS_DB - 0.2, now=1.0)
    assert for_a_leaf(path, now=1.0) == "DATAC3"
    path.heard(DATAC1_DB + HYSTERESIS_DB + 0.2, now=2.0)
    assert for_a_leaf(path, now=2.0) == "DATAC1"


def test_a_report_counts_in_the_place_of_what_we_hear_until_it_is_old() -> None:
    path = hearing(20.0)
    path.reported(DATAC3_DB, now=1.0)
    path.heard(20.0, now=2.0)
    assert path.snr_db(now=2.0) == DATAC3_DB
    path.heard(20.0, now=STALE_AFTER_S + 2)
    assert path.snr_db(now=STALE_AFTER_S + 2) == 20.0


def test_the_first_report_counts_even_if_it_is_better() -> None:
    path = hearing(-5.0)
    path.reported(12.0, now=1.0)
    assert path.snr_db(now=1.0) == 12.0


def test_loss_that_the_snr_does_not_explain_makes_it_more_robust_until_it_ends() -> None:
    path = hearing(DATAC1_DB + 3.0)
    path.delivered((LOSS_LOW + LOSS_HIGH) / 2, needs_snr_db=DATAC1_DB, now=0.0)
    assert for_a_leaf(path) == "DATAC1"
    for _ in range(2):
        path.delivered(LOSS_HIGH + 0.1, needs_snr_db=DATAC1_DB, now=0.0)
    assert for_a_leaf(path) == "DATAC3"
    for _ in range(20):
        path.delivered(0.0, needs_snr_db=DATAC3_DB, now=0.0)
    assert for_a_leaf(path) == "DATAC1"


@given(st.floats(DATAC1_DB, DATAC1_DB + 15), st.floats(LOSS_TOTAL + 0.01, 1))
def test_a_mode_in_which_nothing_arrives_is_left_at_once(snr_db: float, loss: float) -> None:
    path = hearing(snr_db)
    assert for_a_leaf(path) == "DATAC1"
    path.delivered(loss, needs_snr_db=DATAC1_DB, now=0.0)
    assert for_a_leaf(path) != "DATAC1"


@given(st.floats(-30, 40), st.lists(st.floats(0, 1), max_size=40))
def test_losses_lower_an_estimate_by_no_more_than_their_limit(
    snr_db: float, losses: list[float]
) -> None:
    path = hearing(snr_db)
    for loss in losses:
        path.delivered(loss, needs_snr_db=DATAC1_DB, now=0.0)
    counted = path.snr_db(now=0.0)
    assert counted is not None
    assert snr_db - PENALTY_MAX_DB <= counted <= snr_db


subsets = st.sets(st.sampled_from(MODES), min_size=1).map(tuple)


@given(subsets, st.none() | st.floats(-30, 40), st.integers(1, 20_000))
def test_something_is_always_in_reach_and_takes_the_frame_if_any_mode_does(
    modes: tuple[ModemTraits, ...], snr_db: float | None, octets: int
) -> None:
    reached = in_reach(modes, snr_db, frame_octets=octets)
    assert reached
    assert set(reached) <= set(modes)
    longest = max(one.payload_octets_max for one in modes)
    assert max(one.payload_octets_max for one in reached) >= min(octets, longest)


@given(subsets, st.floats(-30, 40), st.floats(0, 20), st.integers(1, 20_000))
def test_a_better_path_never_puts_a_mode_out_of_reach(
    modes: tuple[ModemTraits, ...], snr_db: float, more_db: float, octets: int
) -> None:
    worse = in_reach(modes, snr_db, frame_octets=octets)
    assert names(worse) <= names(in_reach(modes, snr_db + more_db, frame_octets=octets))


@given(st.floats(-10, 20), st.lists(st.floats(0, HYSTERESIS_DB), min_size=1, max_size=30))
def test_a_path_that_wavers_by_less_than_the_hysteresis_is_used_in_one_mode(
    least_db: float, above: list[float]
) -> None:
    path = hearing(least_db)
    modes = set()
    for each in above:
        path.heard(least_db + each, now=1.0)
        modes.add(for_a_leaf(path, now=1.0))
    assert len(modes) == 1


@given(subsets, st.floats(-30, 40), st.integers(1, 5_000))
def test_what_is_chosen_is_in_reach_and_no_dearer_than_anything_that_is(
    modes: tuple[ModemTraits, ...], snr_db: float, octets: int
) -> None:
    usable = [one for one in modes if one.needs_snr_db <= snr_db]
    choice = cheapest(in_reach(modes, snr_db, frame_octets=1), octets)
    if usable:
        assert choice in usable
        assert airtime_s(choice, octets) == min(airtime_s(one, octets) for one in usable)


def airtime_s(traits: ModemTraits, octets: int) -> float:
    frames = -(-octets // traits.payload_octets_max)
    return traits.burst_s([traits.payload_octets_max] * frames)
