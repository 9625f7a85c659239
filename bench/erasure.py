"""The on-air erasure code: what it costs, how often it fails, what it saves, what compresses.

Times are processor seconds of one core, medians of several turns.
"""

import statistics
import time
from collections.abc import Callable
from hashlib import sha256
from random import Random

import numpy as np
from tools.air_texts import KINDS, MEASURING, leaf_of, texts

from bench.broadcast import Broadcast, Sent, fountain, one_by_one, ranks, union_of_fills
from bench.report import Figure, Report
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.radio.erasure.coefficients import coefficients
from meshdl.radio.erasure.decoder import Decoder
from meshdl.radio.erasure.encoder import SYMBOL_OCTETS, Encoder
from meshdl.radio.erasure.ids import FIRST_REPAIR_ID, LAST_ID
from meshdl.radio.forms import best_form, coded, raw_form, restore
from meshdl.radio.leaf_symbols import Leaf, LeafSymbols, LeafVerified, SymbolHeard
from meshdl.wire.onair.pdus import Codec

TURNS = 5
SETS = 1_000_000
SETS_AT_ONCE = 50_000
SOURCE_SYMBOLS_OF_SETS = 12
"""Whether random coefficients are independent hardly depends on K; a small one is quick."""

FAILURES_AT_K = 0.005
FAILURES_AT_K_AND_ONE = 0.0001

RECEIVERS = 20
LOSS = 0.2
RUNS = 5
AIRTIME_AT_MOST = 1.12 / (1 - LOSS)
BESIDE_ANY_CODE_AT_LEAST = 0.98


async def measure(report: Report) -> None:
    """All of it; a minute or two."""
    for symbol_octets in (32, SYMBOL_OCTETS, 64):
        measure_cost(report, symbol_octets)
    measure_wrong_symbols(report)
    measure_failures(report)
    measure_airtime(report)
    measure_compression(report)


