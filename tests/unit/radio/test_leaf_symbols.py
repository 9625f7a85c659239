"""Symbols of one leaf: whatever is heard, only the leaf comes out."""

from hashlib import sha256
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tools.air_texts import MEASURING, leaf_of

from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.forms import FormedLeaf, best_form, raw_form
from meshdl.radio.leaf_symbols import (
    COMPRESSED_FORMS_MAX,
    Kept,
    Leaf,
    LeafSymbols,
    LeafVerified,
    Outcome,
    Refusal,
    Refused,
    SymbolHeard,
)
from meshdl.radio.symbol_set import WrongSymbol, surplus_max
from meshdl.wire.onair.pdus import SOURCE_SYMBOLS_MAX, Codec, Form

TEXT = leaf_of("form 309", MEASURING, seed=3, octets=6_000)
OTHER = leaf_of("form 309", MEASURING, seed=4, octets=6_000)
NOISE = Random(2).randbytes(20 * 48)
RNG = Random(3)


def known(leaf: bytes) -> Leaf:
    return Leaf(sha256(leaf).digest(), len(leaf))


def cut(formed: FormedLeaf, ids: list[int], sender: str = "N0AAA") -> list[SymbolHeard]:
    symbols = Encoder(formed.octets).symbols(ids)
    return [
        SymbolHeard(form=formed.form, symbol_id=one, octets=octets, sender=sender)
        for one, octets in zip(ids, symbols, strict=True)
    ]


def noise(form: Form, one: int, sender: str = "N0BAD") -> SymbolHeard:
    return SymbolHeard(form=form, symbol_id=one, octets=RNG.randbytes(48), sender=sender)


def heard_until_verified(leaf: LeafSymbols, symbols: list[SymbolHeard]) -> LeafVerified | None:
    for symbol in symbols:
        outcome = leaf.receive(symbol)
        if isinstance(outcome, LeafVerified):
            return outcome
    return None


@pytest.mark.parametrize("formed", [raw_form(TEXT), best_form(TEXT)], ids=["raw", "compressed"])
def test_as_many_symbols_as_the_form_has_give_the_leaf(formed: FormedLeaf) -> None:
    leaf = LeafSymbols(known(TEXT))
    count = formed.form.source_symbols
    symbols = cut(formed, [*range(1, count), 700])
    assert leaf.wanted() == []
    assert heard_until_verified(leaf, symbols[:-1]) is None
    assert leaf.wanted() == [(formed.form, 1)]
    verified = heard_until_verified(leaf, symbols[-1:])
    assert verified is not None
    assert (verified.octets, verified.form, verified.wrong) == (TEXT, formed.form, ())
    assert verified.form_octets[: len(formed.octets)] == formed.octets
    assert leaf.receive(symbols[0]) == Refused(Refusal.COMPLETE)
    assert leaf.held == 0


@pytest.mark.parametrize("wrong", [1, 3, 20])
@pytest.mark.parametrize("first", [True, False], ids=["wrong first", "wrong last"])
def test_wrong_symbols_cost_two_more_symbols_each_at_most_and_are_attributed(
    wrong: int, first: bool
) -> None:
    formed = raw_form(NOISE)
    bad = [noise(formed.form, 1000 + at) for at in range(wrong)]
    good = cut(formed, list(range(20)) + list(range(2000, 2000 + 2 * wrong + 2)))
    leaf = LeafSymbols(known(NOISE))
    symbols = bad + good if first else good[:19] + bad + good[19:]
    verified = heard_until_verified(leaf, symbols)
    assert verified is not None
    assert verified.octets == NOISE
    assert set(verified.wrong) == {WrongSymbol(one.symbol_id, ("N0BAD",)) for one in bad}


