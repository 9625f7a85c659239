"""Log lines of programs that run in the foreground: to stderr, and without people's addresses."""

import logging
import sys

from meshdl.discovery.masking import masked

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class MaskingFormatter(logging.Formatter):
    """Masks whole lines, so that no caller can forget to, nor a library."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, exception included."""
        return masked(super().format(record))


def log_to_stderr(*, verbose: bool, addresses: bool) -> None:
    """Begin.

    Args:
        verbose: what is of use to developers too.
        addresses: write whole addresses.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((logging.Formatter if addresses else MaskingFormatter)(FORMAT))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose else logging.INFO)
