"""One station with 10 and with 50 peers at once: how fast, and how much memory a link takes.

The station is a process of its own; its peers share two others (:mod:`bench.light_seeds`),
for fifty whole stations would take more of a small machine than what is measured.
"""

from statistics import mean

from bench.from_light_seeds import measure_from
from bench.report import Figure, Report

FEW, MANY = 10, 50
PROCESSES = 2
ROUNDS = 2
OF_FEW_AT_LEAST = 0.8
MEGABYTES_A_LINK_AT_MOST = 2.0


async def measure(report: Report) -> None:
    """Few and many in turns, few first and last, because the machine drifts."""
    few, many = [await measure_from(FEW, report, processes=PROCESSES)], []
    for _ in range(ROUNDS):
        many.append(await measure_from(MANY, report, processes=PROCESSES))
        few.append(await measure_from(FEW, report, processes=PROCESSES))
    (few_rate, few_peak), (many_rate, many_peak) = map(_means, (few, many))
    report.add_ratio(f"{MANY} peers / {FEW}", many_rate, few_rate, at_least=OF_FEW_AT_LEAST)
    report.add(
        Figure(
            "memory a link",
            round((many_peak - few_peak) / (MANY - FEW) / 1e6, 2),
            "MB",
            at_most=MEGABYTES_A_LINK_AT_MOST,
            note=f"VmHWM with {MANY} peers less that with {FEW}",
        )
    )


def _means(measured: list[tuple[float, int]]) -> tuple[float, float]:
    rates, peaks = zip(*measured, strict=True)
    return mean(rates), mean(peaks)