def test_a_leaf_is_found_when_a_quarter_of_its_symbols_is_noise_from_one_sender() -> None:
    leaf = RNG.randbytes(16_384)
    formed = raw_form(leaf)
    symbols = [
        noise(formed.form, one.symbol_id) if at % 4 == 0 else one
        for at, one in enumerate(cut(formed, list(range(1000, 1513))))
    ]
    verified = heard_until_verified(LeafSymbols(known(leaf)), symbols)
    assert verified is not None
    assert verified.octets == leaf
    assert {one.senders for one in verified.wrong} == {("N0BAD",)}


def test_the_right_octets_may_come_second_under_an_id() -> None:
    formed = raw_form(NOISE)
    leaf = LeafSymbols(known(NOISE))
    symbols = [noise(formed.form, 0), *cut(formed, [*range(20), 900, 901, 902])]
    verified = heard_until_verified(leaf, symbols)
    assert verified is not None
    assert verified.wrong == (WrongSymbol(0, ("N0BAD",)),)


def test_a_symbol_is_attributed_to_everybody_who_sent_it() -> None:
    formed = raw_form(NOISE)
    bad = noise(formed.form, 800, "N0AAA")
    again = SymbolHeard(form=bad.form, symbol_id=800, octets=bad.octets, sender="N0BBB")
    leaf = LeafSymbols(known(NOISE))
    assert leaf.receive(bad) == Kept(new=True)
    assert leaf.receive(again) == Kept(new=False)
    verified = heard_until_verified(leaf, cut(formed, [*list(range(20)), 900, 901, 902]))
    assert verified is not None
    assert verified.wrong == (WrongSymbol(800, ("N0AAA", "N0BBB")),)


def test_the_same_error_added_to_many_symbols_is_found_by_its_sender() -> None:
    formed = raw_form(NOISE)
    error = RNG.randbytes(48)
    bad = [
        SymbolHeard(
            form=one.form,
            symbol_id=one.symbol_id,
            octets=bytes(a ^ b for a, b in zip(one.octets, error, strict=True)),
            sender="N0BAD",
        )
        for one in cut(formed, list(range(700, 712)))
    ]
    leaf = LeafSymbols(known(NOISE))
    verified = heard_until_verified(leaf, bad + cut(formed, [*list(range(20)), 900, 901]))
    assert verified is not None
    assert len(verified.wrong) == 12


def test_symbols_of_another_leaf_under_the_same_name_are_found_by_their_sender() -> None:
    formed, other = raw_form(TEXT), raw_form(OTHER)
    false = cut(other, list(range(40)), "N0BAD")
    leaf = LeafSymbols(known(TEXT))
    verified = heard_until_verified(leaf, false + cut(formed, list(range(4000, 4140))))
    assert verified is not None
    assert verified.octets == TEXT
    assert len(verified.wrong) == 40


def test_a_whole_false_leaf_delays_the_true_one_and_does_not_prevent_it() -> None:
    formed, other = raw_form(TEXT), raw_form(OTHER)
    leaf = LeafSymbols(known(TEXT))
    count = formed.form.source_symbols
    turns = zip(
        cut(other, list(range(3000, 3000 + 6 * count)), "N0BAD"),
        cut(formed, list(range(20_000, 20_000 + 6 * count))),
        strict=True,
    )
    verified = heard_until_verified(leaf, [one for turn in turns for one in turn])
    assert verified is not None
    assert verified.octets == TEXT


def test_a_station_set_aside_unjustly_is_heard_again() -> None:
    formed = raw_form(NOISE)
    leaf = LeafSymbols(known(NOISE))
    loud = [noise(formed.form, 600 + at, "N0AAA") for at in range(70)]
    jam = [noise(formed.form, 800 + at) for at in range(14)]
    assert heard_until_verified(leaf, loud + jam) is None
    assert leaf.held == 0
    verified = heard_until_verified(leaf, cut(formed, list(range(900, 940))))
    assert verified is not None


