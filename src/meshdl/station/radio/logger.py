"""The operator's own logger, told of contacts as they end; see ``adif_udp.py``."""

import asyncio
from functools import partial
from typing import Self

from meshdl.control.log_entry import LogEntry
from meshdl.station.radio.adif_udp import AdifSender
from meshdl.station.worker import Worker


class Logger:
    """A logger, or none; with a thread of its own, for its name may take seconds to be found.

    Args:
        sender: to the logger; ``None``: there is none.
    """

    def __init__(self, sender: AdifSender | None) -> None:
        self._sender = sender
        self._thread = Worker("logger")

    @classmethod
    def at(cls, address: tuple[str, int] | None) -> Self:
        """The logger at an address of the settings."""
        return cls(AdifSender(address) if address is not None else None)

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Done with an exception when the thread met a bug of ours."""
        return [self._thread.failure]

    def tell(self, entry: LogEntry) -> None:
        """An entry of the log, the oldest first."""
        if self._sender is not None:
            self._thread.submit(partial(self._sender.add, entry), _nobody_waits)

    def readdress(self, address: tuple[str, int] | None) -> None:
        """Another logger from now on; the old one is told of the contacts that it has begun."""
        if self._sender is not None:
            self._thread.submit(self._sender.close, _nobody_waits)
        self._sender = AdifSender(address) if address is not None else None

    async def close(self) -> None:
        """Tell of the contacts that are still going on."""
        self.readdress(None)
        await self._thread.close()


def _nobody_waits(_: None) -> None:
    """What is lost on the way to a logger is in the log."""