def measure_cost(report: Report, symbol_octets: int) -> None:
    """Encoding and decoding one leaf of 16 KiB."""
    leaf = Random(1).randbytes(LEAF_OCTETS)
    encoder = Encoder(leaf, symbol_octets)
    count = encoder.source_symbols
    repair = list(range(FIRST_REPAIR_ID, FIRST_REPAIR_ID + count + 10))
    symbols = dict(zip(repair, encoder.symbols(repair), strict=True))
    symbols |= enumerate(encoder.symbols(range(count)))
    what = f"{symbol_octets}-octet symbols, K {count}"
    each_ms = [one / len(repair) for one in turns_ms(lambda: encoder.symbols(repair))]
    add_ms(report, f"one repair symbol, {what}", each_ms)
    lost = set(Random(2).sample(range(count), count // 5))
    for name, ids in (
        ("nothing lost", list(range(count))),
        ("20 % lost", [one for one in range(count) if one not in lost] + repair),
        ("repair symbols alone", repair),
    ):

        def decode(ids: list[int] = ids) -> None:
            decoder = Decoder(count, symbol_octets)
            for at in range(0, len(ids), 10):
                decoder.add([(one, symbols[one]) for one in ids[at : at + 10]])
                if not decoder.missing:
                    break
            assert decoder.octets()[:LEAF_OCTETS] == leaf

        add_ms(report, f"decode a leaf, {name}, {what}", turns_ms(decode))


def measure_wrong_symbols(report: Report) -> None:
    """A leaf of repair symbols alone, of which one in ten is noise: the dearest case.

    Nobody knows who sent them, so they are found by what they contradict.
    """
    leaf = Random(1).randbytes(LEAF_OCTETS)
    formed = raw_form(leaf)
    ids = list(range(FIRST_REPAIR_ID, FIRST_REPAIR_ID + 600))
    symbols = Encoder(leaf).symbols(ids)
    noise = Random(2)
    for at in range(0, len(ids), 10):
        symbols[at] = noise.randbytes(SYMBOL_OCTETS)
    collected = LeafSymbols(Leaf(sha256(leaf).digest(), len(leaf)))
    taken_ms = []
    for one, octets in zip(ids, symbols, strict=True):
        began = time.process_time()
        outcome = collected.receive(SymbolHeard(form=formed.form, symbol_id=one, octets=octets))
        taken_ms.append((time.process_time() - began) * 1000)
        if isinstance(outcome, LeafVerified):
            break
    assert isinstance(outcome, LeafVerified)
    heard, wrong = len(taken_ms), len(outcome.wrong)
    right = heard - wrong
    note = f"K {formed.form.source_symbols}; {wrong} of {heard} symbols were wrong"
    report.add(Figure("right symbols that a leaf took, a tenth wrong", right, "symbols", note=note))
    report.add(Figure("the same, processor time", round(sum(taken_ms), 1), "ms"))
    report.add(Figure("the same, the dearest symbol", round(max(taken_ms), 1), "ms"))


def measure_failures(report: Report) -> None:
    """How many sets of K and of K + 1 repair symbols do not decode."""
    count, rng = SOURCE_SYMBOLS_OF_SETS, np.random.default_rng(1)
    table = coefficients(list(range(LAST_ID + 1)), count)
    failed, failed_and_one = 0, 0
    for _ in range(0, SETS, SETS_AT_ONCE):
        chosen = rng.integers(FIRST_REPAIR_ID, LAST_ID + 1, (SETS_AT_ONCE, count + 1))
        # An id twice is one symbol: such a set is none of K different ones.
        ordered = np.sort(chosen, axis=1)
        distinct = table[chosen[(ordered[:, 1:] != ordered[:, :-1]).all(axis=1)]]
        failed += sum(rank < count for rank in ranks(distinct[:, :count]))
        failed_and_one += sum(rank < count for rank in ranks(distinct))
    note = f"{SETS:,} sets of random ids, K {count}"
    for name, failures, promised in (
        ("K", failed, FAILURES_AT_K),
        ("K + 1", failed_and_one, FAILURES_AT_K_AND_ONE),
    ):
        report.add(
            Figure(
                f"sets of {name} symbols that do not decode", failures / SETS * 100, "%",
                at_most=promised * 100, note=note,
            )
        )  # fmt: skip


def measure_airtime(report: Report) -> None:
    """20 receivers who each lose a fifth of all frames.

    The larger the share of a leaf that one frame carries, the more costs the receiver with
    the worst luck, whatever the code. So beside the airtime stands the least that any code
    could have done with.
    """
    for name, leaves, per_frame, leaves_per_frame, promised in (
        ("16 KiB, 2 symbols a frame", 1, 2, 1, AIRTIME_AT_MOST),
        ("16 KiB, 5 symbols a frame", 1, 5, 1, None),
        ("16 KiB, 10 symbols a frame", 1, 10, 1, None),
        ("32 KiB, 5 symbols of each leaf a frame", 2, 10, 2, None),
    ):
        what = Broadcast(
            receivers=RECEIVERS,
            loss=LOSS,
            leaves=leaves,
            source_symbols=342,
            symbols_per_frame=per_frame,
            leaves_per_frame=leaves_per_frame,
        )
        ours = _runs(report, f"fountain: {name}", fountain, what, promised)
        any_code = statistics.mean(one.any_code for one in ours)
        report.add(Figure(f"airtime, any code: {name}", round(any_code, 3), "of the file"))
        report.add_ratio(
            f"airtime, any code / fountain: {name}",
            any_code,
            statistics.mean(one.airtime for one in ours),
            at_least=BESIDE_ANY_CODE_AT_LEAST,
        )
        if leaves_per_frame == 1:
            _runs(report, f"union of fills: {name}", union_of_fills, what, None)
            _runs(report, f"one by one: {name}", one_by_one, what, None)


def _runs(
    report: Report,
    name: str,
    send: Callable[[Broadcast, Random], Sent],
    what: Broadcast,
    promised: float | None,
) -> list[Sent]:
    runs = [send(what, Random(seed)) for seed in range(RUNS)]
    airtime = statistics.mean(one.airtime for one in runs)
    note = f"mean of {RUNS} runs; one receiver: {1 / (1 - LOSS):g}"
    report.add(
        Figure(f"airtime, {name}", round(airtime, 3), "of the file", at_most=promised, note=note)
    )
    return runs


def measure_compression(report: Report) -> None:
    """Symbols of typical texts, as they are, with zstd, and with zstd and the dictionary."""
    for kind in KINDS:
        one_by_one_texts = texts(kind, MEASURING, seed=2, count=40)
        whole = [leaf_of(kind, MEASURING, seed=seed) for seed in range(3)]
        for name, leaves in ((kind, one_by_one_texts), (f"16 KiB of {kind}", whole)):
            raw = statistics.mean(raw_form(one).form.source_symbols for one in leaves)
            best = statistics.mean(best_form(one).form.source_symbols for one in leaves)
            plain = statistics.mean(_symbols_without_dictionary(one) for one in leaves)
            note = f"{raw:.1f} as it is, {plain:.1f} without the dictionary"
            report.add(Figure(f"symbols of {name}", round(best, 1), "symbols", note=note))
    noise = Random(1).randbytes(LEAF_OCTETS)
    text = leaf_of("form 309", MEASURING, seed=1)
    for name, leaf in (("noise", noise), ("text", text)):
        add_ms(report, f"choose the form of 16 KiB of {name}", turns_ms(lambda: best_form(leaf)))  # noqa: B023 - called at once
    formed = best_form(text)
    padded = formed.octets.ljust(formed.form.source_symbols * SYMBOL_OCTETS, b"\0")
    add_ms(
        report, "restore 16 KiB of text", turns_ms(lambda: restore(formed.form, padded, len(text)))
    )


def _symbols_without_dictionary(leaf: bytes) -> int:
    made = coded(leaf, Codec.ZSTD).form.source_symbols
    return min(made, raw_form(leaf).form.source_symbols)


def turns_ms(work: Callable[[], object]) -> list[float]:
    """Processor time of some turns of the same work."""
    taken = []
    for _ in range(TURNS):
        began = time.process_time()
        work()
        taken.append((time.process_time() - began) * 1000)
    return taken


def add_ms(report: Report, name: str, taken_ms: list[float]) -> None:
    """Their median."""
    rounds = tuple(round(one, 2) for one in taken_ms)
    report.add(Figure(name, round(statistics.median(taken_ms), 2), "ms", rounds=rounds))
