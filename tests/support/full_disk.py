"""Databases that take nothing more."""

from contextlib import suppress

from meshdl.errors import DiskFull
from meshdl.station.catalogue import Catalogue
from meshdl.station.log import StationLog

ROOMY_PAGES = 1_000_000


def fill(log: StationLog) -> None:
    """No room. SQLite's own limit stands in for the disk's: the error code is the same."""
    pages = log._database.rows("PRAGMA page_count")[0][0]
    log._database.rows(f"PRAGMA max_page_count = {pages}")
    with suppress(DiskFull):
        while True:  # what is left in the last page
            log.append(at=0.0, kind="event", text="the disk fills up")


def make_room(log: StationLog) -> None:
    """It takes notes again."""
    log._database.rows(f"PRAGMA max_page_count = {ROOMY_PAGES}")


def lock(catalogue: Catalogue) -> None:
    """Every write is refused, as on a disk that the system has made read-only."""
    catalogue._database.rows("PRAGMA query_only = ON")


def unlock(catalogue: Catalogue) -> None:
    """Writes are taken again."""
    catalogue._database.rows("PRAGMA query_only = OFF")
