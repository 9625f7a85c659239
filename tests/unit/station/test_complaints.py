"""Complaints reach the operator, and do not fill his log."""

import logging

import pytest

from meshdl.station.complaints import LINES_AT_ONCE, LINES_PER_S, WARNINGS_MAX, Complaints


def test_the_operator_is_shown_each_once_and_the_log_takes_only_so_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shown: list[str] = []
    with caplog.at_level(logging.INFO):
        complaints = Complaints(shown.append, now=0.0)
        for _ in range(3):
            complaints.tell("the server refuses us", now=0.0)
        assert shown == ["the server refuses us"]
        assert len(caplog.records) == 3
        for number in range(10 * WARNINGS_MAX):
            complaints.tell(f"a signal that is {number} s old", now=0.0)
        assert len(shown) == WARNINGS_MAX
        assert len(caplog.records) == LINES_AT_ONCE
        complaints.tell("later", now=1 / LINES_PER_S)
        assert caplog.records[-1].getMessage() == "later"