def test_a_leaf_starts_over_when_its_largest_surplus_has_not_helped() -> None:
    leaf_octets = RNG.randbytes(150 * 48)  # so that the largest surplus, 75, is no usual step
    formed = raw_form(leaf_octets)
    leaf = LeafSymbols(known(leaf_octets))
    crowd = [noise(formed.form, 600 + at, f"N{at % 10}BA{chr(65 + at // 10)}") for at in range(60)]
    honest = cut(formed, list(range(1000, 1165)))
    assert heard_until_verified(leaf, crowd + honest[:-1]) is None
    assert leaf.held == 150 + surplus_max(150) - 1
    assert leaf.receive(honest[-1]) == Kept(new=True)
    assert leaf.held == 0
    assert heard_until_verified(leaf, cut(formed, list(range(2000, 2150)), "N0CCC")) is not None


def test_of_many_octets_under_one_id_two_are_kept() -> None:
    leaf = LeafSymbols(known(NOISE))
    kept = [leaf.receive(noise(raw_form(NOISE).form, 700)) for _ in range(4)]
    assert kept == [Kept(new=True), Kept(new=True), Kept(new=False), Kept(new=False)]


def test_symbols_overheard_count_when_the_hash_becomes_known() -> None:
    formed = best_form(TEXT)
    count = formed.form.source_symbols
    leaf = LeafSymbols(None)
    for symbol in [*cut(formed, list(range(600, 600 + count + 3))), noise(formed.form, 900)]:
        assert leaf.receive(symbol) == Kept(new=True)
    verified = leaf.learn(known(TEXT))
    assert verified is not None
    assert verified.octets == TEXT
    assert verified.wrong == (WrongSymbol(900, ("N0BAD",)),)


def test_what_cannot_be_of_the_leaf_is_dropped_when_its_length_becomes_known() -> None:
    leaf = LeafSymbols(None)
    leaf.receive(noise(Form(Codec.RAW, 300), 0))
    leaf.receive(noise(Form(Codec.ZSTD, 20), 0))
    leaf.receive(noise(Form(Codec.ZSTD, 19), 0))
    assert leaf.learn(known(NOISE)) is None
    assert [form for form, _ in leaf.wanted()] == [Form(Codec.ZSTD, 19)]


@pytest.mark.parametrize(
    ("form", "one", "octets", "reason"),
    [
        (Form(Codec.RAW, 19), 0, 48, Refusal.NOT_THIS_LEAF),
        (Form(Codec.RAW, 342), 0, 48, Refusal.NOT_THIS_LEAF),
        (Form(Codec.ZSTD, 20), 0, 48, Refusal.NOT_THIS_LEAF),
        (Form(Codec.RAW, 20), 20, 48, Refusal.NO_SUCH_SYMBOL),
        (Form(Codec.RAW, 20), 511, 48, Refusal.NO_SUCH_SYMBOL),
        (Form(Codec.RAW, 20), 65_536, 48, Refusal.NO_SUCH_SYMBOL),
        (Form(Codec.RAW, 20), 0, 47, Refusal.NO_SUCH_SYMBOL),
        (Form(Codec.ZSTD, 5), 0, 4000, Refusal.NO_SUCH_SYMBOL),
    ],
)
def test_what_is_no_symbol_of_the_leaf_is_refused(
    form: Form, one: int, octets: int, reason: Refusal
) -> None:
    leaf = LeafSymbols(known(NOISE))
    heard = SymbolHeard(form=form, symbol_id=one, octets=bytes(octets), sender="N0BAD")
    assert leaf.receive(heard) == Refused(reason)
    assert leaf.held == 0


def test_invented_forms_displace_neither_the_raw_one_nor_the_ones_that_grow() -> None:
    leaf = LeafSymbols(known(TEXT))
    formed = best_form(TEXT)
    for symbol in [*cut(raw_form(TEXT), [0]), *cut(formed, [0, 1, 2])]:
        leaf.receive(symbol)
    for tag in range(500):
        leaf.receive(noise(Form(Codec.ZSTD, 9, tag), 0))
    forms = [form for form, _ in leaf.wanted()]
    assert len(forms) == 1 + COMPRESSED_FORMS_MAX
    assert {formed.form, raw_form(TEXT).form} <= set(forms)


