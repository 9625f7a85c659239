"""Tells a supervisor that the program is up: systemd's ``Type=notify``, sd_notify(3)."""

import logging
import os
import socket
import sys

_log = logging.getLogger(__name__)


def tell_ready() -> None:
    """Say so, if whoever started us has asked for it; nothing is raised when nobody listens.

    Before that, systemd lets no reload through: the SIGHUP would end a program that is only
    starting, and for good, because that is taken for an ending in order.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if sys.platform == "win32" or not address:
        return
    if address.startswith("@"):  # a name in Linux's abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect(address)
            notify.send(b"READY=1")
    except OSError as error:
        _log.warning("cannot tell %s that this program is up: %s", address, error)
