"""Tells a logger on this machine, or on the LAN, of every contact that has ended."""

import logging
import socket

from meshdl.control.log_entry import LogEntry
from meshdl.station.radio.adif import datagram
from meshdl.station.radio.contacts import Contact, Contacts

_log = logging.getLogger(__name__)


class AdifSender:
    """One datagram a contact, to one address. Nobody answers; what is lost is lost.

    A host's name is looked up each time, which may take seconds: use it in a thread.

    Args:
        address: host and port, from ``radio.adif_udp``.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._contacts = Contacts()

    def add(self, entry: LogEntry) -> None:
        """Take a log entry, oldest first."""
        self._send(self._contacts.add(entry))

    def close(self) -> None:
        """Send the contacts that are still going on."""
        self._send(self._contacts.flush())

    def _send(self, contacts: list[Contact]) -> None:
        if not contacts:
            return
        try:
            family, kind, *_, address = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[
                0
            ]
            with socket.socket(family, kind) as udp:
                for contact in contacts:
                    udp.sendto(datagram(contact), address)
        except OSError as error:
            _log.warning("no ADIF to %s port %d: %s", *self._address, error)
