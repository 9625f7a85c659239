"""What a check of ``meshdl doctor`` comes to."""

import enum

import msgspec


class Verdict(enum.StrEnum):
    """How a check ended, worst last."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


class Finding(msgspec.Struct, frozen=True):
    """One line of the report.

    Attributes:
        subject: what was looked at.
        text: what was found, and what to do unless all is well.
    """

    verdict: Verdict
    subject: str
    text: str
