"""One station with 10 and with 50 peers at once: how fast, and how much memory a link takes.

The station is a process of its own; its peers share two others (:mod:`bench.light_seeds`),
for fifty whole stations would take more of a small machine than what is measured.
"""

from bench.from_light_seeds import measure_from
from bench.report import Figure, Report

FEW, MANY = 10, 50
PROCESSES = 2
OF_FEW_AT_LEAST = 0.8
MEGABYTES_A_LINK_AT_MOST = 2.0


async def measure(report: Report) -> None:
    """Few before and after many, because the machine drifts."""
    few, few_peak = await measure_from(FEW, report, processes=PROCESSES)
    many, many_peak = await measure_from(MANY, report, processes=PROCESSES)
    again, again_peak = await measure_from(FEW, report, processes=PROCESSES)
    report.add_ratio(f"{MANY} peers / {FEW}", many, (few + again) / 2, at_least=OF_FEW_AT_LEAST)
    a_link = (many_peak - (few_peak + again_peak) / 2) / (MANY - FEW) / 1e6
    report.add(
        Figure(
            "memory a link",
            round(a_link, 2),
            "MB",
            at_most=MEGABYTES_A_LINK_AT_MOST,
            note=f"VmHWM with {MANY} peers less that with {FEW}",
        )
    )
