"""The mode is the cheapest that the rules allow and the path carries."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.policy.mode_choice import (
    HYSTERESIS_DB,
    LOSS_HIGH,
    STALE_AFTER_S,
    ModeChooser,
    ModeOffer,
)
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, NEEDS_SNR_DB, FreedvMode

OFFERS = [ModeOffer(FREEDV_TRAITS[mode], NEEDS_SNR_DB[mode]) for mode in FreedvMode]
HF_HZ = 2_800.0
NARROW_HZ = 500.0


def chosen(
    chooser: ModeChooser, octets: int, *, width_max_hz: float = HF_HZ, now: float = 0.0
) -> str:
    offer = chooser.choose(octets, width_max_hz=width_max_hz, now=now)
    return offer.traits.name if offer is not None else "none"


def hearing(*snrs_db: float) -> ModeChooser:
    chooser = ModeChooser(OFFERS)
    for snr_db in snrs_db:
        chooser.heard(snr_db, now=0.0)
    return chooser


def test_a_leaf_takes_long_frames_and_an_answer_short_ones() -> None:
    chooser = hearing(15.0)
    assert chosen(chooser, 16_384) == "DATAC1"
    assert chosen(chooser, 14) == "DATAC0"
    assert chosen(chooser, 60) == "DATAC0"


def test_the_path_decides_what_is_possible() -> None:
    assert chosen(hearing(5.0), 16_384) == "DATAC3"
    assert chosen(hearing(0.0), 16_384) == "DATAC4"
    assert chosen(hearing(0.0), 14) == "DATAC13"


def test_what_is_wider_than_allowed_is_not_used() -> None:
    assert chosen(hearing(15.0), 16_384, width_max_hz=NARROW_HZ) == "DATAC4"
    assert chosen(hearing(15.0), 16_384, width_max_hz=100.0) == "none"


def test_a_path_of_which_nothing_is_known_gets_the_most_robust() -> None:
    assert chosen(ModeChooser(OFFERS), 54) == "DATAC4"
    assert chosen(ModeChooser(OFFERS), 14) == "DATAC13"
    assert chosen(hearing(15.0), 54, now=STALE_AFTER_S + 1) == "DATAC4"


def test_a_hopeless_path_gets_the_most_robust() -> None:
    assert chosen(hearing(-20.0), 54) == "DATAC4"


def test_a_path_becomes_worse_at_once_and_better_later() -> None:
    need_db = NEEDS_SNR_DB[FreedvMode.DATAC1]
    chooser = hearing(20.0, need_db - 0.1)
    assert chosen(chooser, 16_384) == "DATAC3"
    chooser.heard(need_db + HYSTERESIS_DB - 0.2, now=1.0)
    assert chosen(chooser, 16_384, now=1.0) == "DATAC3"
    chooser.heard(need_db + HYSTERESIS_DB + 0.2, now=2.0)
    assert chosen(chooser, 16_384, now=2.0) == "DATAC1"


def test_loss_that_the_snr_does_not_explain_makes_it_more_robust_until_it_ends() -> None:
    chooser = hearing(9.0)
    assert chosen(chooser, 16_384) == "DATAC1"
    chooser.delivered(0.2)
    assert chosen(chooser, 16_384) == "DATAC1"
    for _ in range(2):
        chooser.delivered(LOSS_HIGH + 0.1)
    assert chosen(chooser, 16_384) == "DATAC3"
    for _ in range(20):
        chooser.delivered(0.0)
    assert chosen(chooser, 16_384) == "DATAC1"


@given(st.floats(-30, 40), st.integers(1, 20_000), st.floats(0, 20_000), st.lists(st.floats(0, 1)))
def test_the_choice_is_never_wider_than_allowed_and_always_made_when_one_fits(
    snr_db: float, octets: int, width_max_hz: float, losses: list[float]
) -> None:
    chooser = hearing(snr_db)
    for loss in losses:
        chooser.delivered(loss)
    offer = chooser.choose(octets, width_max_hz=width_max_hz, now=1.0)
    fitting = [one for one in OFFERS if one.width_hz <= width_max_hz]
    assert (offer is None) == (not fitting)
    assert offer is None or offer in fitting


@given(st.floats(-10, 20), st.lists(st.floats(0, HYSTERESIS_DB), min_size=1, max_size=30))
def test_a_path_that_wavers_by_less_than_the_hysteresis_is_used_in_one_mode(
    least_db: float, above: list[float]
) -> None:
    chooser = hearing(least_db)
    modes = set()
    for each in above:
        chooser.heard(least_db + each, now=1.0)
        modes.add(chosen(chooser, 16_384, now=1.0))
    assert len(modes) == 1


@given(st.floats(-30, 40), st.integers(1, 5_000))
def test_a_usable_mode_is_the_cheapest_usable_one(snr_db: float, octets: int) -> None:
    offer = hearing(snr_db).choose(octets, width_max_hz=HF_HZ, now=0.0)
    usable = [one for one in OFFERS if one.needs_snr_db <= snr_db]
    if usable:
        assert offer is not None
        assert offer.airtime_s(octets) == min(one.airtime_s(octets) for one in usable)