def test_nobody_fills_the_memory_of_a_leaf_that_cannot_be_judged() -> None:
    leaf = LeafSymbols(None)
    form = Form(Codec.RAW, 20)
    for at in range(2000):
        leaf.receive(noise(form, at % 20 if at < 1000 else 600 + at))
    assert leaf.held <= 20 + surplus_max(20)


class Channel(RuleBasedStateMachine):
    """One receiver, honest senders of two forms, one that sends rubbish, and a noisy band."""

    @initialize(
        octets=st.binary(min_size=1, max_size=700),
        text=st.booleans(),
        known_at_once=st.booleans(),
    )
    def begin(self, octets: bytes, text: bool, known_at_once: bool) -> None:
        self.truth = TEXT[: len(octets)] if text else octets
        self.forms = list({one.form: one for one in self._formed()}.values())
        self.leaf = LeafSymbols(known(self.truth) if known_at_once else None)
        self.judged = known_at_once
        self.verified: bytes | None = None
        self.next_id = 600

    def _formed(self) -> list[FormedLeaf]:
        return [raw_form(self.truth), best_form(self.truth)]

    def _note(self, outcome: Outcome | None) -> None:
        if isinstance(outcome, LeafVerified):
            assert self.verified is None
            self.verified = outcome.octets

    @rule(which=st.integers(0, 1), count=st.integers(1, 6), systematic=st.booleans())
    def an_honest_burst(self, which: int, count: int, systematic: bool) -> None:
        formed = self.forms[which % len(self.forms)]
        k = formed.form.source_symbols
        ids = [at % k for at in range(count)] if systematic else self._fresh(count)
        for symbol in cut(formed, ids):
            self._note(self.leaf.receive(symbol))

    @rule(which=st.integers(0, 1), one=st.integers(-1, 70_000), octets=st.binary(max_size=49))
    def rubbish(self, which: int, one: int, octets: bytes) -> None:
        form = self.forms[which % len(self.forms)].form
        self._note(
            self.leaf.receive(SymbolHeard(form=form, symbol_id=one, octets=octets, sender="N0BAD"))
        )

    @rule(which=st.integers(0, 1), count=st.integers(1, 4))
    def damaged_symbols(self, which: int, count: int) -> None:
        form = self.forms[which % len(self.forms)].form
        for one in self._fresh(count):
            self._note(self.leaf.receive(noise(form, one, "")))

    @rule(word=st.integers(0, 2**32 - 1))
    def an_invented_form(self, word: int) -> None:
        try:
            form = Form.unpack(word)
        except ValueError:
            return
        self._note(self.leaf.receive(noise(form, 0)))

    @precondition(lambda self: not self.judged)
    @rule()
    def the_hash_becomes_known(self) -> None:
        self.judged = True
        self._note(self.leaf.learn(known(self.truth)))

    @precondition(lambda self: self.judged)
    @rule()
    def an_hour_without_disturbance(self) -> None:
        formed = self.forms[0]
        k = formed.form.source_symbols
        for symbol in cut(formed, self._fresh(2 * (k + surplus_max(k)))):
            self._note(self.leaf.receive(symbol))
        assert self.verified == self.truth

    def _fresh(self, count: int) -> list[int]:
        self.next_id += count
        return list(range(self.next_id - count, self.next_id))

    @invariant()
    def nothing_but_the_leaf_comes_out(self) -> None:
        assert self.verified in (None, self.truth)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.leaf.held <= (1 + COMPRESSED_FORMS_MAX) * (
            SOURCE_SYMBOLS_MAX + surplus_max(SOURCE_SYMBOLS_MAX)
        )


def test_whatever_is_heard_only_the_leaf_comes_out_and_in_the_end_it_does() -> None:
    # A quarter of the usual number: each example is a whole afternoon on the band.
    few = settings(max_examples=settings().max_examples // 4, stateful_step_count=25)
    run_state_machine_as_test(Channel, settings=few)
