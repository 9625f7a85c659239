"""Log lines of programs that run in the foreground: to stderr, and without people's addresses."""

import logging
import sys

from aiohttp.http import HttpProcessingError

from meshdl.discovery.masking import masked

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class MaskingFormatter(logging.Formatter):
    """Masks whole lines, so that no caller can forget to, nor a library."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, exception included."""
        return masked(super().format(record))


def no_strangers_mistake(record: logging.LogRecord) -> bool:
    """Whether a record is of anything but octets that are no HTTP.

    The library writes an error with a stack for each such request, and whoever can connect
    could write our log with them.
    """
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, HttpProcessingError)


def log_to_stderr(*, verbose: bool, addresses: bool) -> None:
    """Begin.

    Args:
        verbose: what is of use to developers too.
        addresses: write whole addresses.
    """
    handler = logging.StreamHandler(sys.stderr)
    if not verbose:
        handler.addFilter(no_strangers_mistake)
    handler.setFormatter((logging.Formatter if addresses else MaskingFormatter)(FORMAT))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose else logging.INFO)
