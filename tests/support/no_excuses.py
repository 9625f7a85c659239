"""A pytest plugin for CI, where the environment variable CI is set.

A skipped test is a failed one: what a test needs is installed by the project's own
files, so a skip there means that something is no longer tested and nobody noticed. The
slowest tests are told, because nobody looks for them before the run is too slow.
"""

import os
from collections.abc import Generator

import pytest

SLOWEST = 10


def pytest_configure(config: pytest.Config) -> None:
    if _in_ci() and config.option.durations is None:
        config.option.durations = SLOWEST


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _take_no_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _take_no_skip(report)
    return report


def _take_no_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _in_ci() and report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"in CI nothing may be skipped; {reason}"


def _in_ci() -> bool:
    return bool(os.environ.get("CI"))
